//! The commands of SOPS for a file. They name all recipients, so that they need no `.sops.yaml`.

use super::ENTRIES;
use spec::types::{AgeKey, Name, SecretKey};
use std::fmt::Write as _;

/// What SOPS encrypts of a Secret.
pub const ENCRYPTED: &str = "^(data|stringData)$";

/// The commands for the file of an entry. Each is one line for a shell.
#[derive(Debug, Clone, Copy)]
pub struct Commands<'a> {
    /// The path of the file.
    pub file: &'a str,
    /// The entry.
    pub entry: &'a Name,
}

impl Commands<'_> {
    /// Creates the file with empty values, and opens it in an editor.
    pub fn create(&self, keys: &[&SecretKey], recipients: &[&AgeKey]) -> String {
        let Self { file, entry } = self;
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let mut lines =
            format!("'apiVersion: v1' 'kind: Secret' 'metadata: {{ name: {entry}, namespace: {ENTRIES} }}'");
        lines.push_str(" 'stringData:'");
        for key in keys {
            write!(lines, " '  {key}: \"\"'").expect("writing to a string cannot fail");
        }
        format!(
            "`mkdir -p {folder} && printf '%s\\n' {lines} | sops encrypt {} --filename-override {file} --output {file} \
             /dev/stdin && sops edit {file}`",
            options(recipients)
        )
    }

    /// Encrypts a file that is in clear text.
    pub fn encrypt(&self, recipients: &[&AgeKey]) -> String {
        format!("`sops encrypt --in-place {} {}`", options(recipients), self.file)
    }

    /// Decrypts the file, and encrypts only its values.
    pub fn encrypt_again(&self, recipients: &[&AgeKey]) -> String {
        format!("`sops decrypt --in-place {0} && sops encrypt --in-place {1} {0}`", self.file, options(recipients))
    }

    /// Sets a key to what is typed.
    pub fn set(&self, key: &str) -> String {
        let file = self.file;
        format!("`sops edit {file}`, or for a random value: {}", self.set_random("", "stringData", key))
    }

    /// Sets a key to a random value, although the file was changed without SOPS.
    pub fn set_again(&self, field: &str, key: &str) -> String {
        format!(
            "`sops edit --ignore-mac {}`, or for a random value: {}",
            self.file,
            self.set_random(" --ignore-mac", field, key)
        )
    }

    fn set_random(&self, option: &str, field: &str, key: &str) -> String {
        let file = self.file;
        format!(
            "`openssl rand -hex 32 | sed 's/.*/\"&\"/' | sops set{option} --value-stdin {file} '[\"{field}\"][\"{key}\"]'`"
        )
    }

    /// Sets a field that is not encrypted, although the file was changed without SOPS.
    pub fn set_field(&self, path: &[&str], value: &str) -> String {
        let path: String = path.iter().map(|key| format!("[\"{key}\"]")).collect();
        format!("`sops set --ignore-mac {} '{path}' '\"{value}\"'`", self.file)
    }

    /// Adds a recipient, with a new data key.
    pub fn add_recipient(&self, key: &str) -> String {
        format!("`sops rotate --in-place --add-age {key} {}`", self.file)
    }

    /// Removes a recipient, with a new data key.
    pub fn remove_recipient(&self, key: &str) -> String {
        format!("`sops rotate --in-place --rm-age {key} {}`", self.file)
    }
}

fn options(recipients: &[&AgeKey]) -> String {
    let keys: Vec<_> = recipients.iter().map(|key| key.as_str()).collect();
    format!("--age {} --encrypted-regex '{ENCRYPTED}'", keys.join(","))
}
