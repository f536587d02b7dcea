//! Rules across the layers of a spec. Each module checks one subject and reports everything that is wrong.

mod addresses;
mod clusters;
mod credentials;
mod exposure;
mod hosts;
mod names;
mod networks;
mod references;

use diagnostic::Diagnostics;
use spec::Spec;
use yaml::Node;

/// Checks everything that can be checked from the spec alone.
pub(crate) fn check(spec: &Spec, root: &Node, diagnostics: &mut Diagnostics) {
    names::check(spec, diagnostics);
    addresses::check(spec, diagnostics);
    networks::check(spec, diagnostics);
    hosts::check(spec, diagnostics);
    clusters::check(spec, diagnostics);
    for cluster in &spec.clusters {
        app::check(cluster, &platform::context(spec, cluster), diagnostics);
    }
    references::check(spec, diagnostics);
    exposure::check(spec, diagnostics);
    credentials::check(root, &references::secrets(spec), diagnostics);
}
