//! Evaluating the systems of the nodes before and after a change, with Nix.

use super::args::{Format, Global};
use super::base::{Base, Origin};
use super::copy::{self, Temporary};
use super::{Stop, output};
use plan::{Evaluated, Systems, Versions};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use tree::Tree;

/// The command, as messages name it.
const COMMAND: &str = "nix eval path:.#nixosConfigurations";

/// The most lines of Nix that a message has. The last ones say what is wrong.
const MOST_LINES: usize = 20;

/// A node, as Nix prints it.
#[derive(Deserialize)]
struct Printed {
    derivation: String,
    units: BTreeMap<String, String>,
}

/// Evaluates the nodes of two versions: those of the base, and those of the folder with the generated files of `tree`.
///
/// # Errors
/// If a temporary copy cannot be made, or Nix is missing or fails.
pub(super) fn systems(
    base: &Base,
    versions: &Versions<'_>,
    tree: &Tree,
    root: &Path,
    global: &Global,
) -> Result<Systems, Stop> {
    let before = match &base.origin {
        Origin::Commit(commit) => copy::of_commit(root, commit)?,
        Origin::Folder(folder) => copy::of_folder(folder)?,
    };
    let before = evaluate(&before, &versions.before, &base.name, global)?;
    if before.is_empty() {
        return Ok(Systems::default());
    }
    let after = copy::of_folder(root)?;
    copy::overlay(tree, &after, root)?;
    let after = evaluate(&after, &versions.after, "the spec", global)?;
    Ok(Systems { before, after })
}

/// Evaluates the nodes that have a folder among `files`. `version` names the version of these.
fn evaluate(
    folder: &Temporary,
    files: &BTreeMap<&str, &str>,
    version: &str,
    global: &Global,
) -> Result<BTreeMap<String, Evaluated>, Stop> {
    let nodes = files.keys().filter_map(|path| path.strip_prefix("nix/nodes/")?.strip_suffix("/default.nix"));
    let nodes: BTreeSet<&str> = nodes.collect();
    if nodes.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !folder.path().join("flake.nix").is_file() {
        return Err(Stop::Program(format!("{version} has no flake.nix, whose nodes --nix evaluates")));
    }
    if !global.quiet && global.format != Format::Json {
        output::message(&format!("evaluating the nodes of {version} ...\n"));
    }
    let printed = run(folder.path(), &expression(&nodes))
        .map_err(|reason| Stop::Program(format!("cannot evaluate the nodes of {version}: `{COMMAND}` {reason}")))?;
    let printed: BTreeMap<String, Printed> = serde_json::from_slice(&printed)
        .map_err(|error| Stop::Program(format!("`{COMMAND}` printed something unexpected for {version}: {error}")))?;
    let missing: Vec<_> = nodes.into_iter().filter(|node| !printed.contains_key(*node)).collect();
    if !missing.is_empty() {
        return Err(Stop::Program(format!("nixosConfigurations of {version} has no {}", missing.join(", "))));
    }
    let evaluated =
        |(node, printed): (String, Printed)| (node, Evaluated { derivation: printed.derivation, units: printed.units });
    Ok(printed.into_iter().map(evaluated).collect())
}

/// A function of Nix that takes the nodes and returns what [`Printed`] has.
fn expression(nodes: &BTreeSet<&str>) -> String {
    let names: String = nodes.iter().map(|name| format!("{} = null; ", ::nix::string(name))).collect();
    format!(
        r#"nodes: builtins.mapAttrs (_: node:
let
  units = node.config.systemd.units;
  isFile = name: units.${{name}}.enable && units.${{name}}.text != null;
  digest = name: {{
    inherit name;
    value = builtins.hashString "sha256" (builtins.unsafeDiscardStringContext units.${{name}}.text);
  }};
in
{{
  derivation = node.config.system.build.toplevel.drvPath;
  units = builtins.listToAttrs (map digest (builtins.filter isFile (builtins.attrNames units)));
}}) (builtins.intersectAttrs {{ {names}}} nodes)"#
    )
}

/// Runs Nix in a folder with a flake, and returns what it prints. The error says how it failed.
fn run(folder: &Path, expression: &str) -> Result<Vec<u8>, String> {
    let mut nix = Command::new("nix");
    nix.args(["--extra-experimental-features", "nix-command flakes", "eval", "--json"]);
    nix.args(["path:.#nixosConfigurations", "--apply", expression]);
    let output = nix.current_dir(folder).stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "needs Nix, and there is no program `nix` on PATH".to_owned(),
        _ => format!("does not start: {error}"),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(MOST_LINES)..];
    let last: String = last.iter().map(|line| format!("\n  {line}")).collect();
    Err(format!("failed ({}):{}", output.status, if last.is_empty() { " it said nothing" } else { &last }))
}
