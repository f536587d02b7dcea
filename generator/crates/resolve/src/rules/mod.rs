//! Rules across the layers of a spec. Each module checks one subject and reports everything that is wrong.

mod addresses;
mod chart_addresses;
mod clusters;
pub(crate) mod credentials;
mod devices;
mod exposure;
mod hosts;
mod interfaces;
mod k3s_config;
mod names;
mod networks;
mod nfs;
mod nodes;
mod references;

pub use credentials::is_credential;

use diagnostic::{Diagnostics, Span};
use platform::Clusters;
use yaml::Node;

/// Checks everything that can be checked from the spec alone.
pub(crate) fn check(contexts: &Clusters<'_>, root: &Node, comments: &[(Span, String)], diagnostics: &mut Diagnostics) {
    let spec = contexts.spec();
    names::check(spec, diagnostics);
    addresses::check(spec, diagnostics);
    chart_addresses::check(contexts, root, diagnostics);
    networks::check(spec, diagnostics);
    nfs::check(spec, root, diagnostics);
    hosts::check(spec, diagnostics);
    nodes::check(spec, diagnostics);
    interfaces::check(spec, diagnostics);
    clusters::check(contexts, diagnostics);
    devices::check(spec, diagnostics);
    k3s_config::check(spec, root, diagnostics);
    contexts.iter().for_each(|context| app::check(&context, diagnostics));
    references::check(contexts, diagnostics);
    exposure::check(contexts, diagnostics);
    credentials::check(root, comments, &references::secrets(spec), diagnostics);
}
