"""Compares what `homelab plan` says of a change with what the API server then has."""

import collections
import json
import re
import time

from cluster import ready
from lab import documents

KUSTOMIZE, HELM = "kustomize.toolkit.fluxcd.io/v1", "helm.toolkit.fluxcd.io/v2"
# The labels of the unit that manages an object.
OWNER = ("kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace")
# What kustomize-controller applies before the other objects of a unit, even if it then fails.
FIRST = ("Namespace", "ClusterRole", "CustomResourceDefinition", "StorageClass", "IngressClass", "PriorityClass", "RuntimeClass")
REFUSAL = "Forbidden|forbidden|immutable|may not change|cannot change"


class Plans:
    """Makes changes of the lab's spec, and compares the plan of each with one cluster."""

    def __init__(self, flux, charts, publish):
        self.flux, self.api, self.lab, self.charts, self.publish = flux, flux.api, flux.lab, charts, publish
        self.plurals, self.names, self.seen, self.left, self.undeployed = {}, {}, {}, set(), set()
        self.transitions, self.agreed, self.skipped, self.wrong = 0, collections.Counter(), collections.Counter(), []

    def plural(self, version, kind):
        if version not in self.plurals:
            found = self.api.call("GET", "/api/v1" if version == "v1" else f"/apis/{version}") or {}
            self.plurals[version] = {item["kind"]: item["name"] for item in found.get("resources", []) if "/" not in item["name"]}
        return self.plurals[version].get(kind)

    def inventory(self):
        """Returns the API versions of all objects that Flux manages, by kind, namespace and name."""
        found = {}
        for item in self.api.list(KUSTOMIZE, "kustomizations"):
            for entry in item.get("status", {}).get("inventory", {}).get("entries", []):
                names, group, kind = entry["id"].rsplit("_", 2)
                namespace, name = names.split("_", 1)
                # Flux writes a colon, which names of roles may have, as two underscores.
                found[kind, namespace, name.replace("__", ":")] = f"{group}/{entry['v']}" if group else entry["v"]
        return found

    def stored(self, versions):
        """Returns the objects of the kinds in `versions`, by kind, namespace and name."""
        found = {}
        for version, kind in sorted({(version, key[0]) for key, version in versions.items()}):
            plural = self.plural(version, kind)
            for item in self.api.list(version, plural) if plural else []:
                found[kind, item["metadata"].get("namespace", ""), item["metadata"]["name"]] = item
        return found

    def make(self, transitions):
        """Pushes the current spec, waits until Flux has applied it, and compares that with the plan."""
        name, manifests = self.flux.name, self.lab.manifests(self.flux.name)
        plan = self.lab.plan()
        objects = [item for item in plan["objects"] if item["cluster"] == name]
        for item in objects:
            item["key"] = item["kind"], item["namespace"], item["name"]
        # Flux does not apply what a server installs on its first boot.
        bootstrap = [item for item in objects if item["unit"] == "bootstrap"]
        objects = [item for item in objects if item not in bootstrap]
        managed = self.inventory()
        self.seen |= {key: item["apiVersion"] for key, item in manifests.items()}
        before = self.stored(self.seen | managed)
        self.lab.push(*("/".join(filter(None, (item["cluster"], item["kind"], item["namespace"], item["name"])))
                        for item in plan["objects"] if item["action"] == "refused"), prepare=self.publish)
        # The cluster has the old values of what is undone, so it refuses nothing.
        for item in objects:
            if item["key"] in self.undeployed and item["action"] == "refused":
                item["action"] = "undo"
        self.seen |= {key: item["apiVersion"] for key, item in self.lab.manifests(name).items()}
        blocked = self.blocked(objects)
        self.flux.reconcile_head(blocked)
        self.settle(objects)
        after, still_managed = self.stored(self.seen | managed), self.inventory()
        self.transitions += transitions
        if bootstrap:
            self.skipped["applied by a server, not by Flux"] += len(bootstrap)
        for item in objects:
            if item["key"] in self.undeployed:
                self.skipped["changed by what undoes a refused change"] += 1
            else:
                self.judge(item, before, after, still_managed, blocked)
        mentioned = {item["key"] for item in objects} | self.undeployed
        for key in (managed.keys() & still_managed.keys()) - mentioned:
            self.count("unmentioned", key, untouched(before.get(key), after.get(key)))
        for key in (managed.keys() ^ still_managed.keys()) - mentioned:
            self.count("unmentioned", key, "it is managed only before or only after the change")
        self.left |= {item["key"] for item in objects if item["action"] == "leave-behind"}
        # The cluster does not have what the files say of these.
        self.undeployed = {item["key"] for item in objects if item["action"] == "refused" or blocked.get(self.names.get(item["unit"]))}

    def blocked(self, objects):
        """Returns the units that do not become ready, and whether they apply nothing: the API refuses one of their objects, or
        they wait for such a unit, or for a release that Helm cannot upgrade."""
        units = self.lab.units(self.flux.name)
        self.names = {unit["path"].removeprefix(f"./k8s/{self.flux.name}/"): name for name, unit in units.items()}
        refused = [(self.names.get(item["unit"]), item) for item in objects if item["action"] == "refused"]
        failing = {unit: True for unit, item in refused if is_refused_by_api(item)}
        failing |= {unit: False for unit, item in refused if item["kind"] == "HelmRelease" and units[unit].get("wait")}
        while waiting := {name for name, unit in units.items() if name not in failing and
                          {other["name"] for other in unit.get("dependsOn", [])} & failing.keys()}:
            failing |= dict.fromkeys(waiting, True)
        return failing

    def settle(self, objects):
        """Waits until what Flux starts has happened: releases are upgraded, and deleted objects are gone."""
        deleted = {item["key"]: self.seen[item["key"]] for item in objects if item["action"] == "delete"}
        refused = {item["key"] for item in objects if item["action"] == "refused"}

        def waiting():
            # Nothing prunes the objects of units that failed.
            gone = deleted.keys() & self.stored(deleted).keys() if not any(is_refused_by_api(item) for item in objects) else ()
            releases = [(("HelmRelease", item["metadata"]["namespace"], item["metadata"]["name"]), item)
                        for item in self.api.list(HELM, "helmreleases")]
            return [*(f"{key} is not gone" for key in gone), *(f"{key}: {ready(item)[1]}" for key, item in releases if not (
                has_failed(item) if key in refused else is_current(item) or not self.has_chart(item)))]

        self.flux.cluster.wait_for("releases and deletions", lambda: not waiting(), 600, lambda: "\n".join(waiting()))
        self.flux.wait_for_pods({item["key"][1] for item in objects if item["unit"].startswith("apps/")})

    def has_chart(self, release):
        spec = release["spec"]
        return (self.charts / (spec["chartRef"]["name"] if "chartRef" in spec else spec["chart"]["spec"]["chart"])).is_dir()

    def count(self, action, key, problem):
        self.agreed[action, not problem] += 1
        if problem:
            self.wrong.append(f"{action} {'/'.join(filter(None, key))}: {problem}")
            print(f"      {self.wrong[-1]}", flush=True)

    def judge(self, item, before, after, managed, blocked):
        """Compares what the plan says of an object with what happened to it."""
        key, action = item["key"], item["action"]
        old, new = before.get(key), after.get(key)
        unit = self.names.get(item["unit"])
        if action == "refused":
            if key[0] == "Cluster":
                self.skipped["refused by the webhook of an operator"] += 1
            elif is_refused_by_api(item):
                self.count(action, key, self.accepted(self.built(item), unit))
            else:
                release = self.api.get(HELM, "helmreleases", key[1], key[2])
                self.count("refused by Helm", key, None if has_failed(release) else ready(release)[1])
        elif blocked.get(unit):
            if key[0] not in FIRST:
                self.count("held back", key, "it changed" if old is None is not new else untouched(old, new) if old else None)
        elif action == "create" and key in self.left:
            self.count("adopt", key, None if old and new and uid(old) == uid(new) else "it is another object")
            self.left.discard(key)
        elif action == "create":
            self.count(action, key, "it does not exist" if not new else "it existed" if old and uid(old) == uid(new) else None)
        elif action == "delete":
            self.count(action, key, "it still exists" if new else None if old else "it did not exist")
        elif action == "leave-behind":
            self.count(action, key, "it is gone" if not new else "it is another object" if not old or uid(old) != uid(new) else
                       "Flux still manages it" if key in managed else None)
        elif action == "change" and old and new and uid(old) != uid(new) and owner(old) != owner(new):
            # The unit that had it deletes it, unless the new one was faster.
            self.skipped["created again by another unit"] += 1
        elif action == "change":
            self.count(action, key, changed(item, old, new))
        else:
            self.skipped[action] += 1

    def built(self, item):
        """Returns an object as Flux applies it, with the patches of its unit."""
        built = self.flux.cluster.kubectl("kustomize", self.lab.folder / "k8s" / self.flux.name / item["unit"])
        return next(other for other in documents(built.stdout) if item["key"] == (
            other["kind"], other["metadata"].get("namespace", ""), other["metadata"]["name"]))

    def accepted(self, manifest, unit):
        """Returns why an object was not refused, by the API and so by Flux."""
        tried = self.flux.cluster.kubectl("apply", "--server-side", "--dry-run=server", "--field-manager=kustomize-controller",
                                          "--force-conflicts", "-f", "-", text=json.dumps(manifest))
        if not tried.returncode or not re.search(REFUSAL, tried.stderr):
            return f"the API accepts it: {tried.stdout}{tried.stderr}"
        status, message = ready(self.api.get(KUSTOMIZE, "kustomizations", "flux-system", unit))
        name = f"{manifest['kind']}/{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
        return None if status == "False" and name in message else f"its unit does not fail because of it: {message}"


def uid(item):
    return item["metadata"]["uid"]


def owner(item):
    return [item["metadata"].get("labels", {}).get(label) for label in OWNER]


def is_refused_by_api(item):
    """Whether the API server itself refuses the change of an object, and neither Helm nor the webhook of an operator."""
    return item["action"] == "refused" and item["kind"] not in ("HelmRelease", "Cluster")


def is_current(release):
    return ready(release)[0] == "True" and release["status"].get("observedGeneration") == release["metadata"]["generation"]


def has_failed(release):
    return any(re.search(REFUSAL, condition.get("message", "")) for condition in release.get("status", {}).get("conditions", [])
               if condition["status"] == "False")


def content(item):
    """Returns an object without its status, and without what the API server and controllers write to others' fields."""
    def kept(value, path=()):
        if isinstance(value, dict):
            return {key: kept(item, (*path, key)) for key, item in value.items() if not is_written((*path, key))}
        return value

    return kept(item)


def is_written(path):
    """Whether the API server or a controller writes a field: counters, mirrors, and the labels of Flux."""
    return path[0] == "status" or path[:1] == ("metadata",) and path[-1] in (
        "generation", "managedFields", "resourceVersion", "deployment.kubernetes.io/revision", *OWNER) or path[0] == "spec" and (
        path[-1] in ("healthCheckNodePort", "serviceAccount"))


def untouched(old, new):
    """Returns how an object has changed, or nothing."""
    if not old or not new:
        return None if not old and not new else "it is gone" if old else "it is new"
    if uid(old) != uid(new):
        return "it is another object"
    fields = differences(content(old), content(new))
    if fields or old["metadata"].get("generation") != new["metadata"].get("generation"):
        return f"it changed: {', '.join(fields) or 'its generation'}"
    return None


def changed(item, old, new):
    """Returns in what a change differs from the plan."""
    if not old or not new or uid(old) != uid(new):
        return "it does not exist" if not new else "it did not exist" if not old else "it is another object"
    named = [field["field"] for field in item["fields"]]
    for field in item["fields"]:
        one, other = at(old, field["field"]), at(new, field["field"])
        if not (text(other) == field["after"] if field["after"] is not None else one != other):
            return f"{field['field']} is {str(other)[:80]}, not {str(field['after'])[:80]}"
    other = [path for path in differences(content(old), content(new))
             if not any(path == name or path.startswith((f"{name}.", f"{name}[")) or name.startswith((f"{path}.", f"{path}["))
                        for name in named)]
    return f"also changed: {', '.join(other)}" if other else None


def text(value):
    return json.dumps(value) if isinstance(value, bool) else value if isinstance(value, str) or value is None else str(value)


def items_by_name(items):
    """Returns the items of a list by name, if all have different ones."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    return dict(zip(names, items)) if items and None not in names and len(set(names)) == len(names) else None


def at(value, path):
    """Returns the value at the path of a field, as plans write it: keys may contain dots, names are in brackets."""
    if not path:
        return value
    if isinstance(value, list):
        value, keys = items_by_name(value) or {}, "[{}]"
    else:
        keys = "{}"
    for key in sorted(value, key=len, reverse=True) if isinstance(value, dict) else ():
        rest = path.removeprefix(keys.format(key))
        if rest != path and (not rest or rest[0] in ".["):
            return at(value[key], rest.removeprefix("."))
    return None


def differences(one, other, path=""):
    """Returns the paths of the fields in which two objects differ."""
    if one == other:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        return [found for key in {**one, **other} for found in
                differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)]
    if isinstance(one, list) and isinstance(other, list) and (named := (items_by_name(one), items_by_name(other))) and all(named):
        return [found for name in {**named[0], **named[1]} for found in
                differences(named[0].get(name), named[1].get(name), f"{path}[{name}]")]
    return [path]
