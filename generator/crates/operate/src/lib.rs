//! What is done to hosts, nodes and clusters: commands as data, which are printed or run, and what their output means.
//!
//! This crate runs nothing. The command line asks it which commands show the state of a machine, runs them, and passes
//! their output back; what must change comes back as a list of [`Step`]s. A step is printed and run from the same
//! [`Command`], so what `homelab` prints is what it runs.

pub mod bootstrap;
pub mod cluster;
mod command;
pub mod container;
pub mod drift;
mod guest;
pub mod preflight;
pub mod provision;
pub mod pve;
pub mod restore;
mod script;
mod step;
pub mod time;
pub mod update;
pub mod vm;

pub use command::{Command, Input, Machine, Place, Source};
pub use guest::GuestKind;
pub use script::Script;
pub use secrecy::{ExposeSecret, SecretString};
pub use step::{Effect, Step, Wait, runbook};
