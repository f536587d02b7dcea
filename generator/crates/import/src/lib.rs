//! Proposes entries of a spec for the Flux manifests of a repository: apps with what they need, and the components of
//! the platform. Whatever it does not understand is reported with its place and a reason.
//!
//! ```text
//! files ──kustomize, flux──► objects ──app_template, native──► workloads ──app, helm──► drafts ──Pipeline──► Proposal
//! ```
//!
//! Pure: the caller reads the files, and the pipeline of the generator decides which drafts are valid. Values of Secrets
//! are never read, and what looks like a credential is never printed.

mod app;
mod app_template;
mod charts;
mod context;
mod env;
mod files;
mod flux;
mod helm;
mod kustomize;
mod lab;
mod names;
mod native;
mod objects;
mod piece;
mod ports;
mod print;
mod proposal;
mod read;
mod report;
mod secrets;
mod storages;
mod substitute;
mod tpl;
mod volumes;
mod workload;

pub use context::{Pipeline, Problem};
pub use files::{Content, Files, MAX_FILE, Place, Remark};
pub use proposal::{Outcome, Proposal, Reported};
pub use report::{human, json};

use std::collections::BTreeMap;

/// What a person sets for an import.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the cluster that gets the apps.
    pub cluster: String,
    /// Values of variables that are not in the manifests.
    pub variables: BTreeMap<String, String>,
}

/// Proposes entries of a spec for the manifests in `files`.
pub fn import(files: &Files, options: &Options, pipeline: &dyn Pipeline) -> Proposal {
    proposal::propose(files, options, pipeline)
}
