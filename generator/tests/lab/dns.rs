//! The DNS providers: each has a case, and `docs/dns.md` says what the cases show.

use crate::output::{Case, cases, documents};
use crate::support::repository;
use homelab::spec;
use regex::Regex;
use serde_json::Value as Json;

/// The fields of `dns`, one for each provider.
fn providers() -> Vec<String> {
    let schema = serde_json::to_value(spec::schema()).expect("a schema is JSON");
    let choices = schema["$defs"]["Dns"]["oneOf"].as_array().expect("it is a choice").clone();
    choices
        .iter()
        .flat_map(|choice| choice["properties"].as_object().expect("it has a field").keys().cloned())
        .collect()
}

/// The cases of a provider.
fn cases_of(provider: &str) -> Vec<&'static Case> {
    let uses = |case: &&Case| !documents(&case.spec)[0]["dns"][provider].is_null();
    cases().iter().filter(uses).collect()
}

/// Whether a file of a case is in a folder, and has the text.
fn has(case: &Case, folder: &str, text: &str) -> bool {
    case.tree().files().iter().any(|file| file.path.contains(folder) && file.text.contains(text))
}

#[test]
fn the_table_of_providers_says_what_their_cases_show() {
    let page = std::fs::read_to_string(repository().join("docs/dns.md")).expect("the page exists");
    let providers = providers();
    assert!(providers.len() > 7, "{providers:?}");
    for provider in providers {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `{provider}` | ")));
        let row = row.unwrap_or_else(|| panic!("docs/dns.md has no row of {provider}"));
        let [_, certificates, names, dynamic] = row.split(" | ").collect::<Vec<_>>()[..] else { panic!("{row}") };
        let cases = cases_of(&provider);
        let shows = |folder, text| cases.iter().any(|case| has(case, folder, text));
        assert!(shows("/platform/cert-manager-issuers/", "dns01:"), "no case of {provider} has certificates");
        assert_eq!(certificates.contains("webhook"), shows("/platform/cert-manager-webhook/", ""), "{provider}");
        assert!(shows("/platform/external-dns/", "provider:"), "no case of {provider} has public names");
        assert_eq!(names.contains("webhook"), shows("/platform/external-dns/", "webhook:"), "{provider}");
        assert_eq!(dynamic.starts_with("yes"), shows("/platform/ddns-updater/", ""), "{provider}");
    }
}

/// With the values from the store in place of the expressions, the configuration of DDNS-Updater is JSON.
#[test]
fn the_configuration_of_the_updater_is_json() {
    let expression = Regex::new(r"\{\{ [^}]+ \}\}").expect("it is an expression");
    let mut seen = 0;
    for case in cases() {
        let secrets =
            case.tree().files().iter().filter(|file| file.path.ends_with("/externalsecret-ddns-updater.yaml"));
        for secret in secrets.flat_map(|file| documents(&file.text)) {
            let config = secret["spec"]["target"]["template"]["data"]["CONFIG"].as_str().expect("it is text");
            let keys = secret["spec"]["data"].as_array().expect("it reads keys");
            assert_eq!(expression.find_iter(config).count(), keys.len(), "{}: {config}", case.name);
            let filled = expression.replace_all(config, "\"value\"");
            let config: Json = serde_json::from_str(&filled).unwrap_or_else(|error| panic!("{error}: {filled}"));
            let setting = &config["settings"][0];
            assert!(!filled.contains('@') || setting["owner"] == "@", "{}: {filled}", case.name);
            assert!(setting["provider"].is_string() && setting["domain"].is_string(), "{}: {filled}", case.name);
            seen += 1;
        }
    }
    assert!(seen > 7, "only {seen}");
}
