//! Rejects values that look like credentials anywhere in the spec, to keep secrets out of Git.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::Spanned;
use spec::types::{SecretRef, Text as _};
use std::collections::BTreeSet;
use yaml::{Node, NodeKind, Scalar};

/// Prefixes that only credentials have.
const PREFIXES: [(&str, &str); 13] = [
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
    ("eyJhbGciOi", "a JSON Web Token"),
    ("st.", "an Infisical token"),
];

/// The last words of keys whose values are credentials.
const WORDS: [&str; 7] = ["password", "passwd", "passphrase", "token", "apikey", "secret", "privatekey"];

/// Values that switch something on or off.
const SWITCHES: [&str; 20] = [
    "true", "false", "yes", "no", "on", "off", "allow", "allowed", "deny", "denied", "enable", "enabled", "disable",
    "disabled", "require", "required", "optional", "none", "null", "never",
];

/// Checks all values except references to secrets.
pub(super) fn check(root: &Node, references: &[&Spanned<SecretRef>], diagnostics: &mut Diagnostics) {
    let places = references.iter().map(|reference| (reference.span.start, reference.span.end)).collect();
    walk(root, None, &places, diagnostics);
}

fn walk<'a>(node: &'a Node, key: Option<&'a str>, references: &BTreeSet<(u32, u32)>, diagnostics: &mut Diagnostics) {
    if references.contains(&(node.span.start, node.span.end)) {
        return;
    }
    match &node.kind {
        NodeKind::Mapping(entries) => {
            let is_secret = node.text_of("kind") == Some("Secret");
            for (name, value) in entries {
                let holds_data = matches!(name.text(), Some("data" | "stringData")) && !value.entries().is_empty();
                if is_secret && holds_data {
                    report(name.span, "this is a Secret with data", diagnostics);
                } else {
                    walk(value, name.text(), references, diagnostics);
                }
            }
        }
        NodeKind::Sequence(items) => {
            for item in items {
                walk(item, key, references, diagnostics);
            }
        }
        NodeKind::Scalar { text, .. } => {
            if let Some(what) = credential_in(text) {
                report(node.span, &format!("this looks like {what}"), diagnostics);
            } else if matches!(node.scalar(), Some(Scalar::Str(_) | Scalar::Int(_)))
                && let Some(key) =
                    key.filter(|key| holds_credential(key) && !is_harmless(text) && !is_reference(key, text))
            {
                report(node.span, &format!("the value of `{key}` looks like a credential"), diagnostics);
            }
        }
    }
}

fn report(span: Span, message: &str, diagnostics: &mut Diagnostics) {
    let help = "move it to the secret store and declare it under `secrets.entries`; refer to it in the `env` of an app with \
                `{ secret: ENTRY/KEY }`, or in Helm values by the name of a Secret; if it was ever committed, rotate it";
    diagnostics.push(Diagnostic::new(Code::CredentialInSpec, span, message).help(help));
}

/// Returns the kind of credential that a text contains. Checks every line and every word: a comment may precede a
/// key, or a word a token.
fn credential_in(text: &str) -> Option<&'static str> {
    // Most values are shorter than any credential.
    if text.len() < "://:1234@".len() {
        return None;
    }
    text.lines().find_map(credential_in_line).or_else(|| has_password_in_url(text).then_some("a URL with a password"))
}

fn credential_in_line(line: &str) -> Option<&'static str> {
    if line.len() < "st.".len() + MIN_TOKEN {
        return None;
    }
    let mut labels = line.split("-----BEGIN ").skip(1).filter_map(|rest| rest.split("-----").next());
    if labels.any(|label| label.ends_with("PRIVATE KEY") || label.ends_with("PRIVATE KEY BLOCK")) {
        return Some("a private key");
    }
    if is_wireguard_key(line) {
        return Some("a WireGuard key");
    }
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '=' | ',' | ';'));
    words
        .filter(|word| word.len() >= MIN_TOKEN)
        .filter_map(|word| PREFIXES.iter().find(|(prefix, _)| word.strip_prefix(prefix).is_some_and(is_random)))
        .map(|(_, what)| *what)
        .next()
}

/// The minimum length of a token after its prefix.
const MIN_TOKEN: usize = 12;

/// Whether a text can be the rest of a token after its prefix: long enough, and with a digit, unlike a name.
fn is_random(text: &str) -> bool {
    text.len() >= MIN_TOKEN && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a line is `PrivateKey = …=` or `PresharedKey = …=`, with 32 bytes in base64.
fn is_wireguard_key(line: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else { return false };
    let value = value.trim();
    let is_key = ["PrivateKey", "PresharedKey"].iter().any(|key| name.trim().eq_ignore_ascii_case(key));
    let is_base64 = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    is_key && value.len() == 44 && value.ends_with('=') && is_base64
}

/// Whether a text contains `scheme://user:password@host`, with a password that is not a placeholder.
fn has_password_in_url(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let ends = |c: char| c.is_whitespace() || "/?#\"'`".contains(c);
        let authority = rest.split(ends).next().unwrap_or_default();
        let login = authority.rsplit_once('@').and_then(|(login, _)| login.split_once(':'));
        login.is_some_and(|(_, password)| password.len() >= 4 && !is_placeholder(password))
    })
}

/// Whether the values of a key are credentials. `LD_SUPERUSER_PASSWORD`, `adminPassword` and `api-token` are such
/// keys; `passwordKey`, `existingSecret`, `secretName` and the spec's own references are not.
fn holds_credential(key: &str) -> bool {
    let lower: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let names_an_object = ["existingsecret", "imagepullsecret", "pullsecret", "clientinfosecret", "usesecret"]
        .iter()
        .any(|name| lower.ends_with(name));
    let by_word = WORDS.iter().any(|word| lower.ends_with(word))
        || (key.ends_with("SECRET_KEY") || key.ends_with("secretKey") && key != "secretKey");
    by_word && !names_an_object
}

/// Whether a field is `secret: NAMESPACE/NAME`, as some charts refer to a Secret.
fn is_reference(key: &str, text: &str) -> bool {
    key == "secret" && SecretRef::parse(text).is_ok()
}

/// Whether the value of a key such as `RESET_PASSWORD` is not a password: empty and very short values, switches,
/// references to variables, paths, URLs, small numbers and durations.
fn is_harmless(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or(text);
    let is_small = number.len() < 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start));
    text.len() < 4
        || SWITCHES.iter().any(|word| word.eq_ignore_ascii_case(text))
        || is_placeholder(text)
        || is_small
        || is_path
        || text.contains("://")
}

/// Whether another program replaces the text.
fn is_placeholder(text: &str) -> bool {
    text.starts_with(['$', '<', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_credentials_by_their_form() {
        for text in [
            "ghp_0123456789abcdef0123",
            "  ghp_0123456789abcdef0123",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
            "# the key of the tunnel\n-----BEGIN RSA PRIVATE KEY-----\nabc",
            "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nabc",
            "key: -----BEGIN PGP PRIVATE KEY BLOCK-----",
            "[Interface]\nAddress = 10.0.0.2/32\nPrivateKey = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
            "PresharedKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "postgres://memos:hunter2@db.example.com/memos",
            "https://example.com/docs postgres://memos:hunter2@db.example.com/memos",
            "http://a.example,http://user:hunter2@b.example",
            "AKIAIOSFODNN7EXAMPLE",
            "# from the settings\ntoken = \"glpat-0123456789abcdef0123\"",
        ] {
            assert!(credential_in(text).is_some(), "{text}");
        }
        for text in [
            "-----BEGIN CERTIFICATE-----\nabc",
            "-----BEGIN PUBLIC KEY-----\nabc",
            "PublicKey = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "PrivateKey = $(KEY)",
            "https://user@example.com/x",
            "https://example.com:8443/x?mail=a@example.com",
            "postgres://u:$(PASSWORD)@h/d",
            "postgres://u:<password>@h/d and https://example.com",
            "st.louis",
            "from st.louis.university.example",
            "ghp",
        ] {
            assert!(credential_in(text).is_none(), "{text}");
        }
    }

    #[test]
    fn accepts_harmless_values_under_any_key() {
        for text in [
            "",
            "no",
            "true",
            "Yes",
            "OFF",
            "allowed",
            "disabled",
            "required",
            "optional",
            "none",
            "/run/secrets/key",
            "./key",
            "$(TOKEN)",
            "{{ token }}",
            "3600",
            "1234567",
            "3600s",
            "https://id.example.com/token",
        ] {
            assert!(is_harmless(text), "{text}");
        }
        for text in ["hunter2", "correct-horse", "12345678", "secret", "changeme", "allowed1", "0123456789abcdef"] {
            assert!(!is_harmless(text), "{text}");
        }
    }

    #[test]
    fn detects_credentials_by_their_key() {
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
