//! A name server with dynamic updates (RFC 2136): cert-manager and ExternalDNS support it, DDNS-Updater does not.

use super::{Credentials, Key, Provider, Records, Solver};
use serde_json::json;
use spec::types::DomainName;
use spec::{Rfc2136, TsigAlgorithm};

const SECRET: &str = "tsig-secret";

pub(super) fn provider<'a>(account: &'a Rfc2136, zone: &DomainName) -> Provider<'a> {
    let credentials = Credentials {
        secret: "rfc2136-tsig",
        keys: vec![Key {
            name: SECRET,
            value: &account.tsig_secret,
            rights: "the Base64 secret of a TSIG key that can update and transfer the zone",
        }],
    };
    let (server, port, key) = (&account.server.value, account.port.get().get(), &account.tsig_key.value);
    let (for_cert_manager, for_external_dns) = match account.tsig_algorithm.get() {
        TsigAlgorithm::HmacSha256 => ("HMACSHA256", "hmac-sha256"),
        TsigAlgorithm::HmacSha512 => ("HMACSHA512", "hmac-sha512"),
    };
    Provider {
        name: "RFC 2136",
        alias_of_zone: false,
        solver: Solver::BuiltIn(json!({
            "rfc2136": {
                "nameserver": format!("{server}:{port}"),
                "tsigKeyName": key,
                "tsigAlgorithm": for_cert_manager,
                "tsigSecretSecretRef": credentials.key(SECRET),
            },
        })),
        records: Records::BuiltIn {
            provider: "rfc2136",
            environment: vec![credentials.variable("EXTERNAL_DNS_RFC2136_TSIG_SECRET", SECRET)],
            arguments: json!({
                "rfc2136-host": server,
                "rfc2136-port": port,
                "rfc2136-zone": zone,
                "rfc2136-tsig-keyname": key,
                "rfc2136-tsig-secret-alg": for_external_dns,
                // Without a transfer it would not see the records that it has to remove.
                "rfc2136-tsig-axfr": true,
                // The default is 0.
                "rfc2136-min-ttl": "300s",
            }),
            folder: None,
        },
        updater: None,
        credentials,
        solver_keys: None,
    }
}
