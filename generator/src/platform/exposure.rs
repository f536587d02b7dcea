//! How something is reached from outside its cluster: what its Ingress says to the controller, to
//! cert-manager and to ExternalDNS.

use super::cert_manager::TRUSTED_ISSUER;
use super::{Context, SWITCH_ON, SWITCHED_OFF};
use crate::lab::{AccessPolicy, DEFAULT_PODS, Exposure, ExternalSecret, Object, Template, Tls};
use crate::spec::{Login, Public};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use minijinja::context;

const POLICY: Template = Template { name: "platform/policy.yaml", source: include_str!("policy.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: &[Template] = &[POLICY];

/// The IngressClass, whichever implementation serves it: apps need not know.
pub(crate) const CLASS: &str = "nginx";

/// How an Ingress asks for a certificate of its own.
const ISSUER: &str = "cert-manager.io/cluster-issuer";

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
        annotate(ISSUER, issuer.to_owned());
    }
    if let (Reach::Public, Some(target)) = (reach, public_target(context)) {
        annotate("external-dns.alpha.kubernetes.io/target", target);
    }
    if let Some(ingress) = context.ingress() {
        annotations.extend(ingress.service_annotations(service));
    }
    let mut exposure = Exposure { host, public: reach == Reach::Public, tls, annotations, policy: None };
    if reach == Reach::Lan {
        // Routers forward to the address that answers the LAN: a name in no public zone keeps nobody out.
        allow_only(context, LAN_POLICY, own_networks(context), &mut exposure);
    }
    exposure
}

/// Gives it a certificate that programs trust, whatever environment apps try theirs in.
pub(super) fn be_trusted(exposure: &mut Exposure) {
    for (_, issuer) in exposure.annotations.iter_mut().filter(|(key, _)| key == ISSUER) {
        TRUSTED_ISSUER.clone_into(issuer);
    }
}

/// The Policy that lets only the lab's own networks through; each namespace that needs it has one.
const LAN_POLICY: &str = "lan";

/// Where requests of the LAN and of the lab's own pods come from. Nodes lie in the LAN.
fn own_networks(context: &Context<'_>) -> Vec<String> {
    let pods = context.clusters().map(|peer| {
        peer.cluster.pods.as_ref().map_or_else(|| DEFAULT_PODS.to_owned(), |network| network.value.to_string())
    });
    [context.spec.network.lan.cidr.to_string()].into_iter().chain(pods).collect()
}

/// That Policy, for the Ingresses of a component, if the cluster's ingress wants it.
pub(super) fn lan_policy(context: &Context<'_>, namespace: &str) -> Option<Object> {
    context.ingress().filter(|ingress| ingress.wants_policies()).map(|_| Object {
        kind: "Policy",
        name: LAN_POLICY.to_owned(),
        file: format!("policy-{LAN_POLICY}.yaml"),
        template: POLICY,
        context: context! { name => LAN_POLICY, namespace, networks => own_networks(context) },
    })
}

/// What the public names of apps point to.
fn public_target(context: &Context<'_>) -> Option<String> {
    Some(match context.spec.network.public.as_ref()? {
        Public::Host(host) => context.full_host(host),
        Public::Address(address) => address.to_string(),
    })
}

/// Namespace and name of the Secret with the wildcard certificate, if the cluster has one.
pub(super) fn wildcard_secret(context: &Context<'_>) -> Option<&'static str> {
    let certificates = context.certificates()?;
    certificates.wildcard_secret()
}

/// Whether the wildcard certificate is good for a host: a wildcard stands for one label.
fn wildcard_covers(context: &Context<'_>, host: &str) -> bool {
    let label = host.strip_suffix(context.spec.lab.domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
    label.is_some_and(|label| !label.contains('.'))
}

/// The type of a Secret with passwords, as the default implementation wants it.
const PASSWORDS: &str = "nginx.org/htpasswd";

/// The keys of a Secret with passwords: one for each implementation of the ingress.
const PASSWORD_KEYS: [&str; 2] = ["htpasswd", "auth"];

/// A Secret with a name and a password that visitors must give.
pub(crate) fn passwords(context: &Context<'_>, name: &str, login: &Login) -> ExternalSecret {
    // A hash without salt: with one it would be another line at each refresh, and the controller
    // would reload every hour.
    let line = "{{ htpasswd .username .password \"sha\" }}";
    let data = [("username", &login.username), ("password", &login.password)];
    ExternalSecret {
        name: name.to_owned(),
        kind: Some(PASSWORDS),
        labels: &[],
        data: data.map(|(key, secret)| (key.to_owned(), context.remote(secret))).to_vec(),
        template: PASSWORD_KEYS.map(|key| (key.to_owned(), line.to_owned())).to_vec(),
    }
}

/// Lets only those through who know the name and the password of such a Secret.
pub(crate) fn ask_for_password(context: &Context<'_>, secret: &str, exposure: &mut Exposure) {
    let annotations = context.ingress().map(|ingress| ingress.password_annotations(secret));
    exposure.annotations.extend(annotations.into_iter().flatten());
}

/// Lets only some networks through, in place of those that were let through so far.
pub(crate) fn allow_only(context: &Context<'_>, name: &str, networks: Vec<String>, exposure: &mut Exposure) {
    let Some(ingress) = context.ingress() else { return };
    let annotation = ingress.allow_annotation(name, &networks);
    exposure.annotations.retain(|(key, _)| *key != annotation.0);
    exposure.annotations.push(annotation);
    exposure.policy = ingress.wants_policies().then(|| AccessPolicy { name: name.to_owned(), networks });
}

/// What is public has all that makes it so.
pub(crate) fn judge_public(context: &Context<'_>, span: Span, who: &str, faults: &mut Diagnostics) {
    let mut lacks = |what: &str, component: Option<&str>, help: &str| {
        let fault = Diagnostic::new(Code::PublicIncomplete, span, format!("{who} is public, but {what}")).of_absence();
        faults.push(match component.and_then(|component| context.switched_off(component)) {
            Some(off) => fault.related(off, SWITCHED_OFF).help(SWITCH_ON),
            None => fault.help(help),
        });
    };
    let cluster = context.name.as_str();
    if context.certificates().is_none() {
        let what = format!("`{cluster}` gives no certificates");
        lacks(&what, Some("certificates"), "give the lab a `dns` provider");
    }
    // One that lacks something is told of where it is asked for.
    let keeps = |peer: Context<'_>| peer.dynamic_dns().is_some() || peer.is_incomplete("dynamic_dns");
    let keeps_entry = || context.clusters().any(keeps);
    match &context.spec.network.public {
        None => lacks("the lab has no entry", None, "write `network: { public: { host: home } }`, or `{ address: … }`"),
        Some(Public::Host(host)) if !keeps_entry() => {
            let what = format!("nothing keeps the address of the entry {}", context.full_host(host));
            lacks(&what, None, "write `platform: { dynamic-dns: {} }` for one of the clusters");
        }
        Some(_) if context.dns().is_none() => {
            let what = format!("`{cluster}` makes no records in the public zone");
            lacks(&what, Some("dns"), "give the lab a `dns` provider");
        }
        Some(_) => {}
    }
}
