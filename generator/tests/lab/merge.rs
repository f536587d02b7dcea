//! Two people who change different apps merge without a conflict, and the merge of their outputs is
//! the output of their merged specs. With real Git, over all pairs of changes.

use crate::support::{build, folder_with, run, shown, tool};
use homelab::tree;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TOP: &str = "version: 1

lab:
  name: lab
  domain: example.com
  repository: https://github.com/example/homelab
  admin:
    email: admin@example.com
    ssh-keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC

network:
  lan:
    cidr: 192.168.10.0/24
    gateway: 192.168.10.1

hosts:
  box:
    memory: 64GiB
    address: 192.168.10.11

secrets:
  store:
    infisical:
      project: lab
      environment: prod
  entries:
    shared:
      keys: [one, two]

dns:
  cloudflare:
    api-token: shared/one

clusters:
";

/// The apps of the two clusters; the lines of each are far from those of the others.
const CLUSTERS: [(&str, u8, [&str; 4]); 2] =
    [("east", 1, ["alpha", "bravo", "charlie", "delta"]), ("west", 2, ["echo", "foxtrot", "golf", "hotel"])];

fn app(name: &str) -> String {
    format!(
        "
      {name}:
        description: The app {name}
        image:
          repository: docker.io/library/{name}
          tag: \"1.0.0\"
        port: 8080
        env:
          {upper}_LOG: info
        expose:
          host: {name}
        security:
          user: 1000
          group: 1000
",
        upper = name.to_uppercase()
    )
}

fn base() -> String {
    let mut text = TOP.to_owned();
    for (cluster, number, apps) in CLUSTERS {
        text.push_str(&format!(
            "  {cluster}:
    pods: 10.5{number}.0.0/16
    services: 10.6{number}.0.0/16
    load-balancer: 192.168.10.2{number}0-192.168.10.2{number}9
    nodes:
      {cluster}-1:
        host: box
        vmid: 10{number}
        address: 192.168.10.4{number}
    apps:
"
        ));
        for name in apps {
            // Lines that nobody changes keep the changes of neighbours apart.
            text.push_str(&format!("\n      # Here begins the app\n      # {name}.\n"));
            text.push_str(&app(name));
        }
        text.push('\n');
    }
    text
}

/// A change of the spec that someone makes on a branch of their own.
struct Change {
    branch: String,
    app: &'static str,
    spec: String,
}

/// The spec with something replaced inside the lines of one app.
fn edited(app: &str, from: &str, to: &str) -> String {
    let text = base();
    let start = text.find(&format!("\n      {app}:\n")).expect("it is one of the apps");
    let at = start + text[start..].find(from).expect("each app has such a line");
    format!("{}{to}{}", &text[..at], &text[at + from.len()..])
}

fn removed(name: &str) -> String {
    base().replace(&app(name), "")
}

/// The spec with a new app behind another one.
fn added(name: &str, behind: &str) -> String {
    base().replace(&app(behind), &(app(behind) + &app(name)))
}

fn renamed(from: &str, to: &str) -> String {
    base().replace(&app(from), &app(to))
}

fn changes() -> Vec<Change> {
    let change = |what: &str, app: &'static str, spec: String| {
        assert_ne!(spec, base(), "{what} {app} changes nothing");
        Change { branch: format!("{what}-{app}"), app, spec }
    };
    vec![
        change("tag", "alpha", edited("alpha", "tag: \"1.0.0\"", "tag: \"1.1.0\"")),
        change("port", "bravo", edited("bravo", "port: 8080", "port: 9090")),
        change("host", "charlie", edited("charlie", "host: charlie", "host: third")),
        change(
            "env",
            "delta",
            edited("delta", "_LOG: info", "_LOG: debug\n          DELTA_KEY: { secret: shared/two }"),
        ),
        change(
            "needs",
            "delta",
            edited("delta", "        security:", "        depends-on: [alpha]\n        security:"),
        ),
        change(
            "needs",
            "charlie",
            edited("charlie", "        security:", "        depends-on: [alpha]\n        security:"),
        ),
        change(
            "secret",
            "alpha",
            edited("alpha", "_LOG: info", "_LOG: info\n          ALPHA_KEY: { secret: shared/two }"),
        ),
        change("remove", "bravo", removed("bravo")),
        change("rename", "charlie", renamed("charlie", "zulu")),
        change("add", "india", added("india", "alpha")),
        change("add", "juliett", added("juliett", "delta")),
        change("tag", "echo", edited("echo", "tag: \"1.0.0\"", "tag: \"2.0.0\"")),
        change(
            "volume",
            "foxtrot",
            edited(
                "foxtrot",
                "        security:",
                "        storage:\n          data: { size: 1GiB, mount: /data }\n        security:",
            ),
        ),
        change("remove", "golf", removed("golf")),
        change("hide", "hotel", edited("hotel", "        expose:\n          host: hotel\n", "")),
        change("add", "kilo", added("kilo", "foxtrot")),
    ]
}

/// A repository with a branch for each change, spec and output in one commit.
struct Repository {
    git: PathBuf,
    folder: tempfile::TempDir,
}

impl Repository {
    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn try_git(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.git);
        command.current_dir(self.root()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root()).env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
            command.env(who, "somebody");
        }
        command.args(arguments).output().expect("git starts")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn commit(&self, spec: &str) {
        fs::write(self.root().join("spec/homelab.yaml"), spec).expect("the folder is writable");
        let built = build(spec, self.root());
        let tree = built.tree.unwrap_or_else(|| panic!("{}", shown(&built.diagnostics, spec)));
        let plan = tree::compare(&tree, self.root()).expect("the folder is readable");
        tree::write(&plan, self.root()).expect("the folder is writable");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "change"]);
    }

    /// What the merged spec asks for is what the merged files are.
    fn judge(&self, what: &str) {
        let spec = fs::read_to_string(self.root().join("spec/homelab.yaml")).expect("it is there");
        let built = build(&spec, self.root());
        let tree = built.tree.unwrap_or_else(|| panic!("{what}:\n{}", shown(&built.diagnostics, &spec)));
        let plan = tree::compare(&tree, self.root()).expect("the folder is readable");
        assert!(plan.changes.is_empty() && plan.foreign.is_empty(), "{what}: {:?} {:?}", plan.changes, plan.foreign);
    }
}

#[test]
fn changes_of_different_apps_merge_cleanly_and_the_merge_is_what_its_spec_says() {
    let Some(git) = tool("git") else { return };
    let repository = Repository { git, folder: folder_with("") };
    repository.git(&["init", "--quiet", "--initial-branch", "main"]);
    repository.commit(&base());
    let changes = changes();
    for change in &changes {
        repository.git(&["checkout", "--quiet", "-b", &change.branch, "main"]);
        repository.commit(&change.spec);
    }
    let mut pairs = 0;
    for (at, one) in changes.iter().enumerate() {
        for other in changes[at + 1..].iter().filter(|other| other.app != one.app) {
            let what = format!("{} and {}", one.branch, other.branch);
            repository.git(&["checkout", "--quiet", "--detach", &one.branch]);
            let merge = repository.try_git(&["merge", "--quiet", "--no-edit", &other.branch]);
            assert!(merge.status.success(), "{what}: {}", String::from_utf8_lossy(&merge.stdout));
            repository.judge(&what);
            pairs += 1;
        }
    }
    assert!(pairs >= 30, "only {pairs} pairs");
    let output = run(repository.root(), &["generate", "--check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// All at once, as a busy day ends.
#[test]
fn many_branches_merge_one_after_the_other() {
    let Some(git) = tool("git") else { return };
    let repository = Repository { git, folder: folder_with("") };
    repository.git(&["init", "--quiet", "--initial-branch", "main"]);
    repository.commit(&base());
    let mut taken = std::collections::BTreeSet::new();
    let changes: Vec<_> = changes().into_iter().filter(|change| taken.insert(change.app)).collect();
    for change in &changes {
        repository.git(&["checkout", "--quiet", "-b", &change.branch, "main"]);
        repository.commit(&change.spec);
    }
    repository.git(&["checkout", "--quiet", "main"]);
    for change in &changes {
        repository.git(&["merge", "--quiet", "--no-edit", &change.branch]);
        repository.judge(&change.branch);
    }
}
