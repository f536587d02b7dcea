//! `homelab init` on a terminal.

use crate::support::{homelab, run, temporary_folder};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A program on a terminal.
struct Session {
    child: Child,
    terminal: File,
    /// What the program prints, as it comes.
    output: Receiver<Vec<u8>>,
    shown: String,
}

impl Session {
    /// Starts the program, or prints why not: some sandboxes have no terminals.
    fn start(folder: &std::path::Path, arguments: &[&str]) -> Option<Self> {
        let opened = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY);
        let terminal = opened.inspect_err(|error| eprintln!("skipped: cannot open a terminal: {error}")).ok()?;
        grantpt(&terminal).expect("the terminal is ours");
        unlockpt(&terminal).expect("the terminal is ours");
        tcsetwinsize(&terminal, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("it has a size");
        let name = ptsname(&terminal, Vec::new()).expect("it has a name").into_string().expect("names are ASCII");
        let side = || File::options().read(true).write(true).open(&name).expect("the terminal can be opened");
        let child = homelab(folder)
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("the program starts");
        let terminal = File::from(terminal);
        let mut reader = terminal.try_clone().expect("it can be shared");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end is an error: nobody has the other side open.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Self { child, terminal, output, shown: String::new() })
    }

    /// Reads until the program shows a text, and forgets what was before it.
    fn wait_for(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let more = self.output.recv_timeout(Duration::from_secs(60));
            let more = more.unwrap_or_else(|error| panic!("{error}: no {text:?} in {:?}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&more));
        }
    }

    fn answer(&mut self, question: &str, keys: &str) {
        self.wait_for(question);
        self.terminal.write_all(keys.as_bytes()).expect("the program reads");
    }
}

const DOWN: &str = "\u{1b}[B";

#[test]
fn asks_on_a_terminal() {
    let folder = temporary_folder();
    let Some(mut session) = Session::start(folder.path(), &["init", "--timezone", "UTC"]) else { return };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC";
    session.answer("DNS domain", "example\r");
    session.wait_for("`example` is not possible: expected a domain name");
    session.answer("DNS domain", "lab.example.com\r");
    session.answer("LAN [", "10.0.0.0/24\r");
    session.answer("Gateway [10.0.0.1]", "\r");
    session.answer("DHCP range", "10.0.0.100-10.0.0.199\r");
    session.answer("Name of host 1 [pve]", "box\r");
    session.answer("Address [10.0.0.", "10.0.0.5\r");
    session.answer("Memory [16GiB]", "32GiB\r");
    session.answer("GPU", &format!("{DOWN}\r"));
    session.answer("Make and model", "\r");
    session.answer("Name of host 2", "\r");
    session.answer("NAS", &format!("{DOWN}{DOWN}\r"));
    session.answer("Address [10.0.0.", "10.0.0.6\r");
    session.answer("Folder", "\r");
    session.answer("Clusters [home]", "\r");
    session.answer("Nodes of home", "\r");
    session.answer("DNS provider", &format!("{DOWN}\r"));
    // Each of the two lists has another first entry.
    session.answer("infisical (", "\r");
    session.answer("project", "attic\r");
    session.answer("environment", "prod\r");
    session.answer("Email address", "me@example.com\r");
    session.answer("Public SSH key", &format!("{key}\r"));
    session.answer("URL of the Git repository", "https://example.com/me/attic\r");
    session.wait_for("Next:");
    session.wait_for("install the nodes");
    assert_eq!(session.child.wait().expect("it ends").code(), Some(0));

    let spec = fs::read_to_string(folder.path().join("spec/homelab.yaml")).expect("it was created");
    for line in [
        "domain: lab.example.com\n",
        "timezone: UTC\n",
        "address: 10.0.0.5\n",
        "gpu: intel\n",
        "nfs: /mnt/tank\n",
        "api-token: cloudflare/api-token\n",
        "project: attic\n",
        &format!("- {key}\n"),
    ] {
        assert!(spec.contains(line), "{line}: {spec}");
    }
    assert!(!spec.contains("# Example"), "{spec}");
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(0));
}

/// Answers that cannot be used together are shown, so that nobody has to type them again.
#[test]
fn answers_are_not_lost() {
    let folder = temporary_folder();
    let arguments = ["init", "--host", "box,memory=2GiB", "--cluster", "home,nodes=3", "--domain", "lab.example.com"];
    let Some(mut session) = Session::start(folder.path(), &arguments) else { return };
    for (question, keys) in [
        ("LAN [", "\r"),
        ("Gateway [", "\r"),
        ("DHCP range", "\r"),
        ("NAS", "\r"),
        ("DNS provider", "\r"),
        ("Secret store", "\r"),
        ("Time zone [", "\r"),
        ("Email address", "\r"),
        ("Public SSH key", "\r"),
        ("URL of the Git repository", "\r"),
    ] {
        session.answer(question, keys);
    }
    session.wait_for("Your answers, for `homelab init --from answers.yaml`:");
    session.wait_for("domain: lab.example.com");
    session.wait_for("error[host-memory-exceeded]");
    assert_eq!(session.child.wait().expect("it ends").code(), Some(2));
    assert!(!folder.path().join("spec").exists());
}
