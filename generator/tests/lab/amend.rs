//! `homelab add`, `rename` and `remove`: what they write, what they refuse, and what they leave as it is.

use crate::support::{build, err, everything_spec, folder_with, homelab, out, reference_spec, repository, run, shown};
use homelab::amend::{self, AppFields, Kind, Refusal};
use homelab::catalogue::{self, Need};
use homelab::spec;
use rayon::prelude::*;
use serde_json::Value as Json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A folder with the reference spec and its generated files.
fn generated() -> tempfile::TempDir {
    let folder = folder_with(&reference_spec());
    assert_done(folder.path(), &["generate"]);
    folder
}

fn spec_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("spec/homelab.yaml")).expect("the spec exists")
}

/// Runs a command that succeeds, and returns what it prints.
#[track_caller]
fn assert_done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", out(&output), err(&output));
    out(&output).to_owned()
}

/// Runs a command that writes nothing, and returns what it says.
#[track_caller]
fn assert_refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let before = spec_of(folder);
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", out(&output), err(&output));
    assert_eq!(spec_of(folder), before, "{arguments:?}");
    assert_done(folder, &["generate", "--check"]);
    err(&output).to_owned()
}

/// The result without the time that it took.
fn snapshot(name: &str, arguments: &[&str]) -> tempfile::TempDir {
    let folder = generated();
    let printed = assert_done(folder.path(), arguments);
    let (before, after) = (reference_spec(), spec_of(folder.path()));
    let diff = similar::TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().context_radius(1).to_string();
    insta::assert_snapshot!(name, format!("$ homelab {}\n{printed}\n{diff}", arguments.join(" ")));
    assert_done(folder.path(), &["generate", "--check"]);
    folder
}

#[test]
fn adds_an_app_of_the_catalogue() {
    let arguments =
        ["add", "app", "marks", "--from", "linkding", "--cluster", "gordito", "--public", "--host", "marks"];
    let folder = snapshot("add-app", &arguments);
    assert!(folder.path().join("k8s/gordito/apps/marks/deployment.yaml").exists());
    let images = fs::read_to_string(folder.path().join("spec/images.yaml")).expect("image automation is in use");
    assert!(images.contains("gordito/marks:"), "{images}");
}

#[test]
fn adds_an_app_from_an_image() {
    snapshot(
        "add-app-from-an-image",
        &[
            &["add", "app", "whoami", "--image", "docker.io/traefik/whoami:v1.11.0", "--port", "80", "--user", "65534"]
                [..],
            &["--cluster", "data", "--database", "--volume", "data=5GiB:/data", "--env", "GREETING=hello, you"],
        ]
        .concat(),
    );
}

#[test]
fn adds_a_node_and_a_cluster() {
    snapshot("add-node", &["add", "node", "data-2", "--cluster", "data", "--memory", "4GiB"]);
    snapshot("add-cluster", &["add", "cluster", "lab", "--memory", "2GiB"]);
}

#[test]
fn renames_an_app_that_keeps_its_data() {
    let folder = snapshot("rename-app", &["rename", "app", "linkding", "bookmarks"]);
    assert!(folder.path().join("k8s/gordito/apps/linkding/deployment.yaml").exists());
    // The other way round is the spec as it was.
    assert_done(folder.path(), &["rename", "app", "bookmarks", "linkding"]);
    assert_eq!(spec_of(folder.path()), reference_spec());
}

#[test]
fn a_renamed_cluster_keeps_the_tags_that_flux_has_set() {
    let folder = generated();
    assert_done(folder.path(), &["pin", "gordito/memos", "0.30.2"]);
    let changed = assert_done(folder.path(), &["rename", "cluster", "gordito", "thin", "--yes"]);
    assert!(changed.contains("Cluster gordito is renamed to thin"), "{changed}");
    let images = fs::read_to_string(folder.path().join("spec/images.yaml")).expect("image automation is in use");
    assert!(images.contains("thin/memos:\n    tag: \"0.30.2\""), "{images}");
    assert_done(folder.path(), &["generate", "--check"]);
}

#[test]
fn asks_before_a_change_with_dangers() {
    let folder = generated();
    let arguments = ["remove", "app", "memos"];
    // The standard input of the tests is no terminal.
    let message = assert_refused(folder.path(), &arguments, 4);
    assert_eq!(message, "nothing was written: the change has dangers; add --yes to make it\n");
    let printed = assert_done(folder.path(), &[&arguments[..], &["--yes"]].concat());
    insta::assert_snapshot!("remove-app", printed);
    assert!(!folder.path().join("k8s/gordito/apps/memos").exists());
    let printed = assert_done(folder.path(), &["remove", "secret", "memos"]);
    assert!(printed.contains("removed  secret entry `memos`"), "{printed}");
}

#[test]
fn refuses_what_would_not_be_valid() {
    let folder = generated();
    let add = ["add", "app", "notes", "--from", "memos", "--cluster", "gordito"];
    for (arguments, expected) in [
        // The host name is that of another app.
        (&[&add[..], &["--host", "memos"]].concat()[..], "error["),
        (&["add", "node", "x", "--cluster", "data", "--address", "192.168.10.150"], "error[address-in-dhcp]"),
        (&["add", "app", "x", "--cluster", "data"], "the catalogue has no app `x`"),
        (&["add", "app", "memos"], "the lab has several clusters; add --cluster data or --cluster gordito"),
        (&["remove", "host", "lenovo"], ": clusters.data.nodes.data-cp.host"),
        (&["remove", "node", "gordito-worker"], "error[need-unmet]"),
        (&["rename", "app", "linkding", "memos"], "the spec already has the app `memos`"),
    ] {
        let message = assert_refused(folder.path(), arguments, 2);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn a_dry_run_prints_the_diff_and_writes_nothing() {
    let folder = generated();
    let printed = assert_done(folder.path(), &["add", "host", "nuc", "--memory", "32GiB", "--dry-run"]);
    let expected = "--- a/spec/homelab.yaml\n+++ b/spec/homelab.yaml\n";
    assert!(printed.starts_with(expected) && printed.contains("+  nuc:\n+    memory: 32GiB\n"), "{printed}");
    assert_eq!(spec_of(folder.path()), reference_spec());
    // A plan with dangers comes before the diff, without a question.
    let printed = assert_done(folder.path(), &["remove", "app", "memos", "--dry-run"]);
    assert!(printed.contains("Dangers\n") && printed.contains("\n-      memos:\n"), "{printed}");
    assert_eq!(spec_of(folder.path()), reference_spec());
}

#[test]
fn can_leave_the_generated_files_as_they_are() {
    let folder = generated();
    assert_done(folder.path(), &["add", "secret", "mail", "--key", "password", "--no-generate"]);
    assert_done(folder.path(), &["add", "host", "nuc", "--memory", "32GiB", "--no-generate"]);
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(1));
}

#[test]
fn reports_a_change_as_json() {
    let folder = generated();
    let json = |arguments: &[&str]| -> Json {
        let printed = assert_done(folder.path(), &[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    };
    let added = json(&["add", "secret", "mail", "--key", "password"]);
    assert_eq!(added["verb"], "added");
    assert_eq!(added["changes"][0], "secret entry `mail`: password");
    assert!(added["diff"].as_str().is_some_and(|diff| diff.contains("+    mail:\n")), "{added}");
    assert!(added["plan"].is_null(), "{added}");
    let renamed = json(&["rename", "host", "lenovo", "neo", "--dry-run"]);
    assert!(renamed["plan"]["dangers"].as_array().is_some_and(|dangers| !dangers.is_empty()), "{renamed}");
    assert_eq!(renamed["dry-run"], true);
}

#[test]
fn keeps_the_permissions_of_the_spec_and_follows_links() {
    let folder = generated();
    let (spec, real) = (folder.path().join("spec/homelab.yaml"), folder.path().join("spec/real.yaml"));
    fs::rename(&spec, &real).expect("the folder is writable");
    std::os::unix::fs::symlink("real.yaml", &spec).expect("the folder is writable");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    assert_done(folder.path(), &["add", "secret", "mail", "--key", "password", "--no-generate"]);
    assert!(fs::symlink_metadata(&spec).expect("it exists").is_symlink());
    let mode = fs::metadata(&real).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(spec_of(folder.path()).contains("\n    mail:\n"));
    let left: Vec<_> = fs::read_dir(folder.path().join("spec")).expect("it exists").flatten().collect();
    let names: Vec<_> = left.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
}

#[test]
fn an_encrypted_file_that_is_missing_does_not_stop_a_new_secret() {
    let case = repository().join("tests/valid/secrets-by-sops");
    let folder = folder_with(&fs::read_to_string(case.join("spec.yaml")).expect("the case exists"));
    let copy = |from: &Path, to: &Path| {
        for entry in walkdir::WalkDir::new(from).into_iter().flatten() {
            let target = to.join(entry.path().strip_prefix(from).expect("it is below"));
            match entry.file_type().is_dir() {
                true => fs::create_dir_all(target).expect("the folder is writable"),
                false => drop(fs::copy(entry.path(), target).expect("the folder is writable")),
            }
        }
    };
    copy(&case.join("spec"), &folder.path().join("spec"));
    assert_done(folder.path(), &["generate"]);
    let arguments = ["add", "app", "shop", "--image", "docker.io/vikunja/vikunja:v1.0.0", "--port", "80"];
    let arguments = [&arguments[..], &["--cluster", "home", "--database"]].concat();
    let printed = assert_done(folder.path(), &arguments);
    assert!(printed.contains("the generated files are not updated"), "{printed}");
    assert!(
        printed.contains("- Create or change the encrypted files: `homelab secrets` prints the commands"),
        "{printed}"
    );
    assert!(spec_of(folder.path()).contains("    shop:\n"));
}

#[test]
fn each_form_of_add_has_help() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    for kind in ["app", "node", "host", "cluster", "secret", "storage"] {
        let output = homelab(folder.path()).args(["add", kind, "--help"]).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        insta::assert_snapshot!(format!("help-add-{kind}"), out(&output));
    }
}

/// A lab with one cluster that offers what apps use, except other apps and devices.
const OFFERS: &str = "\
version: 1
lab:
  name: homelab
  domain: example.com
  repository: ssh://git@github.com/example/homelab
  admin: { email: admin@example.com, ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC] }
network:
  lan: { cidr: 192.168.10.0/24, gateway: 192.168.10.1 }
  public: { address: 203.0.113.10 }
hosts:
  box: { memory: 512GiB, address: 192.168.10.11, gpu: intel }
storage:
  nas: { kind: nfs, address: 192.168.10.20, nfs: /mnt/tank, volumes: /mnt/tank/volumes }
secrets:
  store: { vault: { server: https://vault.example.com } }
  entries:
    cloudflare: { keys: [api-token] }
dns:
  cloudflare: { api-token: cloudflare/api-token }
clusters:
  home:
    nodes:
      home-1: { host: box, vmid: 100, address: 192.168.10.41, memory: 256GiB, cores: 64, disk: 500GiB, gpu: true, privileged: true }
";

#[test]
fn adds_each_app_of_the_catalogue_to_a_lab_that_offers_what_it_needs() {
    let parsed = spec::parse(OFFERS.as_bytes()).expect("the lab is valid");
    let source = amend::Source { text: OFFERS, root: &parsed.root, spec: &parsed.spec };
    let (mut added, mut wrong) = (0, Vec::new());
    for entry in catalogue::all() {
        let fields = AppFields { public: true, ..AppFields::default() };
        match amend::add_app(source, entry.name, &fields) {
            Ok(amended) => {
                let built = build(&amended.text, &repository());
                added += 1;
                if built.diagnostics.has_errors() {
                    wrong.push(format!("{}: {}", entry.name, shown(&built.diagnostics, &amended.text)));
                }
            }
            Err(_) if entry.needs.contains(&Need::Device) || !entry.needs_apps.is_empty() => {}
            Err(error) => wrong.push(format!("{}: {error:?}", entry.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(added > 40, "only {added} apps can be added");
}

/// Every kind of entry, with its names in a spec.
fn entries(spec: &spec::Spec) -> Vec<(Kind, Option<String>, String)> {
    let all = |kind, cluster: Option<&str>, names: Vec<&str>| {
        let entry = |name: &str| (kind, cluster.map(str::to_owned), name.to_owned());
        names.into_iter().map(entry).collect::<Vec<_>>()
    };
    let mut found = all(Kind::Host, None, spec.hosts.names().collect());
    found.extend(all(Kind::Storage, None, spec.storage.names().collect()));
    found.extend(all(Kind::Cluster, None, spec.clusters.names().collect()));
    found.extend(all(Kind::Secret, None, spec.secrets.iter().flat_map(|secrets| secrets.entries.names()).collect()));
    for cluster in &spec.clusters {
        let name = Some(cluster.name.as_str());
        found.extend(all(Kind::App, name, cluster.value.apps.names().collect()));
        found.extend(all(Kind::Node, name, cluster.value.nodes.names().collect()));
    }
    found
}

#[test]
fn a_spec_is_valid_whatever_is_renamed() {
    let text = everything_spec();
    let parsed = spec::parse(text.as_bytes()).expect("the spec is valid");
    let source = amend::Source { text: &text, root: &parsed.root, spec: &parsed.spec };
    let check = |(kind, cluster, name): &(Kind, Option<String>, String)| {
        let amended = match amend::rename(source, *kind, cluster.as_deref(), name, "renamed") {
            Ok(amended) => amended,
            // The entry with the password of a database has the name of its app.
            Err(Refusal::Usage(message)) if message.contains("cannot be renamed") => return None,
            Err(error) => return Some(format!("{kind:?} {name}: {error:?}")),
        };
        let built = build(&amended.text, &repository());
        built.diagnostics.has_errors().then(|| format!("{kind:?} {name}: {}", shown(&built.diagnostics, &amended.text)))
    };
    let entries = entries(&parsed.spec);
    let wrong: Vec<String> = entries.par_iter().filter_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(entries.len() > 20, "{}", entries.len());
}
