//! Credentials by their form, in any text: values, arguments, files.

use super::keys::{is_credential_in_text, is_placeholder};
use std::borrow::Cow;

/// Prefixes that only credentials have.
const PREFIXES: [(&str, &str); 28] = [
    ("AGE-SECRET-KEY-1", "an age key"),
    ("AIza", "a Google API key"),
    ("AKIA", "an AWS access key"),
    ("SG.", "a SendGrid key"),
    ("dckr_pat_", "a Docker Hub token"),
    ("dop_v1_", "a DigitalOcean token"),
    ("eyJhbGciOi", "a JSON Web Token"),
    ("ghp_", "a GitHub token"),
    ("gho_", "a GitHub token"),
    ("ghs_", "a GitHub token"),
    ("ghu_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("glpat-", "a GitLab token"),
    ("glsa_", "a Grafana token"),
    ("hvs.", "a Vault token"),
    ("npm_", "an npm token"),
    ("rk_live_", "a Stripe key"),
    ("sk-ant-", "an Anthropic key"),
    ("sk-proj-", "an OpenAI key"),
    ("sk_live_", "a Stripe key"),
    ("st.", "an Infisical token"),
    ("tskey-", "a Tailscale key"),
    ("whsec_", "the secret of a webhook"),
    ("xapp-", "a Slack token"),
    ("xoxa-", "a Slack token"),
    ("xoxb-", "a Slack token"),
    ("xoxe-", "a Slack token"),
    ("xoxp-", "a Slack token"),
];

/// Webhooks of chat services: the end of the host name, and the start of the path. Who knows the URL can post.
const WEBHOOKS: [(&str, &str, &str); 9] = [
    ("discord.com", "/api/webhooks/", "a Discord webhook"),
    ("discordapp.com", "/api/webhooks/", "a Discord webhook"),
    ("hooks.slack.com", "/services/", "a Slack webhook"),
    ("hooks.slack.com", "/workflows/", "a Slack webhook"),
    ("hooks.slack.com", "/triggers/", "a Slack webhook"),
    ("api.telegram.org", "/bot", "the URL of a Telegram bot"),
    ("webhook.office.com", "/webhookb2/", "a Teams webhook"),
    ("chat.googleapis.com", "/v1/spaces/", "a Google Chat webhook"),
    ("", "/hooks/", "a chat webhook"),
];

/// URL schemes of notification libraries (Shoutrrr, Apprise) that have a token in the place of the user or host.
const NOTIFIERS: [&str; 8] = ["discord", "pushbullet", "pushover", "rocketchat", "slack", "teams", "telegram", "tgram"];

/// Returns what credential a text contains.
pub(super) fn credential_in(text: &str) -> Option<Cow<'static, str>> {
    credential_by_form(text).map(Cow::Borrowed).or_else(|| text.lines().find_map(assigned_in_line).map(Cow::Owned))
}

/// Returns what a text contains that only credentials look like. Checks every line and every word: a comment may
/// precede a key, or a word a token.
pub(super) fn credential_by_form(text: &str) -> Option<&'static str> {
    // Most values are shorter than any credential.
    if text.len() < "://:1234@".len() {
        return None;
    }
    text.lines().find_map(credential_in_line).or_else(|| credential_in_url(text))
}

/// Returns what credential a file contains, also as `key: value` or `key = value`.
pub(super) fn credential_in_file(text: &str) -> Option<Cow<'static, str>> {
    credential_in(text).or_else(|| text.lines().find_map(setting_in_line).map(Cow::Owned))
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
    line.split(|c: char| c.is_whitespace() || "\"'`=,;/@".contains(c)).find_map(token)
}

/// Returns what token a word is.
fn token(word: &str) -> Option<&'static str> {
    let is_alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let after = |prefix: &str, length: usize| {
        word.strip_prefix(prefix).is_some_and(|rest| rest.len() == length && is_alphanumeric(rest) && is_random(rest))
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
    let known = PREFIXES.iter().find(|(prefix, _)| word.strip_prefix(prefix).is_some_and(is_random));
    known.map(|(_, what)| *what)
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

/// Returns what credential a URL in a text contains, or a data source name such as `user:password@tcp(host)/name`.
fn credential_in_url(text: &str) -> Option<&'static str> {
    let ends = |c: char| c.is_whitespace() || "\"'`".contains(c);
    let is_password = |login: Option<&str>| {
        let password = login.and_then(|login| login.split_once(':')).map_or("", |(_, password)| password);
        password.len() >= 4 && !is_placeholder(password)
    };
    for (at, _) in text.match_indices("://") {
        let scheme = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next().unwrap_or_default();
        let url = text[at + "://".len()..].split(ends).next().unwrap_or_default();
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        if is_password(login) {
            return Some("a URL with a password");
        }
        let scheme = scheme.rsplit('+').next().unwrap_or_default();
        let given = login.unwrap_or(host);
        if NOTIFIERS.contains(&scheme) && is_random(given) && !is_placeholder(given) {
            return Some("a URL with a token");
        }
        let path = &url[authority.len()..];
        let is_webhook = |(end, start, _): &&(&str, &str, &str)| {
            let rest = path.strip_prefix(start).filter(|_| host.ends_with(end));
            rest.is_some_and(|rest| rest.split(['/', '?', '&', '=']).any(is_random))
        };
        if let Some((.., what)) = WEBHOOKS.iter().find(is_webhook) {
            return Some(what);
        }
    }
    let mut sources = text.match_indices("@tcp(").map(|(at, _)| text[..at].rsplit(ends).next());
    sources.any(is_password).then_some("a data source name with a password")
}

/// Returns the credential in a line that is assigned with `=` and no spaces: an argument, a query, a data source name.
fn assigned_in_line(line: &str) -> Option<String> {
    line.match_indices('=').find_map(|(at, _)| {
        let key = last_name(&line[..at])?;
        let value = line[at + 1..].split(|c: char| c.is_whitespace() || "&;,".contains(c)).next()?;
        let value = value.trim_matches(['"', '\'', '`']);
        is_credential_in_text(key, value).then(|| format!("a credential (`{key}=`)"))
    })
}

/// Returns the credential in a line of a file: `key: value`, `key = value` or `"key": "value",`.
fn setting_in_line(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let at = line.find(['=', ':'])?;
    let key = last_name(line[..at].trim_end().trim_end_matches(['"', '\'']))?;
    let rest = line[at + 1..].trim().trim_end_matches([',', ';']);
    let is_quoted = |quote: char| rest.len() > 1 && rest.starts_with(quote) && rest.ends_with(quote);
    let value = if is_quoted('"') || is_quoted('\'') { &rest[1..rest.len() - 1] } else { rest };
    is_credential_in_text(key, value).then(|| format!("a credential (`{key}`)"))
}

/// The name at the end of a text, such as an option or a variable.
fn last_name(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name = text.rsplit(|c| !is_part(c)).next()?;
    (!name.is_empty()).then_some(name)
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
            "redis://:hunter2@cache:6379/0",
            "memos:hunter2@tcp(db.example.com:3306)/memos",
            "AKIAIOSFODNN7EXAMPLE",
            "# from the settings\ntoken = \"glpat-0123456789abcdef0123\"",
            "https://discord.com/api/webhooks/012345678901234567/abcdefghijklmnopqrstuvwxyz",
            "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnop1234",
            "https://api.telegram.org/bot0123456789:abcdefghijklmnopqrstuvwxyz012345678/sendMessage",
            "0123456789:abcdefghijklmnopqrstuvwxyz012345678",
            "telegram://0123456789:abcdefghijklmnopqrstuvwxyz012345678@telegram?chats=1",
            "discord://abcdefghijklmnopqrstuvwxyz0123456789@012345678901234567",
            "https://chat.example.com/hooks/abcdefghijklmnopqrstuvwxy0",
            "https://ntfy.sh/alerts tk_abcdefghijklmnopqrstuvwxyz012",
            "claim-ABCDEFGHIJKLMNOPQR01",
            "--db-password=hunter2",
            "host=db user=memos password=hunter2 sslmode=require",
            "Server=db;User=memos;Password=hunter2;",
            "https://gotify.example.com/message?token=Abcdefghijk1234",
            "PGPASSWORD=hunter2 psql",
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
            "memos:$(PASSWORD)@tcp(db:3306)/memos",
            "st.louis",
            "from st.louis.university.example",
            "ghp",
            "https://discord.com/api/webhooks/$(ID)/$(TOKEN)",
            "https://example.com/hooks/deploy",
            "https://discord.com/channels/012345678901234567/012345678901234567",
            "claim-immich-data-01234567",
            "--password=$(PASSWORD)",
            "--password-file=/run/secrets/password",
            "--existing-secret=grafana-login",
            "--auth-secret=media/login",
            "?token=<token>",
            "0123456789:90000",
        ] {
            assert!(credential_in(text).is_none(), "{text}: {:?}", credential_in(text));
        }
    }

    #[test]
    fn detects_credentials_in_the_lines_of_files() {
        for text in [
            "[database]\npassword = hunter2\n",
            "auth:\n  password: hunter2\n",
            "{\n  \"apiKey\": \"abc123def\",\n}\n",
            "SMTP_PASS='hunter2'\n",
            "  services.example.settings.password = \"hunter2\";\n",
        ] {
            assert!(credential_in_file(text).is_some(), "{text}");
        }
        for text in [
            "# password: hunter2\n",
            "password: !secret mqtt\n",
            "password: {FRIGATE_MQTT_PASSWORD}\n",
            "  passwordFile = \"/run/secrets/x\";\n",
            "  password = config.sops.placeholder.\"x y\";\n",
            "  token = builtins.readFile ./token;\n",
            "proxy_pass http://backend;\n",
            "The password: see the vault of the family\n",
            "token: ${TOKEN}\n",
            "secret: grafana-login\n",
        ] {
            assert!(credential_in_file(text).is_none(), "{text}: {:?}", credential_in_file(text));
        }
    }
}
