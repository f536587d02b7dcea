//! Host names: one app each, inside the lab's domain.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::spec::types::Host;
use crate::spec::{Entry, Spec};
use std::collections::HashMap;

/// The whole name of a host given as a label or as a whole name.
pub(crate) fn full_host(host: &Host, domain: &str) -> String {
    if host.as_str().contains('.') { host.to_string() } else { format!("{host}.{domain}") }
}

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    let domain = &spec.lab.domain;
    let mut taken: HashMap<String, (&Entry<crate::spec::App>, &str)> = HashMap::new();
    for (cluster, app) in
        spec.clusters.iter().flat_map(|cluster| cluster.value.apps.iter().map(move |app| (cluster, app)))
    {
        let Some(expose) = &app.value.expose else { continue };
        let host = full_host(&expose.host, domain.as_str());
        if !host.ends_with(&format!(".{}", domain.value)) && !domain.span.faulty {
            let message = format!("{host} is not inside the lab's domain {}", domain.value);
            let fault =
                Diagnostic::new(Code::InvalidValue, expose.host.span, message).related(domain.span, "the domain");
            faults.push(fault.help("write a label, such as `links`, or a name that ends in the domain"));
        }
        if app.value.port.is_none() {
            let message = format!("`{}` is exposed but has no port", app.name.value);
            faults.push(
                Diagnostic::new(Code::MissingField, app.name.span, message)
                    .help("add `port: NUMBER`, the port that it serves HTTP on"),
            );
        }
        match taken.get(&host) {
            Some((first, other)) => {
                let message = format!(
                    "{host} is the host name of `{}` and of `{}` in `{other}`",
                    app.name.value, first.name.value
                );
                let first_span = first.value.expose.as_ref().map_or(first.name.span, |expose| expose.host.span);
                let fault = Diagnostic::new(Code::HostNameTaken, expose.host.span, message)
                    .related(first_span, "first given here");
                faults.push(fault.help("give each app a host name of its own"));
            }
            None => {
                taken.insert(host, (app, cluster.name.as_str()));
            }
        }
    }
}
