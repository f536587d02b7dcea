"""Compares what `homelab status` says of a cluster with the cluster."""

import json
import re
import subprocess
import time

from cluster import ready

KUSTOMIZE, ESO, NAME = "kustomize.toolkit.fluxcd.io/v1", "external-secrets.io/v1", "flux-system"
STORE = "external-secrets-store"


def conditions(api):
    """Returns the condition Ready of every Kustomization, by name."""
    return {item["metadata"]["name"]: ready(item) for item in api.list(KUSTOMIZE, "kustomizations")}


class Status:
    """Asks `homelab status` about a cluster, through kubectl."""

    def __init__(self, flux):
        self.flux, self.api, self.lab = flux, flux.api, flux.lab
        self.command = [flux.lab.homelab, "status", flux.name, "--kubeconfig", flux.cluster.kubeconfig]

    def ask(self):
        done = subprocess.run([*self.command, "--format", "json"], cwd=self.lab.folder, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stdout + done.stderr)
        (view,) = json.loads(done.stdout)["clusters"]
        return view

    def watch(self):
        return subprocess.Popen([*self.command, "--watch", "--interval", "2", "--timeout", "20"], cwd=self.lab.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def causes(self, view):
        """What keeps the cluster from being ready, apart from Flux Operator, which cannot install Flux in the bench."""
        return [cause for cause in view["causes"] if cause["urgency"] != "note" and not cause["subject"].startswith("FluxInstance")]

    def contradictions(self):
        """Asks once, and returns what the API contradicts: states of units whose condition did not change meanwhile."""
        before = conditions(self.api)
        view = self.ask()
        after = conditions(self.api)
        wrong = []
        for unit in view["units"]:
            name, state = unit["name"], unit["state"]
            if before.get(name) != after.get(name):
                continue
            status, message = after.get(name, (None, ""))
            fits = {"missing": name not in after, "ready": status == "True", "waiting": "DependencyNotReady" in message,
                    "not-in-spec": False}.get(state, name in after)
            if not fits:
                wrong.append(f"{name} is {state}, but {status} {message[:80]}")
        return view, wrong

    def check_watch(self, process, report):
        """Checks what a watch printed that began with the cluster."""
        _, printed = process.communicate(timeout=300)
        counts = [(int(count), int(of)) for count, of in re.findall(r"\] (\d+) of (\d+) units are ready", printed)]
        total = len(self.lab.units(self.flux.name))
        passed = counts == sorted(counts) and counts[-1:] == [(total, total)] and len(counts) > 3
        report(self.flux.name, "status: watch", passed, f"{len(printed.splitlines())} lines, units ready: "
               f"{', '.join(str(count) for count, _ in counts)}")
        if not passed:
            print(printed)

    def check(self, report):
        """Checks what is said of a cluster that is ready, and of two that are not."""
        view, wrong = self.contradictions()
        states = {unit["state"] for unit in view["units"]} | {node["state"] for node in view["nodes"]}
        passed = states == {"ready"} and not self.causes(view) and not wrong
        report(self.flux.name, "status: ready", passed, f"{len(view['units'])} units, {len(view['nodes'])} nodes: {', '.join(sorted(states))}")
        self.explain(view, wrong, passed)
        self.check_store(report)
        self.check_build(report)

    def explain(self, view, wrong, passed):
        for line in wrong:
            print(f"      {line}")
        if not passed:
            print(json.dumps(view["causes"], indent=1))

    def check_store(self, report):
        """Revokes the credential of the secret store."""
        (store,) = self.api.list(ESO, "clustersecretstores")
        (provider,) = store["spec"]["provider"].values()
        reference = next(ref for auth in provider["auth"].values() for ref in auth.values() if isinstance(ref, dict))
        secret = self.api.get("v1", "secrets", reference["namespace"], reference["name"])
        self.api.call("DELETE", self.api.path("v1", "secrets", reference["namespace"], reference["name"]))
        metadata = store["metadata"]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.api.patch_status(ESO, "clustersecretstores", store, {"conditions": [{
            "type": "Ready", "status": "False", "reason": "InvalidProviderConfig", "message": "unable to create client",
            "lastTransitionTime": stamp}]})
        self.api.create("v1", "events", "default", {
            "metadata": {"name": f"{metadata['name']}.bench", "namespace": "default"}, "type": "Warning",
            "reason": "InvalidProviderConfig", "message": "401 Unauthorized", "firstTimestamp": stamp, "lastTimestamp": stamp,
            "involvedObject": {"apiVersion": ESO, "kind": "ClusterSecretStore", "name": metadata["name"], "uid": metadata["uid"]}})
        units = self.lab.units(self.flux.name)
        followers = [name for name, unit in units.items() if STORE in [other["name"] for other in unit.get("dependsOn", [])]]
        self.flux.reconcile(KUSTOMIZE, "kustomizations", STORE)
        self.flux.cluster.wait_for("the store's unit to notice", lambda: conditions(self.api)[STORE][0] != "True", 60)
        for name in followers:
            self.flux.reconcile(KUSTOMIZE, "kustomizations", name)
        self.flux.cluster.wait_for("its followers to wait", lambda: all(
            "DependencyNotReady" in conditions(self.api)[name][1] for name in followers), 120)
        view, wrong = self.contradictions()
        first = next(iter(self.causes(view)), {})
        waiting = {unit["name"] for unit in view["units"] if unit["state"] == "waiting"}
        passed = (first.get("subject") == f"ClusterSecretStore {metadata['name']}" and first["urgency"] == "stuck"
                  and "401 Unauthorized" in first["message"] and waiting == set(first["blocks"]) and waiting >= set(followers) and not wrong)
        report(self.flux.name, "status: credential", passed, f"{first.get('message')}; {len(waiting)} units wait for it")
        self.explain(view, wrong, passed)
        self.api.create("v1", "secrets", reference["namespace"], {
            "metadata": {"name": reference["name"]}, "data": secret["data"]})
        self.recover()

    def check_build(self, report):
        """Pushes a unit that cannot be built."""
        units = self.lab.units(self.flux.name)
        name = STORE
        file = self.lab.folder / units[name]["path"] / "kustomization.yaml"
        text = file.read_text()
        self.push(file, text + "  - missing.yaml\n")
        self.flux.cluster.wait_for("the unit to fail", lambda: "BuildFailed" in conditions(self.api)[name][1], 120)
        view, wrong = self.contradictions()
        first = next(iter(self.causes(view)), {})
        passed = (first.get("subject"), first.get("urgency")) == (f"unit {name}", "stuck") and "missing.yaml" in first["message"] and not wrong
        report(self.flux.name, "status: build", passed, f"{first.get('message')}; {len(first.get('blocks', []))} units wait for it")
        self.explain(view, wrong, passed)
        self.push(file, text)
        self.recover()

    def push(self, file, text):
        file.write_text(text)
        self.lab.git("commit", "--quiet", "--all", "--message=change")
        self.lab.git("push", "--quiet", str(self.lab.bare), "HEAD:refs/heads/main")
        self.flux.reconcile("source.toolkit.fluxcd.io/v1", "gitrepositories", NAME)

    def recover(self):
        """Waits until the cluster and the command agree that everything is ready again."""
        def is_ready():
            for name, (status, _) in conditions(self.api).items():
                if status != "True":
                    self.flux.reconcile(KUSTOMIZE, "kustomizations", name)
            return not self.causes(self.ask())

        self.flux.cluster.wait_for("the cluster to recover", is_ready, 300, lambda: json.dumps(self.causes(self.ask()), indent=1))
