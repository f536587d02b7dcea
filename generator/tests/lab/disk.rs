//! Reading and writing files: files that were not generated are not touched, symbolic links are not
//! followed, and even after an interrupted run each file is either old or new.

use crate::support::{build, folder_with, homelab, program, run, temporary_folder, tool};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A lab with one node and some apps: ten files, and four more for each app.
fn spec(apps: usize) -> String {
    let mut text = String::from(
        "version: 1
lab:
  name: lab
  domain: example.com
  repository: https://github.com/example/homelab
  admin:
    email: admin@example.com
    ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC]
network:
  lan: { cidr: 192.168.10.0/24, gateway: 192.168.10.1 }
hosts:
  box: { memory: 64GiB, address: 192.168.10.11 }
clusters:
  home:
    nodes:
      home-1: { host: box, vmid: 100, address: 192.168.10.41 }
    apps:
",
    );
    for app in 0..apps {
        text.push_str(&format!("      app-{app}: {{ image: {{ repository: docker.io/a/app, tag: v1 }}, port: 80 }}\n"));
    }
    if apps == 0 {
        text.truncate(text.len() - "    apps:\n".len());
    }
    text
}

/// The lab with an app that refers to a file with manifests.
fn spec_with_manifest(manifest: &str) -> String {
    spec(1).replace("port: 80", &format!("port: 80, manifests: [{manifest:?}]"))
}

/// What is at a path: a folder, a symbolic link and its target, or a file and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Folder,
    Link(PathBuf),
    File(Vec<u8>),
    Other,
}

/// Everything below a folder, by path.
fn everything(root: &Path) -> BTreeMap<PathBuf, Entry> {
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(|entry| {
            let entry = entry.expect("the folder can be listed");
            let path = entry.path();
            let kind = match entry.file_type() {
                kind if kind.is_dir() => Entry::Folder,
                kind if kind.is_symlink() => Entry::Link(fs::read_link(path).expect("the link has a target")),
                kind if kind.is_file() => Entry::File(fs::read(path).expect("the file can be read")),
                _ => Entry::Other,
            };
            (path.strip_prefix(root).expect("the path is below the root").to_owned(), kind)
        })
        .collect()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

/// Runs `generate`, and kills it if it hangs.
fn generate(root: &Path) -> Output {
    finish(homelab(root).arg("generate"))
}

/// Runs a command, and kills it after 20 seconds.
fn finish(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let start = Instant::now();
    while child.try_wait().expect("the program can be waited for").is_none() {
        if start.elapsed() > Duration::from_secs(20) {
            eprintln!("the program hangs and is killed");
            child.kill().expect("the program can be killed");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("the program has ended")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(output), stderr(output));
}

/// Checks for exit code 3, a message that contains the path, and an unchanged disk.
#[track_caller]
fn assert_io_error(output: &Output, root: &Path, before: &BTreeMap<PathBuf, Entry>, path: &str) {
    assert_eq!(output.status.code(), Some(3), "{}{}", stdout(output), stderr(output));
    assert!(stderr(output).contains(path), "{path} is not in the message: {}", stderr(output));
    assert_eq!(&everything(root), before, "something changed");
}

/// A folder with a lab and its generated files.
fn generated(apps: usize) -> TempDir {
    let folder = folder_with(&spec(apps));
    assert_done(&generate(folder.path()));
    folder
}

/// Checks that the generated folders contain exactly the files of the spec.
#[track_caller]
fn assert_complete(root: &Path, spec: &str) {
    let tree = build(spec, root).tree.expect("the spec is valid");
    let expected: BTreeSet<_> = tree.files().iter().map(|file| PathBuf::from(&file.path)).collect();
    for file in tree.files() {
        let content = fs::read(root.join(&file.path)).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        assert_eq!(content, file.text.as_bytes(), "{}", file.path);
    }
    let owned = |path: &Path| homelab::tree::OWNED.iter().any(|folder| path.starts_with(folder));
    let left: Vec<_> = everything(root)
        .into_iter()
        .filter(|(path, entry)| match entry {
            Entry::Folder => path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')),
            _ => owned(path) && !expected.contains(path),
        })
        .map(|(path, _)| path)
        .collect();
    assert!(left.is_empty(), "left over: {left:?}");
}

#[test]
fn keeps_and_lists_other_files_in_generated_folders() {
    let folder = generated(1);
    let others =
        ["k8s/README.md", "k8s/home/apps/app-0/.gitkeep", "nix/nodes/home-1/hardware.nix", "docs/lab/notes.md"];
    for path in others {
        write(folder.path(), path, "mine\n");
    }
    for arguments in [&["generate"][..], &["generate", "--check"]] {
        let output = run(folder.path(), arguments);
        assert_done(&output);
        for path in others {
            assert!(stdout(&output).contains(path), "{arguments:?} does not list {path}: {}", stdout(&output));
            assert_eq!(fs::read_to_string(folder.path().join(path)).expect("it still exists"), "mine\n");
        }
    }
}

#[test]
fn keeps_and_lists_names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let folder = generated(1);
    let name = |bytes: &'static [u8]| folder.path().join("k8s/home").join(OsStr::from_bytes(bytes));
    fs::write(name(b"caf\xe9.yaml"), "# @generated by `homelab generate`\n").expect("the file can be written");
    fs::create_dir(name(b"\xff")).expect("the folder can be created");
    fs::write(name(b"\xff/inside"), "text").expect("the file can be written");
    let before = everything(folder.path());
    let output = generate(folder.path());
    assert_done(&output);
    assert_eq!(everything(folder.path()), before);
    for path in ["k8s/home/caf\\xe9.yaml", "k8s/home/\\xff"] {
        assert!(stdout(&output).contains(path), "{path}: {}", stdout(&output));
    }
}

#[test]
fn ignores_files_outside_generated_folders() {
    let folder = generated(1);
    write(folder.path(), "nix/modules/mine.nix", "{ }\n");
    write(folder.path(), "docs/notes.md", "# @generated by `homelab generate` from elsewhere. Do not edit.\n");
    let output = generate(folder.path());
    assert_done(&output);
    assert!(stdout(&output).starts_with("0 written, 0 removed"), "{}", stdout(&output));
    assert!(folder.path().join("docs/notes.md").exists());
}

#[test]
fn writes_nothing_if_another_file_has_the_path_of_a_generated_one() {
    let folder = folder_with(&spec(1));
    write(folder.path(), "nix/nodes/home-1/default.nix", "mine\n");
    let before = everything(folder.path());
    assert_io_error(&generate(folder.path()), folder.path(), &before, "nix/nodes/home-1/default.nix");
    let output = run(folder.path(), &["generate", "--check"]);
    assert_io_error(&output, folder.path(), &before, "nix/nodes/home-1/default.nix");
}

#[test]
fn removes_stale_files_and_empty_folders() {
    let folder = generated(3);
    write(folder.path(), "k8s/home/apps/app-1/notes.md", "mine\n");
    fs::write(folder.path().join("spec/homelab.yaml"), spec(1)).expect("the folder is writable");
    assert_done(&generate(folder.path()));
    let apps: Vec<_> = everything(&folder.path().join("k8s/home/apps")).into_keys().collect();
    assert!(!apps.iter().any(|path| path.starts_with("app-2")), "{apps:?}");
    assert_eq!(apps.iter().filter(|path| path.starts_with("app-1")).count(), 2, "{apps:?}");
}

#[test]
fn rejects_a_symbolic_link_in_place_of_a_folder() {
    for link in ["k8s", "k8s/home", "k8s/home/apps", "nix", "nix/nodes", "nix/nodes/home-1"] {
        for inside in [false, true] {
            let folder = folder_with(&spec(1));
            let elsewhere = temporary_folder();
            let target = if inside { folder.path().join("elsewhere") } else { elsewhere.path().to_owned() };
            fs::create_dir_all(&target).expect("the folder is writable");
            let path = folder.path().join(link);
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("the folder is writable");
            symlink(&target, &path).expect("symbolic links can be created");
            let before = everything(folder.path());
            assert_io_error(&generate(folder.path()), folder.path(), &before, link);
            assert_eq!(everything(&target).len(), 1, "something was written through the link {link}");
        }
    }
}

#[test]
fn rejects_a_symbolic_link_in_place_of_a_file() {
    let folder = generated(1);
    let path = folder.path().join("nix/nodes/home-1/k3s.yaml");
    let elsewhere = temporary_folder();
    let target = elsewhere.path().join("k3s.yaml");
    // Even if its target has the right content, or looks generated.
    for text in
        [fs::read_to_string(&path).expect("it was generated"), "# @generated by `homelab generate`\n".to_owned()]
    {
        fs::write(&target, &text).expect("the folder is writable");
        fs::remove_file(&path).expect("it exists");
        symlink(&target, &path).expect("symbolic links can be created");
        let before = everything(folder.path());
        assert_io_error(&generate(folder.path()), folder.path(), &before, "nix/nodes/home-1/k3s.yaml");
        assert_eq!(fs::read_to_string(&target).expect("it still exists"), text);
    }
}

#[test]
fn keeps_and_lists_other_symbolic_links_in_generated_folders() {
    let folder = generated(1);
    let elsewhere = temporary_folder();
    write(elsewhere.path(), "old.yaml", "# @generated by `homelab generate` from spec/homelab.yaml. Do not edit.\n");
    let links = [("k8s/linked", elsewhere.path().to_owned()), ("k8s/old.yaml", elsewhere.path().join("old.yaml"))];
    for (link, target) in &links {
        symlink(target, folder.path().join(link)).expect("symbolic links can be created");
    }
    let output = generate(folder.path());
    assert_done(&output);
    for (link, target) in &links {
        assert!(stdout(&output).contains(link), "{link} is not listed: {}", stdout(&output));
        assert_eq!(&fs::read_link(folder.path().join(link)).expect("it still exists"), target);
    }
    assert!(elsewhere.path().join("old.yaml").exists(), "a file outside the root was removed");
}

/// `docs` is not a generated folder, but the parent of one.
#[test]
fn follows_no_symbolic_link_above_generated_folders() {
    let folder = folder_with(&spec(1));
    let elsewhere = temporary_folder();
    let old = "# @generated by `homelab generate` from spec/homelab.yaml. Do not edit.\n";
    write(elsewhere.path(), "lab/old.md", old);
    symlink(elsewhere.path(), folder.path().join("docs")).expect("symbolic links can be created");
    let output = generate(folder.path());
    assert!(elsewhere.path().join("lab/old.md").exists(), "a file outside the root was removed: {}", stdout(&output));
}

#[test]
fn rejects_a_file_in_place_of_a_folder() {
    for (path, text) in [
        ("k8s", "mine\n"),
        ("nix", "mine\n"),
        ("k8s/home", "mine\n"),
        ("nix/nodes", "# @generated by `homelab generate`\n"),
    ] {
        let folder = folder_with(&spec(1));
        write(folder.path(), path, text);
        let before = everything(folder.path());
        assert_io_error(&generate(folder.path()), folder.path(), &before, path);
    }
}

#[test]
fn rejects_a_folder_in_place_of_a_file() {
    for inside in [None, Some("mine")] {
        let folder = folder_with(&spec(1));
        let path = folder.path().join("k8s/home/flux/app-0.yaml");
        fs::create_dir_all(&path).expect("the folder is writable");
        if let Some(name) = inside {
            fs::write(path.join(name), "mine\n").expect("the folder is writable");
        }
        let before = everything(folder.path());
        assert_io_error(&generate(folder.path()), folder.path(), &before, "k8s/home/flux/app-0.yaml");
    }
}

/// Opening a named pipe would block forever.
#[test]
fn does_not_open_a_named_pipe_in_place_of_a_file() {
    let Some(mkfifo) = tool("mkfifo") else { return };
    let mut wrong = Vec::new();
    for (path, code) in [("nix/nodes/home-1/k3s.yaml", 3), ("k8s/home/old.yaml", 0), ("spec/extra.yaml", 2)] {
        let folder = folder_with(&if code == 2 { spec_with_manifest(path) } else { spec(1) });
        let pipe = folder.path().join(path);
        fs::create_dir_all(pipe.parent().expect("it is below the root")).expect("the folder is writable");
        assert!(Command::new(&mkfifo).arg(&pipe).status().expect("it starts").success());
        let output = generate(folder.path());
        let is_listed = (stdout(&output) + &stderr(&output)).contains(path);
        if output.status.code() != Some(code) || !is_listed {
            wrong.push(format!("{path}: {}, {}{}", output.status, stdout(&output), stderr(&output)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A folder that is read-only until this is dropped.
struct Locked {
    folder: PathBuf,
    chattr: Option<PathBuf>,
}

impl Locked {
    /// Makes a folder read-only. Returns `None` if the system does not allow it.
    fn new(folder: &Path) -> Option<Self> {
        let mut locked = Self { folder: folder.to_owned(), chattr: None };
        locked.set(true);
        if locked.holds() {
            return Some(locked);
        }
        locked.chattr = tool("chattr");
        locked.set(true);
        if locked.holds() {
            return Some(locked);
        }
        eprintln!("skipped: this user can write to read-only folders, and the file system has no immutable ones");
        None
    }

    fn set(&self, locked: bool) {
        match &self.chattr {
            Some(chattr) => {
                let flag = if locked { "+i" } else { "-i" };
                let quiet = || Stdio::null();
                let _ = Command::new(chattr).arg(flag).arg(&self.folder).stderr(quiet()).status();
            }
            None => {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = fs::Permissions::from_mode(if locked { 0o555 } else { 0o755 });
                fs::set_permissions(&self.folder, mode).expect("the permissions can be changed");
            }
        }
    }

    fn holds(&self) -> bool {
        let probe = self.folder.join("probe");
        let written = fs::write(&probe, "");
        let _ = fs::remove_file(probe);
        written.is_err()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[test]
fn reports_a_read_only_folder_and_recovers_on_the_next_run() {
    let folder = generated(1);
    let changed = spec(1).replace("tag: v1", "tag: v2");
    fs::write(folder.path().join("spec/homelab.yaml"), &changed).expect("the folder is writable");
    let before = everything(folder.path());
    {
        let Some(_locked) = Locked::new(&folder.path().join("k8s/home/apps/app-0")) else { return };
        assert_io_error(&generate(folder.path()), folder.path(), &before, "k8s/home/apps/app-0/deployment.yaml");
    }
    assert_done(&generate(folder.path()));
    assert_complete(folder.path(), &changed);
}

/// Simulates a full disk: the process cannot write files of more than 512 bytes.
fn generate_on_a_full_disk(root: &Path) -> Output {
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" generate";
    finish(Command::new("sh").current_dir(root).args(["-c", script]).arg(program()))
}

#[test]
fn reports_a_full_disk_and_leaves_each_file_old_or_new() {
    let folder = generated(4);
    let old = build(&spec(4), folder.path()).tree.expect("the spec is valid");
    let changed =
        spec(4).replace("tag: v1", "tag: v2").replace("lab.example", "other.example").replace("port: 80", "port: 8080");
    fs::write(folder.path().join("spec/homelab.yaml"), &changed).expect("the folder is writable");
    let new = build(&changed, folder.path()).tree.expect("the spec is valid");
    let output = generate_on_a_full_disk(folder.path());
    assert_eq!(output.status.code(), Some(3), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains(".svg") && stderr(&output).contains("too large"), "{}", stderr(&output));
    for (path, entry) in everything(folder.path()) {
        let Entry::File(bytes) = entry else { continue };
        let Some(path) = path.to_str().filter(|path| !path.starts_with("spec/")) else { continue };
        let versions = [&old, &new].map(|tree| tree.get(path).map(|file| file.text.as_bytes()));
        assert!(versions.contains(&Some(bytes.as_slice())), "{path} is neither old nor new");
    }
    assert_done(&generate(folder.path()));
    assert_complete(folder.path(), &changed);
}

#[test]
fn fails_if_the_result_cannot_be_printed() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    let folder = folder_with(&spec(1));
    let output = homelab(folder.path()).arg("generate").stdout(full).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("standard output"), "{}", stderr(&output));
    assert_complete(folder.path(), &spec(1));
}

/// Pseudorandom pauses up to `most`, which differ from run to run.
fn pauses(most: Duration, count: u32) -> impl Iterator<Item = Duration> {
    let mut state = u64::from(std::process::id()) * 0x9e37_79b9 + 1;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        most.mul_f64((state >> 33) as f64 / f64::from(u32::MAX >> 1))
    })
}

#[test]
fn leaves_each_file_old_or_new_when_killed_and_recovers_on_the_next_run() {
    let text = spec(20);
    let folder = folder_with(&text);
    // The first line of each file contains the spec's path, so two paths give two versions of every file.
    let specs = ["spec/homelab.yaml", "spec/other.yaml"];
    fs::write(folder.path().join(specs[1]), &text).expect("the folder is writable");
    let mut versions: BTreeMap<PathBuf, Vec<Vec<u8>>> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    for spec in specs {
        let start = Instant::now();
        assert_done(&finish(homelab(folder.path()).args(["generate", "--spec", spec])));
        longest = longest.max(start.elapsed());
        for (path, entry) in everything(folder.path()) {
            if let Entry::File(bytes) = entry {
                versions.entry(path).or_default().push(bytes);
            }
        }
    }
    let (mut killed, mut torn) = (0, BTreeSet::new());
    for (round, pause) in pauses(longest, 100).enumerate() {
        if round % 4 == 0 {
            // Missing folders are written under a temporary name and renamed as a whole.
            let gone = fs::remove_dir_all(folder.path().join("k8s"));
            assert!(gone.is_ok() || !folder.path().join("k8s").exists(), "round {round}: {gone:?}");
        }
        let mut child = homelab(folder.path())
            .args(["generate", "--spec", specs[round % 2]])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(pause);
        child.kill().expect("the program can be killed");
        let output = child.wait_with_output().expect("it has ended");
        killed += usize::from(output.status.code().is_none());
        assert!(matches!(output.status.code(), None | Some(0)), "round {round}: {}", stderr(&output));
        for (path, entry) in everything(folder.path()) {
            let Entry::File(bytes) = entry else { continue };
            match versions.get(&path) {
                Some(versions) if versions.contains(&bytes) => {}
                Some(_) => drop(torn.insert(path)),
                None => {
                    let mut names = path.iter().map(|name| name.to_string_lossy());
                    let is_temporary = names.any(|name| name.starts_with(".homelab-") && name.ends_with(".tmp"));
                    assert!(is_temporary, "unexpected file {}", path.display());
                }
            }
        }
    }
    assert!(torn.is_empty(), "partial files: {torn:?}");
    assert!(killed > 20, "only {killed} of 100 runs were killed in time");
    assert_done(&generate(folder.path()));
    assert_complete(folder.path(), &text);
}

/// A run that is killed between creating and writing a temporary file leaves an empty one.
#[test]
fn removes_temporary_files_of_killed_runs() {
    let folder = generated(1);
    let header = "# @generated by `homelab generate` from spec/homelab.yaml. Do not edit.\n";
    for (at, text) in ["", "# @gen", header, &format!("{header}apiVersion: v1\n")].iter().enumerate() {
        write(folder.path(), &format!("k8s/home/apps/app-0/.homelab-4242-{at}.tmp"), text);
    }
    let output = generate(folder.path());
    assert_done(&output);
    assert_complete(folder.path(), &spec(1));
}

/// A run that is killed while it fills a new folder leaves the folder under its temporary name.
#[test]
fn removes_temporary_folders_of_killed_runs() {
    let folder = folder_with(&spec(1));
    for file in ["k8s/.homelab-4242-0.tmp/apps/app-0/deployment.yaml", "docs/lab/.homelab-4242-1.tmp/home.md"] {
        write(folder.path(), file, "# @gen");
    }
    fs::create_dir_all(folder.path().join("nix/nodes/.homelab-4242-2.tmp")).expect("the folder is writable");
    assert_done(&generate(folder.path()));
    assert_complete(folder.path(), &spec(1));
}

#[test]
fn leaves_no_partial_folder_when_the_first_run_fills_the_disk() {
    let folder = folder_with(&spec(4));
    let output = generate_on_a_full_disk(folder.path());
    assert_eq!(output.status.code(), Some(3), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("too large"), "{}", stderr(&output));
    assert!(!stderr(&output).contains(".homelab-"), "{}", stderr(&output));
    // The pictures are the first files that are too large. What is complete and small is there, but no new folder.
    let left = fs::read_dir(folder.path().join("docs/lab")).expect("it exists");
    let left: Vec<_> = left.map(|entry| entry.expect("it can be listed").file_name()).collect();
    assert!(left.iter().all(|name| name == "README.md") && !folder.path().join("k8s").exists(), "{left:?}");
    assert_done(&generate(folder.path()));
    assert_complete(folder.path(), &spec(4));
}

/// Only names of the exact form count as temporary.
#[test]
fn keeps_a_file_whose_name_resembles_a_temporary_one() {
    let folder = generated(1);
    write(folder.path(), "k8s/.homelab-notes.tmp", "mine\n");
    let output = generate(folder.path());
    assert_done(&output);
    assert!(folder.path().join("k8s/.homelab-notes.tmp").exists(), "it was removed: {}", stdout(&output));
}

/// In a container, every run may have the same process ID.
#[test]
fn handles_temporary_files_of_a_run_with_the_same_process_id() {
    for text in ["", "# @generated by `homelab generate` from spec/homelab.yaml. Do not edit.\n"] {
        let folder = folder_with(&spec(1));
        fs::create_dir_all(folder.path().join("k8s/home/apps/app-0")).expect("the folder is writable");
        let script = "for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do \
                      printf %s \"$1\" >k8s/home/apps/app-0/.homelab-$$-$n.tmp; done; exec \"$0\" generate";
        let mut command = Command::new("sh");
        command.current_dir(folder.path()).args(["-c", script]).arg(program()).arg(text);
        assert_done(&finish(&mut command));
        assert_done(&generate(folder.path()));
        assert_complete(folder.path(), &spec(1));
    }
}

#[test]
fn two_concurrent_runs_succeed() {
    let text = spec(40);
    let mut errors = Vec::new();
    for _ in 0..10 {
        let folder = folder_with(&text);
        let start = || {
            homelab(folder.path())
                .arg("generate")
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts")
        };
        let runs = [start(), start()];
        for run in runs {
            let output = run.wait_with_output().expect("the program ends");
            if !output.status.success() {
                errors.push(stderr(&output));
            }
        }
        assert_done(&generate(folder.path()));
        assert_complete(folder.path(), &text);
    }
    assert!(errors.is_empty(), "{} of 20 runs failed:\n{}", errors.len(), errors.concat());
}

#[test]
fn touches_no_file_on_a_second_run() {
    let folder = generated(5);
    let stamps = |root: &Path| -> BTreeMap<PathBuf, (u64, i64, i64, i64)> {
        let entries = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.expect("the folder can be listed"));
        entries
            .map(|entry| {
                let metadata = entry.metadata().expect("it exists");
                let stamp = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec());
                (entry.into_path(), stamp)
            })
            .collect()
    };
    let before = stamps(folder.path());
    for arguments in [&["generate"][..], &["generate", "--check"], &["validate"]] {
        assert_done(&run(folder.path(), arguments));
        assert_eq!(stamps(folder.path()), before, "{arguments:?} touched something");
    }
    assert!(stdout(&generate(folder.path())).starts_with("0 written, 0 removed"));
}

#[test]
fn writes_only_the_files_of_a_changed_app() {
    let folder = generated(3);
    let changed = spec(3).replacen("tag: v1", "tag: v2", 1);
    fs::write(folder.path().join("spec/homelab.yaml"), changed).expect("the folder is writable");
    let output = generate(folder.path());
    assert_done(&output);
    assert!(stdout(&output).contains("changed  k8s/home/apps/app-0/deployment.yaml\n1 written"), "{}", stdout(&output));
}

/// Checks that a spec is rejected with this code, and that the disk is unchanged.
#[track_caller]
fn assert_invalid(folder: &TempDir, code: &str) {
    let before = everything(folder.path());
    let output = generate(folder.path());
    assert_eq!(output.status.code(), Some(2), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains(&format!("[{code}]")), "{}", stderr(&output));
    assert_eq!(everything(folder.path()), before, "something changed");
}

#[test]
fn reads_referenced_files_only_inside_the_root() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\n  namespace: app-0\n";
    let elsewhere = temporary_folder();
    write(elsewhere.path(), "extra.yaml", object);

    for path in
        ["../extra.yaml", "spec/../../extra.yaml", "/etc/passwd", "spec/./extra.yaml", "k8s/extra.yaml", "spec/"]
    {
        assert_invalid(&folder_with(&spec_with_manifest(path)), "invalid-value");
    }
    for target in [elsewhere.path().join("extra.yaml"), PathBuf::from("/etc/passwd")] {
        let folder = folder_with(&spec_with_manifest("spec/extra.yaml"));
        symlink(target, folder.path().join("spec/extra.yaml")).expect("symbolic links can be created");
        assert_invalid(&folder, "path-outside-root");
    }
    let folder = folder_with(&spec_with_manifest("spec/linked/extra.yaml"));
    symlink(elsewhere.path(), folder.path().join("spec/linked")).expect("symbolic links can be created");
    assert_invalid(&folder, "path-outside-root");

    let folder = folder_with(&spec_with_manifest("spec/extra.yaml"));
    symlink("extra.yaml", folder.path().join("spec/extra.yaml")).expect("symbolic links can be created");
    assert_invalid(&folder, "file-missing");
    let folder = folder_with(&spec_with_manifest("spec/extra.yaml"));
    fs::create_dir(folder.path().join("spec/extra.yaml")).expect("the folder is writable");
    assert_invalid(&folder, "file-missing");
    let folder = folder_with(&spec_with_manifest("spec/extra.yaml"));
    symlink("/dev/zero", folder.path().join("spec/extra.yaml")).expect("symbolic links can be created");
    assert_invalid(&folder, "path-outside-root");

    let folder = folder_with(&spec_with_manifest("spec/extra.yaml"));
    write(folder.path(), "spec/real.yaml", object);
    symlink("real.yaml", folder.path().join("spec/extra.yaml")).expect("symbolic links can be created");
    assert_done(&generate(folder.path()));
}
