//! Tests of changes, on the text of a small lab.

use super::*;
use spec::Parsed;

const LAB: &str = "\
# The lab.
version: 1
lab:
  name: homelab
  domain: example.com
  repository: ssh://git@github.com/example/homelab
  admin: { email: admin@example.com, ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC] }
network:
  lan: { cidr: 192.168.10.0/24, gateway: 192.168.10.1, dhcp: 192.168.10.43-192.168.10.199 }
  trusted: { vpn: { cidr: 10.44.0.0/16 } }
hosts:
  # The small one.
  box: { memory: 16GiB, address: 192.168.10.11 }
  big: { memory: 64GiB, address: 192.168.10.12 }
secrets:
  store: { vault: { server: https://vault.example.com } }
  entries:
    shop: { keys: [database-password] } # for its database
    unused: { keys: [a] }
clusters:
  home:
    load-balancer: 192.168.10.240-192.168.10.249
    nodes:
      home-1: { host: box, vmid: 120, address: 192.168.10.42, memory: 8GiB }
    platform: { postgres: { backup: none } }
    apps:
      login:
        image: { repository: docker.io/vikunja/vikunja, tag: v1.0.0 }
        port: 80
        env: { TOKEN: { secret: unused/a } }
      # What people buy.
      shop:
        description: Shop
        image: { repository: docker.io/vikunja/vikunja, tag: v1.0.0 }
        port: 80
        database: home/postgres
        depends-on: [login]
        storage:
          data: { size: 1GiB, mount: /data }
        backup: none
";

/// Changes a spec. The result is a spec that the types accept.
#[track_caller]
fn amend(text: &str, change: impl FnOnce(Source<'_>) -> Result<Amended, Refusal>) -> Result<Amended, String> {
    let Parsed { root, spec, .. } = spec::parse(text.as_bytes()).expect("the lab is a spec");
    match change(Source { text, root: &root, spec: &spec }) {
        Ok(amended) => {
            let parsed = spec::parse(amended.text.as_bytes());
            let is_valid = parsed.as_ref().is_ok_and(|parsed| parsed.diagnostics.is_empty());
            assert!(is_valid, "{parsed:?}\n{}", amended.text);
            Ok(amended)
        }
        Err(Refusal::Usage(message)) => Err(message),
        Err(Refusal::Text(error)) => Err(error.to_string()),
    }
}

/// The lines that differ: `-` for those that are gone, `+` for new ones. The others are in the same order.
fn changed(before: &str, after: &str) -> String {
    let (mut old, mut out) = (before.lines().peekable(), String::new());
    let rest: Vec<&str> = after.lines().collect();
    for (at, line) in rest.iter().enumerate() {
        while old.peek().is_some_and(|old| old != line && !rest[at..].contains(old)) {
            out += &format!("-{}\n", old.next().unwrap_or_default());
        }
        match old.next_if(|old| old == line) {
            Some(_) => {}
            None => out += &format!("+{line}\n"),
        }
    }
    old.for_each(|line| out += &format!("-{line}\n"));
    out
}

#[track_caller]
fn changes(change: impl FnOnce(Source<'_>) -> Result<Amended, Refusal>, expected: &str) -> Amended {
    let amended = amend(LAB, change).unwrap_or_else(|message| panic!("{message}"));
    assert_eq!(changed(LAB, &amended.text), expected);
    amended
}

#[test]
fn proposes_the_next_free_address_and_vmid_and_the_roomiest_host() {
    let amended = changes(
        |source| add_node(source, "home-2", &NodeFields { cores: Some(4), ..NodeFields::default() }),
        "+      home-2:\n+        host: big\n+        role: agent\n+        vmid: 121\n+        address: 192.168.10.200\n\
         +        cores: 4\n",
    );
    assert_eq!(amended.changes, ["node `home-2` of the cluster `home`: agent on `big`, VMID 121, 192.168.10.200"]);
    let fields = HostFields { memory: "32GiB".to_owned(), ..HostFields::default() };
    changes(|source| add_host(source, "nuc", &fields), "+  nuc:\n+    memory: 32GiB\n+    address: 192.168.10.13\n");
    let fields = StorageFields { kind: "nfs".to_owned(), nfs: Some("/tank".to_owned()), ..StorageFields::default() };
    changes(
        |source| add_storage(source, "nas", &fields),
        "+storage:\n+  nas:\n+    kind: nfs\n+    address: 192.168.10.2\n+    nfs: /tank\n",
    );
}

#[test]
fn proposes_free_networks_and_a_free_pool_for_a_cluster() {
    changes(
        |source| add_cluster(source, "new", &ClusterFields::default()),
        "+  new:\n+    pods: 10.45.0.0/16\n+    services: 10.46.0.0/16\n+    load-balancer: 192.168.10.230-192.168.10.239\n\
         +    nodes:\n+      new-cp:\n+        host: big\n+        role: server\n+        vmid: 121\n\
         +        address: 192.168.10.200\n",
    );
    let given = ClusterFields {
        pods: Some("10.42.0.0/16".to_owned()),
        services: Some("10.43.0.0/16".to_owned()),
        load_balancer: Some("192.168.10.220-192.168.10.222".to_owned()),
        node: Some("one".to_owned()),
        first: NodeFields { host: Some("box".to_owned()), vmid: Some(7000), ..NodeFields::default() },
        ..ClusterFields::default()
    };
    changes(
        |source| add_cluster(source, "new", &given),
        "+  new:\n+    load-balancer: 192.168.10.220-192.168.10.222\n+    nodes:\n+      one:\n+        host: box\n\
         +        role: server\n+        vmid: 7000\n+        address: 192.168.10.200\n",
    );
}

#[test]
fn adds_keys_to_a_secret_entry_that_exists() {
    let keys = |keys: &[&str]| SecretFields {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..SecretFields::default()
    };
    changes(
        |source| add_secret(source, "shop", &keys(&["database-password", "token"])),
        "-    shop: { keys: [database-password] } # for its database\n\
         +    shop: { keys: [database-password, token] } # for its database\n",
    );
    changes(|source| add_secret(source, "mail", &keys(&["a", "b"])), "+    mail:\n+      keys: [a, b]\n");
    let message = amend(LAB, |source| add_secret(source, "unused", &keys(&["a"]))).expect_err("it has the key");
    assert_eq!(
        message,
        "the spec already has the secret entry `unused` (line 19); choose another name, such as `unused-2`"
    );
}

#[test]
fn adds_an_app_with_what_it_needs() {
    let fields = AppFields { host: Some("marks".to_owned()), ..AppFields::default() };
    let amended = amend(LAB, |source| add_app(source, "linkding", &fields)).expect("the app can be added");
    let changed = changed(LAB, &amended.text);
    assert!(changed.contains("+    linkding:\n+      description: \"Linkding: "), "{changed}");
    assert!(changed.contains("+      keys: [database-password, superuser-password]\n"), "{changed}");
    assert!(changed.contains("+      linkding:\n+        description: Bookmarks\n+        image:\n"), "{changed}");
    assert!(changed.contains("+        database: home/postgres\n"), "{changed}");
    assert!(changed.contains("+        expose: { host: marks }\n"), "{changed}");
    assert!(!changed.contains("\n-"), "{changed}");
    assert_eq!(
        amended.changes,
        [
            "app `linkding` of the cluster `home` (Linkding)",
            "secret entry `linkding`: database-password, superuser-password"
        ]
    );
}

#[test]
fn adds_an_app_from_an_image() {
    let image = Image {
        reference: "registry.example.com:5000/team/app:1.0".to_owned(),
        port: Some(8080),
        volumes: vec![Volume { name: "data".to_owned(), size: "5GiB".to_owned(), mount: "/data".to_owned() }],
        user: Some(1000),
        env: vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x: y".to_owned())],
        probe: Some("/health".to_owned()),
    };
    let fields = AppFields {
        image: Some(image),
        host: Some("app".to_owned()),
        public: true,
        database: DatabaseChoice::Any,
        ..AppFields::default()
    };
    let amended = changes(
        |source| add_app(source, "app", &fields),
        "+    app:\n+      description: \"app: password of its database\"\n+      keys: [database-password]\n\
         +      app:\n+        image:\n+          repository: registry.example.com:5000/team/app\n+          tag: \"1.0\"\n\
         +        port: 8080\n+        database: home/postgres\n+        env:\n+          A: \"1\"\n+          B: \"x: y\"\n\
         +        storage:\n+          data: { size: 5GiB, mount: /data }\n+        backup: none\n\
         +        expose: { host: app, public: true }\n+        probe: { path: /health }\n\
         +        security: { user: 1000, group: 1000 }\n",
    );
    assert!(amended.steps.iter().any(|step| step.contains("app/database-password")), "{:?}", amended.steps);
}

#[test]
fn adds_the_postgres_and_the_pool_that_an_app_needs() {
    let bare = LAB
        .replace("    platform: { postgres: { backup: none } }\n", "")
        .replace("        database: home/postgres\n", "")
        .replace("    load-balancer: 192.168.10.240-192.168.10.249\n", "");
    let fields = AppFields { database: DatabaseChoice::Any, ..AppFields::default() };
    let amended = amend(&bare, |source| add_app(source, "memos", &fields)).expect("the app can be added");
    let changed = changed(&bare, &amended.text);
    assert!(changed.contains("+    platform:\n+      postgres: {}\n"), "{changed}");
    assert!(changed.contains("+    load-balancer: 192.168.10.250-192.168.10.254\n"), "{changed}");
    assert!(changed.contains("+        database: home/postgres\n"), "{changed}");
    let none = AppFields { database: DatabaseChoice::None, ..AppFields::default() };
    let amended = amend(&bare, |source| add_app(source, "memos", &none)).expect("the app can be added");
    assert!(!amended.text.contains("postgres"), "{}", amended.text);
}

#[test]
fn refuses_names_that_are_taken_unknown_or_invalid() {
    let app = |name: &'static str, fields: AppFields| {
        amend(LAB, |source| add_app(source, name, &fields)).expect_err("the app cannot be added")
    };
    assert_eq!(
        app("shop", AppFields::default()),
        "the spec already has the app `shop` (line 32); choose another name, such as `shop-2`"
    );
    let message = app("linkdin", AppFields::default());
    assert!(message.starts_with("the catalogue has no app `linkdin`; did you mean `linkding`?"), "{message}");
    assert!(app("Shop", AppFields::default()).starts_with("`Shop` is not a valid name"));
    let other = AppFields { cluster: Some("hme".to_owned()), ..AppFields::default() };
    assert_eq!(app("memos", other), "there is no cluster `hme`; did you mean `home`?");
    let untagged = Image { reference: "localhost:5000/app".to_owned(), ..Image::default() };
    let message = app("x", AppFields { image: Some(untagged), ..AppFields::default() });
    assert_eq!(message, "the image has no tag; use that of one release: --image REPOSITORY:TAG");
    let node = amend(LAB, |source| add_node(source, "home-1", &NodeFields::default())).expect_err("it exists");
    assert_eq!(node, "the spec already has the node `home-1` (line 24); choose another name, such as `home-1-2`");
}

#[test]
fn a_renamed_app_keeps_its_objects() {
    changes(
        |source| rename(source, Kind::App, None, "shop", "store"),
        "-      shop:\n+      store:\n+        moved-from: shop\n",
    );
    changes(
        |source| rename(source, Kind::App, None, "login", "auth"),
        "-      login:\n+      auth:\n+        moved-from: login\n-        depends-on: [login]\n+        depends-on: [auth]\n",
    );
    let renamed = amend(LAB, |source| rename(source, Kind::App, None, "shop", "store")).expect("it can be renamed");
    let again = amend(&renamed.text, |source| rename(source, Kind::App, None, "store", "third")).expect("again");
    assert!(
        again.text.contains("      third:\n        description: Shop\n        moved-from: shop\n"),
        "{}",
        again.text
    );
    let back = amend(&renamed.text, |source| rename(source, Kind::App, None, "store", "shop")).expect("and back");
    assert_eq!(back.text, LAB);
}

#[test]
fn renames_entries_with_their_references() {
    changes(
        |source| rename(source, Kind::Secret, None, "unused", "token"),
        "-    unused: { keys: [a] }\n+    token: { keys: [a], path: /unused }\n\
         -        env: { TOKEN: { secret: unused/a } }\n+        env: { TOKEN: { secret: token/a } }\n",
    );
    changes(
        |source| rename(source, Kind::Host, None, "box", "small"),
        "-  box: { memory: 16GiB, address: 192.168.10.11 }\n+  small: { memory: 16GiB, address: 192.168.10.11 }\n\
         -      home-1: { host: box, vmid: 120, address: 192.168.10.42, memory: 8GiB }\n\
         +      home-1: { host: small, vmid: 120, address: 192.168.10.42, memory: 8GiB }\n",
    );
    changes(
        |source| rename(source, Kind::Cluster, None, "home", "house"),
        "-  home:\n+  house:\n-        database: home/postgres\n+        database: house/postgres\n",
    );
    let message = amend(LAB, |source| rename(source, Kind::Secret, None, "shop", "x")).expect_err("an app needs it");
    assert!(
        message.ends_with("cannot be renamed: line 32: the app `shop`, for the password of its database"),
        "{message}"
    );
    let message = amend(LAB, |source| rename(source, Kind::Host, None, "box", "big")).expect_err("it exists");
    assert_eq!(message, "the spec already has the host `big` (line 14); choose another name, such as `big-2`");
}

#[test]
fn renames_the_pins_of_a_cluster() {
    let text = "# @generated\nimages:\n  data/a:\n    tag: \"1\" # x\n  data-2/b:\n    tag: \"2\"\n";
    assert_eq!(pins(text, "data", "db").as_deref(), Ok(text.replace("data/a", "db/a").as_str()));
}

#[test]
fn removes_only_what_nothing_refers_to() {
    let removed = changes(
        |source| remove(source, Kind::App, None, "shop"),
        "-      # What people buy.\n-      shop:\n-        description: Shop\n\
         -        image: { repository: docker.io/vikunja/vikunja, tag: v1.0.0 }\n-        port: 80\n\
         -        database: home/postgres\n-        depends-on: [login]\n-        storage:\n\
         -          data: { size: 1GiB, mount: /data }\n-        backup: none\n",
    );
    assert_eq!(removed.notes, ["nothing uses the secret entry `shop` now: `homelab remove secret shop`"]);
    let removed = amend(LAB, |source| remove(source, Kind::App, None, "shop")).expect("nothing refers to it");
    let removed = amend(&removed.text, |source| remove(source, Kind::App, None, "login")).expect("nor to this");
    assert_eq!(removed.notes, ["nothing uses the secret entry `unused` now: `homelab remove secret unused`"]);
    let refused =
        |kind, name: &'static str| amend(LAB, |source| remove(source, kind, None, name)).expect_err("it is used");
    assert_eq!(
        refused(Kind::App, "login"),
        "the app `login` has 1 reference; remove or change it first:\n  line 37: clusters.home.apps.shop.depends-on.0"
    );
    assert_eq!(
        refused(Kind::Host, "box"),
        "the host `box` has 1 reference; remove or change it first:\n  line 24: clusters.home.nodes.home-1.host"
    );
    assert_eq!(
        refused(Kind::Secret, "shop"),
        "the secret entry `shop` has 1 reference; remove or change it first:\n  line 32: the app `shop`, for the password of its database"
    );
    assert_eq!(refused(Kind::App, "shpo"), "there is no app `shpo`; did you mean `shop`?");
    changes(|source| remove(source, Kind::Host, None, "big"), "-  big: { memory: 64GiB, address: 192.168.10.12 }\n");
}
