//! The types of values in a spec. A value is validated once, when it is parsed.
//!
//! A type defines its syntax twice: [`Text::parse`] validates and explains errors, and [`Text::PATTERN`] lets
//! editors validate with the JSON Schema. A test verifies that both agree.

mod address;
mod bounds;
mod image;
mod name;
mod path;
mod quantity;
mod reference;
mod schedule;
mod time;

pub use address::{AddressBlock, AddressRange, Ipv4, Ipv4Cidr, Ipv4Interface, LanTarget};
pub use bounds::{OneOrMore, PortNumber, Whole};
pub use image::{Digest, ImageRepository, ImageTag};
pub use name::{
    AgeKey, Branch, ChartRepository, DomainName, Duration, Email, EnvName, HeaderName, HostName, HttpUrl, Kind,
    LabelKey, LabelValue, MinorVersion, Name, NixosRelease, RepositoryUrl, Retention, SecretKey, SshKey, TimeZone,
    TsigKeyName, UrlPath, Uuid, Version, ZoneId,
};
pub use path::{DevicePath, HostPath, MountPath, PciAddress, RenderDevice, RepoPath, UsbId};
pub use quantity::{Quantity, Size};
pub use reference::{
    DatabaseRef, ExtensionName, FolderPath, LibraryName, ObjectRef, SecretRef, ShareRef, SqlName, SubdomainName,
};
pub use schedule::Schedule;
pub use time::{PointInTime, seconds};

/// A value that is written as a string.
pub trait Text: Sized {
    /// The name of the type as a JSON Schema `format`.
    const FORMAT: &'static str;
    /// What is expected, for messages: "an IPv4 address such as 192.168.10.11". The text before " such as "
    /// or a parenthesis names the type.
    const EXPECTED: &'static str;
    /// A regular expression (ECMA 262) that accepts what `parse` accepts, as far as possible.
    const PATTERN: &'static str;
    /// A valid value. It is also the placeholder for an invalid one, so that checks can continue.
    const EXAMPLE: &'static str;
    /// Whether a YAML number is accepted; its digits are the text.
    const NUMBERS: bool = false;

    /// Parses the value.
    ///
    /// # Errors
    /// If the text is not a value of this type. The error is the reason, without the text.
    fn parse(text: &str) -> Result<Self, String>;
}

/// Implements `FromStr`, `Deserialize` and `JsonSchema` for each [`Text`].
macro_rules! text_types {
    ($($name:ident),+ $(,)?) => {
        $(
            impl std::str::FromStr for $name {
                type Err = String;

                fn from_str(text: &str) -> Result<Self, String> {
                    <Self as Text>::parse(text)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = match <Self as Text>::NUMBERS {
                        true => Digits::deserialize(deserializer)?.0,
                        false => <std::borrow::Cow<'de, str>>::deserialize(deserializer)?,
                    };
                    <Self as Text>::parse(&text).map_err(serde::de::Error::custom)
                }
            }

            impl schemars::JsonSchema for $name {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                    let mut schema = schemars::json_schema!({
                        "type": "string",
                        "format": <Self as Text>::FORMAT,
                        "pattern": <Self as Text>::PATTERN,
                        "description": format!("Format: {}.", <Self as Text>::EXPECTED),
                        "examples": [<Self as Text>::EXAMPLE],
                    });
                    if <Self as Text>::NUMBERS {
                        schema.insert("type".to_owned(), serde_json::json!(["string", "number"]));
                        schema.insert("minimum".to_owned(), 0.into());
                    }
                    schema
                }
            }
        )+

        /// All types.
        static FORMATS: &[Format] = &[$(Format {
            name: <$name as Text>::FORMAT,
            expected: <$name as Text>::EXPECTED,
            pattern: <$name as Text>::PATTERN,
            example: <$name as Text>::EXAMPLE,
            check: |text| <$name as Text>::parse(text).map(drop),
        },)+];
    };
}

/// Text that can be written as a number. [`NodeDeserializer`](super::spanned::NodeDeserializer) recognizes it
/// by the name of the newtype.
#[derive(serde::Deserialize)]
#[serde(rename = "$digits")]
struct Digits<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// The properties of a type of text.
struct Format {
    name: &'static str,
    expected: &'static str,
    pattern: &'static str,
    /// Used by the test that compares pattern and parser.
    #[cfg_attr(not(test), expect(dead_code))]
    example: &'static str,
    check: fn(&str) -> Result<(), String>,
}

text_types!(
    AddressBlock,
    AgeKey,
    LanTarget,
    AddressRange,
    Branch,
    ChartRepository,
    DatabaseRef,
    DevicePath,
    HostPath,
    Digest,
    DomainName,
    Duration,
    Email,
    EnvName,
    ExtensionName,
    FolderPath,
    HeaderName,
    HostName,
    HttpUrl,
    ImageRepository,
    ImageTag,
    Ipv4,
    Ipv4Cidr,
    Ipv4Interface,
    Kind,
    LabelKey,
    LabelValue,
    LibraryName,
    MinorVersion,
    MountPath,
    Name,
    NixosRelease,
    ObjectRef,
    PciAddress,
    Quantity,
    RenderDevice,
    RepoPath,
    RepositoryUrl,
    Retention,
    PointInTime,
    Schedule,
    SecretKey,
    SecretRef,
    ShareRef,
    Size,
    SqlName,
    SshKey,
    SubdomainName,
    TimeZone,
    TsigKeyName,
    UrlPath,
    UsbId,
    Uuid,
    Version,
    ZoneId,
);

/// Checks a text by the name of its format. `None` if there is no such format.
///
/// The error is [`Text::EXPECTED`] and the reason.
pub fn check_format(format: &str, text: &str) -> Option<Result<(), (&'static str, String)>> {
    let format = FORMATS.iter().find(|known| known.name == format)?;
    Some((format.check)(text).map_err(|reason| (format.expected, reason)))
}

/// The name of the format with this pattern.
pub fn format_of_pattern(pattern: &str) -> Option<&'static str> {
    FORMATS.iter().find(|known| known.pattern == pattern).map(|known| known.name)
}

/// The name and the example of every format.
#[cfg(test)]
pub(super) fn formats() -> impl Iterator<Item = (&'static str, &'static str)> {
    FORMATS.iter().map(|format| (format.name, format.example))
}

/// Checks that several types share. The error is the reason.
mod rules {
    /// Checks that all characters are allowed. `what` describes the allowed ones.
    pub(super) fn only(text: &str, what: &str, allowed: impl Fn(u8) -> bool) -> Result<(), String> {
        match text.chars().find(|c| !u8::try_from(*c).is_ok_and(&allowed)) {
            None => Ok(()),
            Some(' ') => Err("it contains a space".to_owned()),
            Some(c) => Err(format!("it contains {c:?}; {what}")),
        }
    }

    /// Checks that a part of a text is not empty. `what` is the part.
    pub(super) fn part<'a>(text: &'a str, what: &str) -> Result<&'a str, String> {
        if text.is_empty() { Err(format!("the {what} is empty")) } else { Ok(text) }
    }

    /// Splits a text at its dots.
    pub(super) fn dotted(text: &str) -> Result<std::str::Split<'_, char>, String> {
        if !text.is_empty() && text.split('.').any(str::is_empty) {
            return Err("it starts or ends with '.', or contains '..'".to_owned());
        }
        Ok(text.split('.'))
    }

    /// Checks that the length is between one and `limit` bytes.
    pub(super) fn length(text: &str, limit: usize) -> Result<(), String> {
        match text.len() {
            0 => Err("it is empty".to_owned()),
            length if length > limit => Err(format!("it has {length} characters; the limit is {limit}")),
            _ => Ok(()),
        }
    }

    /// Checks a port in a URL.
    pub(super) fn port(text: &str) -> Result<(), String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        match text.parse::<u16>() {
            Ok(_) if is_plain => Ok(()),
            _ => Err(format!("its port {text:?} is not a number from 1 to 65535")),
        }
    }

    /// Checks that a URL without its scheme contains no login: URLs are in public files and in logs.
    pub(super) fn no_login(rest: &str) -> Result<(), String> {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("it contains a user name or a password; remove them".to_owned());
        }
        Ok(())
    }

    /// Checks the host name of a URL, and its port if it has one.
    pub(super) fn authority(text: &str) -> Result<(), String> {
        no_login(text)?;
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        if host.is_empty() {
            return Err("it has no host name".to_owned());
        }
        only(host, "this character is not allowed in a host name", |byte| {
            byte.is_ascii_alphanumeric() || b"._~-".contains(&byte)
        })?;
        port.map_or(Ok(()), self::port)
    }

    /// Checks an RFC 1123 label: lowercase letters, digits and hyphens; no hyphen at the start or end.
    pub(super) fn label(text: &str) -> Result<(), String> {
        length(text, 63)?;
        let what = "only lowercase letters, digits and '-' are allowed";
        only(text, what, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')?;
        if text.starts_with('-') || text.ends_with('-') {
            return Err("it starts or ends with '-'".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that are tried with every type.
    const SAMPLES: &[&str] = &[
        "",
        " ",
        "a",
        "A",
        "a-b",
        "-a",
        "a-",
        "a.b",
        "a..b",
        "a_b",
        "a/b",
        "/a",
        "/",
        "a/",
        "../a",
        "a/../b",
        "./a",
        "/dev",
        "/dev/a",
        "/dev/../a",
        "/device",
        "0",
        "1",
        "01",
        "65536",
        "1.2.3",
        "v1.2.3",
        "1.2.3.4",
        "1.2.3.4/24",
        "1.2.3.0/24",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4-1.2.3.9",
        "1.2.3.9-1.2.3.4",
        "1.2.3.4-",
        "8GiB",
        "8 GiB",
        "8GB",
        "0GiB",
        "100m",
        "1.5",
        "128Mi",
        "10Gi",
        "x y",
        "a\nb",
        "ä",
        "a@b.c",
        "a@b",
        "@b.c",
        "https://a.example",
        "http://a b",
        "ftp://a",
        "git@github.com:a/b.git",
        "ssh://git@github.com/a/b",
        "latest",
        "1.46.2",
        "26.05",
        "26.5",
        "sha256:0123",
        "Europe/Madrid",
        "UTC",
        "Europe/",
        "15d",
        "oci://a.b/c",
        "oci://a/",
        "* * * * *",
        "99 99 * * *",
        "*/0 * * * *",
        "5-1 0 0 13 8",
        "0 0 1 JAN-mar,12 Mon-FRI/2",
        "0 0 * * 7",
        "0 0 0 * *",
        "0  0 * * *",
        "JAN 0 * * *",
        "@reboot",
        "ghcr.io/a..b/web",
        "ghcr.io/a__b/c---d.e",
        "1.2.3.4/32",
        "0.0.0.0/0",
        "0.0.0.0",
        "127.0.0.1",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.1-239.0.0.1",
        "240.0.0.0/8",
        "https://a.example:65535/b",
        "https://a.example:65536",
        "https://a.example/",
        "https://:1",
        "ghcr.io:65536/a",
        "ghcr.io:443/a",
        "HEAD",
        "a.lock",
        "a.",
        "a/.b/c",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC a b",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC",
        "1GiB",
        "*/5 1-3 1,15 * 0",
        "@daily",
        "a/.b",
        "a/b//c",
        "0d",
        "123456d",
        "0123456789abcdef",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample",
        "A_B",
        "1A",
        "docker.io/a/b",
        "a/b/c",
        "a:b",
        "Secret/ns/name",
        "Kind/name",
        "${x}",
        "a$",
        "''",
    ];

    #[test]
    fn patterns_accept_exactly_what_the_parsers_accept() {
        let mut wrong = Vec::new();
        let schema = |pattern: &str| {
            let schema = serde_json::json!({ "type": "string", "pattern": pattern });
            jsonschema::validator_for(&schema).expect("patterns are regular expressions")
        };
        for format in FORMATS {
            let validator = schema(format.pattern);
            assert!((format.check)(format.example).is_ok(), "{}", format.name);
            for text in SAMPLES.iter().copied().chain([format.example]) {
                let parsed = (format.check)(text).is_ok();
                if parsed != validator.is_valid(&serde_json::json!(text)) {
                    wrong.push(format!("{} {text:?}: parsed {parsed}", format.name));
                }
            }
        }
        // A regular expression cannot compare values: the ends of a range, the host bits of a network.
        let beyond = ["\"1.2.3.9-1.2.3.4\"", "\"1.2.3.4/24\""];
        wrong.retain(|line| !beyond.iter().any(|text| line.contains(text)));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
