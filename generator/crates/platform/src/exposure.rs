//! How a service is reached from outside its cluster: the annotations of its Ingress for the ingress
//! controller, cert-manager and ExternalDNS.

use crate::component::Context;
use crate::components::cert_manager::{self, TRUSTED_ISSUER, issuer_name, issuers};
use crate::components::cloudflared;
use crate::dns_provider::without_updater;
use crate::ingress_controller::{Dialect, dialect};
use crate::{DISABLED_HERE, DNS_REMEDY, ENABLE_REMEDY};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Annotation, Exposure, ExternalSecret, Manifest, ObjectName, Template, Tls};
use serde_json::json;
use spec::platform::{ComponentId, DynamicDns, Ingress, PublicDns, Tunnel};
use spec::types::{AddressBlock, DomainName, Ipv4, Size};
use spec::{Login, Opening, Public};

const POLICY: Template = Template { name: "platform/policy.yaml", source: include_str!("policy.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: &[Template] = &[POLICY];

/// The namespace of the ingress controller.
pub const INGRESS_NAMESPACE: &str = "ingress";

/// The annotation that makes cert-manager issue a certificate for an Ingress.
const ISSUER: &str = "cert-manager.io/cluster-issuer";

/// The networks that a service is exposed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The LAN.
    Lan,
    /// The LAN and the Internet.
    Public,
}

/// The LAN address of a cluster's ingress.
pub fn ingress_address(ingress: &Ingress, context: &Context<'_>) -> Option<Ipv4> {
    ingress.address.as_ref().map(|address| address.value).or_else(|| context.pool_address(0))
}

/// The LAN address of the cluster's ingress, if it has one.
pub(crate) fn address(context: &Context<'_>) -> Option<Ipv4> {
    ingress_address(context.get::<Ingress>()?, context)
}

/// The annotations of the cluster's ingress controller, if it has one.
fn cluster_dialect(context: &Context<'_>) -> Option<Dialect> {
    context.get::<Ingress>().map(|ingress| dialect(*ingress.implementation.get()))
}

/// Exposes a service of the cluster under a host name, and under others.
pub fn exposure(
    context: &Context<'_>,
    host: DomainName,
    aliases: Vec<DomainName>,
    reach: Reach,
    service: &str,
) -> Exposure {
    let is_covered = || [&host].into_iter().chain(&aliases).all(|host| wildcard_covers(context, host));
    let tls = match issuers(context) {
        None => Tls::None,
        Some(certificates) if certificates.wildcard.is_on() && is_covered() => Tls::Wildcard,
        Some(certificates) => Tls::Own(issuer_name(*certificates.issuer.get())),
    };
    let mut annotations = Vec::new();
    let mut annotate = |key, value| annotations.push(Annotation { key, value });
    if let Tls::Own(issuer) = tls {
        annotate(ISSUER, issuer.to_owned());
    }
    if let (Reach::Public, Some(target)) = (reach, public_target(context)) {
        annotate("external-dns.alpha.kubernetes.io/target", target);
        if context.get::<Tunnel>().is_some() {
            // The name of a tunnel has no address: only the proxy of Cloudflare answers for it.
            annotate("external-dns.alpha.kubernetes.io/cloudflare-proxied", "true".to_owned());
        }
    }
    if let Some(dialect) = cluster_dialect(context) {
        annotations.extend((dialect.service)(service));
        // A name of the LAN may be served without TLS later, which browsers would refuse for a year.
        if reach == Reach::Public && tls != Tls::None {
            annotations.extend((dialect.strict_transport)());
        }
    }
    let public = reach == Reach::Public;
    let mut exposure =
        Exposure { host, aliases, public, tls, annotations, policy: None, sign_in: None, guards: Vec::new() };
    if reach == Reach::Lan {
        // Routers forward to the same address that serves the LAN, so a name that is in no public zone does not
        // protect a service.
        allow_only(context, &LAN_POLICY.into(), &lan_clients(context), &mut exposure);
    }
    exposure
}

/// Replaces the issuer of a certificate with one that programs trust, even if apps use the staging environment.
pub(super) fn use_trusted_issuer(exposure: &mut Exposure) {
    for annotation in exposure.annotations.iter_mut().filter(|annotation| annotation.key == ISSUER) {
        TRUSTED_ISSUER.clone_into(&mut annotation.value);
    }
}

/// The name of the Policy that admits only the lab's own networks. Each namespace that needs it has its own.
const LAN_POLICY: &str = "lan";

/// The networks that requests from the LAN, from trusted networks and from the lab's pods come from.
///
/// Pods of the cluster itself keep their addresses: kube-proxy redirects their connections to the ingress controller
/// within the cluster network. Connections of its nodes take the same way, with addresses of that network. Pods of
/// other clusters come from the LAN: flannel replaces their addresses with that of their node.
pub(crate) fn own_networks(context: &Context<'_>) -> Vec<AddressBlock> {
    let network = &context.spec.network;
    let mut networks = vec![AddressBlock::from(network.lan.cidr.value)];
    networks.extend(network.trusted_for(Opening::Apps));
    networks.push(AddressBlock::from(*context.cluster.pods.get()));
    networks
}

/// The networks that apps and components for the LAN admit. In a cluster with a tunnel, pods are not among them: by
/// cloudflared, a pod, the Internet sends requests.
fn lan_clients(context: &Context<'_>) -> Vec<AddressBlock> {
    let mut networks = own_networks(context);
    if context.get::<Tunnel>().is_some() {
        let pods = AddressBlock::from(*context.cluster.pods.get());
        networks.retain(|network| *network != pods);
    }
    networks
}

/// The Policy that admits only the lab's own networks, for the Ingresses of a component, if the cluster's
/// ingress controller uses Policies.
pub(super) fn lan_policy(context: &Context<'_>, namespace: &str) -> Option<Manifest> {
    cluster_dialect(context).filter(Dialect::has_policies).map(|_| {
        Manifest::new(
            "Policy",
            LAN_POLICY,
            format!("policy-{LAN_POLICY}.yaml"),
            POLICY,
            json!({ "name": LAN_POLICY, "namespace": namespace, "networks": lan_clients(context) }),
        )
    })
}

/// The target of the public DNS records of apps.
fn public_target(context: &Context<'_>) -> Option<String> {
    if let Some(target) = cloudflared::target(context) {
        return Some(target.to_string());
    }
    Some(match context.spec.network.public.as_ref()? {
        Public::Host(host) => context.full_host(host).to_string(),
        Public::Address(address) => address.to_string(),
    })
}

/// Namespace and name of the Secret with the wildcard certificate, if the cluster has one.
pub(super) fn wildcard_secret(context: &Context<'_>) -> Option<String> {
    cert_manager::wildcard_secret(issuers(context)?)
}

/// Whether the wildcard certificate covers a host: it is for the domain itself, and a wildcard matches a single label.
fn wildcard_covers(context: &Context<'_>, host: &DomainName) -> bool {
    host == context.domain() || host.labels_below(context.domain()).is_some_and(|label| !label.contains('.'))
}

/// The type of a Secret with passwords that the default ingress controller expects.
const PASSWORDS: &str = "nginx.org/htpasswd";

/// The keys of a Secret with passwords, one for each ingress controller.
const PASSWORD_KEYS: [&str; 2] = ["htpasswd", "auth"];

/// A Secret with the user name and password for basic authentication.
pub fn passwords(context: &Context<'_>, name: impl Into<ObjectName>, login: &Login) -> ExternalSecret {
    // A hash without salt: a salted hash would differ after each refresh, and the controller would
    // reload every hour.
    let line = "{{ htpasswd .username .password \"sha\" }}";
    let data = [("username", &login.username), ("password", &login.password)];
    ExternalSecret {
        name: name.into(),
        kind: Some(PASSWORDS),
        labels: &[],
        data: data.map(|(key, secret)| (key.into(), context.stored(secret))).to_vec(),
        template: PASSWORD_KEYS.map(|key| (key.into(), line.to_owned())).to_vec(),
    }
}

/// Requires the user name and password in such a Secret.
pub fn require_password(context: &Context<'_>, secret: &ObjectName, exposure: &mut Exposure) {
    let annotations = cluster_dialect(context).map(|dialect| (dialect.password)(secret.as_str()));
    exposure.annotations.extend(annotations.into_iter().flatten());
}

/// Passes on responses without buffering.
pub fn stream(context: &Context<'_>, exposure: &mut Exposure) {
    exposure.annotations.extend(cluster_dialect(context).map(|dialect| (dialect.stream)()).into_iter().flatten());
}

/// Connects to the Service by HTTPS.
pub fn use_https(context: &Context<'_>, service: &str, exposure: &mut Exposure) {
    exposure.annotations.extend(cluster_dialect(context).map(|dialect| (dialect.https)(service)).into_iter().flatten());
}

/// Limits the body of a request.
pub fn limit_body(context: &Context<'_>, size: Size, exposure: &mut Exposure) {
    let annotations = cluster_dialect(context).map(|dialect| (dialect.body)(body_limit(size)));
    exposure.annotations.extend(annotations.into_iter().flatten());
}

/// The limit of a body in MiB. A limit of 0 would be none.
pub(super) fn body_limit(size: Size) -> u64 {
    size.mebibytes().max(1)
}

/// Limits the requests of each client, per second.
pub fn limit_rate(context: &Context<'_>, rate: u32, exposure: &mut Exposure) {
    let annotations = cluster_dialect(context).map(|dialect| (dialect.rate)(rate));
    exposure.annotations.extend(annotations.into_iter().flatten());
}

/// Admits only these networks, in place of those that were admitted before.
pub fn allow_only(context: &Context<'_>, name: &ObjectName, networks: &[AddressBlock], exposure: &mut Exposure) {
    let Some(dialect) = cluster_dialect(context) else { return };
    let (guard, policy) = dialect.allow(name, networks);
    exposure.annotations.retain(|other| !guard.keys.contains(&other.key));
    exposure.annotations.push(Annotation { key: guard.keys[0], value: guard.value.clone() });
    exposure.policy = policy;
    exposure.guards = vec![guard];
}

/// Reports what is missing to make something public: certificates, a public host name, DNS records.
pub fn check_public(context: &Context<'_>, span: Span, subject: &str, diagnostics: &mut Diagnostics) {
    let mut report = |what: &str, component: Option<ComponentId>, help: &str| {
        let diagnostic =
            Diagnostic::new(Code::PublicIncomplete, span, format!("{subject} is public, but {what}")).of_absence();
        diagnostics.push(match component.and_then(|component| context.disabled_at(component)) {
            Some(off) => diagnostic.related(off, DISABLED_HERE).help(ENABLE_REMEDY),
            None => diagnostic.help(help),
        });
    };
    let cluster = context.name.as_str();
    if issuers(context).is_none() {
        let what = format!("the cluster `{cluster}` issues no TLS certificates");
        report(&what, Some(ComponentId::Certificates), DNS_REMEDY);
    }
    // An incomplete one is reported where it is enabled.
    let updates = |peer: Context<'_>| peer.get::<DynamicDns>().is_some() || peer.is_incomplete(ComponentId::DynamicDns);
    let has_dynamic_dns = || context.clusters().any(updates);
    // A tunnel that is incomplete is reported where it is configured, and without it no records are possible.
    let is_incomplete = context.is_incomplete(ComponentId::Tunnel);
    let has_tunnel = context.get::<Tunnel>().is_some() || is_incomplete;
    match &context.spec.network.public {
        None if !has_tunnel => report(
            "the lab has no public host name or address",
            None,
            "add `network: { public: { host: home } }`, or `network: { public: { address: … } }` if it is fixed; behind \
             CGNAT, add `platform: { tunnel: … }` to the cluster",
        ),
        Some(Public::Host(host)) if !has_tunnel && !has_dynamic_dns() => {
            let what = format!("no cluster updates the DNS record of {}", context.full_host(host));
            let remedy = match without_updater(context.spec) {
                None => "add `platform: { dynamic-dns: {} }` to one of the clusters".to_owned(),
                Some((name, _)) => format!(
                    "DDNS-Updater does not support {name}: set `network: {{ public: {{ address: … }} }}` if the public \
                     address is fixed, or choose another DNS provider under `dns`"
                ),
            };
            report(&what, None, &remedy);
        }
        _ if context.get::<PublicDns>().is_none() && !is_incomplete => {
            let what = format!("the cluster `{cluster}` creates no records in the public zone");
            report(&what, Some(ComponentId::PublicDns), DNS_REMEDY);
        }
        _ => {}
    }
}
