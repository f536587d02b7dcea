//! `homelab status`. Each file in `tests/status` is a state of the cluster `gordito`: what differs from a cluster in which
//! everything is ready. The snapshot beside it is what the command prints.

use crate::live::{Live, NOW};
use crate::machines::{Fault, Machines, repository};
use homelab::diagnostic::Diagnostics;
use homelab::model::Lab;
use homelab::operate::cluster::{self, Git, Reading, Services, View};
use homelab::resolve;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::LazyLock;

const SERVER: &str = "192.168.10.42";
const AGENT: &str = "192.168.10.43";

/// The nodes: address and name of the host, VMID and name of the node.
const NODES: [(&str, &str, u32, &str); 3] = [
    ("192.168.10.11", "lenovo", 120, "data-cp"),
    ("192.168.10.11", "lenovo", 121, "gordito-cp"),
    ("192.168.10.12", "elitedesk", 122, "gordito-worker"),
];

/// Makes the container of a node as it is defined, and lets it run.
fn container(machines: &Machines, machine: &Path, host: &str, vmid: u32, node: &str) {
    let path = machines.lab().join(format!("nix/nodes/{node}/container.conf"));
    let definition = fs::read_to_string(path).expect("it is committed");
    let rootfs = format!(":vm-{vmid}-disk-0,size=");
    let line = |line: &str| match line.strip_prefix("rootfs: ").and_then(|value| value.split_once(':')) {
        Some((storage, size)) => format!("rootfs: {storage}{rootfs}{size}G\n"),
        None => format!("{line}\n"),
    };
    let folder = machine.join(format!("root/etc/pve/nodes/{host}/lxc"));
    fs::create_dir_all(&folder).expect("the folder is writable");
    let lines = definition.lines().filter(|line| !line.starts_with('#')).map(line);
    fs::write(folder.join(format!("{vmid}.conf")), lines.collect::<String>()).expect("the folder is writable");
    fs::create_dir_all(machine.join("running")).expect("the folder is writable");
    fs::write(machine.join("running").join(vmid.to_string()), "").expect("the folder is writable");
}

/// The reference lab.
static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let root = repository();
    let spec = fs::read(root.join("spec/homelab.yaml")).expect("it is committed");
    let files = |spec: &_| {
        let paths = resolve::referenced(spec).into_iter().chain(resolve::committed(spec));
        let read = |path: &str| fs::read(root.join(path)).expect("it is committed");
        Ok::<_, Diagnostics>(paths.map(|path| (path.clone(), Ok(read(&path)))).collect())
    };
    homelab::build(&spec, "spec/homelab.yaml", files).expect("the spec is valid").lab
});

/// The objects of its cluster `gordito` with everything ready.
static READY: LazyLock<Live> = LazyLock::new(|| Live::ready(&repository()));

/// A state of the cluster.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    /// Whether the API answers.
    #[serde(default = "yes")]
    api: bool,
    /// Whether Flux is installed.
    #[serde(default = "yes")]
    flux: bool,
    /// Services of systemd that are not active, by machine.
    #[serde(default)]
    services: BTreeMap<String, BTreeMap<String, Service>>,
    /// Machines that do not answer.
    #[serde(default)]
    unreachable: Vec<String>,
    /// Kinds of which no object exists, or only others than those with these names.
    #[serde(default)]
    without: BTreeMap<String, Vec<String>>,
    /// Kustomizations that fail, so that all that depend on them wait.
    #[serde(default)]
    fails: Vec<Failure>,
    /// Fields that differ, and objects that exist besides.
    #[serde(default)]
    objects: Vec<Value>,
    /// Files of machines that differ, and those that do not exist, as paths from the folder of all machines.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    without_files: Vec<String>,
    /// Arguments of the command.
    #[serde(default)]
    arguments: Vec<String>,
    /// Its exit code. Only then the command runs, on scripted machines.
    exit: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    state: String,
    #[serde(default)]
    result: String,
    #[serde(default)]
    log: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    units: Vec<String>,
    reason: String,
    message: String,
}

fn yes() -> bool {
    true
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("it can be read");
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The objects of the cluster.
    fn live(&self) -> Live {
        let mut live = if self.flux { READY.clone() } else { Live::without_flux(&repository()) };
        for (kind, names) in &self.without {
            live.remove(kind, &names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        for failure in &self.fails {
            let units: Vec<_> = failure.units.iter().map(String::as_str).collect();
            live.fail(&units, &failure.reason, &failure.message);
        }
        self.objects.iter().for_each(|object| live.merge(object));
        live
    }

    /// The view of the cluster, without machines.
    fn view(&self) -> View {
        let cluster = LAB.clusters.iter().find(|cluster| cluster.name.as_str() == "gordito").expect("the lab has it");
        let service = |address: &str| {
            let mut service = cluster::Service {
                state: "active".to_owned(),
                secrets: "success".to_owned(),
                ..cluster::Service::default()
            };
            for (name, other) in self.services.get(address).into_iter().flatten() {
                let log = other.log.lines().map(str::to_owned).collect();
                match name.as_str() {
                    "k3s" => (service.state, service.log) = (other.state.clone(), log),
                    _ => (service.secrets, service.secrets_log) = (other.result.clone(), log),
                }
            }
            service
        };
        let (objects, warnings) = self.live().lists();
        let objects = if self.api { Ok(objects) } else { Err("connection refused".to_owned()) };
        let reading = Reading { now: NOW, service: Some(service(SERVER)), objects, warnings };
        let services = Services::from([
            ("gordito-cp".to_owned(), Ok(service(SERVER))),
            ("gordito-worker".to_owned(), Ok(service(AGENT))),
        ]);
        View::of(&LAB, cluster, &reading, &services, Git::default())
    }

    /// What the command prints, on scripted machines. `None` if they cannot be made.
    fn run(&self, code: i32) -> Option<String> {
        let machines = self.machines()?;
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        let output = status(&machines, &arguments);
        let (printed, messages) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{printed}{messages}");
        // With `--verbose`, commands are shown.
        let is_expected = |line: &str| line.starts_with("$ ") || line.starts_with("asking ");
        assert!(messages.lines().all(is_expected), "{messages}");
        Some(printed)
    }

    /// Makes the machines of the cluster.
    fn machines(&self) -> Option<Machines> {
        let machines = Machines::of_the_reference_lab()?;
        for address in [SERVER, AGENT] {
            machines.add(address, "node");
            let machine = machines.state().join(address);
            fs::write(machine.join("now"), NOW.to_string()).expect("the folder is writable");
            for (name, service) in self.services.get(address).into_iter().flatten() {
                let folder = machine.join("services").join(name);
                fs::create_dir_all(&folder).expect("the folder is writable");
                let result = if service.result.is_empty() { "success" } else { &service.result };
                for (file, text) in [("state", service.state.as_str()), ("result", result), ("log", &service.log)] {
                    fs::write(folder.join(file), text).expect("the folder is writable");
                }
            }
        }
        for (address, host, vmid, node) in NODES {
            machines.add(address, "host");
            let machine = machines.state().join(address);
            fs::write(machine.join("name"), host).expect("the folder is writable");
            container(&machines, &machine, host, vmid, node);
        }
        for (path, text) in &self.files {
            fs::write(machines.state().join(path), text).expect("the folder exists");
        }
        for path in &self.without_files {
            fs::remove_file(machines.state().join(path)).expect("it exists");
        }
        for address in &self.unreachable {
            fs::write(machines.state().join(address).join("unreachable"), "").expect("the folder is writable");
        }
        if self.api {
            self.live().write(&machines.state().join(SERVER).join("kubernetes"));
        }
        Some(machines)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is UTF-8")
}

fn status(machines: &Machines, arguments: &[&str]) -> Output {
    machines.homelab(&[&["status", "gordito"], arguments].concat())
}

#[test]
fn shows_each_state_as_in_its_snapshot() {
    insta::glob!("../../../tests/status", "*.yaml", |path| {
        let case = Case::read(path);
        let name = path.file_stem().and_then(|name| name.to_str()).expect("cases have plain names");
        let printed = match case.exit {
            None => Some(case.view().human(false)),
            Some(code) => case.run(code),
        };
        let Some(printed) = printed else { return };
        let widest = printed.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100) || printed.starts_with('{'), "{name}: {printed}");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(repository().join("tests/status"));
        settings.set_prepend_module_to_snapshot(false);
        settings.remove_snapshot_suffix();
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, printed));
    });
}

/// Makes the objects those that the API of the server shows at its `number`th look, from 0.
fn at_look(machines: &Machines, number: usize, live: &Live) {
    let folder = machines.state().join(SERVER);
    let name = if number == 0 { "kubernetes".to_owned() } else { format!("kubernetes.{number}") };
    let _ = fs::remove_dir_all(folder.join(&name));
    live.write(&folder.join(name));
}

/// Messages without the time that has passed.
fn without_times(output: &Output) -> String {
    let time = regex::Regex::new(r"(?m)^\[ *\d+:\d\d\] ").expect("it is valid");
    time.replace_all(&text(&output.stderr), "").into_owned()
}

const APPLYING: &str = "Running health checks for revision main@sha1:0123 with a timeout of 9m30s";

#[test]
fn watches_until_all_is_ready() {
    let Some(machines) = Case::read(&repository().join("tests/status/ready.yaml")).machines() else { return };
    let mut live = Live::without_flux(&repository());
    live.remove("Node", &["gordito-worker"]);
    at_look(&machines, 0, &live);
    at_look(&machines, 1, &Live::without_flux(&repository()));
    for (number, units) in [(2, vec!["external-secrets", "metallb", "cert-manager"]), (3, vec!["external-secrets"])] {
        let mut live = READY.clone();
        live.fail(&units, "Progressing", APPLYING);
        at_look(&machines, number, &live);
    }
    at_look(&machines, 4, &READY);
    let output = status(&machines, &["--watch", "--interval", "0"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!("watch_until_ready", without_times(&output));
    let expected = "gordito: ready: 2 nodes, 38 units, at main@012345678\n\ncontainers: 2 are as defined\n";
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn watch_ends_with_a_failure_that_lasts() {
    let case = Case::read(&repository().join("tests/status/store-credential.yaml"));
    let Some(machines) = case.machines() else { return };
    let output = status(&machines, &["--watch", "--interval", "0"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    insta::assert_snapshot!("watch_until_stuck", without_times(&output));
    assert!(text(&output.stdout).starts_with(&case.view().human(false)), "{}", text(&output.stdout));
}

#[test]
fn watch_survives_a_lost_connection_and_ends_at_its_limit() {
    let Some(machines) = Case::read(&repository().join("tests/status/progressing.yaml")).machines() else { return };
    machines.break_at(1, Fault::Drop);
    let output = status(&machines, &["--watch", "--timeout", "0"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("it did not answer"), "{}", text(&output.stdout));
    machines.repair();
    let output = status(&machines, &["--watch", "--timeout", "0"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("5 progressing"), "{}", text(&output.stdout));
}

#[test]
fn asks_one_server_once() {
    let Some(machines) = Case::read(&repository().join("tests/status/ready.yaml")).machines() else { return };
    machines.forget();
    assert_eq!(status(&machines, &[]).status.code(), Some(0));
    // One more for each host of its containers.
    assert_eq!(machines.started().len(), 3, "{:?}", machines.started());
}

#[test]
fn asks_the_next_server_if_the_first_is_off() {
    let Some(machines) = Machines::of_the_reference_lab() else { return };
    let spec =
        fs::read(repository().join("tests/valid/three-servers-and-an-agent/spec.yaml")).expect("it is committed");
    fs::write(machines.lab().join("spec/homelab.yaml"), spec).expect("the folder is writable");
    let output = machines.homelab(&["status", "--quiet"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let started = machines.started();
    assert!(started.len() > 3, "{started:?}");
    let server = started[1].split("root@").nth(1).and_then(|rest| rest.split(' ').next()).expect("it is a destination");
    machines.add(server, "node");
    Live::without_flux(&repository()).write(&machines.state().join(server).join("kubernetes"));
    machines.forget();
    let output = machines.homelab(&["status", "--quiet"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Flux Operator"), "{}", text(&output.stdout));
    assert!(machines.started()[1].contains(server), "{:?}", machines.started());
}

#[test]
fn uses_kubectl_here_with_a_kubeconfig() {
    let Some(machines) = Case::read(&repository().join("tests/status/ready.yaml")).machines() else { return };
    READY.write(&machines.state().join("kubernetes"));
    fs::remove_dir_all(machines.state().join(SERVER)).expect("it exists");
    machines.forget();
    let output = status(&machines, &["--kubeconfig", "/tmp/gordito", "--context", "admin"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let started = machines.started();
    assert_eq!(started.len(), 3, "{started:?}");
    assert!(
        started.iter().all(|line| line.starts_with("kubectl --kubeconfig /tmp/gordito --context admin get ")),
        "{started:?}"
    );
    // Only errors of the API make the command fail.
    fs::remove_dir_all(machines.state().join("kubernetes")).expect("it exists");
    let output = status(&machines, &["--kubeconfig", "/tmp/gordito"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("was refused"), "{}", text(&output.stdout));
}

#[test]
fn rejects_clusters_that_do_not_exist() {
    let Some(machines) = Case::read(&repository().join("tests/status/ready.yaml")).machines() else { return };
    let output = machines.homelab(&["status", "gordita"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "error: there is no cluster `gordita`; did you mean `gordito`?\n");
}

#[test]
fn shows_all_clusters() {
    let Some(machines) = Case::read(&repository().join("tests/status/ready.yaml")).machines() else { return };
    let output = machines.homelab(&["status"]);
    assert_eq!(output.status.code(), Some(3), "data has no machine");
    let printed = text(&output.stdout);
    assert!(printed.starts_with("data: cannot be asked\n") && printed.contains("\n\ngordito: ready: "), "{printed}");
}

#[test]
fn compares_the_commit_with_the_branch_here() {
    let Some(machines) = Case::read(&repository().join("tests/status/ready.yaml")).machines() else { return };
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
        let output = machines.command("git").args(identity).args(arguments).output()?;
        assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
        Ok::<_, std::io::Error>(text(&output.stdout).trim().to_owned())
    };
    if git(&["init", "--quiet", "--initial-branch=main"]).is_err() {
        eprintln!("skipped: there is no `git`");
        return;
    }
    let commit = || git(&["commit", "--quiet", "--allow-empty", "--message=change"]).expect("it starts");
    let run = |arguments: &[&str]| git(arguments).expect("it starts");
    commit();
    let applied = run(&["rev-parse", "HEAD"]);
    run(&["clone", "--quiet", "--bare", ".", "../origin.git"]);
    run(&["remote", "add", "origin", "../origin.git"]);
    commit();
    run(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    at_look(&machines, 0, &READY.with_commit(&applied));
    let output = status(&machines, &[]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("Flux has not fetched 1 commit of `main`; it looks every 5m"), "{printed}");

    at_look(&machines, 0, &READY.with_commit(&run(&["rev-parse", "HEAD"])));
    commit();
    commit();
    let output = status(&machines, &[]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("2 commits of the branch here are not pushed"), "{printed}");
    // Units of these commits are not in the cluster.
    let mut live = READY.with_commit(&run(&["rev-parse", "HEAD~2"]));
    live.remove("Kustomization", &["memos"]);
    at_look(&machines, 0, &live);
    let printed = text(&status(&machines, &[]).stdout);
    assert!(
        printed.contains("failed   unit memos\n           Flux does not have it: it is in a commit that is not pushed"),
        "{printed}"
    );
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let page = fs::read_to_string(repository().join("docs/status.md")).expect("it is committed");
    for name in ["ready", "store-credential", "container-differs"] {
        let snapshot =
            fs::read_to_string(repository().join(format!("tests/status/{name}.snap"))).expect("it is committed");
        let printed = snapshot.split("---\n").nth(2).expect("it has a header");
        // The page leaves out what is as expected.
        let start = printed.strip_suffix("\n\ncontainers: 2 are as defined\n").unwrap_or(printed).trim_end();
        assert!(page.contains(&format!("$ homelab status gordito\n{start}\n")), "{start}");
    }
}
