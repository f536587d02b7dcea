//! The command line: reads files, runs the stages and reports the result.
//!
//! Results go to stdout, messages to stderr. The exit code is an [`Outcome`].

mod amend;
mod apps;
mod args;
mod base;
mod copy;
mod drift;
mod effects;
mod graph;
mod import;
mod init;
mod init_arguments;
mod input;
mod life;
mod manual;
mod nix;
mod output;
mod pin;
mod prompt;
mod report;
mod secrets;
mod surroundings;

use crate::Built;
use args::{Arguments, Command, Format, Global};
use base::Base;
use clap::Parser as _;
use clap::error::ErrorKind;
use diagnostic::{self, Code, Diagnostics, Source};
use graph::Subject;
use input::Input;
use manual::Page;
use model::Files;
use plan::{Plan as Changes, Systems, Versions};
use secrets::Secrets;
use spec::Spec;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use tree::{Listing, Plan, SyncError};

/// The most diagnostics that are shown as text without `-v`. JSON contains all of them.
const MAX_SHOWN: usize = 100;

/// How a run ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Success.
    Done = 0,
    /// The generated files differ from the spec, or a cluster is not ready.
    Drift = 1,
    /// The spec or the usage is invalid.
    Invalid = 2,
    /// Something could not be read or written.
    Failed = 3,
    /// The plan has dangers.
    Dangerous = 4,
}

/// Why a run stopped.
enum Stop {
    /// The spec is invalid. Without `input`, the diagnostics are not about its text.
    Invalid { diagnostics: Diagnostics, input: Option<Input> },
    /// Something could not be read or written.
    Io(SyncError),
    /// The arguments are invalid.
    Usage(String),
    /// Another program is missing or failed.
    Program(String),
}

impl From<SyncError> for Stop {
    fn from(error: SyncError) -> Self {
        Self::Io(error)
    }
}

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(print_usage(&error) as u8),
    };
    let global = arguments.global;
    if let Some(message) = unsupported(global.format, &arguments.command) {
        output::message(&format!("error: {message}\n"));
        return ExitCode::from(Outcome::Invalid as u8);
    }
    let result = match arguments.command {
        Command::Init(arguments) => init::run(&arguments, &global),
        Command::Generate { check: false, allow } => generate(&global, None, &allow),
        Command::Generate { check: true, allow } => check(&global, &allow),
        Command::Pin { app, tag } => generate(&global, Some((&app, &tag)), &[]),
        Command::Plan { base, base_dir, nix, fail_on } => {
            show_plan(&base, base_dir.as_deref(), nix, fail_on.is_some(), &global)
        }
        Command::Add(adding) => amend::add(&adding, &global),
        Command::Rename(renaming) => amend::rename(&renaming, &global),
        Command::Remove(removing) => amend::remove(&removing, &global),
        Command::Validate => validate(&global),
        Command::Schema { of } => print(&report::schema(of)),
        Command::Explain { path } => explain(&path, &global),
        Command::Apps { name, search, cluster } => {
            apps::show(name.as_deref(), search.as_deref(), cluster.as_deref(), &global)
        }
        Command::Import { path, cluster, set, write } => import::run(&path, cluster, &set, write.as_deref(), &global),
        Command::Secrets => secrets(&global),
        Command::Preflight(arguments) => life::preflight::run(&arguments, &global),
        Command::Bootstrap(arguments) => life::bootstrap::run(&arguments, &global),
        Command::Status(arguments) => life::status::run(&arguments, &global),
        Command::Restore(arguments) => life::restore::run(&arguments, &global),
        Command::Provision(arguments) => life::provision::run(&arguments, &global),
        Command::Deploy(deploying) => life::deploy::run(&deploying, &global),
        Command::Script { name } => life::script(name),
        Command::Graph { of } => graph(&of, &global),
        Command::Completions { shell } => print(&manual::completions(shell)),
        Command::Man { dir } => pages(&manual::man(), dir.as_deref(), &global),
        Command::Reference { dir } => pages(&manual::reference(), dir.as_deref(), &global),
    };
    let outcome = result.unwrap_or_else(|stop| report_stop(&stop, &global));
    ExitCode::from(outcome as u8)
}

/// Why a command cannot print its result in a format, if it cannot.
fn unsupported(format: Format, command: &Command) -> Option<&'static str> {
    match (format, command) {
        (Format::Human | Format::Json, _) => None,
        (Format::Markdown, Command::Plan { .. } | Command::Apps { .. }) => None,
        (Format::Markdown, _) => Some(
            "only `homelab plan` and `homelab apps` can print Markdown; `homelab reference` prints the fields of the spec",
        ),
        (Format::Svg | Format::Mermaid | Format::Dot, Command::Graph { .. }) => None,
        (Format::Svg | Format::Mermaid | Format::Dot, _) => Some("only `homelab graph` can print diagrams"),
    }
}

fn print_usage(error: &clap::Error) -> Outcome {
    let requested = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    match output::usage(error) {
        Ok(()) if requested => Outcome::Done,
        Ok(()) => Outcome::Invalid,
        Err(error) => {
            output::message(&format!("error: {}: {}\n", error.path.display(), error.reason));
            Outcome::Failed
        }
    }
}

fn report_stop(stop: &Stop, global: &Global) -> Outcome {
    match stop {
        Stop::Invalid { diagnostics, input } => {
            report_diagnostics(diagnostics, input.as_ref(), global);
            Outcome::Invalid
        }
        Stop::Io(error) => {
            report_error(&error.reason, Some(&error.path), global);
            Outcome::Failed
        }
        Stop::Usage(message) => {
            report_error(message, None, global);
            Outcome::Invalid
        }
        Stop::Program(message) => {
            report_error(message, None, global);
            Outcome::Failed
        }
    }
}

fn report_error(message: &str, path: Option<&Path>, global: &Global) {
    let text = match (global.format, path) {
        (Format::Json, path) => serde_json::json!({ "error": message, "path": path }).to_string(),
        (_, Some(path)) => format!("error: {}: {message}", path.display()),
        (_, None) => format!("error: {message}"),
    };
    output::message(&(text + "\n"));
}

/// Writes diagnostics to stderr, as text or as one JSON array.
fn report_diagnostics(diagnostics: &Diagnostics, input: Option<&Input>, global: &Global) {
    let name = input.map_or_else(|| global.spec.to_string_lossy().into_owned(), |input| input.shown.clone());
    let text = input.map_or("", Input::text);
    let source = Source { name: &name, text };
    if diagnostics.is_empty() {
        return;
    }
    match global.format {
        Format::Json => output::message(&format!("{:#}\n", diagnostic::json(diagnostics, source))),
        _ => {
            let colour =
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let most = if global.verbose { usize::MAX } else { MAX_SHOWN };
            output::styled_message(&diagnostic::human(diagnostics, source, colour, most));
        }
    }
}

/// Reports the warnings of a run that succeeds.
fn report_warnings(diagnostics: &Diagnostics, input: &Input, global: &Global) {
    if !global.quiet {
        report_diagnostics(diagnostics, Some(input), global);
    }
}

/// Builds the verified tree from `input`, with the tag of an app replaced by `pin`.
fn build(input: Input, pin: Option<(&str, &str)>) -> Result<(Built, Input), Stop> {
    build_with(input, |spec, files| match pin {
        Some((app, tag)) => pin::set(spec, files, app, tag),
        None => Ok(()),
    })
}

/// Builds the verified tree from `input`, with a change of the files that the spec refers to.
fn build_with(
    input: Input,
    change: impl FnOnce(&Spec, &mut Files) -> Result<(), String>,
) -> Result<(Built, Input), Stop> {
    let files = |spec: &Spec| {
        let mut files = input.referenced(spec);
        change(spec, &mut files).map_err(Failure::Usage).map(|()| files)
    };
    match crate::build(&input.bytes, &input.in_repository, files) {
        Ok(built) => Ok((built, input)),
        Err(Failure::Spec(diagnostics)) => Err(Stop::Invalid { diagnostics, input: Some(input) }),
        Err(Failure::Usage(message)) => Err(Stop::Usage(message)),
    }
}

/// Why no tree could be built.
enum Failure {
    Spec(Diagnostics),
    Usage(String),
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Spec(diagnostics)
    }
}

/// Builds the tree from `input`. Parsing keeps only one core busy, so another one meanwhile lists the
/// disk and prepares the templates.
fn build_and_list(input: Input, pin: Option<(&str, &str)>) -> Result<(Built, Listing, Input), Stop> {
    let root = input.root.clone();
    let independent = || {
        crate::prepare();
        tree::list(&root)
    };
    let (built, listing) = rayon::join(|| build(input, pin), independent);
    // Problems with the spec are reported before those of the disk.
    let (built, input) = built?;
    Ok((built, listing?, input))
}

/// Builds the tree from `input`, and reports its warnings.
fn build_alone(global: &Global) -> Result<Built, Stop> {
    let (built, input) = build(Input::read(global)?, None)?;
    report_warnings(&built.diagnostics, &input, global);
    Ok(built)
}

/// Compares the tree with the disk. Stops at changes that a cluster refuses, and reports warnings. Returns the
/// differences, and the number of dangers in them.
fn compare<'a>(
    built: &'a Built,
    listing: Listing,
    input: &Input,
    allowed: &[String],
    global: &Global,
) -> Result<(Plan<'a>, usize), Stop> {
    let plan = tree::compare_listed(&built.tree, listing, &input.root)?;
    let mut diagnostics = built.diagnostics.clone();
    let (effects, dangers) = effects::check(&built.tree, &plan, &input.root, allowed)?;
    diagnostics.append(effects);
    if diagnostics.has_errors() {
        return Err(Stop::Invalid { diagnostics, input: Some(input.clone()) });
    }
    report_warnings(&diagnostics, input, global);
    Ok((plan, dangers))
}

fn generate(global: &Global, pin: Option<(&str, &str)>, allowed: &[String]) -> Result<Outcome, Stop> {
    let start = Instant::now();
    let input = Input::read(global)?;
    let _lock = tree::lock(&input.root)?;
    let (built, listing, input) = build_and_list(input, pin)?;
    let (plan, dangers) = compare(&built, listing, &input, allowed, global)?;
    tree::write(&plan, &input.root)?;
    let in_git = input.root.ancestors().any(|folder| folder.join(".git").exists());
    print(&report::generated(&plan, start.elapsed(), dangers, in_git, global))
}

fn check(global: &Global, allowed: &[String]) -> Result<Outcome, Stop> {
    let (built, listing, input) = build_and_list(Input::read(global)?, None)?;
    let (plan, _) = compare(&built, listing, &input, allowed, global)?;
    let drift = drift::Drift::of(&built.tree, &plan, &input.root)?;
    print(&report::checked(&drift, &plan, global))?;
    Ok(if plan.changes.is_empty() { Outcome::Done } else { Outcome::Drift })
}

fn show_plan(base: &str, folder: Option<&Path>, nix: bool, fails: bool, global: &Global) -> Result<Outcome, Stop> {
    let input = Input::read(global)?;
    let root = input.root.clone();
    let read_base = || match folder {
        Some(folder) => Base::of_folder(folder),
        None => Base::of_commit(&root, base),
    };
    let (built, base) = rayon::join(|| build(input, None), read_base);
    // Problems with the spec are reported before those of the base.
    let (built, input) = built?;
    let base = base?;
    report_warnings(&built.diagnostics, &input, global);
    // A large lab reuses the memory of the rest.
    let tree = built.tree;
    drop(built.lab);
    let after = tree.deployed().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let texts = base.texts(&root, &tree)?;
    let before = texts.iter().map(|(path, text)| (*path, &**text)).collect();
    let versions = Versions { before, after };
    let systems = if nix { nix::systems(&base, &versions, &tree, &root, global)? } else { Systems::default() };
    let plan = Changes::with_systems(&versions, &systems);
    print(&match global.format {
        Format::Json => format!("{:#}\n", plan::json(&plan, &base.name)),
        Format::Markdown => plan::markdown(&plan, &base.name),
        _ => plan::human(&plan, &base.name, global.verbose),
    })?;
    Ok(if fails && plan.is_dangerous() { Outcome::Dangerous } else { Outcome::Done })
}

fn validate(global: &Global) -> Result<Outcome, Stop> {
    let built = build_alone(global)?;
    print(&report::validated(&built.tree, &built.lab, global))
}

fn explain(path: &str, global: &Global) -> Result<Outcome, Stop> {
    if let Some(code) = Code::of_text(path) {
        return print(&report::rule(code, global));
    }
    let explanation = spec::explain(path).map_err(|message| {
        let near = diagnostic::did_you_mean(path, Code::ALL.iter().map(|code| code.text()));
        Stop::Usage(near.map_or(message, |near| format!("there is no rule `{path}`; did you mean `{near}`?")))
    })?;
    print(&report::explained(&explanation, global))
}

/// Lists the secrets of the lab. Does not check the encrypted files, since the list says how to create and change them.
fn secrets(global: &Global) -> Result<Outcome, Stop> {
    let (built, input) = build_with(Input::read(global)?, |spec, files| {
        resolve::encrypted(spec).iter().for_each(|path| drop(files.remove(path)));
        Ok(())
    })?;
    report_warnings(&built.diagnostics, &input, global);
    let is_missing = |path: &str| !input.root.join(path).exists();
    print(&Secrets::of(&built.lab, is_missing).print(global.format))
}

fn graph(of: &str, global: &Global) -> Result<Outcome, Stop> {
    let built = build_alone(global)?;
    let subject = Subject::find(&built.lab, of).map_err(Stop::Usage)?;
    print(&graph::print(&built.lab, &subject, global.format).map_err(Stop::Usage)?)
}

/// Prints pages, or writes them to a folder.
fn pages(pages: &[Page], folder: Option<&Path>, global: &Global) -> Result<Outcome, Stop> {
    let Some(folder) = folder else {
        return print(&pages.iter().map(|page| page.text.as_str()).collect::<Vec<_>>().join("\n"));
    };
    manual::write(pages, folder)?;
    print(&report::pages(pages, folder, global))
}

/// Prints a result.
fn print(text: &str) -> Result<Outcome, Stop> {
    output::result(text)?;
    Ok(Outcome::Done)
}
