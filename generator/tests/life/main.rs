//! Tests of the commands that reach machines, against scripted ones. Each module is about one subject.

#![expect(clippy::disallowed_macros, reason = "what is skipped is said on stderr")]

mod bootstrap;
mod create_vm;
mod deploy;
mod journey;
mod live;
mod machines;
mod preflight;
mod provision;
mod provision_vm;
mod pull_update;
mod restore;
mod script;
mod status;
