//! What the DNS providers want to know, in one place: cert-manager, ExternalDNS and DDNS-Updater
//! all change the same zone.

use super::Context;
use crate::lab::ExternalSecret;
use crate::spec::types::{SecretRef, ZoneId};
use crate::spec::{Dns, Spanned};
use serde::Serialize;
use serde_json::json;

/// The region that Route 53 is asked in: it has only one.
const REGION: &str = "us-east-1";

/// What templates are told of the provider.
#[derive(Debug, Serialize)]
pub(super) struct Facts<'a> {
    /// As ExternalDNS calls it.
    provider: &'static str,
    zone_id: Option<&'a str>,
    region: String,
    /// The environment variables that ExternalDNS reads, and the keys of the Secret they come from.
    env: Vec<Variable>,
}

#[derive(Debug, Serialize)]
struct Variable {
    name: &'static str,
    key: &'static str,
}

pub(super) fn facts(dns: &Dns) -> Facts<'_> {
    match dns {
        Dns::Cloudflare(account) => Facts {
            provider: "cloudflare",
            zone_id: account.zone_id.as_ref().map(|zone| zone.as_str()),
            region: String::new(),
            env: vec![Variable { name: "CF_API_TOKEN", key: "api-token" }],
        },
        Dns::Route53(account) => Facts {
            provider: "aws",
            zone_id: Some(account.zone_id.as_str()),
            region: account.region.as_ref().map_or(REGION.to_owned(), |region| region.to_string()),
            env: vec![
                Variable { name: "AWS_ACCESS_KEY_ID", key: "access-key-id" },
                Variable { name: "AWS_SECRET_ACCESS_KEY", key: "secret-access-key" },
            ],
        },
    }
}

/// The secrets of the account, by the key that the Secret gives each.
fn keys(dns: &Dns) -> Vec<(&'static str, &Spanned<SecretRef>)> {
    match dns {
        Dns::Cloudflare(account) => vec![("api-token", &account.api_token)],
        Dns::Route53(account) => {
            vec![("access-key-id", &account.access_key_id), ("secret-access-key", &account.secret_access_key)]
        }
    }
}

/// The secrets of the account.
pub(crate) fn secrets(dns: &Dns) -> Vec<&Spanned<SecretRef>> {
    keys(dns).into_iter().map(|(_, secret)| secret).collect()
}

/// The Secret of the account.
pub(super) fn secret(context: &Context<'_>, dns: &Dns) -> ExternalSecret {
    let name = match dns {
        Dns::Cloudflare(_) => "cloudflare-api-token",
        Dns::Route53(_) => "route53-access-key",
    };
    let data = keys(dns).into_iter().map(|(key, secret)| (key.to_owned(), context.remote(secret)));
    ExternalSecret::new(name, data.collect())
}

/// The zone's number, which dynamic DNS cannot do without.
pub(super) fn zone(dns: &Dns) -> Option<&ZoneId> {
    match dns {
        Dns::Cloudflare(account) => account.zone_id.as_ref().map(|zone| &zone.value),
        Dns::Route53(account) => Some(&account.zone_id.value),
    }
}

/// The configuration of DDNS-Updater, as a template of External Secrets over the account's keys.
pub(super) fn updater_config(dns: &Dns, zone: &ZoneId, host: &str) -> String {
    // What the store holds is quoted when the template is filled; the marks stand for it till then.
    let (provider, fields) = match dns {
        Dns::Cloudflare(_) => ("cloudflare", vec![("zone_identifier", zone.as_str()), ("token", "@api-token@")]),
        Dns::Route53(_) => (
            "route53",
            vec![("zone_id", zone.as_str()), ("access_key", "@access-key-id@"), ("secret_key", "@secret-access-key@")],
        ),
    };
    let mut setting = json!({ "provider": provider, "domain": host, "ip_version": "ipv4", "ttl": 300 });
    for (name, value) in fields {
        setting[name] = json!(value);
    }
    let mut text = format!("{:#}", json!({ "settings": [setting] }));
    for (key, _) in keys(dns) {
        text = text.replace(&format!("\"@{key}@\""), &format!("{{{{ index . \"{key}\" | trim | toJson }}}}"));
    }
    text
}
