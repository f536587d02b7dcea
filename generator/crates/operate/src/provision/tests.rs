//! Decisions about nodes, from what hosts and clusters print.

use super::*;
use serde_json::{Value, json};

const CONF: &str = "# host: box\n# vmid: 121\ncores: 2\nhostname: one\nmemory: 2048\nrootfs: local-lvm:20\nswap: 0\n\
                    startup: order=1,down=90\n";

fn node() -> Node {
    let machine = |name: &str, address: &str| Machine { name: name.to_owned(), address: address.to_owned() };
    Node {
        machine: machine("one", "192.168.10.42"),
        host: machine("box", "192.168.10.11"),
        cluster: "home".to_owned(),
        servers: vec![machine("server", "192.168.10.41")],
        is_server: false,
        is_first: false,
        has_peers: true,
        has_backup: false,
        definition: Definition::parse(GuestKind::Container, CONF).expect("it is valid"),
        path: "nix/nodes/one/container.conf".to_owned(),
    }
}

/// One of three servers.
fn server() -> Node {
    let agent = node();
    let other = |number: u8| Machine { name: format!("server-{number}"), address: format!("192.168.10.4{number}") };
    Node { servers: vec![agent.machine.clone(), other(3), other(4)], is_server: true, ..agent }
}

fn config() -> Value {
    json!({ "cores": 2, "hostname": "one", "memory": 2048, "rootfs": "local-lvm:vm-121-disk-0,size=20G", "swap": 0,
            "startup": "order=1,down=90" })
}

/// A host with a container, whose configuration is changed.
fn host(config: Option<Value>, status: &str, files: &[&str]) -> Host {
    let guests: Vec<_> = config.iter().map(|_| json!({ "vmid": "121", "status": status, "name": "one" })).collect();
    let details = config.map(
        |config| json!({ "121": { "kind": "container", "config": config, "pending": [], "tasks": [], "key": "" } }),
    );
    let printed = json!({
        "node": "box", "guests": [], "containers": guests, "vms": [], "files": files,
        "details": details.unwrap_or_else(|| json!({})),
        "storages": [
            { "storage": "local", "type": "dir", "content": "vztmpl,iso", "active": 1, "avail": 50_000_000_000_u64 },
            { "storage": "local-lvm", "type": "lvmthin", "content": "rootdir,images", "active": 1, "avail": "30000000000" },
            { "storage": "thick", "type": "lvm", "content": "rootdir", "active": 1, "avail": 15_000_000_000_u64 },
            { "storage": "off", "type": "zfspool", "content": "rootdir", "active": 0 },
        ],
        "paths": [{ "storage": "local", "path": "/var/lib/vz" }],
    });
    Host::parse(&printed.to_string()).expect("it is valid")
}

fn members(nodes: &[(&str, bool, bool)]) -> Members {
    let item = |(name, is_ready, is_server): &(&str, bool, bool)| {
        let labels = if *is_server { json!({ "node-role.kubernetes.io/control-plane": "true" }) } else { json!({}) };
        let status = if *is_ready { "True" } else { "False" };
        json!({ "kind": "Node", "metadata": { "name": name, "labels": labels },
                "status": { "conditions": [{ "type": "Ready", "status": status }] } })
    };
    let list = json!({ "items": nodes.iter().map(item).collect::<Vec<_>>() });
    Members::parse(&list.to_string()).expect("it is valid")
}

fn image() -> Image {
    Image::Template("local:vztmpl/one.tar.xz".to_owned())
}

/// What is due, with a cluster that answers on another server.
fn due_of(node: &Node, host: &Host, members: Option<&Members>, allowed: &Allowed) -> Due {
    let api = Machine { name: "server-3".to_owned(), address: "192.168.10.43".to_owned() };
    let image = image();
    let members = members.map(|members| (members, &api));
    let seen = Seen { host, image: Some(&image), has_image: true, members, key: HostKey::Known, answers: true };
    due(node, &seen, allowed)
}

fn titles(due: &Due) -> Vec<&str> {
    due.steps.iter().map(|step| step.title.as_str()).collect()
}

fn recreating() -> Allowed {
    Allowed { recreate: ["one".to_owned()].into(), anew: true, restart: true, ..Allowed::default() }
}

#[test]
fn a_container_like_its_definition_needs_nothing() {
    let due = due_of(&node(), &host(Some(config()), "running", &[]), None, &Allowed::default());
    assert_eq!((due.action, due.steps.len(), due.withheld.len()), (Action::Nothing, 0, 0));
}

#[test]
fn a_container_that_is_stopped_is_started() {
    let due = due_of(&node(), &host(Some(config()), "stopped", &[]), None, &Allowed::default());
    // Its host key cannot be read before, so nobody knows whether it is the known one.
    assert_eq!(
        titles(&due),
        [
            "start one",
            "wait until one has its SSH host key",
            "trust the SSH host key of one, read through box",
            "wait until one answers",
        ]
    );
}

#[test]
fn a_cordoned_node_stays_cordoned_if_somebody_else_did_it() {
    let mut changed = config();
    changed["cmode"] = json!("shell");
    let mut node = node();
    node.definition.options.insert("cmode".to_owned(), "tty".to_owned());
    let list =
        json!({ "items": [{ "kind": "Node", "metadata": { "name": "one" }, "spec": { "unschedulable": true } }] });
    let members = Members::parse(&list.to_string()).expect("it is valid");
    let host = host(Some(changed), "running", &[]);
    let due = due_of(&node, &host, Some(&members), &Allowed { restart: true, ..Allowed::default() });
    assert!(titles(&due).contains(&"drain one") && !titles(&due).contains(&"let pods run on one again"));
    assert!(!due.steps[1].command.to_string().contains("annotate"));
    // Without an answer of the cluster, nothing stops.
    let due = due_of(&node, &host, None, &Allowed { restart: true, ..Allowed::default() });
    assert!(due.withheld[0].contains("add `--no-drain`") && !titles(&due).contains(&"shut down one"));
    let allowed = Allowed { restart: true, no_drain: true, ..Allowed::default() };
    assert!(titles(&due_of(&node, &host, None, &allowed)).contains(&"shut down one"));
}

#[test]
fn one_of_several_servers_leaves_its_cluster_before_it_is_created_again() {
    let host = host(Some(config()), "running", &[]);
    let healthy = members(&[("one", true, true), ("server-3", true, true), ("server-4", true, true)]);
    let due = due_of(&server(), &host, Some(&healthy), &recreating());
    assert_eq!(
        titles(&due),
        [
            "drain one",
            "shut down one",
            "save the secrets and the host keys of one",
            "remove one from home, with the password of its old container",
            "destroy the container 121 (one)",
            "copy the definition of one to box",
            "create the container 121 (one)",
            "put what was saved of one into its new container",
            "start one",
            "wait until one answers",
            "wait until one is ready",
        ]
    );
    let degraded = members(&[("one", true, true), ("server-3", true, true), ("server-4", false, true)]);
    let due = due_of(&server(), &host, Some(&degraded), &recreating());
    assert!(due.refusals[0].contains("1 of the 2 other servers of home are ready"), "{:?}", due.refusals);
    assert!(!due_of(&server(), &host, None, &recreating()).refusals.is_empty());
    let first = Node { is_first: true, ..server() };
    let due = due_of(&first, &host, Some(&healthy), &recreating());
    assert!(due.refusals[0].contains("Set `first-server` to another server"), "{:?}", due.refusals);
}

#[test]
fn an_only_server_needs_a_backup() {
    let alone = |has_backup| {
        let node = node();
        Node { servers: vec![node.machine.clone()], is_server: true, has_backup, ..node }
    };
    let host = host(Some(config()), "running", &[]);
    let members = members(&[("one", true, true)]);
    let due = due_of(&alone(false), &host, Some(&members), &recreating());
    assert!(due.steps.is_empty() && due.withheld[0].contains("`--without-backup one`"), "{:?}", due.withheld);
    let due = due_of(&alone(true), &host, Some(&members), &recreating());
    assert_eq!(titles(&due)[0], "back up one");
    let save = due.steps.iter().find(|step| step.title.starts_with("save")).expect("it is saved");
    assert!(save.command.to_string().ends_with("save --datastore 121 one'"), "{}", save.command);
}

#[test]
fn nothing_is_destroyed_twice() {
    // `NODE.kept` says that the container is the new one.
    let members = members(&[("one", false, false)]);
    let due = due_of(&node(), &host(Some(config()), "stopped", &["one.kept"]), Some(&members), &recreating());
    assert_eq!(
        titles(&due),
        ["put what was saved of one into its new container", "start one", "wait until one answers"]
    );
    let due = due_of(&node(), &host(Some(config()), "running", &["one.kept"]), Some(&members), &recreating());
    assert!(due.refusals[0].contains("run `pct shutdown 121` there"), "{:?}", due.refusals);
    // Destroyed, and not noted yet.
    let due = due_of(&node(), &host(None, "", &["one.saved"]), Some(&members), &recreating());
    assert_eq!(titles(&due)[0], "keep what was saved of one");
    assert!(!titles(&due).iter().any(|title| title.starts_with("destroy") || title.starts_with("remove")));
    // Saved, but the container stays.
    let due = due_of(&node(), &host(Some(config()), "running", &["one.saved"]), Some(&members), &Allowed::default());
    assert_eq!(titles(&due), ["remove the copy of what identifies one"]);
}

#[test]
fn a_protected_container_is_not_destroyed() {
    let mut protected = config();
    protected["protection"] = json!(1);
    let members = members(&[("one", true, false)]);
    let due = due_of(&node(), &host(Some(protected), "running", &[]), Some(&members), &recreating());
    assert!(due.refusals[0].contains("121 is protected"), "{:?}", due.refusals);
}

#[test]
fn checks_the_space_for_a_disk() {
    let host = host(None, "", &[]);
    let check = |text: &str| {
        host.check_space(GuestKind::Container, &crate::container::Disk::parse(text).expect("it is a disk"))
    };
    assert_eq!(check("local-lvm:20"), Ok(None));
    let message = "the disk can grow to 40 GiB, but local-lvm has 27 GiB free".to_owned();
    assert_eq!(check("local-lvm:40"), Ok(Some(message)));
    for (disk, reason) in [
        ("thick:40", "the storage thick has 13 GiB free, and 40 GiB are needed"),
        ("off:8", "the storage off is not active"),
        (
            "local:8",
            "the storage local does not hold disks of containers (`rootdir`); those that do: local-lvm, thick, off",
        ),
        ("tank:8", "there is no storage tank; storages for containers: local-lvm, thick, off"),
    ] {
        assert_eq!(check(disk), Err(reason.to_owned()));
    }
}

#[test]
fn an_image_is_named_by_its_content() {
    let path = "/nix/store/0a1b2c3d4e5f6g7h8i9j0k1l2m3n4p5q-tarball/tarball/nixos.tar.xz";
    let image = Image::of_store(path).expect("it is a store path");
    let storage = host(None, "", &[]).image_storage(GuestKind::Container).expect("there is one");
    let volume = image.volume(&node(), &storage);
    assert_eq!(volume, "local:vztmpl/homelab-one.0a1b2c3d4e5f6g7h8i9j0k1l2m3n4p5q.tar.xz");
    assert!(Image::of_store("error: no such attribute").is_err());
}
