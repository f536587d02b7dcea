//! Rules across the layers of a spec. Each module judges one subject and reports every fault.

mod addresses;
mod apps;
mod clusters;
mod credentials;
mod exposure;
mod hosts;
mod images;
mod names;
mod networks;
mod placement;
mod references;
mod volumes;

pub(crate) use images::is_floating;
pub(crate) use networks::DEFAULT_PODS;
pub(super) use networks::DEFAULT_SERVICES;

use crate::spec::Spec;
use diagnostic::Diagnostics;
use yaml::Node;

/// Judges everything that can be judged from the spec alone.
pub(super) fn judge(spec: &Spec, root: &Node, faults: &mut Diagnostics) {
    names::judge(spec, faults);
    addresses::judge(spec, faults);
    networks::judge(spec, faults);
    hosts::judge(spec, faults);
    clusters::judge(spec, faults);
    images::judge(spec, faults);
    apps::judge(spec, faults);
    volumes::judge(spec, faults);
    placement::judge(spec, faults);
    references::judge(spec, faults);
    exposure::judge(spec, faults);
    credentials::judge(root, &references::secrets(spec), faults);
}
