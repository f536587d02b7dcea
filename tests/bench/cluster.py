"""Runs the real programs of a cluster as processes on 127.0.0.1, and talks to its API."""

import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

TOKEN = "bench-administrator"
CONTROLLERS = ("source", "kustomize", "helm", "image-reflector", "image-automation")
# The programs that the check `objects` needs, and those that the other checks need.
API = ("etcd", "kube-apiserver", "kubectl")
FLUX = (*API, "kube-controller-manager", "kube-scheduler", "kwok", "flux-operator", "git", "openssl", *(f"{name}-controller" for name in CONTROLLERS))


def missing_programs(programs):
    return [program for program in programs if shutil.which(program) is None]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Api:
    """A client of the cluster's API with administrator access."""

    def __init__(self, server, ca):
        self.server, self.tls = server, ssl.create_default_context(cafile=ca)

    def call(self, method, path, body=None, kind="application/json"):
        """Returns the reply, or None if the object does not exist (404) or already exists (409)."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind, "Accept": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, method=method, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=30) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code in (404, 409):
                return None
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()[:400]}") from error

    @staticmethod
    def path(group, plural, namespace=None, name=None, sub=None):
        parts = ["/api/v1" if group == "v1" else f"/apis/{group}"]
        parts += [f"namespaces/{namespace}"] if namespace else []
        return "/".join(part for part in [*parts, plural, name, sub] if part)

    def list(self, group, plural):
        return (self.call("GET", self.path(group, plural)) or {}).get("items", [])

    def get(self, group, plural, namespace, name):
        return self.call("GET", self.path(group, plural, namespace, name))

    def create(self, group, plural, namespace, body):
        return self.call("POST", self.path(group, plural, namespace), body)

    def patch_status(self, group, plural, item, value):
        metadata = item["metadata"]
        path = self.path(group, plural, metadata.get("namespace"), metadata["name"], "status")
        return self.call("PATCH", path, {"status": value}, "application/merge-patch+json")

    def annotate(self, group, plural, namespace, name, annotations):
        path = self.path(group, plural, namespace, name)
        return self.call("PATCH", path, {"metadata": {"annotations": annotations}}, "application/merge-patch+json")


def ready(item):
    """Returns the status of the condition Ready, and its message."""
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return condition["status"], f"{condition.get('reason')}: {condition.get('message', '')}"
    return None, ""


class Cluster:
    """An empty API server and the processes that run with it."""

    def __init__(self, folder, certificates, services):
        self.folder, self.certificates, self.processes = folder, certificates, {}
        folder.mkdir(parents=True)
        self.kubeconfig, self.environment = folder / "kubeconfig", {}
        etcd, peers, port = free_port(), free_port(), free_port()
        self.start("etcd", "--name", "bench", "--data-dir", folder / "etcd", "--unsafe-no-fsync",
                   "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
                   "--listen-peer-urls", f"http://127.0.0.1:{peers}", "--initial-advertise-peer-urls",
                   f"http://127.0.0.1:{peers}", "--initial-cluster", f"bench=http://127.0.0.1:{peers}")
        private, public = certificates.service_account_keys()
        self.service_accounts = private
        tokens = folder / "tokens.csv"
        tokens.write_text(f"{TOKEN},admin,admin,system:masters\n")
        names = "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1"
        # Admission webhooks of charts would call pods that do not run. No controller monitors the health of nodes.
        self.start("kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1",
                   f"--secure-port={port}", "--endpoint-reconciler-type=none",
                   "--tls-cert-file", certificates.issue("kube-apiserver", names), "--tls-private-key-file", certificates.key,
                   "--token-auth-file", tokens, "--authorization-mode=Node,RBAC", "--allow-privileged=true",
                   "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                   "--service-account-key-file", public, "--service-account-signing-key-file", private,
                   "--service-cluster-ip-range", services,
                   "--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook,TaintNodesByCondition")
        server = f"https://127.0.0.1:{port}"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": server, "certificate-authority": str(certificates.ca)}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "admin"}}]}))
        self.api = Api(server, certificates.ca)
        self.wait_for("the API server", lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0, 90)

    def start(self, name, *arguments, **environment):
        log = open(self.folder / f"{name}.log", "ab")
        variables = {**os.environ, "KUBECONFIG": str(self.kubeconfig), **environment}
        self.processes[name] = subprocess.Popen([name, *map(str, arguments)], stdout=log, stderr=log, env=variables,
                                                cwd=self.folder, start_new_session=True)

    def wait_for(self, what, condition, seconds, details=lambda: ""):
        """Waits until a condition is true. Exits if that takes longer than `seconds`, with `details`, or if a process
        exits."""
        end = time.time() + seconds
        while not condition():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    sys.exit(f"bench: {name} exited with {process.returncode}; its log: {self.folder / name}.log")
            if time.time() > end:
                sys.exit(f"bench: timed out after {seconds} s waiting for {what}; logs: {self.folder}\n{details()}")
            time.sleep(0.5)

    def kubectl(self, *arguments, text=None):
        return subprocess.run(["kubectl", "--kubeconfig", self.kubeconfig, *map(str, arguments)], input=text,
                              capture_output=True, text=True)

    def apply(self, objects, manager):
        """Applies objects as kustomize-controller does, with strict validation. Returns the lines of stdout, one per
        object, and those of stderr."""
        text = "---\n".join(json.dumps(item) + "\n" for item in objects)
        done = self.kubectl("apply", "--server-side", f"--field-manager={manager}", "--validate=strict", "-f", "-", text=text)
        return done.stdout.splitlines(), done.stderr.splitlines()

    def start_nodes(self):
        """Starts the controllers and the scheduler of Kubernetes, and KWOK, which simulates nodes and pods."""
        self.start("kube-controller-manager", "--kubeconfig", self.kubeconfig, "--bind-address=127.0.0.1",
                   f"--secure-port={free_port()}", "--leader-elect=false", "--use-service-account-credentials=true",
                   "--service-account-private-key-file", self.service_accounts, "--root-ca-file", self.certificates.ca,
                   "--controllers=*,-node-ipam-controller,-node-route-controller,-node-lifecycle-controller,-taint-eviction-controller",
                   "--kube-api-qps=200", "--kube-api-burst=400")
        self.start("kube-scheduler", "--kubeconfig", self.kubeconfig, "--bind-address=127.0.0.1",
                   f"--secure-port={free_port()}", "--leader-elect=false")
        self.start("kwok", "--config", pathlib.Path(__file__).with_name("stages.yaml"), "--kubeconfig", self.kubeconfig, "--manage-all-nodes=true", "--cidr=10.200.0.1/16",
                   f"--server-address=127.0.0.1:{free_port()}", "--node-lease-duration-seconds=40")

    def start_flux(self, proxy):
        """Starts Flux's controllers and Flux Operator, which reach the simulated Internet through a proxy."""
        variables = {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
                     "SSL_CERT_FILE": str(self.certificates.ca), "RUNTIME_NAMESPACE": "flux-system"}
        storage = f"127.0.0.1:{free_port()}"
        options = {"source": ["--storage-path", self.folder / "artifacts", "--storage-addr", storage, "--storage-adv-addr", storage],
                   "image-reflector": ["--storage-path", self.folder / "tags"],
                   "kustomize": ["--requeue-dependency=5s", "--concurrent=24"], "helm": ["--requeue-dependency=5s", "--concurrent=5"]}
        for folder in ("artifacts", "tags"):
            (self.folder / folder).mkdir()
        for name in CONTROLLERS:
            self.start(f"{name}-controller", "--watch-all-namespaces", "--log-encoding=json", "--events-addr=",
                       f"--metrics-addr=127.0.0.1:{free_port()}", f"--health-addr=127.0.0.1:{free_port()}",
                       *options.get(name, []), **variables)

        # It collects the inputs of ResourceSets. It cannot install Flux, as it finds no distribution of it.
        (self.folder / "operator").mkdir()
        self.start("flux-operator", "--storage-path", self.folder / "operator", "--enable-leader-election=false",
                   "--web-server-port=0", "--metrics-addr=0", f"--health-addr=127.0.0.1:{free_port()}",
                   **variables, GODEBUG="fips140=on")

    def stop(self):
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes.clear()
