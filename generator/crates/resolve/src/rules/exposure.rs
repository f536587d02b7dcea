//! Host names are unique, and in the lab's domain.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use platform::Claim;
use spec::Spec;
use spec::types::DomainName;
use std::collections::BTreeMap;

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<DomainName, (Span, String)> = BTreeMap::new();
    for claim in claims(spec) {
        check_domain(spec, &claim, diagnostics);
        let Some((first, owner)) = taken.get(&claim.value) else {
            taken.insert(claim.value, (claim.span, claim.owner));
            continue;
        };
        let message = format!("the host name {} is assigned to both {owner} and {}", claim.value, claim.owner);
        let diagnostic =
            Diagnostic::new(Code::HostNameTaken, claim.span, message).related(*first, "first assigned here");
        diagnostics.push(diagnostic.help("use another host name for one of them"));
    }
    for app in spec.clusters.iter().flat_map(|cluster| &cluster.value.apps) {
        if app.value.expose().is_some() && app.value.container().is_some_and(|container| container.port.is_none()) {
            let message = format!("`{}` has `expose`, but no `port`", app.name.value);
            diagnostics.push(
                Diagnostic::new(Code::MissingField, app.name.span, message)
                    .help("add `port: NUMBER`, the port that serves HTTP"),
            );
        }
    }
}

/// Returns all host names of the lab. Those of components come first: apps are easier to rename.
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

fn check_domain(spec: &Spec, claim: &Claim<DomainName>, diagnostics: &mut Diagnostics) {
    let domain = &spec.lab.domain;
    if claim.value.labels_below(domain).is_some() || domain.span.faulty {
        return;
    }
    let message = format!("the host name {} is not in the lab's domain {}", claim.value, domain.value);
    let diagnostic = Diagnostic::new(Code::InvalidValue, claim.span, message).related(domain.span, "the domain");
    diagnostics.push(diagnostic.help("use a single label, such as `links`, or a name in the domain"));
}
