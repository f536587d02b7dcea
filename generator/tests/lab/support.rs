//! Shared by the tests: functions that call the library and run the program.

use homelab::diagnostic::{self, Diagnostics, Source};
use homelab::model::{File, Files, Lab, Problem};
use homelab::resolve;
use homelab::spec::Spec;
use homelab::tree::Tree;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// The reference lab's spec.
pub(crate) fn reference_spec() -> String {
    let path = repository().join("spec/homelab.yaml");
    std::fs::read_to_string(path).expect("the reference spec is committed")
}

/// The spec that configures every component.
pub(crate) fn everything_spec() -> String {
    let path = repository().join("tests/everything.yaml");
    std::fs::read_to_string(path).expect("it is committed")
}

/// The result of building a spec: its tree, unless it has errors, and the diagnostics.
pub(crate) struct Built {
    pub(crate) lab: Option<Lab>,
    pub(crate) tree: Option<Tree>,
    pub(crate) diagnostics: Diagnostics,
}

/// Builds the tree of a spec. Files that it refers to are read below `root`.
pub(crate) fn build(text: &str, root: &Path) -> Built {
    let files = |spec: &Spec| -> Result<Files, Diagnostics> {
        let committed = resolve::committed(spec).into_iter().filter(|path| root.join(path).exists());
        let named = resolve::referenced(spec).into_iter();
        Ok(named.chain(committed).map(|path| (path.clone(), read(root, &path))).collect())
    };
    match homelab::build(text.as_bytes(), "spec/homelab.yaml", files) {
        Ok(built) => Built { lab: Some(built.lab), tree: Some(built.tree), diagnostics: built.diagnostics },
        Err(diagnostics) => Built { lab: None, tree: None, diagnostics },
    }
}

/// The lab that a valid spec describes. Files that it refers to are read below `root`.
pub(crate) fn lab_of(text: &str, root: &Path) -> Lab {
    let built = build(text, root);
    built.lab.unwrap_or_else(|| panic!("{}", shown(&built.diagnostics, text)))
}

/// The diagnostics of parsing a spec, before any rule that compares fields. `Err` if nothing could be parsed.
pub(crate) fn parse(bytes: &[u8]) -> Result<Diagnostics, Diagnostics> {
    homelab::spec::parse(bytes).map(|parsed| parsed.diagnostics)
}

/// The components of the platform by their names in the spec, from the schema.
pub(crate) fn components() -> Vec<String> {
    let schema = spec::schema();
    let fields = schema["$defs"]["Platform"]["properties"].as_object().expect("the schema describes the platform");
    fields.keys().cloned().collect()
}

fn read(root: &Path, path: &str) -> File {
    std::fs::read(root.join(path)).map_err(|error| Problem::Unreadable(error.to_string()))
}

/// The tree of a spec that must be valid.
pub(crate) fn tree_of(text: &str) -> Tree {
    let built = build(text, &repository());
    built.tree.unwrap_or_else(|| panic!("{}", shown(&built.diagnostics, text)))
}

/// Diagnostics as the user sees them.
pub(crate) fn shown(diagnostics: &Diagnostics, text: &str) -> String {
    diagnostic::human(diagnostics, Source { name: "spec/homelab.yaml", text }, false, usize::MAX)
}

/// A command that runs the program in a folder, without the environment of the tests.
pub(crate) fn homelab(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs the program in a folder.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    homelab(folder).args(arguments).output().expect("the program starts")
}

/// What a run printed to stdout.
pub(crate) fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("results are UTF-8")
}

/// What a run printed to stderr.
pub(crate) fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("messages are UTF-8")
}

/// A new folder, in memory if possible: the tests write some hundred thousand files, and disks are slow to recreate
/// files that were just removed.
pub(crate) fn temporary_folder() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).expect("a temporary folder can be created")
}

/// A new folder with a spec in it.
pub(crate) fn folder_with(spec: &str) -> tempfile::TempDir {
    let folder = temporary_folder();
    std::fs::create_dir(folder.path().join("spec")).expect("the folder is new");
    std::fs::write(folder.path().join("spec/homelab.yaml"), spec).expect("the folder is writable");
    folder
}

/// The path of a program, or `None` with the reason printed, so that skipped tests are visible.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not on PATH");
    }
    found
}

/// The path of a Go program, built from its folder in `tests/tools`, or `None` with the reason printed.
pub(crate) fn build_go(name: &str) -> Option<PathBuf> {
    let go = tool("go")?;
    let target = program().with_file_name(name);
    let mut build = Command::new(go);
    build.args(["build", "-o"]).arg(&target).arg(".").current_dir(repository().join("tests/tools").join(name));
    let built = build.output().expect("go starts");
    if !built.status.success() {
        eprintln!("skipped: {name} could not be built: {}", String::from_utf8_lossy(&built.stderr));
        return None;
    }
    Some(target)
}
