"""Simulates the operators, since no pod really runs: what they make of custom resources once all that
they need is there. They are slow on purpose: a unit that does not wait for them then fails.
"""

import base64
import re
import threading
import time

from cluster import ready

ESO, CERTIFICATES, CNPG = "external-secrets.io/v1", "cert-manager.io/v1", "postgresql.cnpg.io/v1"
# Seconds from a resource to its being ready.
DELAYS = {"externalsecrets": 3, "clusters": 8}


def condition(kind="Ready", reason="Simulated"):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": kind, "status": "True", "reason": reason, "message": "simulated", "lastTransitionTime": stamp}


class Operators(threading.Thread):
    """Looks at the cluster once a second, and does what is due."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.seen, self.errors, self.ended = api, {}, [], threading.Event()

    def run(self):
        parts = (self.secrets, self.certificates, self.databases, self.balancers, self.members, self.volumes, self.graphics)
        while not self.ended.wait(1):
            for part in parts:
                try:
                    part()
                except Exception as error:  # One that fails must not stop the others; the run reports it at the end.
                    self.errors.append(f"{part.__name__}: {error!r}")

    def due(self, plural, item):
        """Whether a resource has been there, as it is now, for long enough."""
        key = item["metadata"]["uid"], item["metadata"].get("generation")
        return time.time() - self.seen.setdefault(key, time.time()) >= DELAYS.get(plural, 1)

    def secret(self, namespace, name):
        return self.api.get("v1", "secrets", namespace, name)

    def make_secret(self, namespace, name, values, **fields):
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        body = {"metadata": {"name": name, **fields.pop("metadata", {})}, "data": data, **fields}
        if self.secret(namespace, name):
            return self.api.call("PUT", self.api.path("v1", "secrets", namespace, name), body)
        return self.api.create("v1", "secrets", namespace, body)

    def secrets(self):
        """External Secrets: a store is ready with its credential, a Secret follows from its store."""
        stores = set()
        for store in self.api.list(ESO, "clustersecretstores"):
            (provider,) = store["spec"]["provider"].values()
            references = [ref for auth in provider["auth"].values() for ref in auth.values() if isinstance(ref, dict)]
            found = [(self.secret(ref["namespace"], ref["name"]) or {}).get("data", {}) for ref in references]
            if not all(ref["key"] in data for ref, data in zip(references, found)):
                continue
            if ready(store)[0] != "True":
                self.api.status(ESO, "clustersecretstores", store, {"conditions": [condition()]})
            stores.add(store["metadata"]["name"])
        for item in self.api.list(ESO, "externalsecrets"):
            spec, about, version = item["spec"], item["metadata"], str(item["metadata"]["generation"])
            done = ready(item)[0] == "True" and item["status"].get("syncedResourceVersion") == version
            if done or spec["secretStoreRef"]["name"] not in stores or not self.due("externalsecrets", item):
                continue
            template = spec["target"].get("template", {})
            values = {data["secretKey"]: f"simulated-{data['secretKey']}" for data in spec["data"]}
            texts = template.get("data") or {}
            rendered = {key: re.sub(r"\{\{-?\s*\.(\w+)[^}]*\}\}", lambda found: values.get(found[1], ""), text)
                        for key, text in texts.items()}
            made = {**values, **rendered} if not rendered or template.get("mergePolicy") == "Merge" else rendered
            owner = {"apiVersion": ESO, "kind": "ExternalSecret", "name": about["name"], "uid": about["uid"], "controller": True}
            labels = (template.get("metadata") or {}).get("labels", {})
            self.make_secret(about["namespace"], spec["target"].get("name") or about["name"], made,
                             type=template.get("type", "Opaque"), metadata={"labels": labels, "ownerReferences": [owner]})
            self.api.status(ESO, "externalsecrets", item, {"conditions": [condition()], "syncedResourceVersion": version})

    def certificates(self):
        """cert-manager: an issuer is ready with its tokens, a certificate has a Secret."""
        for issuer in self.api.list(CERTIFICATES, "clusterissuers"):
            names = re.findall(r"'(?:apiTokenSecretRef|secretAccessKeySecretRef)': \{[^}]*'name': '([^']+)'", str(issuer["spec"]))
            if ready(issuer)[0] != "True" and self.due("", issuer) and all(self.secret("cert-manager", name) for name in names):
                seen = {"observedGeneration": issuer["metadata"]["generation"]}
                self.api.status(CERTIFICATES, "clusterissuers", issuer, {"conditions": [condition() | seen]})
        for issuer in self.api.list(CERTIFICATES, "issuers"):
            if ready(issuer)[0] != "True":
                self.api.status(CERTIFICATES, "issuers", issuer, {"conditions": [condition()]})
        for item in self.api.list(CERTIFICATES, "certificates"):
            if ready(item)[0] != "True":
                files = {"tls.crt": "simulated", "tls.key": "simulated", "ca.crt": "simulated"}
                self.make_secret(item["metadata"]["namespace"], item["spec"]["secretName"], files, type="kubernetes.io/tls")
                self.api.status(CERTIFICATES, "certificates", item, {"conditions": [condition()]})

    def databases(self):
        """CloudNativePG: a cluster takes its time, databases and roles follow it."""
        clusters = set()
        for item in self.api.list(CNPG, "clusters"):
            if ready(item)[0] != "True" and self.due("clusters", item):
                count = item["spec"]["instances"]
                self.api.status(CNPG, "clusters", item, {"phase": "Cluster in healthy state", "instances": count,
                                                         "readyInstances": count, "conditions": [condition()]})
            elif ready(item)[0] == "True":
                clusters.add((item["metadata"]["namespace"], item["metadata"]["name"]))
        for plural in ("databases", "databaseroles"):
            for item in self.api.list(CNPG, plural):
                about = item["metadata"]
                new = item.get("status", {}).get("observedGeneration") != about["generation"]
                if new and (about["namespace"], item["spec"]["cluster"]["name"]) in clusters:
                    self.api.status(CNPG, plural, item, {"applied": True, "observedGeneration": about["generation"]})

    def balancers(self):
        """MetalLB: addresses once there is a pool."""
        pools = self.api.list("metallb.io/v1beta1", "ipaddresspools")
        for item in self.api.list("v1", "services") if pools else []:
            if item["spec"].get("type") == "LoadBalancer" and not item.get("status", {}).get("loadBalancer", {}).get("ingress"):
                wanted = item["metadata"].get("annotations", {}).get("metallb.io/loadBalancerIPs")
                address = wanted or pools[0]["spec"]["addresses"][0].split("-")[0]
                self.api.status("v1", "services", item, {"loadBalancer": {"ingress": [{"ip": address.split(",")[0]}]}})

    def members(self):
        """MetalLB's controller makes the key of its speakers."""
        if self.api.get("apps/v1", "deployments", "metallb-system", "metallb-controller"):
            if not self.secret("metallb-system", "metallb-memberlist"):
                self.make_secret("metallb-system", "metallb-memberlist", {"secretkey": "simulated"})

    def volumes(self):
        """The provisioners of the storage classes."""
        classes = {item["metadata"]["name"]: item for item in self.api.list("storage.k8s.io/v1", "storageclasses")}
        for item in self.api.list("v1", "persistentvolumeclaims"):
            about, spec = item["metadata"], item["spec"]
            known = classes.get(spec.get("storageClassName"))
            if not known or spec.get("volumeName") or item.get("status", {}).get("phase") != "Pending":
                continue
            waits = known.get("volumeBindingMode") == "WaitForFirstConsumer"
            if waits and "volume.kubernetes.io/selected-node" not in about.get("annotations", {}):
                continue
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **{key: about[key] for key in ("name", "namespace", "uid")}}
            self.api.create("v1", "persistentvolumes", None, {
                "metadata": {"name": f"pv-{about['uid']}", "annotations": {"pv.kubernetes.io/provisioned-by": known["provisioner"]}},
                "spec": {"capacity": {"storage": spec["resources"]["requests"]["storage"]}, "accessModes": spec["accessModes"],
                         "storageClassName": spec["storageClassName"], "hostPath": {"path": "/simulated"}, "claimRef": claim,
                         "persistentVolumeReclaimPolicy": known.get("reclaimPolicy", "Delete")}})

    def graphics(self):
        """The GPU's device plugin: nodes with one offer shares of it."""
        for item in self.api.list("apps/v1", "daemonsets"):
            text = str(item["spec"]["template"]["spec"])
            shares = re.search(r"-shared-dev-num[=', ]+(\d+)", text)
            if "intel-gpu-plugin" not in text or not item.get("status", {}).get("numberReady"):
                continue
            selector = item["spec"]["template"]["spec"].get("nodeSelector", {})
            for node in self.api.list("v1", "nodes"):
                labels, offered = node["metadata"]["labels"], {"gpu.intel.com/i915": shares[1] if shares else "1"}
                if selector.items() <= labels.items() and not offered.items() <= node["status"]["allocatable"].items():
                    self.api.status("v1", "nodes", node, {"capacity": offered, "allocatable": offered})
