"""Simulates the operators, since no pods really run: once the dependencies of a custom resource exist, its
status and objects are created. The delays are deliberate: a unit that does not wait for them fails.
"""

import base64
import re
import threading
import time

from cluster import ready

ESO, CERTIFICATES, CNPG = "external-secrets.io/v1", "cert-manager.io/v1", "postgresql.cnpg.io/v1"
# Seconds until a resource becomes ready.
DELAYS = {"clustersecretstores": 3, "externalsecrets": 3, "clusters": 8}


def condition(kind="Ready", reason="Simulated"):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": kind, "status": "True", "reason": reason, "message": "simulated", "lastTransitionTime": stamp}


class Operators(threading.Thread):
    """Polls the cluster once a second and reconciles its resources."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.seen, self.errors, self.stopped = api, {}, [], threading.Event()

    def run(self):
        operators = (self.secrets, self.certificates, self.databases, self.load_balancers, self.memberlist, self.volumes, self.gpus,
                     self.policies)
        while not self.stopped.wait(1):
            for operator in operators:
                try:
                    operator()
                except Exception as error:  # A failure must not stop the other operators; the bench reports it at the end.
                    self.errors.append(f"{operator.__name__}: {error!r}")

    def due(self, plural, item):
        """Returns whether the current generation of a resource is older than its delay."""
        key = item["metadata"]["uid"], item["metadata"].get("generation")
        return time.time() - self.seen.setdefault(key, time.time()) >= DELAYS.get(plural, 1)

    def secret(self, namespace, name):
        return self.api.get("v1", "secrets", namespace, name)

    def put_secret(self, namespace, name, values, **fields):
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        body = {"metadata": {"name": name, **fields.pop("metadata", {})}, "data": data, **fields}
        if self.secret(namespace, name):
            return self.api.call("PUT", self.api.path("v1", "secrets", namespace, name), body)
        return self.api.create("v1", "secrets", namespace, body)

    def secrets(self):
        """External Secrets: a store is ready once its credential exists; Secrets are created once their store is ready."""
        stores = set()
        for store in self.api.list(ESO, "clustersecretstores"):
            (provider,) = store["spec"]["provider"].values()
            references = [ref for auth in provider["auth"].values() for ref in auth.values() if isinstance(ref, dict)]
            found = [(self.secret(ref["namespace"], ref["name"]) or {}).get("data", {}) for ref in references]
            if not all(ref["key"] in data for ref, data in zip(references, found)) or not self.due("clustersecretstores", store):
                continue
            if ready(store)[0] != "True":
                self.api.patch_status(ESO, "clustersecretstores", store, {"conditions": [condition()]})
            stores.add(store["metadata"]["name"])
        for item in self.api.list(ESO, "externalsecrets"):
            spec, metadata, version = item["spec"], item["metadata"], f"{item['metadata']['generation']}-simulated"
            done = ready(item)[0] == "True" and item["status"].get("syncedResourceVersion") == version
            if done or spec["secretStoreRef"]["name"] not in stores or not self.due("externalsecrets", item):
                continue
            template = spec["target"].get("template", {})
            values = {data["secretKey"]: f"simulated-{data['secretKey']}" for data in spec["data"]}
            texts = template.get("data") or {}
            rendered = {key: re.sub(r"\{\{-?\s*\.(\w+)[^}]*\}\}", lambda found: values.get(found[1], ""), text)
                        for key, text in texts.items()}
            data = {**values, **rendered} if not rendered or template.get("mergePolicy") == "Merge" else rendered
            owner = {"apiVersion": ESO, "kind": "ExternalSecret", "name": metadata["name"], "uid": metadata["uid"], "controller": True}
            labels = (template.get("metadata") or {}).get("labels", {})
            self.put_secret(metadata["namespace"], spec["target"].get("name") or metadata["name"], data,
                             type=template.get("type", "Opaque"), metadata={"labels": labels, "ownerReferences": [owner]})
            self.api.patch_status(ESO, "externalsecrets", item, {"conditions": [condition()], "syncedResourceVersion": version})

    def policies(self):
        """NGINX Ingress Controller: accepts every Policy."""
        for item in self.api.list("k8s.nginx.org/v1", "policies"):
            if not item.get("status"):
                self.api.patch_status("k8s.nginx.org/v1", "policies", item, {"state": "Valid", "reason": "AddedOrUpdated"})

    def certificates(self):
        """cert-manager: an issuer is ready once its tokens exist; each certificate gets a Secret."""
        for issuer in self.api.list(CERTIFICATES, "clusterissuers"):
            names = re.findall(r"'(?:apiTokenSecretRef|secretAccessKeySecretRef)': \{[^}]*'name': '([^']+)'", str(issuer["spec"]))
            seen = {"observedGeneration": issuer["metadata"]["generation"]}
            done = any(seen.items() <= found.items() for found in issuer.get("status", {}).get("conditions", []))
            if not done and self.due("", issuer) and all(self.secret("cert-manager", name) for name in names):
                self.api.patch_status(CERTIFICATES, "clusterissuers", issuer, {"conditions": [condition() | seen]})
        for issuer in self.api.list(CERTIFICATES, "issuers"):
            if ready(issuer)[0] != "True":
                self.api.patch_status(CERTIFICATES, "issuers", issuer, {"conditions": [condition()]})
        for item in self.api.list(CERTIFICATES, "certificates"):
            if ready(item)[0] != "True":
                files = {"tls.crt": "simulated", "tls.key": "simulated", "ca.crt": "simulated"}
                self.put_secret(item["metadata"]["namespace"], item["spec"]["secretName"], files, type="kubernetes.io/tls")
                self.api.patch_status(CERTIFICATES, "certificates", item, {"conditions": [condition()]})

    def databases(self):
        """CloudNativePG: a cluster becomes ready after a delay; its databases and roles follow."""
        clusters = set()
        for item in self.api.list(CNPG, "clusters"):
            if ready(item)[0] != "True" and self.due("clusters", item):
                count = item["spec"]["instances"]
                self.api.patch_status(CNPG, "clusters", item, {"phase": "Cluster in healthy state", "instances": count,
                                                               "readyInstances": count, "conditions": [condition()]})
            elif ready(item)[0] == "True":
                clusters.add((item["metadata"]["namespace"], item["metadata"]["name"]))
        for plural in ("databases", "databaseroles"):
            for item in self.api.list(CNPG, plural):
                metadata = item["metadata"]
                new = item.get("status", {}).get("observedGeneration") != metadata["generation"]
                if new and (metadata["namespace"], item["spec"]["cluster"]["name"]) in clusters:
                    self.api.patch_status(CNPG, plural, item, {"applied": True, "observedGeneration": metadata["generation"]})

    def load_balancers(self):
        """MetalLB: assigns addresses once a pool exists."""
        pools = self.api.list("metallb.io/v1beta1", "ipaddresspools")
        for item in self.api.list("v1", "services") if pools else []:
            if item["spec"].get("type") == "LoadBalancer" and not item.get("status", {}).get("loadBalancer", {}).get("ingress"):
                requested = item["metadata"].get("annotations", {}).get("metallb.io/loadBalancerIPs")
                address = requested or pools[0]["spec"]["addresses"][0].split("-")[0]
                self.api.patch_status("v1", "services", item, {"loadBalancer": {"ingress": [{"ip": address.split(",")[0]}]}})

    def memberlist(self):
        """MetalLB's controller: creates the memberlist key of the speakers."""
        if self.api.get("apps/v1", "deployments", "metallb-system", "metallb-controller"):
            if not self.secret("metallb-system", "metallb-memberlist"):
                self.put_secret("metallb-system", "metallb-memberlist", {"secretkey": "simulated"})

    def volumes(self):
        """The provisioners of the storage classes: create volumes for claims."""
        classes = {item["metadata"]["name"]: item for item in self.api.list("storage.k8s.io/v1", "storageclasses")}
        for item in self.api.list("v1", "persistentvolumeclaims"):
            metadata, spec = item["metadata"], item["spec"]
            known = classes.get(spec.get("storageClassName"))
            if not known or spec.get("volumeName") or item.get("status", {}).get("phase") != "Pending":
                continue
            waits = known.get("volumeBindingMode") == "WaitForFirstConsumer"
            if waits and "volume.kubernetes.io/selected-node" not in metadata.get("annotations", {}):
                continue
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **{key: metadata[key] for key in ("name", "namespace", "uid")}}
            self.api.create("v1", "persistentvolumes", None, {
                "metadata": {"name": f"pv-{metadata['uid']}", "annotations": {"pv.kubernetes.io/provisioned-by": known["provisioner"]}},
                "spec": {"capacity": {"storage": spec["resources"]["requests"]["storage"]}, "accessModes": spec["accessModes"],
                         "storageClassName": spec["storageClassName"], "hostPath": {"path": "/simulated"}, "claimRef": claim,
                         "persistentVolumeReclaimPolicy": known.get("reclaimPolicy", "Delete")}})

    def gpus(self):
        """The GPU device plugin: nodes with a GPU offer shares of it."""
        for item in self.api.list("apps/v1", "daemonsets"):
            text = str(item["spec"]["template"]["spec"])
            shares = re.search(r"-shared-dev-num[=', ]+(\d+)", text)
            if "intel-gpu-plugin" not in text or not item.get("status", {}).get("numberReady"):
                continue
            selector = item["spec"]["template"]["spec"].get("nodeSelector", {})
            for node in self.api.list("v1", "nodes"):
                labels, offered = node["metadata"]["labels"], {"gpu.intel.com/i915": shares[1] if shares else "1"}
                if selector.items() <= labels.items() and not offered.items() <= node["status"]["allocatable"].items():
                    self.api.patch_status("v1", "nodes", node, {"capacity": offered, "allocatable": offered})
