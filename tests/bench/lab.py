"""A copy of the repository that the bench changes, publishes and pulls again."""

import json
import pathlib
import shutil
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: no dates, and `=` is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":value"))]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()}


def documents(text):
    return [document for document in yaml.load_all(text, Loader) if document]


class Lab:
    """The reference lab, in a repository of its own that is served as the one that the spec names."""

    def __init__(self, folder, homelab, repositories):
        self.folder, self.homelab = folder, homelab
        listed = subprocess.run(["git", "ls-files", "-z", "spec", "k8s", "nix", "docs/lab"], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout
        for file in filter(None, listed.split("\0")):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
        self.spec = yaml.load((folder / "spec/homelab.yaml").read_text(), Loader)
        # Served over HTTPS, whatever the spec names it by.
        place = self.spec["lab"]["repository"].split("://")[1].split("@")[-1].removesuffix(".git")
        self.url = f"https://{place}"
        self.bare = repositories / f"{place}.git"
        self.bare.parent.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.bare], check=True)
        subprocess.run(["git", "-C", self.bare, "config", "http.receivepack", "true"], check=True)
        self.publish()

    def git(self, *arguments):
        about = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *about, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def generate(self, *arguments):
        return subprocess.run([self.homelab, "generate", *arguments], cwd=self.folder, capture_output=True, text=True)

    def publish(self):
        """Generates from the spec as it is now, and pushes. JSON is YAML."""
        (self.folder / "spec/homelab.yaml").write_text(json.dumps(self.spec, indent=1) + "\n")
        done = self.generate()
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        self.git("push", "--quiet", str(self.bare), "HEAD:refs/heads/main")

    def head(self):
        """The newest commit that is published."""
        return subprocess.run(["git", "-C", self.bare, "rev-parse", "main"], check=True, capture_output=True,
                              text=True).stdout.strip()

    def published(self, path):
        """A file of the newest commit that is published."""
        return subprocess.run(["git", "-C", self.bare, "show", f"main:{path}"], check=True, capture_output=True, text=True).stdout

    def pull(self):
        """Takes what others pushed; the names of the files that it changes."""
        before = self.git("rev-parse", "HEAD")
        self.git("pull", "--quiet", "--ff-only", str(self.bare), "main")
        return self.git("diff", "--name-only", before, "HEAD").splitlines()

    def units(self, cluster):
        """The spec of each unit's Kustomization, by name."""
        files = sorted((self.folder / "k8s" / cluster / "flux").glob("*.yaml"))
        units = [documents(file.read_text())[0] for file in files]
        return {unit["metadata"]["name"]: unit["spec"] for unit in units}

    def objects(self, cluster, kubectl):
        """All objects of a cluster, as Kustomize builds them where Flux lets it."""
        top, found = self.folder / "k8s" / cluster, []
        for file in sorted(top.rglob("kustomization.yaml")):
            built = kubectl("kustomize", file.parent)
            if built.returncode or built.stderr:
                raise RuntimeError(f"{file.parent}: {built.stderr}")
            found += documents(built.stdout)
        for folder in ("flux", "bootstrap"):
            for file in sorted((top / folder).glob("*.yaml")):
                found += documents(file.read_text())
        return found

    def nodes(self, cluster):
        """The nodes of a cluster, of the size of their containers."""
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
