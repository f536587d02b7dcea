//! Tokens, keys and password hashes, by their form.

use data_encoding::BASE64_NOPAD;

/// Prefixes that only credentials have, and the minimum length of the rest.
const PREFIXES: [(&str, usize, &str); 75] = [
    ("AGE-SECRET-KEY-1", 12, "an age key"),
    ("AIza", 12, "a Google API key"),
    ("AKIA", 12, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ATATT3", 24, "an Atlassian token"),
    ("GOCSPX-", 20, "a Google client secret"),
    ("MC4CAQAwBQYDK2Vw", 20, "a private key"),
    ("MHcCAQEE", 32, "a private key"),
    ("MIIEpAIBAAKCAQEA", 12, "a private key"),
    ("MIIEvAIBADANBgkq", 12, "a private key"),
    ("MIIEvQIBADANBgkq", 12, "a private key"),
    ("MIIEvgIBADANBgkq", 12, "a private key"),
    ("NRAK-", 20, "a New Relic key"),
    ("PMAK-", 24, "a Postman key"),
    ("SG.", 12, "a SendGrid key"),
    ("dapi", 32, "a Databricks token"),
    ("dckr_pat_", 12, "a Docker Hub token"),
    ("dop_v1_", 12, "a DigitalOcean token"),
    ("dp.st.", 20, "a Doppler token"),
    ("eyJhIjoi", 20, "the token of a Cloudflare tunnel"),
    ("eyJhbGciOi", 12, "a JSON Web Token"),
    ("figd_", 20, "a Figma token"),
    ("ghp_", 12, "a GitHub token"),
    ("gho_", 12, "a GitHub token"),
    ("ghr_", 12, "a GitHub token"),
    ("ghs_", 12, "a GitHub token"),
    ("ghu_", 12, "a GitHub token"),
    ("github_pat_", 12, "a GitHub token"),
    ("glc_", 20, "a Grafana Cloud token"),
    ("gldt-", 12, "a GitLab token"),
    ("glpat-", 12, "a GitLab token"),
    ("glptt-", 12, "a GitLab token"),
    ("glrt-", 12, "a GitLab token"),
    ("glsa_", 12, "a Grafana token"),
    ("gsk_", 24, "a Groq key"),
    ("hf_", 24, "a Hugging Face token"),
    ("hvb.", 12, "a Vault token"),
    ("hvs.", 12, "a Vault token"),
    ("key-", 32, "a Mailgun key"),
    ("lin_api_", 20, "a Linear key"),
    ("nfp_", 24, "a Netlify token"),
    ("npm_", 12, "an npm token"),
    ("ntn_", 24, "a Notion token"),
    ("ops_eyJ", 20, "a token of a 1Password service account"),
    ("phx_", 24, "a PostHog key"),
    ("pul-", 32, "a Pulumi token"),
    ("pypi-AgE", 20, "a PyPI token"),
    ("r8_", 24, "a Replicate token"),
    ("rk_live_", 12, "a Stripe key"),
    ("rnd_", 20, "a Render key"),
    ("shpat_", 20, "a Shopify token"),
    ("shpss_", 20, "a Shopify secret"),
    ("sk-ant-", 12, "an Anthropic key"),
    ("sk-or-v1-", 12, "an OpenRouter key"),
    ("sk-proj-", 12, "an OpenAI key"),
    ("sk-", 32, "an OpenAI key"),
    ("rk_test_", 12, "a Stripe key"),
    ("sk_live_", 12, "a Stripe key"),
    ("sk_test_", 12, "a Stripe key"),
    ("sntrys_", 20, "a Sentry token"),
    ("sntryu_", 20, "a Sentry token"),
    ("sq0atp-", 12, "a Square token"),
    ("sq0csp-", 12, "a Square secret"),
    ("st.", 12, "an Infisical token"),
    ("syt_", 20, "a Matrix token"),
    ("tfp_", 24, "a Terraform token"),
    ("tskey-", 12, "a Tailscale key"),
    ("whsec_", 12, "the secret of a webhook"),
    ("xai-", 24, "an xAI key"),
    ("xapp-", 12, "a Slack token"),
    ("xoxa-", 12, "a Slack token"),
    ("xoxb-", 12, "a Slack token"),
    ("xoxe-", 12, "a Slack token"),
    ("xoxp-", 12, "a Slack token"),
    ("ya29.", 20, "a Google access token"),
];

/// The starts of password hashes. A hash can be attacked offline, so it is as secret as a weak password.
const HASHES: [&str; 14] = [
    "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$apr1$", "$argon2", "$gy$", "$pbkdf2", "$scrypt", "$y$",
    "{SHA}",
];

/// The length of the shortest credential that a word can be: that of Infisical.
const MIN_WORD: usize = 15;

/// Returns what credential a line contains as a word.
pub(super) fn in_line(line: &str) -> Option<&'static str> {
    // Most words are shorter.
    if line.split_whitespace().all(|word| word.len() < MIN_WORD) {
        return None;
    }
    let words = |separators: &'static str| {
        line.split(move |c: char| c.is_whitespace() || "\"'`".contains(c) || separators.contains(c))
    };
    let hashed = || words(":").chain(words(":,")).find_map(hash);
    words("=,;/@").find_map(token).or_else(hashed).or_else(|| words(":=,;").find_map(encoded))
}

/// Returns what token a word is.
fn token(word: &str) -> Option<&'static str> {
    let is_alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let after = |prefix: &str, length: usize| {
        let rest = word.strip_prefix(prefix).filter(|rest| rest.len() == length);
        rest.is_some_and(|rest| is_alphanumeric(rest) && is_random(rest, length))
    };
    if after("tk_", 29) {
        return Some("an ntfy token");
    }
    if after("claim-", 20) && has(u8::is_ascii_uppercase) {
        return Some("a Plex claim");
    }
    let bot = word.strip_prefix("bot").unwrap_or(word).split_once(':');
    if bot.is_some_and(|(id, key)| {
        (8..=10).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && key.len() == 35
            && is_alphanumeric(key)
    }) {
        return Some("the token of a Telegram bot");
    }
    if word.strip_prefix("K10").is_some_and(|rest| rest.split_once("::").is_some_and(|(hash, _)| hash.len() == 64)) {
        return Some("the token of a k3s cluster");
    }
    let machine = word.strip_prefix("0.").and_then(|rest| rest.split_once('.'));
    if machine.is_some_and(|(id, rest)| {
        let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id && rest.split_once(':').is_some_and(|(secret, _)| secret.len() >= 20 && is_alphanumeric(secret))
    }) {
        return Some("a token of Bitwarden Secrets Manager");
    }
    let known = PREFIXES
        .iter()
        .find(|(prefix, least, _)| word.strip_prefix(prefix).is_some_and(|rest| is_random(rest, *least)));
    known.map(|(.., what)| *what)
}

/// Whether a text can be the rest of a token after its prefix: long enough, and with a digit, unlike a name.
fn is_random(text: &str, least: usize) -> bool {
    text.len() >= least && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The shortest last part of a password hash: that of `{SHA}`, `$apr1$` and `$1$` is longer.
const MIN_HASH: usize = 20;

/// Returns what password hash a word is.
fn hash(word: &str) -> Option<&'static str> {
    let start = HASHES.iter().find(|start| word.starts_with(**start))?;
    let last = word[start.len()..].rsplit('$').next().unwrap_or_default();
    let is_hash = last.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./+=-_".contains(&byte));
    (is_hash && last.len() >= MIN_HASH).then_some("a password hash")
}

/// The length of the shortest credential in base64.
const MIN_ENCODED: usize = 40;

/// Returns what credential a word is in base64. Kubernetes encodes Secrets and the keys of a kubeconfig like that.
fn encoded(word: &str) -> Option<&'static str> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    if word.len() < MIN_ENCODED || !word.bytes().all(is_base64) {
        return None;
    }
    // The end may be cut off, and the bits that it adds do not matter.
    let decoded = BASE64_NOPAD.decode(&word.as_bytes()[..word.len() / 4 * 4]).ok()?;
    let text = String::from_utf8_lossy(&decoded);
    if text.lines().any(is_private_key) {
        return Some("a private key in base64");
    }
    let found =
        text.lines().find_map(|line| line.split(|c: char| c.is_whitespace() || "\"'=,".contains(c)).find_map(token));
    found.map(|_| "a token in base64")
}

/// Whether a line is the first one of a private key.
pub(super) fn is_private_key(line: &str) -> bool {
    let mut labels = line.split("-----BEGIN ").skip(1).filter_map(|rest| rest.split("-----").next());
    let is_label = |label: &str| label.ends_with("PRIVATE KEY") || label.ends_with("PRIVATE KEY BLOCK");
    labels.any(is_label) || line.contains("PuTTY-User-Key-File-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_sorted_so_that_longer_ones_come_first() {
        for (at, (prefix, ..)) in PREFIXES.iter().enumerate() {
            let hides = PREFIXES[at + 1..].iter().find(|(later, ..)| later.starts_with(prefix));
            assert_eq!(hides, None, "{prefix}");
        }
    }

    #[test]
    fn no_credential_is_shorter_than_the_shortest_word() {
        let of_prefixes = PREFIXES.iter().map(|(prefix, least, _)| prefix.len() + least);
        let of_hashes = HASHES.iter().map(|start| start.len() + MIN_HASH);
        assert_eq!(of_prefixes.chain(of_hashes).min(), Some(MIN_WORD));
    }

    #[test]
    fn hashes_have_a_salt_and_a_long_end() {
        assert_eq!(hash("$apr1$abcdefgh$abcdefghijklmnopqrstuv"), Some("a password hash"));
        for text in ["$1$2", "$y$x", "$6$", "$2y", "$1", "{SHA}", "$HOME/.config/argon2"] {
            assert_eq!(hash(text), None, "{text}");
        }
    }
}
