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
use operate::Script;

/// Prints a script that runs on hosts.
pub(super) fn script(script: Script) -> Result<Outcome, Stop> {
    print(script.text())
}
