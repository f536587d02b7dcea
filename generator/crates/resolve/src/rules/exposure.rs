//! Host names: one owner each, inside the lab's domain.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use platform::Claim;
use spec::Spec;
use spec::types::DomainName;
use std::collections::BTreeMap;

pub(super) fn check(spec: &Spec, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<DomainName, (Span, String)> = BTreeMap::new();
    for claim in claims(spec) {
        check_domain(spec, &claim, faults);
        let Some((first, owner)) = taken.get(&claim.value) else {
            taken.insert(claim.value, (claim.span, claim.owner));
            continue;
        };
        let message = format!("{} is the host name of {} and of {owner}", claim.value, claim.owner);
        let fault = Diagnostic::new(Code::HostNameTaken, claim.span, message).related(*first, "first given here");
        faults.push(fault.help("give each a host name of its own"));
    }
    for app in spec.clusters.iter().flat_map(|cluster| &cluster.value.apps) {
        if app.value.expose().is_some() && app.value.container().is_some_and(|container| container.port.is_none()) {
            let message = format!("`{}` is exposed but has no port", app.name.value);
            faults.push(
                Diagnostic::new(Code::MissingField, app.name.span, message)
                    .help("add `port: NUMBER`, the port that it serves HTTP on"),
            );
        }
    }
}

/// All host names of the lab: those of platform components first, which people choose less freely.
fn claims(spec: &Spec) -> Vec<Claim<DomainName>> {
    let contexts = || spec.clusters.iter().map(|cluster| platform::context(spec, cluster));
    let of_platform = contexts()
        .flat_map(|context| context.components().flat_map(|component| component.hosts(&context)).collect::<Vec<_>>());
    let of_apps = contexts().flat_map(|context| {
        context.cluster.apps.iter().filter_map(move |app| {
            let host = &app.value.expose().as_ref()?.host;
            let owner = format!("`{}` in `{}`", app.name.value, context.name.value);
            Some(Claim { value: context.full_host(host), span: host.span, owner })
        })
    });
    of_platform.chain(of_apps).collect()
}

fn check_domain(spec: &Spec, claim: &Claim<DomainName>, faults: &mut Diagnostics) {
    let domain = &spec.lab.domain;
    if claim.value.labels_below(domain).is_some() || domain.span.faulty {
        return;
    }
    let message = format!("{} is not inside the lab's domain {}", claim.value, domain.value);
    let fault = Diagnostic::new(Code::InvalidValue, claim.span, message).related(domain.span, "the domain");
    faults.push(fault.help("write a label, such as `links`, or a name that ends in the domain"));
}
