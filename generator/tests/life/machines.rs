//! Scripted machines: a folder for each, and programs that behave like those of Proxmox VE and NixOS, in `tests/machines`.
//!
//! `homelab` runs with these programs first in `PATH`. They note what was started, and fail where a test says so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The top of the tested repository, which may differ from the one where the tests were built.
pub(crate) fn repository() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    Path::new(&here).parent().expect("it is a folder of the repository").to_owned()
}

/// The program that is tested.
pub(crate) fn program() -> PathBuf {
    #[expect(clippy::disallowed_macros, reason = "older versions of cargo set it only at build time")]
    let built = env!("CARGO_BIN_EXE_homelab");
    std::env::var_os("CARGO_BIN_EXE_homelab").map_or_else(|| PathBuf::from(built), PathBuf::from)
}

/// A program in `PATH`. If it is missing, prints that the test is skipped.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not on PATH");
    }
    found
}

/// How a command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done; `ssh` cannot connect.
    Refuse,
    /// The command on the machine fails, and has done nothing.
    Fail,
    /// The command has done its work, but its result is lost.
    Drop,
}

impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Refuse, Self::Fail, Self::Drop];

    /// Whether to break the `number`th program in this way. By default each program is broken in one way, in turn; with
    /// `HOMELAB_FAULTS=all` in each.
    pub(crate) fn is_due(self, number: usize) -> bool {
        every_way() || number % Self::ALL.len() == self as usize
    }

    /// How many of `all` breaks are due.
    pub(crate) fn share(all: usize) -> usize {
        if every_way() { all } else { all / Self::ALL.len() }
    }
}

/// Whether each program is broken in every way.
fn every_way() -> bool {
    std::env::var_os("HOMELAB_FAULTS").is_some_and(|value| value == "all")
}

/// A lab with its scripted machines, in a folder of its own.
pub(crate) struct Machines {
    folder: TempDir,
}

impl Machines {
    /// The committed reference lab: its spec and generated files. No machine exists.
    ///
    /// Returns `None`, and prints why, if the machine that runs the tests has no `bash`.
    pub(crate) fn of_the_reference_lab() -> Option<Self> {
        Self::of_a_lab(|lab| {
            for part in ["spec", "nix", "k8s"] {
                copy(&repository().join(part), &lab.join(part));
            }
        })
    }

    /// A lab with this spec, and its generated files.
    pub(crate) fn of_spec(spec: &str) -> Option<Self> {
        Self::of_a_lab(|lab| {
            fs::create_dir_all(lab.join("spec")).expect("the folder is writable");
            fs::write(lab.join("spec/homelab.yaml"), spec).expect("the folder is writable");
            let output = Command::new(program()).arg("generate").current_dir(lab).output().expect("it starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        })
    }

    fn of_a_lab(make: impl FnOnce(&Path)) -> Option<Self> {
        let bash = tool("bash")?;
        // What homelab and the scripts start besides the scripted programs. Nix builds have no Git and no SSH.
        for name in ["cksum", "comm", "git", "od", "ssh-keygen", "timeout"] {
            tool(name)?;
        }
        let folder = TempDir::new().expect("temporary folders can be made");
        make(&folder.path().join("lab"));
        fs::create_dir(folder.path().join("machines")).expect("the folder is writable");
        let machines = Self { folder };
        machines.install(&bash);
        Some(machines)
    }

    /// Copies the scripted programs. Their first lines name `/usr/bin/env`, which does not exist everywhere.
    fn install(&self, bash: &Path) {
        let programs = self.programs();
        copy(&repository().join("tests/machines"), &programs);
        for entry in walkdir::WalkDir::new(&programs) {
            let entry = entry.expect("it can be listed");
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            let Some(rest) = text.strip_prefix("#!/usr/bin/env bash\n") else { continue };
            fs::remove_file(entry.path()).expect("the folder is writable");
            fs::write(entry.path(), format!("#!{}\n{rest}", bash.display())).expect("the folder is writable");
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
    }

    /// The folder with the scripted programs.
    pub(crate) fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    /// The root of the lab's repository.
    pub(crate) fn lab(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    /// The folder with the state of the machines.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("machines")
    }

    /// Another lab with machines in the same state.
    pub(crate) fn copied(&self) -> Self {
        let folder = TempDir::new().expect("temporary folders can be made");
        // Links between machines stay links.
        let (from, to) = (self.folder.path().join("."), folder.path());
        let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("it starts");
        assert!(status.success());
        let copied = Self { folder };
        copied.repair();
        copied.forget();
        copied
    }

    /// Adds a machine with the programs of its kind, `host` or `node`. Returns the folder with its file system.
    pub(crate) fn add(&self, address: &str, kind: &str) -> PathBuf {
        let machine = self.state().join(address);
        fs::create_dir_all(machine.join("root")).expect("the folder is writable");
        fs::write(machine.join("kind"), kind).expect("the folder is writable");
        machine.join("root")
    }

    /// Makes the `number`th program that `homelab` starts from now on fail. The first one has the number 1.
    pub(crate) fn break_at(&self, number: usize, fault: Fault) {
        let mode = format!("{fault:?}").to_lowercase();
        fs::write(self.state().join("fault"), format!("{number} {mode}\n")).expect("the folder is writable");
        self.forget();
    }

    /// Lets everything succeed again.
    pub(crate) fn repair(&self) {
        let _ = fs::remove_file(self.state().join("fault"));
    }

    /// Forgets what was started.
    pub(crate) fn forget(&self) {
        let _ = fs::remove_file(self.state().join("log"));
    }

    /// What `homelab` started: each program with its arguments, as a line for a shell.
    pub(crate) fn started(&self) -> Vec<String> {
        let log = fs::read_to_string(self.state().join("log")).unwrap_or_default();
        log.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// A command that sees the scripted programs and nothing of the user's environment.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut paths = vec![self.programs().join("here")];
        paths.extend(self::program().parent().map(Path::to_owned));
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut command = Command::new(program);
        command
            .current_dir(self.lab())
            .env("PATH", std::env::join_paths(paths).expect("no path has a separator"))
            .env("MACHINES", self.state())
            .env("HOME", self.folder.path())
            .env("NO_COLOR", "1");
        command
    }

    /// Runs `homelab` in the lab's repository.
    pub(crate) fn homelab(&self, arguments: &[&str]) -> Output {
        self.command(program()).args(arguments).output().expect("it starts")
    }
}

/// Copies a folder, with files that their owner can change.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is writable");
    for entry in fs::read_dir(from).expect("it is a folder") {
        let entry = entry.expect("it can be listed");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            // The mode is not copied: the repository may be read-only.
            fs::write(&target, fs::read(&source).expect("it can be read")).expect("the folder is writable");
        }
    }
}
