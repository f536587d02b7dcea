//! The script of nodes that pull their updates, with a real repository and scripted programs around it.

use crate::machines::{repository, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const SYSTEM: &str = "/nix/store/new-system";

/// A node that follows a repository.
struct Node {
    bash: PathBuf,
    folder: TempDir,
}

impl Node {
    /// `None` if the tests cannot run here.
    fn new() -> Option<Self> {
        let bash = tool("bash")?;
        tool("git")?;
        let node = Self { bash, folder: TempDir::new().expect("temporary folders can be made") };
        for folder in ["bin", "state", "metrics", "origin"] {
            fs::create_dir(node.folder.path().join(folder)).expect("the folder is writable");
        }
        node.program("nix", &format!("cat \"$STATE/repository/flake.nix\" >&2; echo {SYSTEM}"));
        node.program(
            "update-node",
            "echo \"$*\" >>\"$LOG\"; [ ! -e \"$FAULTS/$1\" ] || exit \"$(cat \"$FAULTS/$1\")\"",
        );
        node.program("k3s", "cat \"$FAULTS/api\" 2>/dev/null");
        node.program("gpg", "true");
        node.git(&["init", "--quiet", "--initial-branch=main"]);
        node.commit("first");
        Some(node)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.folder.path().join("bin").join(name);
        fs::write(&path, format!("#!{}\n{text}\n", self.bash.display())).expect("the folder is writable");
        let mut permissions = fs::metadata(&path).expect("it exists").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        fs::set_permissions(&path, permissions).expect("it is ours");
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        git.current_dir(self.folder.path().join("origin")).args(identity).args(arguments);
        assert!(git.status().expect("it starts").success());
    }

    fn commit(&self, text: &str) {
        fs::write(self.folder.path().join("origin/flake.nix"), text).expect("the folder is writable");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", text]);
    }

    /// What an answer or an exit code of a program is.
    fn fault(&self, name: &str, text: &str) {
        fs::create_dir_all(self.folder.path().join("faults")).expect("the folder is writable");
        fs::write(self.folder.path().join("faults").join(name), text).expect("the folder is writable");
    }

    /// Runs the script on a node with a role that runs a system, whose k3s changes between two versions.
    fn pull(&self, role: &str, current: &str, k3s: [&str; 2], more: &str) -> Output {
        let functions = fs::read_to_string(repository().join("nix/modules/pull-update.sh")).expect("it is committed");
        let script = format!(
            "set -o errexit -o nounset -o pipefail\n{functions}\n\
             readlink() {{ if [ \"$1\" = -f ]; then echo {current}; else command readlink \"$@\"; fi; }}\n\
             k3s_of() {{ if [ \"$1\" = {SYSTEM} ]; then echo {}; else echo {}; fi; }}\n\
             answers_ssh() {{ [ ! -e \"$FAULTS/ssh\" ]; }}\n{more}\npull",
            k3s[1], k3s[0]
        );
        let at = |name: &str| self.folder.path().join(name);
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = [at("bin")].into_iter().chain(std::env::split_paths(&paths));
        let run = at("run");
        fs::create_dir_all(&run).expect("the folder is writable");
        Command::new("bash")
            .args(["-c", &script])
            .env("PATH", std::env::join_paths(paths).expect("no path has a separator"))
            .env("NODE", "home-1")
            .env("ROLE", role)
            .env("REPOSITORY", format!("file://{}", at("origin").display()))
            .env("BRANCH", "main")
            .env("IDENTITY", "")
            .env("KNOWN_HOSTS", "")
            .env("SIGNERS", "")
            .env("STATE", at("state"))
            .env("METRICS", at("metrics"))
            .env("RUNTIME_DIRECTORY", run)
            .env("RESTARTS", "0")
            .env("SECONDS_TO_KEEP", "0")
            .env("LOG", at("log"))
            .env("FAULTS", at("faults"))
            .output()
            .expect("it starts")
    }

    /// What was done to the system of the node.
    fn done(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn metrics(&self) -> String {
        fs::read_to_string(self.folder.path().join("metrics/update.prom")).unwrap_or_default()
    }
}

const SAME: [&str; 2] = ["v1.35.6+k3s1", "v1.35.7+k3s1"];
const NEWER: [&str; 2] = ["v1.35.6+k3s1", "v1.36.1+k3s1"];
const OLD: &str = "/nix/store/old-system";

fn all(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn a_node_follows_the_branch() {
    let Some(node) = Node::new() else { return };
    let first = node.pull("agent", OLD, SAME, "");
    assert!(first.status.success() && all(&first).contains("first"), "{}", all(&first));
    assert_eq!(node.done(), format!("try {SYSTEM} 0\ncheck {SYSTEM}\nkeep {SYSTEM}\n"));
    assert!(node.metrics().contains("last_run_failed{node=\"home-1\"} 0\n"));
    assert!(node.metrics().contains("homelab_update_last_success_timestamp_seconds{node=\"home-1\"} 1"));
    assert!(!node.folder.path().join("run").exists(), "what is in memory is removed");

    // A branch that was rewritten is followed too.
    node.commit("second");
    node.git(&["commit", "--quiet", "--amend", "--message", "third"]);
    let second = node.pull("agent", SYSTEM, SAME, "");
    assert!(second.status.success() && all(&second).contains("second"), "{}", all(&second));
    assert_eq!(node.done().lines().count(), 3, "it has that system already");
}

#[test]
fn a_node_that_is_not_healthy_goes_back() {
    for (name, text, reason) in [("check", "3", ""), ("check", "1", ""), ("ssh", "", "does not accept SSH")] {
        let Some(node) = Node::new() else { return };
        node.fault(name, text);
        let output = node.pull("agent", OLD, SAME, "");
        assert!(!output.status.success() && all(&output).contains(reason), "{}", all(&output));
        assert!(node.done().ends_with(&format!("revert {SYSTEM}\n")), "{}", node.done());
        assert!(node.metrics().contains("last_run_failed{node=\"home-1\"} 1\n"));
        assert!(!node.metrics().contains("last_success"), "{}", node.metrics());
    }
}

#[test]
fn a_minor_version_of_k3s_waits() {
    for (role, k3s, api, reason) in [
        ("server", NEWER, "", "run 'homelab deploy home-1'"),
        ("server", ["v1.36.1+k3s1", "v1.35.6+k3s1"], "", "has no way back"),
        ("server", SAME, "home-1 False\nhome-2 False\n", "the server home-2 is not ready"),
        ("agent", NEWER, "  \"gitVersion\": \"v1.35.6+k3s1\",\n", "update the servers first"),
        ("agent", NEWER, "", "(unknown): update the servers first"),
        ("server", SAME, "home-1 False\nhome-2 True\n", ""),
        ("agent", NEWER, "  \"gitVersion\": \"v1.36.2+k3s1\",\n", ""),
    ] {
        let Some(node) = Node::new() else { return };
        node.fault("api", api);
        let output = node.pull(role, OLD, k3s, "");
        let text = all(&output);
        assert!(output.status.success() && text.contains(reason), "{role} {k3s:?}: {text}");
        let waits = u8::from(!reason.is_empty());
        assert_eq!(node.done().is_empty(), waits == 1, "{role} {k3s:?}: {text}");
        assert!(node.metrics().contains(&format!("homelab_update_waits{{node=\"home-1\"}} {waits}\n")), "{text}");
    }
}

#[test]
fn only_signed_commits_are_built() {
    let Some(node) = Node::new() else { return };
    let keys = node.folder.path().join("keys.asc");
    let signers = format!("SIGNERS={}", keys.display());
    let missing = node.pull("agent", OLD, SAME, &signers);
    assert!(!missing.status.success() && all(&missing).contains("keys.asc is missing or empty"), "{}", all(&missing));
    fs::write(&keys, "a key").expect("the folder is writable");
    let unsigned = node.pull("agent", OLD, SAME, &signers);
    assert!(!unsigned.status.success() && all(&unsigned).contains("is not signed"), "{}", all(&unsigned));
    assert!(node.done().is_empty() && !Path::new(&node.folder.path().join("state/repository/flake.nix")).exists());
    assert!(node.metrics().contains("last_run_failed{node=\"home-1\"} 1\n"));
}
