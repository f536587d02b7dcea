//! How something is reached from outside its cluster: what its Ingress says to the controller, to
//! cert-manager and to ExternalDNS.

use super::Context;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::lab::{Exposure, Tls};
use crate::spec::Public;

/// The IngressClass, whichever implementation serves it: apps need not know.
pub(crate) const CLASS: &str = "nginx";

/// Who is to reach something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The LAN.
    Lan,
    /// The LAN and the Internet.
    Public,
}

/// How a service of the cluster is reached under a host name.
pub(crate) fn exposure(context: &Context<'_>, host: String, reach: Reach, service: &str) -> Exposure {
    let tls = match context.certificates() {
        None => Tls::None,
        Some(certificates) if certificates.wildcard_secret().is_some() && wildcard_covers(context, &host) => {
            Tls::Wildcard
        }
        Some(certificates) => Tls::Own(certificates.issuer_name()),
    };
    let mut annotations = Vec::new();
    let mut annotate = |key: &str, value: String| annotations.push((key.to_owned(), value));
    if let Tls::Own(issuer) = tls {
        annotate("cert-manager.io/cluster-issuer", issuer.to_owned());
    }
    if let (Reach::Public, Some(target)) = (reach, public_target(context)) {
        annotate("external-dns.alpha.kubernetes.io/target", target);
    }
    if let Some(ingress) = context.ingress() {
        annotations.extend(ingress.service_annotations(service));
    }
    Exposure { host, public: reach == Reach::Public, tls, annotations }
}

/// What the public names of apps point to.
fn public_target(context: &Context<'_>) -> Option<String> {
    Some(match context.spec.network.public.as_ref()? {
        Public::Host(host) => context.full_host(host),
        Public::Address(address) => address.to_string(),
    })
}

/// Whether the wildcard certificate is good for a host: a wildcard stands for one label.
fn wildcard_covers(context: &Context<'_>, host: &str) -> bool {
    let label = host.strip_suffix(context.spec.lab.domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
    label.is_some_and(|label| !label.contains('.'))
}

/// The type of a Secret with passwords, as the default implementation wants it.
pub(super) const PASSWORDS: &str = "nginx.org/htpasswd";

/// The keys of a Secret with passwords: one for each implementation.
pub(super) const PASSWORD_KEYS: [&str; 2] = ["htpasswd", "auth"];

/// What is public has all that makes it so.
pub(crate) fn judge_public(context: &Context<'_>, span: Span, who: &str, faults: &mut Diagnostics) {
    let mut lacks = |what: &str, help: &str| {
        let fault = Diagnostic::new(Code::PublicIncomplete, span, format!("{who} is public, but {what}")).of_absence();
        faults.push(fault.help(help));
    };
    let cluster = context.name.as_str();
    if context.certificates().is_none() {
        let what = format!("`{cluster}` gives no certificates");
        lacks(&what, "give the lab a `dns` provider, and do not disable `platform.certificates` of the cluster");
    }
    let keeps_entry = || context.clusters().any(|peer| peer.dynamic_dns().is_some());
    match &context.spec.network.public {
        None => lacks("the lab has no entry", "write `network: { public: { host: home } }`, or `{ address: … }`"),
        Some(Public::Host(host)) if !keeps_entry() => {
            let what = format!("nothing keeps the address of the entry {}", context.full_host(host));
            lacks(&what, "write `platform: { dynamic-dns: {} }` for one of the clusters");
        }
        Some(_) if context.dns().is_none() => {
            let what = format!("`{cluster}` makes no records in the public zone");
            lacks(&what, "give the lab a `dns` provider, and do not disable `platform.dns` of the cluster");
        }
        Some(_) => {}
    }
}
