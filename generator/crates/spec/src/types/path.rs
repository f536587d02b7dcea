//! Paths in the repository and in containers.

use super::name::words;
use super::{Text, rules};
use std::fmt;

words! {
    /// A file of this repository that people write, relative to its top: below `spec/` or
    /// `nix/modules/`, the folders that the flake's check of the generated files looks at.
    RepoPath {
        format: "repo-path", expected: "a file below spec/ or nix/modules/ such as spec/manifests/extra.yaml",
        pattern: r"^(?!.*(^|/)\.{0,2}(/|$))(spec|nix/modules)/[A-Za-z0-9._+/-]+$", example: "spec/manifests/extra.yaml",
        check: |text| {
            rules::length(text, 1000)?;
            if text.starts_with('/') {
                return Err("it is absolute; start at the top of the repository".to_owned());
            }
            parts(text)?;
            let below = |folder| text.strip_prefix(folder).is_some_and(|rest: &str| !rest.is_empty());
            if below("spec/") || below("nix/modules/") { Ok(()) } else { Err("it lies neither below spec/ nor below nix/modules/".to_owned()) }
        }
    }
    /// An absolute path inside a container.
    MountPath {
        format: "mount-path", expected: "an absolute path such as /data",
        pattern: r"^(?!.*(^|/)\.{1,2}(/|$))(/[A-Za-z0-9._+-]+)+$", example: "/data",
        check: |text| {
            let rest = text.strip_prefix('/').ok_or("it does not start with '/'")?;
            if rest.is_empty() {
                return Err("it is the top of all folders; name one below it".to_owned());
            }
            rules::length(rest, 1000)?;
            parts(rest)
        }
    }
}

fn parts(text: &str) -> Result<(), String> {
    rules::only(text, "only letters, digits and '._+-/' are allowed", |byte| {
        byte.is_ascii_alphanumeric() || b"._+-/".contains(&byte)
    })?;
    if let Some(part) = text.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        return Err(if part.is_empty() { "it has an empty part".to_owned() } else { format!("it contains '{part}'") });
    }
    Ok(())
}
