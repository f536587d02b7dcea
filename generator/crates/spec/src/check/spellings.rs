//! Other spellings of an invalid text, one of which was most likely meant.

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
            vec![image.clone(), format!("docker.io/{image}"), format!("docker.io/library/{image}")]
                .into_iter()
                .filter(|spelling| spelling.matches('/').count() > 1 || !spelling.starts_with("docker.io/"))
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
        "chart-repository" => vec![format!("https://{}", after_scheme(text)), format!("oci://{}", after_scheme(text))],
        "minor-version" => {
            let version = text.trim_start_matches('v');
            let minor = version.split('.').take(2).collect::<Vec<_>>().join(".");
            vec![minor, format!("1.{version}")]
        }
        "lab-ipv4" => vec![without_zeros(text.split('/').next().unwrap_or_default())],
        "ipv4-range" => {
            let (first, last) = joined.split_once('-').unwrap_or((&joined, &joined));
            let network = first.rsplit_once('.').map_or("", |(network, _)| network);
            vec![format!("{first}-{last}"), format!("{first}-{network}.{last}")]
        }
        "size" => vec![sized(&joined), sized(&format!("{joined}GiB"))],
        _ => vec![joined],
    }
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
