//! Names in the spec for those of manifests, and addresses of Services, whose namespaces change.

use std::collections::{BTreeMap, BTreeSet};

/// A text as an RFC 1123 label of at most `limit` characters; `fallback` if nothing of it is left.
pub(crate) fn label(text: &str, limit: usize, fallback: &str) -> String {
    let mut label = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            label.push(c);
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
        if label.len() == limit {
            break;
        }
    }
    let label = label.trim_end_matches('-');
    if label.is_empty() { fallback.to_owned() } else { label.to_owned() }
}

/// A name that is not in `taken`: the name itself, or with a number.
pub(crate) fn unused(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = (2..10_000).map(|number| format!("{name}-{number}"));
    numbered.into_iter().find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}

/// Where a Service of the manifests is in the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewService {
    /// The app, whose namespace and Service have its name.
    pub(crate) app: String,
    /// The ports of the Service, and what they become.
    pub(crate) ports: BTreeMap<u16, u16>,
}

/// The Services of all workloads, by namespace and name.
pub(crate) type Services = BTreeMap<(String, String), NewService>;

/// Replaces the addresses of Services in a text. `is_host` says that the text is only a host name.
pub(crate) fn with_new_addresses(text: &str, namespace: &str, services: &Services, is_host: bool) -> String {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_part(bytes[at]) {
            let width = text[at..].chars().next().map_or(1, char::len_utf8);
            out.push_str(&text[at..at + width]);
            at += width;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| is_part(**byte)).count();
        let word = &text[at..end];
        let (before, after) = (&text[..at], &text[end..]);
        let digits = after.strip_prefix(':').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let port: Option<u16> = if digits > 0 { after[1..=digits].parse().ok() } else { None };
        let is_whole_word = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !after.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        let is_url = before.ends_with("://");
        let is_alone =
            before.is_empty() && (after.is_empty() && is_host || port.is_some() && after.len() == digits + 1);
        let found = is_whole_word.then(|| service_of(word, namespace, services, is_url || is_alone)).flatten();
        match found {
            Some(service) => {
                out.push_str(&format!("{0}.{0}.svc.cluster.local", service.app));
                at = end;
                let scheme = before.strip_suffix("://").unwrap_or_default();
                let is_http = is_url && scheme.ends_with("http");
                let given = port.or(is_http.then_some(80));
                if let Some(new) = given.map(|port| service.ports.get(&port).copied().unwrap_or(port)) {
                    if !(is_http && new == 80) {
                        out.push_str(&format!(":{new}"));
                    }
                    at += if port.is_some() { digits + 1 } else { 0 };
                }
            }
            None => {
                out.push_str(word);
                at = end;
            }
        }
    }
    out
}

/// The addresses of Services in a text that no app of the lab has: `NAME.NAMESPACE.svc`.
pub(crate) fn other_services(text: &str, services: &Services) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let words = text.split(|c: char| !is_part(c)).filter_map(|word| {
        let mut parts = word.split('.');
        let (name, namespace, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let is_app = name == namespace && services.values().any(|service| service.app == name);
        (kind == "svc" && !name.is_empty() && !is_app).then(|| format!("{name}.{namespace}.svc"))
    });
    words.collect()
}

fn service_of<'a>(word: &str, namespace: &str, services: &'a Services, is_name: bool) -> Option<&'a NewService> {
    let find = |namespace: &str, name: &str| services.get(&(namespace.to_owned(), name.to_owned()));
    let mut parts = word.split('.');
    let (name, second, rest) = (parts.next()?, parts.next(), parts.collect::<Vec<_>>());
    match (second, &rest[..]) {
        (None, _) => is_name.then(|| find(namespace, name)).flatten(),
        (Some(namespace), ["svc"] | ["svc", "cluster", "local"] | []) => find(namespace, name),
        _ => None,
    }
}

/// The domain of most host names: what follows their first label. It may be a variable.
pub(crate) fn domain_of<'a>(hosts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, domain) in hosts.filter_map(|host| host.split_once('.')) {
        if domain.contains('.') || domain.starts_with("${") {
            *counts.entry(domain).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(domain, count)| (*count, std::cmp::Reverse(*domain)));
    most.map(|(domain, _)| domain.to_owned())
}

/// A host name in the spec: a label below the domain, or a full name. `None` if it is outside of the domain.
pub(crate) fn host_below(host: &str, domain: &str) -> Option<String> {
    let labels = host.strip_suffix(domain)?.strip_suffix('.')?;
    let is_label = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !labels.split('.').all(is_label) {
        return None;
    }
    match (labels.contains('.'), domain.contains("${")) {
        (false, _) => Some(labels.to_owned()),
        (true, false) => Some(host.to_owned()),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_labels() {
        assert_eq!(label("My_App.v2", 63, "x"), "my-app-v2");
        assert_eq!(label("--", 63, "x"), "x");
        assert_eq!(label("abc-def", 4, "x"), "abc");
    }

    #[test]
    fn replaces_addresses_of_services() {
        let service = |app: &str| NewService { app: app.to_owned(), ports: BTreeMap::from([(8989, 80), (6379, 6379)]) };
        let services = Services::from([
            (("media".to_owned(), "sonarr".to_owned()), service("sonarr")),
            (("media".to_owned(), "immich-redis".to_owned()), service("immich-redis")),
        ]);
        for (text, is_host, expected) in [
            ("http://sonarr.media.svc.cluster.local:8989/api", false, "http://sonarr.sonarr.svc.cluster.local/api"),
            ("http://sonarr:8989", false, "http://sonarr.sonarr.svc.cluster.local"),
            ("immich-redis.media.svc", false, "immich-redis.immich-redis.svc.cluster.local"),
            ("redis://immich-redis:6379/0", false, "redis://immich-redis.immich-redis.svc.cluster.local:6379/0"),
            ("immich-redis", true, "immich-redis.immich-redis.svc.cluster.local"),
            ("sonarr", false, "sonarr"),
            ("the sonarr: ä", false, "the sonarr: ä"),
            ("sonarr.other.svc", false, "sonarr.other.svc"),
            ("https://sonarr.example.com", false, "https://sonarr.example.com"),
        ] {
            assert_eq!(with_new_addresses(text, "media", &services, is_host), expected);
        }
    }

    #[test]
    fn finds_addresses_that_no_app_has() {
        let service = NewService { app: "sonarr".to_owned(), ports: BTreeMap::new() };
        let services = Services::from([(("media".to_owned(), "sonarr".to_owned()), service)]);
        let text = "http://sonarr.sonarr.svc.cluster.local,http://db-rw.dbms.svc:5432 a.b.c .svc";
        assert_eq!(other_services(text, &services).into_iter().collect::<Vec<_>>(), ["db-rw.dbms.svc"]);
    }

    #[test]
    fn finds_the_domain_of_most_hosts() {
        let hosts = ["a.example.com", "b.example.com", "c.example.org", "d.${DOMAIN}"];
        assert_eq!(domain_of(hosts.into_iter()).as_deref(), Some("example.com"));
        assert_eq!(host_below("a.example.com", "example.com").as_deref(), Some("a"));
        assert_eq!(host_below("a.b.example.com", "example.com").as_deref(), Some("a.b.example.com"));
        assert_eq!(host_below("a.${DOMAIN}", "${DOMAIN}").as_deref(), Some("a"));
        assert_eq!(host_below("a.example.org", "example.com"), None);
        assert_eq!(host_below("example.com", "example.com"), None);
    }
}
