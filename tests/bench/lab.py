"""A copy of the repository that the bench edits, pushes and pulls."""

import copy
import json
import pathlib
import shutil
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Loader(yaml.CSafeLoader):
    """Loads YAML as Kubernetes does: without timestamps, and with `=` as a string."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":value"))]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()}


def load(file):
    """Loads a file with one YAML document."""
    return yaml.load(file.read_text(), Loader)


def documents(text):
    return [document for document in yaml.load_all(text, Loader) if document]


def edit(spec, change):
    """Makes a change that is written as data: mappings `set`, `add` and `rename`, and a list `remove`, all with paths of
    fields, as in tests/plans/cases.yaml. The bench may have added a mapping before, with its patches."""
    def parent(path):
        *parents, last = path.split(".")
        value = spec
        for key in parents:
            value = value[key]
        return value, last

    for path, value in change.get("set", {}).items():
        mapping, key = parent(path)
        mapping[key] = copy.deepcopy(value)
    for path, value in change.get("add", {}).items():
        mapping, key = parent(path)
        value = copy.deepcopy(value)
        mapping[key] = {**mapping[key], **value} if isinstance(mapping.get(key), dict) and isinstance(value, dict) else value
    for path in change.get("remove", []):
        mapping, key = parent(path)
        del mapping[key]
    for path, name in change.get("rename", {}).items():
        mapping, key = parent(path)
        mapping[name] = mapping.pop(key)


class Lab:
    """The reference lab, in its own repository, which is served under the URL in the spec."""

    def __init__(self, folder, homelab, repositories):
        self.folder, self.homelab = folder, homelab
        listed = subprocess.run(["git", "ls-files", "-z", "spec", "k8s", "nix", "docs/lab"], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout
        for file in filter(None, listed.split("\0")):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
        self.spec = yaml.load((folder / "spec/homelab.yaml").read_text(), Loader)
        # The charts of the bench have no signatures.
        unsigned = {"target": {"kind": "OCIRepository"}, "merge": {"spec": {"verify": None}}}
        for cluster in self.spec["clusters"].values():
            platform = cluster.setdefault("platform", {})
            for component in {"secrets"} | {"postgres"} & platform.keys():
                platform.setdefault(component, {}).setdefault("patches", []).append(unsigned)
        # Always served over HTTPS, whatever the scheme in the spec.
        location = self.spec["lab"]["repository"].split("://")[1].split("@")[-1].removesuffix(".git")
        self.url = f"https://{location}"
        self.push_over_https()
        self.bare = repositories / f"{location}.git"
        self.bare.parent.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.bare], check=True)
        subprocess.run(["git", "-C", self.bare, "config", "http.receivepack", "true"], check=True)
        self.push()

    def push_over_https(self):
        """Has image automation reach the repository under its URL in the bench, where it needs no key."""
        patch = {"target": {"kind": "GitRepository"}, "merge": {"spec": {"url": self.url, "secretRef": None}}}
        for cluster in self.spec["clusters"].values():
            if any("update" in app.get("image", {}) for app in cluster.get("apps", {}).values()):
                cluster.setdefault("platform", {}).setdefault("image-automation", {})["patches"] = [patch]

    def git(self, *arguments):
        options = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *options, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def generate(self, *arguments):
        return subprocess.run([self.homelab, "generate", *arguments], cwd=self.folder, capture_output=True, text=True)

    def write(self):
        """Writes the current spec, as JSON, which is valid YAML."""
        (self.folder / "spec/homelab.yaml").write_text(json.dumps(self.spec, indent=1) + "\n")

    def plan(self):
        """Returns what `homelab plan` says of the current spec since the last push."""
        self.write()
        done = subprocess.run([self.homelab, "plan", "--format", "json"], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return json.loads(done.stdout)

    def push(self, *allowed, prepare=lambda: None):
        """Writes the current spec, generates, and pushes. Objects in `allowed` may change in ways that a cluster refuses.
        What clusters need before is published by `prepare`."""
        self.write()
        done = self.generate(*(argument for name in allowed for argument in ("--allow", name)))
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        prepare()
        self.git("push", "--quiet", str(self.bare), "HEAD:refs/heads/main")

    def head(self):
        """Returns the newest commit that was pushed."""
        return subprocess.run(["git", "-C", self.bare, "rev-parse", "main"], check=True, capture_output=True,
                              text=True).stdout.strip()

    def pushed_file(self, path, branch):
        """Returns a file of the newest commit that was pushed to a branch, or nothing if there is no such branch."""
        return subprocess.run(["git", "-C", self.bare, "show", f"{branch}:{path}"], capture_output=True, text=True).stdout

    def merge(self, branch):
        """Merges a branch into the branch that the clusters follow, as people merge a pull request."""
        self.git("fetch", "--quiet", str(self.bare), branch)
        self.git("merge", "--quiet", "--no-ff", "--message=merge", "FETCH_HEAD")
        changed = self.git("diff", "--name-only", "HEAD^", "HEAD").splitlines()
        self.git("push", "--quiet", str(self.bare), "HEAD:refs/heads/main")
        return changed

    def units(self, cluster):
        """Returns the spec of each unit's Flux Kustomization, by name."""
        files = sorted((self.folder / "k8s" / cluster / "flux").glob("*.yaml"))
        units = [documents(file.read_text())[0] for file in files]
        return {unit["metadata"]["name"]: unit["spec"] for unit in units}

    def manifests(self, cluster):
        """Returns the objects in a cluster's files, without the patches of Kustomize, by kind, namespace and name."""
        files = sorted((self.folder / "k8s" / cluster).rglob("*.yaml"))
        objects = [item for file in files if file.name != "kustomization.yaml" for item in documents(file.read_text())]
        return {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in objects
                if "metadata" in item}

    def objects(self, cluster, kubectl):
        """Returns all objects of a cluster, built with Kustomize wherever there is a kustomization.yaml."""
        top, objects = self.folder / "k8s" / cluster, []
        for file in sorted(top.rglob("kustomization.yaml")):
            built = kubectl("kustomize", file.parent)
            if built.returncode or built.stderr:
                raise RuntimeError(f"{file.parent}: {built.stderr}")
            objects += documents(built.stdout)
        # Flux applies every file of a unit's folder without one.
        units = (pathlib.Path(unit["path"]).relative_to(f"k8s/{cluster}") for unit in self.units(cluster).values())
        unlisted = (unit for unit in units if not (top / unit / "kustomization.yaml").exists())
        for folder in ("flux", "bootstrap", *sorted(unlisted)):
            for file in sorted((top / folder).glob("*.yaml")):
                objects += documents(file.read_text())
        return objects

    def nodes(self, cluster):
        """Yields the nodes of a cluster, with the size of their containers."""
        for name in self.spec["clusters"][cluster]["nodes"]:
            folder = self.folder / "nix/nodes" / name
            k3s = yaml.load((folder / "k3s.yaml").read_text(), Loader)
            container = dict(line.split(": ", 1) for line in (folder / "container.conf").read_text().splitlines()
                             if ": " in line and not line.startswith("#"))
            labels = dict(label.split("=", 1) for label in k3s.get("node-label", []))
            if "cluster-cidr" in k3s:
                labels["node-role.kubernetes.io/control-plane"] = "true"
            size = {"cpu": container.get("cores", "4"), "memory": f"{container['memory']}Mi", "pods": "110",
                    "ephemeral-storage": "100Gi"}
            yield {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                                                         "kubernetes.io/arch": "amd64", **labels}},
                   "status": {"capacity": size, "allocatable": size,
                              "addresses": [{"type": "InternalIP", "address": k3s["node-ip"]}]}}
