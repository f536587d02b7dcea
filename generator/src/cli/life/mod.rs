//! Commands that reach machines: hosts, nodes and clusters.
//!
//! The crate `operate` decides what runs and what its output means; this module runs it. A command first reads the state
//! of its machines, then prints the steps that are due, and runs them only if it is told to.

pub(super) mod bootstrap;
pub(super) mod deploy;
pub(super) mod preflight;
pub(super) mod provision;
pub(super) mod restore;
mod runner;
pub(super) mod status;
mod watch;

use runner::{Answer, Runner};

use super::{Outcome, Stop, print};
use operate::{GuestKind, Script};

/// The kind of the guest that a node is.
fn guest_kind(node: &model::Node) -> GuestKind {
    match node.kind {
        model::NodeKind::Lxc { .. } => GuestKind::Container,
        model::NodeKind::Vm { .. } => GuestKind::Vm,
    }
}

/// The error for a name that the spec does not have. It shows the name that was probably meant, or all.
fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Stop {
    let known: Vec<_> = known.into_iter().collect();
    Stop::Usage(match diagnostic::did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("there is no {what} `{name}`; did you mean `{near}`?"),
        None => format!("there is no {what} `{name}`; {what}s: {}", known.join(", ")),
    })
}

/// Prints a script that runs on hosts.
pub(super) fn script(script: Script) -> Result<Outcome, Stop> {
    print(script.text())
}
