//! Changes of different apps merge without conflicts, and the merged output is the output of the merged spec. Tested
//! with Git, for all pairs of changes.

use crate::support::{build, run, shown, temporary_folder, tool};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SPEC: &str = "spec/homelab.yaml";

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
  public:
    address: 203.0.113.7

hosts:
  box:
    memory: 64GiB
    address: 192.168.10.11

storage:
  nas:
    kind: synology
    address: 192.168.10.20
    nfs: /volume1
    dsm: { username: shared/one, password: shared/two }

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

/// The apps of the two clusters, in the order of the spec.
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
    platform:
      lan-dns: {{}}
      storage: {{}}
    apps:
"
        ));
        for name in apps {
            // Lines that no branch changes separate the changes of adjacent apps.
            text.push_str(&format!("\n      # Here begins the app\n      # {name}.\n"));
            text.push_str(&app(name));
        }
        text.push('\n');
    }
    text
}

/// A change of the spec, on its own branch.
struct Change {
    branch: String,
    app: &'static str,
    spec: String,
}

/// The spec with a text replaced in the lines of one app.
fn edited(app: &str, from: &str, to: &str) -> String {
    let text = base();
    let start = text.find(&format!("\n      {app}:\n")).expect("it is one of the apps");
    let at = start + text[start..].find(from).expect("each app has such a line");
    format!("{}{to}{}", &text[..at], &text[at + from.len()..])
}

fn removed(name: &str) -> String {
    base().replace(&app(name), "")
}

/// The spec with a new app after another one.
fn added(name: &str, after: &str) -> String {
    base().replace(&app(after), &(app(after) + &app(name)))
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
        change("publish", "echo", edited("echo", "host: echo", "host: echo\n          public: true")),
        change("publish", "hotel", edited("hotel", "host: hotel", "host: hotel\n          public: true")),
        change(
            "share",
            "echo",
            edited(
                "echo",
                "        security:",
                "        storage:\n          media: { nfs: nas/media, mount: /media }\n        security:",
            ),
        ),
        change(
            "network-volume",
            "bravo",
            edited(
                "bravo",
                "        security:",
                "        storage:\n          data: { size: 1GiB, mount: /data, class: synology-csi-nfs-nas-retain }\n        \
                 security:",
            ),
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

/// The files of a commit, by path.
type Files = BTreeMap<String, String>;

/// A spec, and the files that are generated from it.
fn files(spec: &str, what: &str) -> Files {
    let built = build(spec, Path::new("/nonexistent"));
    let tree = built.tree.unwrap_or_else(|| panic!("{what}:\n{}", shown(&built.diagnostics, spec)));
    let generated = tree.files().iter().map(|file| (file.path.to_string(), file.text.to_string()));
    generated.chain([(SPEC.to_owned(), spec.to_owned())]).collect()
}

/// A repository with the original spec on `main`, and a branch for each change.
struct Repository {
    git: PathBuf,
    folder: tempfile::TempDir,
}

impl Repository {
    fn with(changes: &[Change]) -> Option<Self> {
        let repository = Self { git: tool("git")?, folder: temporary_folder() };
        repository.git(&["init", "--quiet", "--initial-branch", "main"], "");
        repository.import([("main", files(&base(), "the base"))]);
        repository.import(changes.iter().map(|change| (change.branch.as_str(), files(&change.spec, &change.branch))));
        Some(repository)
    }

    fn try_git(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.git);
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
            command.env(who, "somebody");
        }
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input.as_bytes()));
            child.wait_with_output().expect("git exits")
        })
    }

    fn git(&self, arguments: &[&str], input: &str) -> String {
        let output = self.try_git(arguments, input);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Creates a commit on top of `main` for each branch, all with one run of Git.
    fn import<'a>(&self, branches: impl IntoIterator<Item = (&'a str, Files)>) {
        let mut stream = String::new();
        for (branch, files) in branches {
            let parent = if branch == "main" { "" } else { "from refs/heads/main\ndeleteall\n" };
            stream += &format!("commit refs/heads/{branch}\ncommitter somebody <somebody> 0 +0000\ndata 0\n{parent}");
            for (path, text) in files {
                stream += &format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len());
            }
        }
        self.git(&["fast-import", "--quiet"], &stream);
    }

    /// Returns the IDs of objects, such as the tree of a branch, with one run of Git.
    fn objects(&self, names: impl IntoIterator<Item = String>) -> Vec<String> {
        let names: String = names.into_iter().map(|name| name + "\n").collect();
        let found = self.git(&["cat-file", "--batch-check=%(objectname)"], &names);
        found.lines().map(str::to_owned).collect()
    }
}

/// Compares the IDs of Git trees, which are equal if the contents are.
#[test]
fn changes_of_different_apps_merge_into_the_output_of_the_merged_spec() {
    let changes = changes();
    let Some(repository) = Repository::with(&changes) else { return };
    let pairs =
        changes.iter().enumerate().flat_map(|(at, one)| changes[at + 1..].iter().map(move |other| (one, other)));
    let pairs: Vec<_> = pairs.filter(|(one, other)| one.app != other.app).collect();
    assert!(pairs.len() >= 100, "only {} pairs", pairs.len());
    let merged: Vec<(String, String)> = pairs
        .par_iter()
        .map(|(one, other)| {
            let what = format!("{}-and-{}", one.branch, other.branch);
            let output = repository.try_git(&["merge-tree", "--write-tree", &one.branch, &other.branch], "");
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{what}: {stdout}{}", String::from_utf8_lossy(&output.stderr));
            (what, stdout.trim().to_owned())
        })
        .collect();
    let specs: Vec<String> = merged
        .par_iter()
        .map(|(_, tree)| repository.git(&["cat-file", "blob", &format!("{tree}:{SPEC}")], ""))
        .collect();
    let expected: Vec<_> =
        merged.par_iter().zip(specs).map(|((what, _), spec)| (what.as_str(), files(&spec, what))).collect();
    repository.import(expected);
    let expected = repository.objects(merged.iter().map(|(what, _)| format!("refs/heads/{what}^{{tree}}")));
    for ((what, tree), expected) in merged.iter().zip(expected) {
        let differs = || repository.git(&["diff", &expected, tree], "");
        assert!(*tree == expected, "{what}: the merge is not the output of its spec:\n{}", differs());
    }
}

/// Merges a branch for each app into `main`.
#[test]
fn many_branches_merge_one_after_the_other() {
    let mut taken = std::collections::BTreeSet::new();
    let changes: Vec<_> = changes().into_iter().filter(|change| taken.insert(change.app)).collect();
    let Some(repository) = Repository::with(&changes) else { return };
    let root = repository.folder.path();
    repository.git(&["checkout", "--quiet", "main"], "");
    for change in &changes {
        repository.git(&["merge", "--quiet", "--no-edit", &change.branch], "");
        let spec = fs::read_to_string(root.join(SPEC)).expect("the spec is committed");
        for (path, text) in files(&spec, &change.branch) {
            let merged = fs::read_to_string(root.join(&path)).expect("generated files are text");
            assert_eq!(merged, text, "{path} after {}", change.branch);
        }
    }
    let output = run(root, &["generate", "--check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
