//! Nothing secret in Git: values that look like credentials are refused, wherever they stand.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::spec::Spanned;
use crate::spec::types::{SecretRef, Text as _};
use crate::yaml::{Node, NodeKind, Scalar};
use std::collections::HashSet;

/// Beginnings that only credentials have.
const PREFIXES: [(&str, &str); 14] = [
    ("-----BEGIN ", "a private key"),
    ("AGE-SECRET-KEY-1", "an age key"),
    ("AKIA", "an AWS access key"),
    ("ghp_", "a GitHub token"),
    ("gho_", "a GitHub token"),
    ("ghs_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("glpat-", "a GitLab token"),
    ("xoxb-", "a Slack token"),
    ("xoxp-", "a Slack token"),
    ("sk_live_", "a Stripe key"),
    ("SG.", "a SendGrid key"),
    ("eyJhbGciOi", "a JSON web token"),
    ("st.", "an Infisical token"),
];

/// Last words of a key whose value is a credential.
const WORDS: [&str; 7] = ["password", "passwd", "passphrase", "token", "apikey", "secret", "privatekey"];

/// Judges everything but the places that are known to name a secret.
pub(super) fn judge(root: &Node, references: &[&Spanned<SecretRef>], faults: &mut Diagnostics) {
    let places = references.iter().map(|reference| (reference.span.start, reference.span.end)).collect();
    walk(root, None, &places, faults);
}

fn walk<'a>(node: &'a Node, key: Option<&'a str>, references: &HashSet<(u32, u32)>, faults: &mut Diagnostics) {
    if references.contains(&(node.span.start, node.span.end)) {
        return;
    }
    match &node.kind {
        NodeKind::Mapping(entries) => {
            let is_secret = node.text_of("kind") == Some("Secret");
            for (name, value) in entries {
                let holds_data = matches!(name.text(), Some("data" | "stringData")) && !value.entries().is_empty();
                if is_secret && holds_data {
                    report(name.span, "this is a Secret with data", faults);
                } else {
                    walk(value, name.text(), references, faults);
                }
            }
        }
        NodeKind::Sequence(items) => {
            for item in items {
                walk(item, key, references, faults);
            }
        }
        NodeKind::Scalar { text, .. } => {
            if let Some(what) = by_look(text) {
                report(node.span, &format!("this looks like {what}"), faults);
            } else if matches!(node.scalar(), Some(Scalar::Str(_) | Scalar::Int(_)))
                && let Some(key) =
                    key.filter(|key| holds_credential(key) && !is_harmless(text) && !is_reference(key, text))
            {
                report(node.span, &format!("the value of `{key}` looks like a credential"), faults);
            }
        }
    }
}

fn report(span: Span, message: &str, faults: &mut Diagnostics) {
    let help = "keep it in the secret store and declare it under `secrets.entries`; an app's `env` refers to it with \
                `{ secret: ENTRY/KEY }`, Helm values by the name of a Secret; if it was ever committed, replace it";
    faults.push(Diagnostic::new(Code::CredentialInSpec, span, message).help(help));
}

fn by_look(text: &str) -> Option<&'static str> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("-----BEGIN ") && !trimmed.contains("PRIVATE KEY") {
        return None;
    }
    let by_prefix =
        PREFIXES.iter().find(|(prefix, _)| trimmed.starts_with(prefix) && trimmed.len() >= prefix.len() + 12);
    by_prefix.map(|(_, what)| *what).or_else(|| has_password_in_url(trimmed).then_some("a URL with a password"))
}

/// `scheme://user:password@host`, where the password is not a placeholder.
fn has_password_in_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((login, _)) = authority.rsplit_once('@') else { return false };
    login.split_once(':').is_some_and(|(_, password)| !is_harmless(password))
}

/// `LD_SUPERUSER_PASSWORD`, `adminPassword` and `api-token` hold credentials; `passwordKey`,
/// `existingSecret`, `secretName` and the spec's own references do not.
fn holds_credential(key: &str) -> bool {
    let lower: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let names_an_object = ["existingsecret", "imagepullsecret", "pullsecret", "clientinfosecret", "usesecret"]
        .iter()
        .any(|name| lower.ends_with(name));
    let by_word = WORDS.iter().any(|word| lower.ends_with(word))
        || (key.ends_with("SECRET_KEY") || key.ends_with("secretKey") && key != "secretKey");
    by_word && !names_an_object
}

/// `secret: NAMESPACE/NAME` is how some charts refer to a Secret.
fn is_reference(key: &str, text: &str) -> bool {
    key == "secret" && SecretRef::parse(text).is_ok()
}

/// Empty values, switches, references to variables, and names of files and objects.
fn is_harmless(text: &str) -> bool {
    text.is_empty()
        || text.len() < 4
        || matches!(text, "true" | "false" | "null" | "none")
        || text.starts_with(['$', '/', '<', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_look() {
        for text in [
            "ghp_0123456789abcdef0123",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
            "postgres://memos:hunter2@db.example.com/memos",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert!(by_look(text).is_some(), "{text}");
        }
        for text in [
            "-----BEGIN CERTIFICATE-----\nabc",
            "https://user@example.com/x",
            "postgres://u:$(PASSWORD)@h/d",
            "st.louis",
            "ghp",
        ] {
            assert!(by_look(text).is_none(), "{text}");
        }
    }

    #[test]
    fn credentials_are_known_by_their_key() {
        for key in
            ["LD_SUPERUSER_PASSWORD", "adminPassword", "API_TOKEN", "client-secret", "DJANGO_SECRET_KEY", "apiKey"]
        {
            assert!(holds_credential(key), "{key}");
        }
        for key in ["existingSecret", "passwordKey", "secretName", "tokenFile", "keys", "imagePullSecret"] {
            assert!(!holds_credential(key), "{key}");
        }
        assert!(is_reference("secret", "linkding/password") && !is_reference("secret", "hunter2"));
    }
}
