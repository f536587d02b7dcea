//! Whether a value can be right, as far as its text shows.

use model::DiskValue;

/// Words that people and examples leave where a value should be.
const PLACEHOLDERS: [&str; 6] = ["changeme", "change-me", "placeholder", "replaceme", "replace-me", "your-"];

/// The largest value. Keys of several people have some kilobytes.
const MAX_BYTES: usize = 256 << 10;

/// Returns a value as it is written to a file: with the end of its last line.
///
/// # Errors
/// Why it cannot be right. The reason does not contain the value.
pub fn check(value: DiskValue, text: &str) -> Result<String, String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    if body.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > MAX_BYTES {
        return Err(format!("it is larger than {} KiB", MAX_BYTES >> 10));
    }
    if body.contains('\r') {
        return Err("it has carriage returns: save it with the line ends of Unix".to_owned());
    }
    match value {
        DiskValue::Random | DiskValue::Issued => line(body)?,
        DiskValue::DeployKey { .. } => {
            if !body.starts_with("-----BEGIN ") || !body.ends_with("PRIVATE KEY-----") {
                return Err("it is not a private SSH key in PEM or OpenSSH format".to_owned());
            }
        }
        DiskValue::AgeKey => age_key(body)?,
        DiskValue::SigningKeys => {
            if body.contains("PRIVATE KEY BLOCK") {
                return Err("it contains a private key: use the public keys (gpg --export --armor)".to_owned());
            }
            if !body.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----")
                || !body.trim_end().ends_with("-----END PGP PUBLIC KEY BLOCK-----")
            {
                return Err("it is not a list of public OpenPGP keys in text format (gpg --export --armor)".to_owned());
            }
        }
        DiskValue::HostKeys => {
            let is_key = |line: &str| line.starts_with('#') || line.split_whitespace().count() >= 3;
            if let Some(number) = body.lines().position(|line| !is_key(line)) {
                return Err(format!("line {} is not a host key: HOST TYPE KEY", number + 1));
            }
        }
        DiskValue::PublicKey => {}
    }
    Ok(format!("{body}\n"))
}

fn line(text: &str) -> Result<(), String> {
    if text.contains('\n') {
        return Err("it has several lines".to_owned());
    }
    if text.trim() != text {
        return Err("it starts or ends with a space".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    let lower = text.to_lowercase();
    let is_bracketed = text.starts_with('<') && text.ends_with('>');
    if is_bracketed
        || lower == "todo"
        || lower.chars().all(|c| c == 'x')
        || PLACEHOLDERS.iter().any(|word| lower.starts_with(word))
    {
        return Err("it is a placeholder".to_owned());
    }
    Ok(())
}

/// The file of `age-keygen`: comments, and one key. <https://age-encryption.org/v1>
fn age_key(text: &str) -> Result<(), String> {
    let keys: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let [key] = keys[..] else { return Err("it does not have exactly one age key".to_owned()) };
    if key.starts_with("age1") {
        return Err("it is the public age key: use the private one, which starts with AGE-SECRET-KEY-".to_owned());
    }
    let data = key.strip_prefix("AGE-SECRET-KEY-PQ-1").or_else(|| key.strip_prefix("AGE-SECRET-KEY-1"));
    let is_valid = |data: &str| data.len() >= 58 && data.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if data.is_some_and(is_valid) {
        Ok(())
    } else {
        Err("it is not a private age key (AGE-SECRET-KEY-1...)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_what_cannot_be_right() {
        let age = format!("# created: today\nAGE-SECRET-KEY-1{}", "Q".repeat(58));
        let pgp = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----";
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----";
        let key = DiskValue::DeployKey { writes: false };
        for (value, text) in [
            (DiskValue::Issued, "0.48c78342-1635-48a6-accd-afbe01336365.B3h5D+YgLvFiQhWkIq6Bow==:a="),
            (DiskValue::Random, "correct horse battery staple\n"),
            (DiskValue::AgeKey, &age),
            (DiskValue::SigningKeys, pgp),
            (key, private),
            (DiskValue::HostKeys, "# a\ngit.example.com ssh-ed25519 AAAA"),
        ] {
            assert_eq!(check(value, text), Ok(format!("{}\n", text.trim_end())), "{text}");
        }
        for (value, text, reason) in [
            (DiskValue::Issued, "\n", "it is empty"),
            (DiskValue::Issued, "a\r\n", "carriage returns"),
            (DiskValue::Random, "a\nb", "several lines"),
            (DiskValue::Random, "a\n\n", "several lines"),
            (DiskValue::Random, " a", "a space"),
            (DiskValue::Issued, "a\u{1b}b", "control characters"),
            (DiskValue::Issued, "<client id>", "a placeholder"),
            (DiskValue::Issued, "CHANGEME", "a placeholder"),
            (DiskValue::AgeKey, "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "the public age key"),
            (DiskValue::AgeKey, "AGE-SECRET-KEY-1ABC", "not a private age key"),
            (DiskValue::AgeKey, "# nothing", "exactly one"),
            (DiskValue::SigningKeys, &pgp.replace("PUBLIC", "PRIVATE"), "a private key"),
            (DiskValue::SigningKeys, "abc", "public OpenPGP keys"),
            (key, "ssh-ed25519 AAAA", "not a private SSH key"),
            (DiskValue::HostKeys, "# a\nssh-ed25519 AAAA", "line 2"),
        ] {
            let result = check(value, text);
            assert!(result.as_ref().is_err_and(|error| error.contains(reason)), "{text:?}: {result:?}");
        }
    }
}
