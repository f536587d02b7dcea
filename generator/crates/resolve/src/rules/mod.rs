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
pub(crate) fn check(spec: &Spec, root: &Node, faults: &mut Diagnostics) {
    names::check(spec, faults);
    addresses::check(spec, faults);
    networks::check(spec, faults);
    hosts::check(spec, faults);
    clusters::check(spec, faults);
    for cluster in &spec.clusters {
        app::check(cluster, &platform::context(spec, cluster), faults);
    }
    references::check(spec, faults);
    exposure::check(spec, faults);
    credentials::check(root, &references::secrets(spec), faults);
}
