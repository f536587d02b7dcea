//! Container images.

use super::name::{port, words};
use super::{Text, rules};
use std::fmt;

words! {
    /// The name of an image with its registry, without a tag.
    ImageRepository {
        format: "image-repository", expected: "an image name with its registry such as ghcr.io/example/app",
        pattern: concat!(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+(:", port!(), r")?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$"),
        example: "ghcr.io/example/app",
        check: repository
    }
    /// The tag of an image.
    ImageTag {
        format: "image-tag", expected: "a tag such as \"1.46.2\"", pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", example: "1.46.2",
        check: |text| {
            rules::length(text, 128)?;
            rules::only(text, "only letters, digits, '.', '_' and '-' are allowed", |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))?;
            if text.starts_with(['.', '-']) { Err("it starts with '.' or '-'".to_owned()) } else { Ok(()) }
        }
    }
    /// The digest of an image.
    Digest {
        format: "digest", expected: "a digest (sha256: and 64 hexadecimal digits)", pattern: "^sha256:[0-9a-f]{64}$",
        example: "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        check: |text| {
            let digits = text.strip_prefix("sha256:").ok_or("it does not start with sha256:")?;
            let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if digits.len() == 64 && is_hex { Ok(()) } else { Err("sha256: must be followed by 64 lowercase hexadecimal digits".to_owned()) }
        }
    }
}

fn repository(text: &str) -> Result<(), String> {
    rules::length(text, 255)?;
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(format!("it is a URL; remove `{scheme}://`"));
    }
    if let Some((_, digest)) = text.split_once('@') {
        return Err(format!("it contains a digest; set `digest: \"{digest}\"` instead"));
    }
    let (registry, path) = text.split_once('/').ok_or(if text.contains('.') && !text.contains(':') {
        "it is only a registry; add the path of the image"
    } else {
        "it has no registry; for an official image on Docker Hub, prefix it with docker.io/library/"
    })?;
    let (host, port) = registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
    if !host.contains('.') {
        return Err("it has no registry; for an image on Docker Hub, prefix it with docker.io/".to_owned());
    }
    if host.split('.').any(|label| rules::label(label).is_err()) {
        return Err("the registry is not a host name".to_owned());
    }
    port.map_or(Ok(()), rules::port)?;
    if let Some((_, tag)) = path.split_once(':') {
        return Err(format!("it contains a tag; set `tag: \"{tag}\"` instead"));
    }
    if path.split('/').all(is_component) {
        Ok(())
    } else {
        Err("each part of the path must be lowercase letters and digits, separated by '.', '_', '__' or '-'".to_owned())
    }
}

/// Whether a text is a path component in the grammar of OCI image references.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = text.split(is_word).filter(|run| !run.is_empty());
    let is_separator = |run: &str| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    text.starts_with(is_word) && text.ends_with(is_word) && separators.all(is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_grammar_of_image_references() {
        for text in ["ghcr.io/a.b/c_d", "docker.io/a__b/c--d", "registry.example.com:5000/a", "a.b/0/1/2"] {
            assert!(ImageRepository::parse(text).is_ok(), "{text}");
        }
        for text in
            ["ghcr.io/a..b/web", "ghcr.io/a___b", "ghcr.io/a._b", "ghcr.io/a/", "ghcr..io/a", "ghcr.io/-a", "-a.io/b"]
        {
            assert!(ImageRepository::parse(text).is_err(), "{text}");
        }
    }
}
