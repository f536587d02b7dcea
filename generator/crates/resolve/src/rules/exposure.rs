//! Host names are unique, and in the lab's domain; public apps are in one cluster.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use platform::{Claim, Clusters, Context};
use spec::platform::{ComponentId, Ingress, Tunnel};
use spec::types::{DomainName, Uuid};
use spec::{Cluster, Entry, Expose, Public, Spec};
use std::collections::BTreeMap;

pub(super) fn check(contexts: &Clusters<'_>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<DomainName, (Span, String)> = BTreeMap::new();
    let spec = contexts.spec();
    for claim in claims(contexts) {
        check_domain(spec, &claim, diagnostics);
        let Some((first, owner)) = taken.get(&claim.value) else {
            taken.insert(claim.value, (claim.span, claim.owner));
            continue;
        };
        let message = if *owner == claim.owner {
            format!("the host name {} is assigned to {owner} twice", claim.value)
        } else {
            format!("the host name {} is assigned to both {owner} and {}", claim.value, claim.owner)
        };
        let diagnostic =
            Diagnostic::new(Code::HostNameTaken, claim.span, message).related(*first, "first assigned here");
        diagnostics.push(diagnostic.help("use another host name for one of them"));
    }
    check_public_clusters(contexts, diagnostics);
    check_tunnels(contexts, diagnostics);
    check_public_apex(spec, diagnostics);
    contexts.iter().for_each(|context| check_bodies(&context, diagnostics));
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

/// Checks that the ingress controller has space for the largest request of each app: a larger one would end its pod.
fn check_bodies(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let Some(ingress) = context.get::<Ingress>() else { return };
    let buffer = ingress.buffer.get();
    let exposed = context.cluster.apps.iter().filter_map(|app| Some((&app.name.value, app.value.expose().as_ref()?)));
    for (app, body) in exposed.filter_map(|(app, expose)| Some((app, expose.body.spanned()?))) {
        if body.value <= *buffer {
            continue;
        }
        let message =
            format!("requests to `{app}` can have {}, but the ingress has space for {buffer} only", body.value);
        let mut diagnostic = Diagnostic::new(Code::InvalidValue, body.span, message);
        if let Some(span) = ingress.buffer.span() {
            diagnostic = diagnostic.related(span, "the space of the ingress");
        }
        let help = "raise `platform.ingress.buffer` of the cluster: its nodes need that much free disk space";
        diagnostics.push(diagnostic.help(help));
    }
}

/// Returns all host names of the lab. Those of components come first: apps are easier to rename. Names of the ports of
/// apps exist only in the DNS servers of the LAN.
fn claims(contexts: &Clusters<'_>) -> Vec<Claim<DomainName>> {
    let has_lan_dns = contexts.iter().next().is_some_and(|context| !platform::dns_servers(&context).is_empty());
    let of_platform = contexts
        .iter()
        .flat_map(|context| context.components().flat_map(|component| component.hosts(&context)).collect::<Vec<_>>());
    let of_apps = contexts.iter().flat_map(|context| {
        context.cluster.apps.iter().flat_map(move |app| {
            let owner = format!("`{}` in `{}`", app.name.value, context.name.value);
            let hosts = app.value.expose().iter().flat_map(Expose::hosts);
            let ports = platform::name_of_ports(&context, app).filter(|_| has_lan_dns);
            let of_ports = ports.map(|name| Claim::new(name.host, app.name.span, owner.clone()));
            hosts.map(move |host| Claim::new(context.full_host(host), host.span, owner.clone())).chain(of_ports)
        })
    });
    of_platform.chain(of_apps).collect()
}

/// The names of the public apps of a cluster and of its Grafana if that is public, each with the place that makes it
/// public.
fn public_apps(cluster: &Entry<Cluster>) -> impl Iterator<Item = (&str, Span)> {
    let public = |app: &spec::App| app.expose().as_ref()?.public.on();
    let of_apps = cluster.value.apps.iter().filter_map(move |app| Some((app.name.as_str(), public(&app.value)?)));
    let monitoring = cluster.value.platform.monitoring.as_ref();
    let grafana = monitoring.and_then(|monitoring| monitoring.shown_grafana()?.public.on());
    of_apps.chain(grafana.map(|span| ("grafana", span)))
}

/// Checks that the public apps of the lab are in one cluster, besides those of clusters with a tunnel.
fn check_public_clusters(contexts: &Clusters<'_>, diagnostics: &mut Diagnostics) {
    let mut reported: Vec<&str> = Vec::new();
    let is_forwarded = |name: &str| {
        let has_tunnel =
            |context: Context<'_>| context.get::<Tunnel>().is_some() || context.is_incomplete(ComponentId::Tunnel);
        !contexts.iter().any(|context| context.name.as_str() == name && has_tunnel(context))
    };
    let clusters = contexts.spec().clusters.iter().filter(|cluster| is_forwarded(cluster.name.as_str()));
    let public: Vec<_> = clusters
        .flat_map(|cluster| public_apps(cluster).map(|(app, span)| (cluster.name.as_str(), app, span)))
        .collect();
    let Some((first, first_app, place)) = public.first().copied() else { return };
    for (cluster, app, span) in public.into_iter().filter(|(cluster, ..)| *cluster != first) {
        if reported.contains(&cluster) {
            continue;
        }
        reported.push(cluster);
        let message = format!(
            "`{app}` in `{cluster}` and `{first_app}` in `{first}` are both public, but the router forwards to the \
             ingress of one cluster"
        );
        let diagnostic = Diagnostic::new(Code::PublicSplit, span, message).related(place, "the other public app");
        diagnostics
            .push(diagnostic.help("move the public apps to one cluster, or remove `public` from those of the other"));
    }
}

/// Checks that no two clusters use the same tunnel, and that the certificate of Cloudflare covers all public names.
fn check_tunnels(contexts: &Clusters<'_>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<&Uuid, Span> = BTreeMap::new();
    for context in contexts.iter() {
        let Some(id) = context.get::<Tunnel>().and_then(|tunnel| tunnel.id.as_ref()) else { continue };
        if let Some(first) = taken.get(&id.value) {
            let message = format!("`{}` uses the tunnel of another cluster", context.name.value);
            let diagnostic = Diagnostic::new(Code::TunnelShared, id.span, message).related(*first, "the other cluster");
            diagnostics.push(diagnostic.help("create a tunnel for it: `cloudflared tunnel create NAME`"));
        }
        taken.entry(&id.value).or_insert(id.span);
        let exposed = context.cluster.apps.iter().filter_map(|app| app.value.expose().as_ref());
        for host in exposed.filter(|expose| expose.public.is_on()).flat_map(Expose::hosts) {
            let name = context.full_host(host);
            if name.labels_below(context.domain()).is_some_and(|labels| labels.contains('.')) {
                let message = format!("the certificate that Cloudflare issues for a zone does not cover {name}");
                let diagnostic = Diagnostic::new(Code::TunnelHost, host.span, message).related(id.span, "the tunnel");
                let help = "use a name with one label below the domain, or order an advanced certificate at Cloudflare";
                diagnostics.push(diagnostic.help(help));
            }
        }
    }
}

/// Checks that the public record of an app at the domain itself is possible: it would be a CNAME if the lab has a
/// public host name, and not every provider accepts one beside the zone's own records.
fn check_public_apex(spec: &Spec, diagnostics: &mut Diagnostics) {
    let (Some(Public::Host(public)), Some(provider)) = (&spec.network.public, platform::refuses_alias_of_zone(spec))
    else {
        return;
    };
    let domain = &spec.lab.domain.value;
    let apps = spec.clusters.iter().flat_map(|cluster| &cluster.value.apps);
    let exposed = apps.filter_map(|app| app.value.expose().as_ref()).filter(|expose| expose.public.is_on());
    for host in exposed.flat_map(Expose::hosts) {
        if host.inside(domain) == *domain {
            let message = format!(
                "{domain} cannot be an alias of {}: {provider} has no CNAME at the name of a zone",
                public.inside(domain)
            );
            let diagnostic = Diagnostic::new(Code::PublicIncomplete, host.span, message)
                .related(public.span, "the public host name");
            diagnostics.push(
                diagnostic.help(
                    "use a name below the domain, or set `network.public.address` if the public address is fixed",
                ),
            );
        }
    }
}

/// The maximum length of a host name in DNS (RFC 1035).
pub(super) const MAX_HOST: usize = 253;

fn check_domain(spec: &Spec, claim: &Claim<DomainName>, diagnostics: &mut Diagnostics) {
    let domain = &spec.lab.domain;
    let length = claim.value.as_str().len();
    if length > MAX_HOST {
        let message =
            format!("the host name of {} has {length} characters, but the limit of DNS is {MAX_HOST}", claim.owner);
        let diagnostic = Diagnostic::new(Code::InvalidValue, claim.span, message).related(domain.span, "the domain");
        diagnostics.push(diagnostic.help("use a shorter name, or a shorter domain"));
        return;
    }
    let is_inside = claim.value == domain.value || claim.value.labels_below(domain).is_some();
    if is_inside || domain.span.faulty {
        return;
    }
    let message = format!("the host name {} is not in the lab's domain {}", claim.value, domain.value);
    let diagnostic = Diagnostic::new(Code::InvalidValue, claim.span, message).related(domain.span, "the domain");
    diagnostics.push(diagnostic.help("use a single label, such as `links`, the domain itself, or a name below it"));
}
