//! Names of the schema as words, and the anchors of headings.

use super::{PARTS, part_of};
use serde_json::Value;

/// Words that are not written as the schema writes them.
const WORDS: [(&str, &str); 34] = [
    ("adguard", "AdGuard"),
    ("bitwarden", "Bitwarden"),
    ("cloudflare", "Cloudflare"),
    ("desec", "deSEC"),
    ("dns", "DNS"),
    ("dsm", "DSM"),
    ("flux", "Flux"),
    ("gpu", "GPU"),
    ("grafana", "Grafana"),
    ("helm", "Helm"),
    ("hetzner", "Hetzner"),
    ("http", "HTTP"),
    ("infisical", "Infisical"),
    ("ipv4", "IPv4"),
    ("lan", "LAN"),
    ("nfs", "NFS"),
    ("nixos", "NixOS"),
    ("ovh", "OVHcloud"),
    ("pi", "Pi"),
    ("postgres", "PostgreSQL"),
    ("ref", "reference"),
    ("repo", "repository"),
    ("rfc2136", "RFC 2136"),
    ("route53", "Route 53"),
    ("snmp", "SNMP"),
    ("sops", "SOPS"),
    ("sql", "SQL"),
    ("ssh", "SSH"),
    ("telegram", "Telegram"),
    ("tsig", "TSIG"),
    ("unifi", "UniFi"),
    ("url", "URL"),
    ("uuid", "UUID"),
    ("vault", "Vault"),
];

/// The name of a shape as words: `HelmChart` is `Helm chart`.
pub(super) fn of_shape(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for c in name.chars() {
        match parts.last_mut() {
            Some(part) if !c.is_uppercase() => part.push(c),
            _ => parts.push(c.to_lowercase().collect()),
        }
    }
    spelled(parts.iter().map(String::as_str))
}

/// The format of a value as words: `mount-path` is `mount path`.
pub(super) fn of_format(schema: &Value) -> String {
    match schema["format"].as_str().unwrap_or("text") {
        "lab-ipv4" => "IPv4 address".to_owned(),
        "ipv4-cidr" => "IPv4 network".to_owned(),
        format => spelled(format.strip_prefix("lab-").unwrap_or(format).split('-')),
    }
}

fn spelled<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let spelling = |part: &'a str| WORDS.iter().find(|(word, _)| *word == part).map_or(part, |(_, spelling)| spelling);
    parts.map(spelling).collect::<Vec<_>>().join(" ")
}

/// A text with a capital letter at its start, unless a spelling forbids it.
pub(super) fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) if !text.starts_with("k3s") && !text.starts_with("deSEC") => {
            first.to_uppercase().chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}

/// A path relative to that of its page.
pub(super) fn below_part(path: &str) -> &str {
    let name = part_of(path);
    let part = PARTS.iter().find(|part| part.name == name);
    part.and_then(|part| path.strip_prefix(part.path)?.strip_prefix('.')).unwrap_or(path)
}

/// The anchor of a heading, as GitHub and mdBook make it.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{anchor, of_shape};

    #[test]
    fn spells_names_as_words() {
        for (name, words) in [("HelmChart", "Helm chart"), ("K3s", "k3s"), ("LanDns", "LAN DNS"), ("Job", "job")] {
            assert_eq!(of_shape(name), words);
        }
    }

    #[test]
    fn makes_anchors_as_renderers_do() {
        assert_eq!(anchor("`nodes.NAME`"), "nodesname");
        assert_eq!(anchor("Volume with `size`"), "volume-with-size");
    }
}
