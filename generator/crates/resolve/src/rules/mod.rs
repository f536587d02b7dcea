//! Rules across the layers of a spec. Each module checks one subject and reports everything that is wrong.

mod addresses;
mod chart_addresses;
mod clusters;
pub(crate) mod credentials;
mod exposure;
mod hosts;
mod k3s_config;
mod names;
mod networks;
mod nfs;
mod nodes;
mod references;

use diagnostic::{Diagnostics, Span};
use spec::Spec;
use yaml::Node;

/// Checks everything that can be checked from the spec alone.
pub(crate) fn check(spec: &Spec, root: &Node, comments: &[(Span, String)], diagnostics: &mut Diagnostics) {
    names::check(spec, diagnostics);
    addresses::check(spec, diagnostics);
    chart_addresses::check(spec, root, diagnostics);
    networks::check(spec, diagnostics);
    nfs::check(spec, root, diagnostics);
    hosts::check(spec, diagnostics);
    nodes::check(spec, diagnostics);
    clusters::check(spec, diagnostics);
    k3s_config::check(spec, root, diagnostics);
    for cluster in &spec.clusters {
        app::check(cluster, &platform::context(spec, cluster), diagnostics);
    }
    references::check(spec, diagnostics);
    exposure::check(spec, diagnostics);
    credentials::check(root, comments, &references::secrets(spec), diagnostics);
}
