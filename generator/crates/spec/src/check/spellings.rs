//! Other spellings of an invalid text, one of which was most likely meant.

use crate::types::check_format;

/// The likely spellings of a text, the most likely first. Not all of them have the format.
pub(super) fn of(format: &str, text: &str) -> Vec<String> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let dashed = lower.replace(['_', ' '], "-");
    let after_scheme = |text: &str| text.split_once("://").map_or(text, |(_, rest)| rest).to_owned();
    let joined = text.replace(' ', "");
    match format {
        "name" => vec![lower, dashed],
        "host" | "domain-name" => {
            let host = after_scheme(&lower);
            let host = host.split('/').next().unwrap_or_default().trim_matches('.').to_owned();
            vec![host, dashed]
        }
        "secret-ref" | "database-ref" => vec![dashed],
        "image-repository" => {
            let image = after_scheme(&lower);
            let image = without_tag(image.trim_end_matches('/'));
            let is_registry = !image.contains('/') && image.contains('.');
            vec![image.to_owned(), format!("docker.io/{image}"), format!("docker.io/library/{image}")]
                .into_iter()
                .filter(|spelling| spelling.matches('/').count() > 1 || !spelling.starts_with("docker.io/"))
                .filter(|_| !is_registry)
                .collect()
        }
        "env-name" => vec![text.replace(['-', '.', ' '], "_")],
        "kind" => vec![capitalized(text)],
        "url-path" => {
            let path = text.split_once("://").map_or(text, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
            vec![path.to_owned(), format!("/{path}")]
        }
        "mount-path" => vec![format!("/{text}"), text.trim_end_matches('/').to_owned()],
        "http-url" => vec![format!("https://{text}")],
        "repository-url" => {
            let of_ssh = text.split_once(':').map_or(String::new(), |(host, path)| format!("ssh://{host}/{path}"));
            let with_path = after_scheme(text).contains('/');
            let of_https = if with_path { format!("https://{}", after_scheme(text)) } else { String::new() };
            if text.contains('@') { vec![of_ssh] } else { vec![of_https] }
        }
        "chart-repository" => {
            let place = after_scheme(text);
            let schemes =
                if OCI.iter().any(|registry| place.starts_with(registry)) { ["oci"; 2] } else { ["https", "oci"] };
            schemes.map(|scheme| format!("{scheme}://{place}")).to_vec()
        }
        "minor-version" => {
            let version = text.trim_start_matches('v');
            let minor = version.split('.').take(2).collect::<Vec<_>>().join(".");
            let alone = if version.len() == 2 { format!("1.{version}") } else { String::new() };
            vec![minor, alone]
        }
        "lab-ipv4" => vec![without_zeros(text.split('/').next().unwrap_or_default())],
        "ipv4-range" => {
            let joined = joined.replace("..", "-").replace('–', "-");
            let (first, last) = joined.split_once('-').unwrap_or((&joined, &joined));
            let network = first.rsplit_once('.').map_or("", |(network, _)| network);
            vec![format!("{first}-{last}"), format!("{first}-{network}.{last}")]
        }
        "size" => vec![sized(&joined), sized(&format!("{joined}GiB"))],
        "quantity" => {
            let number = joined.replace(',', ".");
            let (amount, unit) =
                number.split_at(number.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(number.len()));
            let binary =
                unit.get(1..).is_some_and(|end| end.eq_ignore_ascii_case("i") || end.eq_ignore_ascii_case("ib"));
            let unit = unit.get(..1).unwrap_or_default();
            let unit = match unit {
                "K" if !binary => "k".to_owned(),
                _ if binary => format!("{}i", unit.to_ascii_uppercase()),
                "g" | "t" => unit.to_ascii_uppercase(),
                _ => unit.to_owned(),
            };
            vec![number.clone(), format!("{amount}{unit}")]
        }
        "schedule" => {
            let fields: Vec<_> = text.split_whitespace().collect();
            let sunday = fields.join(" ");
            let sunday = sunday.strip_suffix(" 7").map(|start| format!("{start} 0"));
            // A field of seconds, or a time zone.
            let extra = fields.get(1..).filter(|_| fields.len() == 6).map(|rest| rest.join(" "));
            [Some(fields.join(" ")), sunday, extra].into_iter().flatten().collect()
        }
        "share-ref" => vec![after_scheme(text), joined],
        _ => vec![joined],
    }
}

/// Registries of charts that only support OCI.
const OCI: [&str; 4] = ["docker.io/", "ghcr.io/", "quay.io/", "registry-1.docker.io/"];

/// An image without its tag and digest.
fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let name = image.rfind('/').map_or(0, |at| at + 1);
    image[name..].find(':').map_or(image, |at| &image[..name + at])
}

/// The fields of an image that is written as one text: `REPOSITORY:TAG@DIGEST`.
pub(super) fn image(text: &str) -> Option<String> {
    let (image, digest) = text.split_once('@').map_or((text, None), |(image, digest)| (image, Some(digest)));
    let name = without_tag(image);
    let tag = image[name.len()..].strip_prefix(':')?;
    let spellings = [vec![name.to_owned()], of("image-repository", name)].concat();
    let repository = spellings.into_iter().find(|text| is_valid("image-repository", text))?;
    let digest = digest.filter(|digest| is_valid("digest", digest)).map(|digest| format!(", digest: \"{digest}\""));
    let digest = digest.unwrap_or_default();
    is_valid("image-tag", tag).then(|| format!("{{ repository: {repository}, tag: \"{tag}\"{digest} }}"))
}

fn is_valid(format: &str, text: &str) -> bool {
    check_format(format, text).is_some_and(|result| result.is_ok())
}

/// The text with its first letter as a capital.
pub(super) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// An address without leading zeros in its parts.
fn without_zeros(address: &str) -> String {
    let parts = address.split('.').map(|part| match part.trim_start_matches('0') {
        "" if !part.is_empty() => "0",
        rest => rest,
    });
    parts.collect::<Vec<_>>().join(".")
}

/// A size in another case, or in units of powers of ten.
fn sized(text: &str) -> String {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = text[at..].chars().next().map_or(String::new(), |unit| format!("{}iB", unit.to_ascii_uppercase()));
    format!("{}{unit}", &text[..at])
}
