//! Commands that change the spec: `add`, `rename` and `remove`.
//!
//! The new spec passes the whole pipeline before anything is written. It replaces the old one in one step, and the
//! generated files follow.

mod args;
mod print;

pub(super) use args::{Adding, Removing, Renaming};

use super::args::{Format, Global};
use super::input::Input;
use super::{Outcome, Stop, build, build_with, compare, output, report_warnings};
use crate::Built;
use amend::{Amended, Kind, Refusal, Source};
use args::{Added, Writing};
use model::Files;
use plan::{Plan, Versions};
use print::Report;
use similar::TextDiff;
use spec::{Parsed, Spec};
use std::io::{self, BufRead as _, IsTerminal as _};

/// Adds an entry to the spec.
pub(super) fn add(adding: &Adding, global: &Global) -> Result<Outcome, Stop> {
    let input = Input::read(global)?;
    let _lock = tree::lock(&input.root)?;
    let parsed = parse(&input)?;
    let source = Source { text: input.text(), root: &parsed.root, spec: &parsed.spec };
    let candidate = match &adding.what {
        Added::App(app) => add_app(source, app, &input)?,
        Added::Node(node) => Candidate::check(amend::add_node(source, &node.name, &node.fields()), &input, None)?,
        Added::Host(host) => Candidate::check(amend::add_host(source, &host.name, &host.fields()), &input, None)?,
        Added::Cluster(cluster) => {
            Candidate::check(amend::add_cluster(source, &cluster.name, &cluster.fields()), &input, None)?
        }
        Added::Secret(secret) => {
            Candidate::check(amend::add_secret(source, &secret.name, &secret.fields()), &input, None)?
        }
        Added::Storage(storage) => {
            Candidate::check(amend::add_storage(source, &storage.name, &storage.fields()), &input, None)?
        }
    };
    write("added", candidate, None, &input, &adding.writing, global)
}

/// Adds an app. If it needs a load-balancer address, takes the last one of the pool with which the spec is valid.
fn add_app(source: Source<'_>, app: &args::App, input: &Input) -> Result<Candidate, Stop> {
    let fields = app.fields();
    let try_with = |address: Option<String>| {
        let fields = amend::AppFields { address: address.or(fields.address.clone()), ..fields.clone() };
        Candidate::check(amend::add_app(source, &app.name, &fields), input, None)
    };
    if fields.address.is_some() || !amend::needs_address(&app.name, &fields) {
        return try_with(None);
    }
    let clusters = source.spec.clusters.names().filter(|name| fields.cluster.as_deref().is_none_or(|own| own == *name));
    let addresses = clusters.flat_map(|cluster| amend::pool_addresses(source.spec, cluster));
    let mut result = try_with(None);
    for address in addresses {
        match result {
            Ok(_) => break,
            Err(_) => result = try_with(Some(address)),
        }
    }
    result
}

/// Renames an entry of the spec.
pub(super) fn rename(renaming: &Renaming, global: &Global) -> Result<Outcome, Stop> {
    let (kind, old, new) = (Kind::from(renaming.kind), renaming.old.as_str(), renaming.new.as_str());
    let cluster = renaming.changing.cluster.as_deref();
    let pins = (kind == Kind::Cluster).then_some((old, new));
    change("renamed", &renaming.changing, pins, global, |source| amend::rename(source, kind, cluster, old, new))
}

/// Removes an entry of the spec.
pub(super) fn remove(removing: &Removing, global: &Global) -> Result<Outcome, Stop> {
    let (kind, cluster) = (Kind::from(removing.kind), removing.changing.cluster.as_deref());
    change("removed", &removing.changing, None, global, |source| amend::remove(source, kind, cluster, &removing.name))
}

/// Changes entries of the spec, after showing the plan of the change.
fn change(
    verb: &'static str,
    changing: &args::Changing,
    pins: Option<(&str, &str)>,
    global: &Global,
    amend: impl FnOnce(Source<'_>) -> Result<Amended, Refusal>,
) -> Result<Outcome, Stop> {
    let input = Input::read(global)?;
    let _lock = tree::lock(&input.root)?;
    let parsed = parse(&input)?;
    let source = Source { text: input.text(), root: &parsed.root, spec: &parsed.spec };
    let candidate = Candidate::check(amend(source), &input, pins)?;
    let (before, _) = build(input.clone(), None)?;
    let plan = Plan::of(&Versions { before: texts(&before), after: texts(&candidate.built) });
    if global.format == Format::Human && !global.quiet {
        let plan = plan::human(&plan, "the current spec", global.verbose);
        let notes = print::notes(&candidate.amended);
        let gap = if notes.is_empty() { "" } else { "\n" };
        super::print(&format!("{}\n{gap}{notes}\n", plan.trim_end()))?;
    }
    if plan.is_dangerous() && !changing.yes && !changing.writing.dry_run && !is_confirmed(global) {
        output::message("nothing was written: the change has dangers; add --yes to make it\n");
        return Ok(Outcome::Dangerous);
    }
    write(verb, candidate, Some(&plan), &input, &changing.writing, global)
}

fn texts(built: &Built) -> std::collections::BTreeMap<&str, &str> {
    built.tree.files().iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

/// Asks whether to make a change that has dangers. Without a terminal, the answer is no.
fn is_confirmed(global: &Global) -> bool {
    if global.format != Format::Human || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    output::message("Make this change? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn parse(input: &Input) -> Result<Parsed, Stop> {
    let invalid = |diagnostics| Stop::Invalid { diagnostics, input: Some(input.clone()) };
    let parsed = spec::parse(&input.bytes).map_err(invalid)?;
    if parsed.diagnostics.has_errors() { Err(invalid(parsed.diagnostics)) } else { Ok(parsed) }
}

/// A new spec that is valid.
struct Candidate {
    amended: Amended,
    /// The new spec.
    input: Input,
    built: Built,
    /// Whether a file that SOPS encrypts must be created or changed before the files can be generated.
    is_sealed: bool,
}

impl Candidate {
    /// Runs the whole pipeline on a new spec. `pins` is the old and the new name of a cluster.
    fn check(amended: Result<Amended, Refusal>, input: &Input, pins: Option<(&str, &str)>) -> Result<Self, Stop> {
        let amended = amended.map_err(|refusal| match refusal {
            Refusal::Usage(message) => Stop::Usage(message),
            Refusal::Text(error) => Stop::Usage(format!("{}: {error}", input.shown)),
        })?;
        let new = Input { bytes: amended.text.clone().into_bytes(), ..input.clone() };
        let rename = |files: &mut Files| match pins {
            Some((old, new)) => rename_pins(files, old, new),
            None => Ok(()),
        };
        let invalid = match build_with(new.clone(), |_, files| rename(files)) {
            Ok((built, input)) => return Ok(Self { amended, input, built, is_sealed: false }),
            Err(invalid) => invalid,
        };
        let unseal = |spec: &Spec, files: &mut Files| {
            resolve::encrypted(spec).iter().for_each(|path| drop(files.remove(path)));
            rename(files)
        };
        match build_with(new, unseal) {
            Ok((built, input)) => Ok(Self { amended, input, built, is_sealed: true }),
            Err(_) => Err(invalid),
        }
    }
}

/// Renames a cluster in the file with the tags that image automation has set.
fn rename_pins(files: &mut Files, old: &str, new: &str) -> Result<(), String> {
    if let Some(Ok(bytes)) = files.get_mut(model::contract::PINS)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        *bytes = amend::pins(text, old, new).map_err(|error| error.to_string())?.into_bytes();
    }
    Ok(())
}

/// Writes a new spec and what it generates, and reports that.
fn write(
    verb: &'static str,
    candidate: Candidate,
    plan: Option<&Plan>,
    input: &Input,
    writing: &Writing,
    global: &Global,
) -> Result<Outcome, Stop> {
    let Candidate { mut amended, input: new, built, is_sealed } = candidate;
    let generates = !writing.no_generate && !is_sealed;
    let path = input.root.join(&global.spec);
    if is_sealed {
        amended
            .steps
            .insert(0, "Create or change the encrypted files: `homelab secrets` prints the commands".to_owned());
        amended.steps.insert(1, "Run `homelab generate`".to_owned());
    }
    let files = if generates {
        let (files, _) = compare(&built, tree::list(&input.root)?, &new, &[], global)?;
        Some(files)
    } else {
        report_warnings(&built.diagnostics, &new, global);
        None
    };
    let diff = TextDiff::from_lines(input.text(), &amended.text);
    let name = &input.in_repository;
    let diff = diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string();
    if !writing.dry_run {
        tree::replace_text(&path, &input.bytes, &amended.text)?;
        if let Some(files) = &files {
            tree::write(files, &input.root)?;
        }
    }
    let report = Report { verb, amended: &amended, diff: &diff, files: files.as_ref(), plan, writes: !writing.dry_run };
    super::print(&report.print(&input.shown, global))
}
