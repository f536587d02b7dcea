//! ExternalDNS, which writes the names of the lab into an existing DNS server of the LAN.

use super::{NAME, RESOURCES};
use crate::component::Context;
use crate::components::external_dns::{CHART, VALUES, merged, values};
use crate::dns_provider::{Records, Sidecar};
use crate::{release, restart_with_secrets, secrets_unit_for};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Capability, ExternalSecret, Namespace, Unit};
use serde_json::{Value, json};
use spec::platform::{Configured as _, LanDns, LanDnsServer, Options};
use spec::types::SecretRef;
use spec::{PodSecurity, Spanned};

const ADGUARD_IMAGE: &str = "ghcr.io/muhlba91/external-dns-provider-adguard";
const ADGUARD_VERSION: &str = "v11.1.3";
const UNIFI_IMAGE: &str = "ghcr.io/kashalls/external-dns-unifi-webhook";
const UNIFI_VERSION: &str = "v0.9.0";

/// How ExternalDNS writes into a server.
struct Writer<'a> {
    records: Records,
    /// The keys of the Secret, with the references to their values.
    keys: Vec<(&'static str, &'a Spanned<SecretRef>)>,
    /// Whether the server can store which records are those of ExternalDNS. Otherwise it removes none.
    has_owners: bool,
}

/// An environment variable with the value of a key of the Secret.
fn from_secret(name: &str, key: &str) -> Value {
    json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": NAME, "key": key } } })
}

fn writer(server: &LanDnsServer) -> Writer<'_> {
    match server {
        LanDnsServer::PiHole(server) => Writer {
            records: Records::BuiltIn {
                provider: "pihole",
                environment: vec![from_secret("EXTERNAL_DNS_PIHOLE_PASSWORD", "password")],
                // ExternalDNS 0.22 supports version 6 only, and no longer has the second argument.
                arguments: json!({ "pihole-server": server.url.value, "pihole-api-version": "6" }),
                folder: None,
            },
            keys: vec![("password", &server.password)],
            has_owners: false,
        },
        LanDnsServer::AdguardHome(server) => Writer {
            records: Records::Sidecar(Sidecar {
                image: ADGUARD_IMAGE,
                tag: ADGUARD_VERSION,
                user: 20000,
                environment: vec![
                    json!({ "name": "ADGUARD_URL", "value": server.url.value }),
                    from_secret("ADGUARD_USER", "username"),
                    from_secret("ADGUARD_PASSWORD", "password"),
                ],
                probes: ["/healthz", "/healthz"],
                is_split: true,
            }),
            keys: vec![("username", &server.username), ("password", &server.password)],
            has_owners: true,
        },
        LanDnsServer::Unifi(server) => Writer {
            records: Records::Sidecar(Sidecar {
                image: UNIFI_IMAGE,
                tag: UNIFI_VERSION,
                user: 65532,
                environment: vec![
                    json!({ "name": "UNIFI_HOST", "value": server.url.value }),
                    json!({ "name": "UNIFI_SKIP_TLS_VERIFY", "value": "true" }),
                    from_secret("UNIFI_API_KEY", "api-key"),
                ],
                probes: ["/healthz", "/readyz"],
                is_split: true,
            }),
            keys: vec![("api-key", &server.api_key)],
            has_owners: true,
        },
    }
}

/// Whether the sidecar serves metrics.
pub(super) fn has_sidecar(server: &LanDnsServer) -> bool {
    matches!(writer(server).records, Records::Sidecar(_))
}

/// The units of ExternalDNS, in the order in which they are applied.
pub(super) fn units(
    options: &LanDns,
    server: &Spanned<LanDnsServer>,
    context: &Context<'_>,
    span: Span,
    diagnostics: &mut Diagnostics,
) -> [Unit; 2] {
    check_others(server, context, diagnostics);
    check_fields(options, server, diagnostics);
    let writer = writer(&server.value);
    let owner = writer.has_owners.then(|| format!("lan-{}", context.name.value));
    let of_lab = json!({
        "source": "crd",
        "policy": if writer.has_owners { "sync" } else { "upsert-only" },
        "record_type": "A",
        "owner": owner,
        "domain": context.domain(),
    });
    let mut unit = Unit::new(NAME, "platform/lan-dns", Namespace::existing(NAME));
    // `version` is the tag of CoreDNS.
    let common = Options { version: None, ..options.options() };
    unit.install(release(common, NAME, CHART, VALUES, merged(values(&writer.records, NAME), of_lab)));
    unit.provides = vec![Capability::Api(RESOURCES)];
    restart_with_secrets(&mut unit, context);
    let data = writer.keys.iter().map(|(key, secret)| ((*key).into(), context.stored(secret)));
    let secret = ExternalSecret::new(NAME, data.collect());
    [secrets_unit_for(&mut unit, PodSecurity::Restricted, vec![secret], span), unit]
}

/// Reports fields of the DNS server that the cluster does not run.
fn check_fields(options: &LanDns, server: &Spanned<LanDnsServer>, diagnostics: &mut Diagnostics) {
    let fields = [
        ("address", options.address.as_ref().map(|address| address.span)),
        ("upstream", options.upstream.span()),
        ("version", options.options().version.map(|version| version.span)),
    ];
    for (field, span) in fields.into_iter().filter_map(|(field, span)| Some((field, span?))) {
        let message = format!("`{field}` has no effect beside `writes-to`: the cluster runs no DNS server of its own");
        let diagnostic =
            Diagnostic::new(Code::FieldWithoutEffect, span, message).related(server.span, "the other server");
        diagnostics.push(diagnostic.help(format!("remove `{field}`, or `writes-to`")));
    }
}

/// Reports that another cluster writes, too: each would take the records of the other for those of a person.
fn check_others(server: &Spanned<LanDnsServer>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let clusters = context.clusters().take_while(|peer| peer.name.value != context.name.value);
    let first = clusters.filter_map(|peer| peer.get::<LanDns>()?.writes_to.as_ref()).next();
    if let Some(first) = first {
        let message = "two clusters write the names of the lab into a DNS server of the LAN";
        let diagnostic = Diagnostic::new(Code::InvalidValue, server.span, message).related(first.span, "the other one");
        diagnostics.push(diagnostic.help("remove one: each writes the names of all clusters"));
    }
}
