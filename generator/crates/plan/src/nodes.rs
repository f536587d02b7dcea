//! What happens to each node: what changes in its folder decides how the change is applied.

use crate::knowledge::same;
use crate::systems::{System, Systems};
use crate::{FileChange, Versions};
use operate::GuestKind;
use operate::container::Applied;
use std::collections::{BTreeMap, BTreeSet};
use yaml::{Limits, Node};

/// How a change of a node is applied, from the least to the most disruptive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Proxmox applies it to the running container or VM.
    Options,
    /// `homelab deploy`; pods keep running.
    Switch,
    /// `homelab deploy`, which restarts k3s; pods keep running.
    RestartK3s,
    /// Proxmox applies it when the container or VM restarts, which stops its pods.
    Reboot,
    /// A new node.
    New,
    /// The node is no longer in the spec.
    Removed,
    /// Only a new container or VM has it: the node is deleted and created again.
    Recreate,
    /// It cannot be applied to a cluster that runs.
    Refused,
}

/// A node that changes.
#[derive(Debug, Clone)]
pub struct NodeChange {
    /// Its name.
    pub node: String,
    /// Whether it runs the control plane.
    pub is_server: bool,
    /// How the change is applied.
    pub class: Class,
    /// Its kind.
    pub kind: GuestKind,
    /// Whether the generated files change its NixOS system. If not, they change only its container or VM.
    pub changes_system: bool,
    /// Whether its evaluated system differs, if it was evaluated before and after the change.
    pub system: Option<System>,
    /// What changes, in words.
    pub reasons: Vec<String>,
    /// The commands to type, in order.
    pub commands: Vec<String>,
}

const FOLDER: &str = "nix/nodes/";

/// The folder of a cluster with the manifests that are part of the systems of its servers.
const MANIFESTS: &str = "/bootstrap/";

/// Returns what happens to the nodes whose files or systems differ: agents after servers, new nodes last.
pub(crate) fn of_files(files: &[FileChange<'_>], versions: &Versions<'_>, systems: &Systems) -> Vec<NodeChange> {
    let mut nodes: BTreeMap<&str, BTreeMap<&str, &FileChange<'_>>> = BTreeMap::new();
    for file in files {
        let found = file.path.strip_prefix(FOLDER).and_then(|path| path.split_once('/'));
        if let Some((node, name)) = found.filter(|(_, name)| !changes_only_comments(name, file)) {
            nodes.entry(node).or_default().insert(name, file);
        }
    }
    for (node, file) in manifests(files, versions) {
        nodes.entry(node).or_default().insert(file.path, file);
    }
    for node in systems.differing() {
        nodes.entry(node).or_default();
    }
    let change = |(node, files): (&&str, &_)| change(node, files, versions, systems);
    let mut changes: Vec<_> = nodes.iter().filter_map(change).collect();
    changes.sort_by_key(|change| (change.class == Class::New, !change.is_server, change.node.clone()));
    changes
}

/// The manifests in systems that change, each with a node whose system has it.
fn manifests<'a>(files: &'a [FileChange<'a>], versions: &Versions<'a>) -> Vec<(&'a str, &'a FileChange<'a>)> {
    let is_manifest =
        |file: &&FileChange<'_>| file.path.contains(MANIFESTS) && file.before.is_some() && file.after.is_some();
    let changed: Vec<_> = files.iter().filter(is_manifest).collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let modules = versions.after.iter().filter_map(|(path, text)| {
        let node = path.strip_prefix(FOLDER)?.strip_suffix("/default.nix")?;
        Some((node, *text))
    });
    let named = |(node, text): (&'a str, &str)| {
        let files: Vec<_> = changed.iter().filter(|file| text.contains(&format!("/{}", file.path))).collect();
        files.into_iter().map(|file| (node, *file)).collect::<Vec<_>>()
    };
    modules.flat_map(named).collect()
}

/// Whether the definition of a container or VM has the same options as before. Its comments say why it is privileged.
fn changes_only_comments(name: &str, file: &FileChange<'_>) -> bool {
    GuestKind::ALL.iter().any(|kind| kind.file() == name)
        && file.before.is_some()
        && file.before.map(options) == file.after.map(options)
}

/// A finding about a node.
pub(crate) type Reason = (Class, String);

/// What happens to a node; nothing if only comments differ.
fn change(
    node: &str,
    files: &BTreeMap<&str, &FileChange<'_>>,
    versions: &Versions<'_>,
    systems: &Systems,
) -> Option<NodeChange> {
    let text = |name: &str, is_new: bool| {
        let file = files.get(name)?;
        if is_new { file.after } else { file.before }
    };
    let module = |is_new: bool| text("default.nix", is_new);
    let newest = |name: &str| {
        let path = format!("{FOLDER}{node}/{name}");
        versions.after.get(path.as_str()).or_else(|| versions.before.get(path.as_str())).copied()
    };
    let kind_of = |texts: &BTreeMap<&str, &str>| {
        let has = |kind: &GuestKind| texts.contains_key(format!("{FOLDER}{node}/{}", kind.file()).as_str());
        GuestKind::ALL.into_iter().find(has)
    };
    let (old_kind, new_kind) = (kind_of(&versions.before), kind_of(&versions.after));
    let kind = new_kind.or(old_kind).unwrap_or(GuestKind::Container);
    let is_server = newest("default.nix").is_some_and(|text| text.contains("role = \"server\";"));
    let mut reasons: Vec<Reason> = Vec::new();
    let (before, after) = (module(false), module(true));
    let mut changes_system = true;
    match (files.contains_key("default.nix"), before, after) {
        (true, None, Some(_)) => reasons.push((Class::New, "a new node".to_owned())),
        (true, Some(_), None) => reasons.push((Class::Removed, "no longer in the spec".to_owned())),
        _ => {
            match (old_kind, new_kind) {
                (Some(old), Some(new)) if old != new => {
                    reasons.push((Class::Recreate, format!("a {} instead of a {}", new.text(), old.text())));
                }
                _ => definition(kind, text(kind.file(), false), text(kind.file(), true), &mut reasons),
            }
            let of_container = reasons.len();
            k3s(text("k3s.yaml", false), text("k3s.yaml", true), &mut reasons);
            system(before, after, &mut reasons);
            manifests_of(files, &mut reasons);
            changes_system = reasons.len() > of_container;
        }
    }
    let compared = systems.compare(node);
    if let Some(compared) = &compared {
        compared.explain(changes_system, &mut reasons);
    }
    let class = reasons.iter().map(|(class, _)| *class).max()?;
    let vmid = newest(kind.file()).and_then(vmid);
    let commands = commands(node, (kind, old_kind.unwrap_or(kind)), vmid, class, &reasons);
    let system = compared.map(|compared| compared.system);
    let mut reasons: Vec<_> = reasons.into_iter().map(|(_, reason)| reason).collect();
    if system == Some(System::Same) {
        reasons.push("its evaluated system is the same".to_owned());
    }
    Some(NodeChange { node: node.to_owned(), is_server, kind, class, changes_system, system, reasons, commands })
}

/// The manifests in the system, which k3s applies when it starts.
fn manifests_of(files: &BTreeMap<&str, &FileChange<'_>>, reasons: &mut Vec<Reason>) {
    let names: Vec<_> = files.keys().filter_map(|path| Some(path.split_once(MANIFESTS)?.1)).collect();
    if !names.is_empty() {
        reasons.push((Class::Switch, format!("manifests that k3s applies: {}", names.join(", "))));
    }
}

fn vmid(container: &str) -> Option<&str> {
    comment(container, "vmid")
}

/// What is no option of a container, but decides where it is.
fn comment<'a>(container: &'a str, name: &str) -> Option<&'a str> {
    container.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": "))
}

/// The options of a container, by name. Options that are repeated are joined.
fn options(text: &str) -> BTreeMap<&str, String> {
    let mut options: BTreeMap<&str, String> = BTreeMap::new();
    for name in ["host", "vmid"] {
        if let Some(value) = comment(text, name) {
            options.insert(name, value.to_owned());
        }
    }
    for (name, value) in text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':')) {
        let joined = options.entry(name).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value.trim());
    }
    options
}

fn definition(kind: GuestKind, before: Option<&str>, after: Option<&str>, reasons: &mut Vec<Reason>) {
    let (Some(before), Some(after)) = (before, after) else { return };
    let (before, after) = (options(before), options(after));
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        // Files of older versions of the generator do not name the host.
        if old == new || name == "host" && (old.is_none() || new.is_none()) {
            continue;
        }
        let value = |value: Option<&String>| {
            value.map_or("none".to_owned(), |value| if value.is_empty() { "''".to_owned() } else { value.clone() })
        };
        let reason = format!("`{name}` of the {}: {} -> {}", kind.text(), value(old), value(new));
        let class = match kind.applied(name, old.map(String::as_str), new.map(String::as_str)) {
            Applied::Live => Class::Options,
            Applied::AtStart => Class::Reboot,
            Applied::OnlyNew => Class::Recreate,
        };
        reasons.push((class, reason));
    }
}

/// Keys of k3s that a cluster cannot change once it runs, and why.
const CLUSTER_WIDE: [(&str, &str); 3] = [
    ("cluster-cidr", "k3s does not start if the pod network of its nodes is outside of it"),
    ("cluster-domain", "the names in certificates and configurations contain it"),
    ("service-cidr", "existing Services keep their addresses, which are then outside of it"),
];

fn k3s(before: Option<&str>, after: Option<&str>, reasons: &mut Vec<Reason>) {
    let (Some(before), Some(after)) = (before.and_then(parse), after.and_then(parse)) else { return };
    let first = reasons.len();
    let keys: BTreeSet<&str> =
        before.entries().iter().chain(after.entries()).filter_map(|(key, _)| key.text()).collect();
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if same(old, new) {
            continue;
        }
        let change = format!("`{key}` of k3s: {}", difference(old, new));
        let fixed = CLUSTER_WIDE.iter().find(|(fixed, _)| *fixed == key);
        reasons.push(match fixed {
            Some((_, why)) => (Class::Refused, format!("{change}: {why}")),
            None if key == "node-name" => (Class::Recreate, change),
            None => (Class::RestartK3s, change),
        });
    }
    if reasons.len() == first {
        // NixOS compares the file, not what it means.
        reasons.push((Class::RestartK3s, "comments or the layout of k3s.yaml".to_owned()));
    }
}

/// How a value differs: for lists, the items that are added and removed.
fn difference(old: Option<&Node>, new: Option<&Node>) -> String {
    let items = |node: Option<&'_ Node>| -> Vec<String> {
        node.map_or(&[][..], Node::items).iter().filter_map(Node::text).map(str::to_owned).collect()
    };
    let (before, after) = (items(old), items(new));
    if before.is_empty() && after.is_empty() {
        let value = |node: Option<&Node>| node.and_then(Node::text).unwrap_or("none").to_owned();
        return format!("{} -> {}", value(old), value(new));
    }
    let removed = before.iter().filter(|item| !after.contains(item)).map(|item| format!("- {item}"));
    let added = after.iter().filter(|item| !before.contains(item)).map(|item| format!("+ {item}"));
    let parts: Vec<_> = removed.chain(added).collect();
    if parts.is_empty() { "another order".to_owned() } else { parts.join(", ") }
}

fn parse(text: &str) -> Option<Node> {
    yaml::documents(text, Limits::default()).0.into_iter().next()
}

/// The NixOS configuration: the version of k3s, and anything else.
fn system(before: Option<&str>, after: Option<&str>, reasons: &mut Vec<Reason>) {
    let (Some(before), Some(after)) = (before, after) else { return };
    let version = |text: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("version = \"1."))?;
        line.split('"').next()?.parse::<u32>().ok()
    };
    match (version(before), version(after)) {
        (Some(old), Some(new)) if new < old => {
            let reason = format!("k3s 1.{old} -> 1.{new}: Kubernetes cannot go back to an older minor version");
            reasons.push((Class::Refused, reason));
        }
        (Some(old), Some(new)) if new > old + 1 => {
            let reason = format!("k3s 1.{old} -> 1.{new}: Kubernetes must not skip a minor version");
            reasons.push((Class::Refused, reason));
        }
        (Some(old), Some(new)) if new > old => reasons.push((Class::RestartK3s, format!("k3s 1.{old} -> 1.{new}"))),
        _ => {}
    }
    let (old, new) = (settings(before), settings(after));
    let names: BTreeSet<&str> = old
        .symmetric_difference(&new)
        .map(|(name, _)| *name)
        .filter(|name| !name.is_empty() && *name != "version")
        .collect();
    if !names.is_empty() {
        let names: Vec<_> = names.into_iter().collect();
        reasons.push((Class::Switch, format!("its system: {}", names.join(", "))));
    }
}

/// The lines of a module, each with the name of its setting: its own, or that of the list that it is in.
fn settings(module: &str) -> BTreeSet<(&str, &str)> {
    let mut list = "";
    let lines = module.lines().map(str::trim).map(|line| match line.split_once(" = ") {
        Some((name, value)) => {
            list = if value == "[" { name } else { "" };
            (name, line)
        }
        None => (list, line),
    });
    lines.collect()
}

/// The commands that apply a change of a node. Those of `homelab` print what they run, and run it with `--yes`.
fn commands(
    node: &str,
    (kind, old_kind): (GuestKind, GuestKind),
    vmid: Option<&str>,
    class: Class,
    reasons: &[Reason],
) -> Vec<String> {
    let vmid = vmid.unwrap_or("VMID");
    let has = |class: Class| reasons.iter().any(|(other, _)| *other == class);
    let provision = |options: &str| format!("homelab provision {node}{options} --yes");
    let secrets = || "# then its secrets: homelab bootstrap CLUSTER --yes".to_owned();
    let leave = || {
        let drain = format!("kubectl drain {node} --ignore-daemonsets --delete-emptydir-data");
        [drain, format!("kubectl delete node {node}")]
    };
    let mut commands = Vec::new();
    match class {
        Class::Refused => {}
        Class::New => commands.extend([provision(""), secrets()]),
        Class::Removed => {
            commands.extend(leave());
            commands.push(format!("{} destroy {vmid} --purge", kind.program()));
        }
        // `provision` destroys containers that it is told to, but no virtual machine.
        Class::Recreate
            if (kind, old_kind) == (GuestKind::Container, GuestKind::Container) && !is_elsewhere(reasons) =>
        {
            commands.push(provision(&format!(" --recreate {node}")));
        }
        Class::Recreate => {
            commands.extend(leave());
            commands.push(format!("# destroy the old {} on its host", old_kind.text()));
            commands.extend([provision(""), secrets()]);
        }
        _ => {
            let deploys = has(Class::Switch) || has(Class::RestartK3s);
            if has(Class::Options) && !has(Class::Reboot) {
                commands.push(provision(""));
            }
            if deploys {
                commands.push(format!("homelab deploy {node} --yes"));
            }
            if has(Class::Reboot) {
                commands.push(provision(" --restart"));
            }
        }
    }
    commands
}

/// Whether a node gets another place: its old one is left behind.
fn is_elsewhere(reasons: &[Reason]) -> bool {
    reasons.iter().any(|(_, reason)| reason.starts_with("`host` of ") || reason.starts_with("`vmid` of "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "# vmid: 121\narch: amd64\ncores: 6\ndev0: /dev/kmsg\nmemory: 12288\nnet0: name=eth0\nrootfs: local-lvm:100\nunprivileged: 1\nlxc.cap.drop:\n";
    const MODULE: &str =
        "{\n  homelab.k3s = {\n    version = \"1.35\";\n    role = \"server\";\n  };\n  address = \"a\";\n}\n";
    const K3S: &str = "node-name: one\ncluster-cidr: 10.42.0.0/16\n";

    fn one(file: &str, before: &str, from: &str, to: &str) -> NodeChange {
        let after = before.replace(from, to);
        assert_ne!(before, after);
        let path = format!("nix/nodes/one/{file}");
        let versions = Versions { before: [(&*path, before)].into(), after: [(&*path, &*after)].into() };
        let changes = of_files(&versions.changes(), &versions, &Systems::default());
        changes.into_iter().next().expect("one node changes")
    }

    #[test]
    fn classifies_options_of_containers() {
        let (live, at_start, anew) = (
            "homelab provision one --yes",
            "homelab provision one --restart --yes",
            "homelab provision one --recreate one --yes",
        );
        for (from, to, class, command) in [
            ("memory: 12288", "memory: 4096", Class::Options, live),
            ("local-lvm:100", "local-lvm:120", Class::Options, live),
            ("local-lvm:100", "local-lvm:80", Class::Recreate, anew),
            ("local-lvm:100", "tank:100", Class::Recreate, anew),
            ("dev0: /dev/kmsg", "dev0: /dev/kmsg\ndev1: /dev/x", Class::Options, live),
            ("dev0: /dev/kmsg", "dev0: /dev/x", Class::Reboot, at_start),
            ("lxc.cap.drop:", "lxc.cap.drop: sys_time", Class::Reboot, at_start),
            ("unprivileged: 1\n", "", Class::Recreate, anew),
        ] {
            let change = one("container.conf", CONF, from, to);
            assert_eq!((change.class, &change.commands[..]), (class, &[command.to_owned()][..]), "{to}");
        }
    }

    #[test]
    fn classifies_options_of_vms() {
        let conf = "# host: box\n# vmid: 121\ncores: 2\nmemory: 4096\nnet0: virtio=02:00:00:00:79:00,bridge=vmbr0\n\
            onboot: 1\nscsi0: local-lvm:32,ssd=1\nusb0: host=1a86:55d4\n";
        let live = "homelab provision one --yes";
        let anew = [
            "kubectl drain one --ignore-daemonsets --delete-emptydir-data",
            "kubectl delete node one",
            "# destroy the old virtual machine on its host",
            live,
            "# then its secrets: homelab bootstrap CLUSTER --yes",
        ];
        for (from, to, class, commands) in [
            ("onboot: 1", "onboot: 0", Class::Options, &[live][..]),
            ("memory: 4096", "memory: 8192", Class::Reboot, &["homelab provision one --restart --yes"]),
            ("local-lvm:32", "local-lvm:64", Class::Options, &[live]),
            ("usb0: host=1a86:55d4\n", "", Class::Options, &[live]),
            ("# host: box", "# host: other", Class::Recreate, &anew),
            ("local-lvm:32", "local-lvm:16", Class::Recreate, &anew),
        ] {
            let change = one("vm.conf", conf, from, to);
            assert_eq!(
                (change.class, &change.commands[..]),
                (class, &commands.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()[..]),
                "{to}"
            );
        }
    }

    #[test]
    fn a_vm_in_place_of_a_container_is_a_new_node() {
        let paths = ["nix/nodes/one/container.conf", "nix/nodes/one/vm.conf"];
        let versions = Versions {
            before: [(paths[0], CONF), ("nix/nodes/one/default.nix", MODULE)].into(),
            after: [(paths[1], "# vmid: 121\nmemory: 4096\n"), ("nix/nodes/one/default.nix", MODULE)].into(),
        };
        let changes = of_files(&versions.changes(), &versions, &Systems::default());
        assert_eq!((changes[0].class, changes[0].kind), (Class::Recreate, GuestKind::Vm));
        assert_eq!(changes[0].reasons, ["a virtual machine instead of a container"]);
        assert!(changes[0].commands.contains(&"# destroy the old container on its host".to_owned()));
    }

    #[test]
    fn a_host_that_was_not_named_does_not_change() {
        let named = CONF.replace("# vmid", "# host: box\n# vmid");
        let versions = Versions {
            before: [("nix/nodes/one/container.conf", CONF)].into(),
            after: [("nix/nodes/one/container.conf", named.as_str())].into(),
        };
        assert!(of_files(&versions.changes(), &versions, &Systems::default()).is_empty());
        let change = one("container.conf", &named, "box", "other");
        assert_eq!((change.class, change.reasons.len()), (Class::Recreate, 1));
    }

    #[test]
    fn classifies_changes_of_k3s_and_of_the_system() {
        for (file, text, from, to, class) in [
            ("default.nix", MODULE, "1.35", "1.36", Class::RestartK3s),
            ("default.nix", MODULE, "1.35", "1.37", Class::Refused),
            ("default.nix", MODULE, "1.35", "1.34", Class::Refused),
            ("default.nix", MODULE, "\"a\"", "\"b\"", Class::Switch),
            ("k3s.yaml", K3S, "10.42", "10.44", Class::Refused),
            ("k3s.yaml", K3S, "one", "two", Class::Recreate),
            ("k3s.yaml", K3S, "node-name", "node-label: [a=b]\nnode-name", Class::RestartK3s),
        ] {
            assert_eq!(one(file, text, from, to).class, class, "{to}");
        }
    }

    #[test]
    fn manifests_and_comments_are_part_of_a_system() {
        let commented = format!("# new\n{K3S}");
        assert_eq!(one("k3s.yaml", K3S, K3S, &commented).class, Class::RestartK3s);

        let server = MODULE.replace("\"a\"", "../../../k8s/home/bootstrap/flux.yaml");
        let paths = ["nix/nodes/one/default.nix", "nix/nodes/two/default.nix", "k8s/home/bootstrap/flux.yaml"];
        let versions = Versions {
            before: paths.into_iter().zip([&*server, MODULE, "a: b"]).collect(),
            after: paths.into_iter().zip([&*server, MODULE, "a: c"]).collect(),
        };
        let changes = of_files(&versions.changes(), &versions, &Systems::default());
        let found: Vec<_> = changes.iter().map(|change| (change.node.as_str(), change.class)).collect();
        assert_eq!(found, [("one", Class::Switch)]);
        assert_eq!(changes[0].reasons, ["manifests that k3s applies: flux.yaml"]);
    }

    #[test]
    fn servers_come_first_and_new_nodes_last() {
        let agent = MODULE.replace("server", "agent");
        let changed = MODULE.replace("\"a\"", "\"b\"");
        let changed_agent = agent.replace("\"a\"", "\"b\"");
        let path = |node: &str| format!("nix/nodes/{node}/default.nix");
        let [one, new, old, other] = ["a-agent", "new", "old", "z-server"].map(path);
        let versions = Versions {
            before: [(&*one, &*agent), (&old, MODULE), (&other, MODULE)].into(),
            after: [(&*one, &*changed_agent), (&new, MODULE), (&other, &changed)].into(),
        };
        let changes = of_files(&versions.changes(), &versions, &Systems::default());
        let order: Vec<_> = changes.iter().map(|change| (change.node.as_str(), change.class)).collect();
        assert_eq!(
            order,
            [("old", Class::Removed), ("z-server", Class::Switch), ("a-agent", Class::Switch), ("new", Class::New)]
        );
    }
}
