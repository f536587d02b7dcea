//! Keys whose values are credentials, and values that are not, whatever their key.

use data_encoding::BASE64;
use spec::types::{Name, SecretRef, Text as _};

/// The ends of keys whose values are credentials, without separators.
const ENDS: [&str; 13] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "pwd",
    "token",
    "apikey",
    "apikeys",
    "authkey",
    "secret",
    "privatekey",
    "plexclaim",
    "rootpw",
];

/// The words before `KEY` in the names of environment variables.
const KEY_OF: [&str; 15] = [
    "access",
    "account",
    "admin",
    "api",
    "app",
    "auth",
    "cookie",
    "encryption",
    "hmac",
    "jwt",
    "license",
    "master",
    "secret",
    "session",
    "signing",
];

/// The words before `secret` in the names of fields that hold a secret, not the name of an object.
const SECRET_OF: [&str; 14] = [
    "api",
    "app",
    "auth",
    "client",
    "consumer",
    "cookie",
    "encryption",
    "hmac",
    "jwt",
    "oauth",
    "session",
    "shared",
    "signing",
    "webhook",
];

/// Words that end with `pass` and mean something else.
const OTHER_PASSES: [&str; 4] = ["bypass", "compass", "encompass", "proxypass"];

/// The ends of keys whose values are names of Secrets, without separators.
const OBJECTS: [&str; 5] = ["existingsecret", "imagepullsecret", "pullsecret", "clientinfosecret", "usesecret"];

/// Values that switch something on or off.
const SWITCHES: [&str; 20] = [
    "true", "false", "yes", "no", "on", "off", "allow", "allowed", "deny", "denied", "enable", "enabled", "disable",
    "disabled", "require", "required", "optional", "none", "null", "never",
];

/// The last words of keys whose values may be credentials or something harmless, such as a name.
const MAYBE: [&str; 4] = ["auth", "key", "salt", "seed"];

/// Words in the keys of public values.
const PUBLIC: [&str; 5] = ["host", "pub", "public", "publishable", "site"];

/// Whether the value of a key is a credential.
pub(super) fn is_credential(key: &str, text: &str) -> bool {
    !is_harmless(text) && holds_credential(key) && !is_name_of_secret(key, text)
        || (is_strong(text) || is_login(text)) && may_hold_credential(key)
        || LOGINS.iter().any(|end| key.ends_with(end)) && is_plain_login(text)
}

/// The ends of environment variables whose values may be a user name and a password.
const LOGINS: [&str; 4] = ["AUTH", "CREDENTIALS", "LOGIN", "USERPASS"];

/// Whether a text is `user:password`.
fn is_plain_login(text: &str) -> bool {
    let (user, password) = text.split_once(':').unwrap_or_default();
    let is_name = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte));
    is_name && !is_harmless(password) && !password.contains(|c: char| c.is_whitespace() || ":/".contains(c))
}

/// Whether the values of a key are credentials if they look random, as in `KEY`, `B2_APPLICATION_KEY` and `AccountKey`.
fn may_hold_credential(key: &str) -> bool {
    let words = words(key);
    words.last().is_some_and(|last| MAYBE.contains(&last.as_str()))
        && !words.iter().any(|word| PUBLIC.contains(&word.as_str()))
}

/// The minimum length of a value that looks random.
const MIN_STRONG: usize = 20;

/// Whether a text looks random: long, with letters and digits, and without the separators of names and paths.
pub(super) fn is_strong(text: &str) -> bool {
    let text = text.strip_prefix("base64:").unwrap_or(text);
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let is_token = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte));
    text.len() >= MIN_STRONG
        && is_token
        && !text.starts_with('/')
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}

/// Whether a text is a user name and a password in base64, as HTTP and Docker encode them.
pub(super) fn is_login(text: &str) -> bool {
    let decoded = BASE64.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let login = decoded.as_deref().and_then(|text| text.split_once(':'));
    login.is_some_and(|(user, password)| {
        !user.is_empty() && password.len() >= 4 && !user.contains(|c: char| !c.is_ascii_graphic())
    })
}

/// The same for a key inside a longer text, which may be of any format: only a word can be a credential.
pub(super) fn is_credential_in_text(key: &str, text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || "(){}[]<>".contains(c)) && is_credential(key, text)
}

/// Whether the value is the name of a Secret, as in `secret: NAMESPACE/NAME` and `tlsSecret: NAME`. Names with digits
/// look too much like credentials.
fn is_name_of_secret(key: &str, text: &str) -> bool {
    let words = words(key);
    let mut words = words.iter().rev().map(String::as_str);
    if words.next() != Some("secret") || !key.contains(|c: char| c.is_ascii_lowercase()) {
        return false;
    }
    let holds_name = words.next().is_none_or(|before| !SECRET_OF.contains(&before));
    let is_name = || Name::parse(text).is_ok() && !text.bytes().any(|byte| byte.is_ascii_digit());
    SecretRef::parse(text).is_ok() || holds_name && is_name()
}

/// Whether the values of a key are credentials. `LD_SUPERUSER_PASSWORD`, `adminPassword`, `SMTP_PASS` and `api-token`
/// are such keys; `passwordKey`, `existingSecret`, `secretName` and the spec's own references are not.
fn holds_credential(key: &str) -> bool {
    let words = words(key);
    let joined = words.concat();
    if OBJECTS.iter().any(|name| joined.ends_with(name)) {
        return false;
    }
    let last = words.last().map_or("", String::as_str);
    let is_password = last == "pw" || last.ends_with("pass") && !OTHER_PASSES.iter().any(|word| joined.ends_with(word));
    // `SECRET_KEY`, and `secret_key` in a file of settings.
    let is_snake = key.contains('_') && !key.contains(|c: char| c.is_ascii_uppercase());
    let is_variable = is_snake || !key.contains(|c: char| c.is_ascii_lowercase());
    let before = words.iter().rev().nth(1).map_or("", String::as_str);
    let is_key = is_variable && (last == "key" && KEY_OF.contains(&before) || joined.ends_with("secretkeybase"));
    let is_secret_key = key.ends_with("secretKey") && key != "secretKey";
    // A personal access token, and what is mixed into hashes.
    let is_token = is_variable && words.len() > 1 && matches!(last, "pat" | "salt");
    is_password || is_key || is_token || is_secret_key || ENDS.iter().any(|end| joined.ends_with(end))
}

/// The words of a key in lower case, without a number at its end: those of `DB_PASSWORD`, `dbPassword2` and
/// `--db-password` are the same.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in key.trim_end_matches(|c: char| c.is_ascii_digit()).chars() {
        let starts = !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && c.is_ascii_uppercase();
        match words.last_mut() {
            _ if !c.is_ascii_alphanumeric() => {}
            Some(word) if !starts => word.push(c.to_ascii_lowercase()),
            _ => words.push(c.to_ascii_lowercase().to_string()),
        }
        before = c;
    }
    words
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

/// Whether another program replaces or decrypts the text.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.starts_with(['$', '<', '{', '!', '%']) || text.starts_with("ENC[")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "!secret token",
            "ENC[AES256_GCM,data:abc]",
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
        for key in [
            "LD_SUPERUSER_PASSWORD",
            "adminPassword",
            "API_TOKEN",
            "client-secret",
            "DJANGO_SECRET_KEY",
            "apiKey",
            "SMTP_PASS",
            "smtpPass",
            "PAPERLESS_DBPASS",
            "ADMIN_PW",
            "MYSQL_PWD",
            "PLEX_CLAIM",
            "N8N_ENCRYPTION_KEY",
            "SECRET_KEY_BASE",
            "TS_AUTHKEY",
            "DB_PASSWORD_2",
            "--db-password",
            "FORGEJO__database__PASSWD",
            "secret_key",
            "GITHUB_PAT",
            "PASSWORD_SALT",
            "ROOTPW",
        ] {
            assert!(holds_credential(key), "{key}");
        }
        for key in [
            "existingSecret",
            "passwordKey",
            "secretName",
            "tokenFile",
            "keys",
            "imagePullSecret",
            "bypass",
            "PROXY_PASS",
            "existingClaim",
            "AWS_ACCESS_KEY_ID",
            "secretKey",
            "passthrough",
            "KEY",
        ] {
            assert!(!holds_credential(key), "{key}");
        }
    }

    #[test]
    fn accepts_the_names_of_secrets() {
        for (key, text) in [("secret", "linkding/password"), ("tlsSecret", "wildcard-tls"), ("secret", "login")] {
            assert!(!is_credential(key, text), "{key}: {text}");
        }
        for (key, text) in [("secret", "hunter2"), ("clientSecret", "correct-horse"), ("JWT_SECRET", "correct-horse")] {
            assert!(is_credential(key, text), "{key}: {text}");
        }
    }
}
