//! Changes of objects that a cluster refuses or ignores, as diagnostics.

use diagnostic::{Code, Diagnostic, Diagnostics};
use plan::{Effect, FileChange, ObjectPath, Outcome, Review};
use std::path::Path;
use tree::{ChangeKind, Plan, SyncError, Tree, contents};

/// Compares the files on disk, which clusters and nodes have, with those of the tree. `allowed` are objects whose changes
/// are not reported. Returns the diagnostics, and the number of dangers that `homelab plan` would show.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn check(
    tree: &Tree,
    plan: &Plan<'_>,
    root: &Path,
    allowed: &[String],
) -> Result<(Diagnostics, usize), SyncError> {
    let is_deployed = |path: &str| path.starts_with("k8s/") || path.starts_with("nix/nodes/");
    let deployed = || plan.changes.iter().filter(|change| is_deployed(&change.path));
    let before = |kind| match kind {
        ChangeKind::Missing(_) => None,
        ChangeKind::Differs(_) | ChangeKind::Stale => Some(()),
    };
    let texts: Vec<Option<String>> = deployed()
        .map(|change| before(change.kind).map(|()| contents(root, &change.path)).transpose())
        .collect::<Result<_, _>>()?;
    let files: Vec<_> = deployed()
        .zip(&texts)
        .map(|(change, text)| FileChange {
            path: &change.path,
            before: text.as_deref(),
            after: match change.kind {
                ChangeKind::Missing(file) | ChangeKind::Differs(file) => Some(&file.text),
                ChangeKind::Stale => None,
            },
        })
        .collect();
    let is_allowed = |object: &ObjectPath| allowed.iter().any(|allowed| allowed == object.as_str());
    let mut diagnostics = Diagnostics::default();
    if files.is_empty() {
        return Ok((diagnostics, 0));
    }
    let after = tree.files().iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let review = Review::of(&files, after);
    for effect in review.effects.iter().filter(|effect| !is_allowed(&effect.object)) {
        diagnostics.push(report(effect, tree));
    }
    Ok((diagnostics, review.dangers))
}

fn report(effect: &Effect, tree: &Tree) -> Diagnostic {
    let Effect { object, file, outcome, field, change, reason, remedy } = effect;
    let (code, rest) = match outcome {
        Outcome::Refused => (Code::ChangeRefused, format!("; `--allow {object}` writes it anyway")),
        Outcome::Ignored | Outcome::Surprise => (Code::ChangeIgnored, String::new()),
    };
    let message = format!("`{field}` of {object} {change}, but {reason}");
    let diagnostic = match tree.get(file).and_then(|file| file.place) {
        Some(place) => Diagnostic::new(code, place, message),
        None => Diagnostic::of_file(code, message),
    };
    diagnostic.help(format!("{remedy}{rest}"))
}
