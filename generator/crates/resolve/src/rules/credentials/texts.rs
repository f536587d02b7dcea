//! Credentials by their form, in any text: values, arguments, files.

use super::keys::{is_credential_in_text, is_login, is_placeholder, is_strong};
use super::{tokens, urls};
use spec::types::{SecretRef, Text as _};
use std::borrow::Cow;

/// Returns what credential a text contains.
pub(super) fn credential_in(text: &str) -> Option<Cow<'static, str>> {
    let form = credential_by_form(text).or_else(|| text.lines().find_map(login_in_line)).map(Cow::Borrowed);
    form.or_else(|| {
        text.lines().find_map(|line| assigned_in_line(line).or_else(|| option_in_line(line))).map(Cow::Owned)
    })
}

/// Returns what a text contains that only credentials look like. Checks every line and every word: a comment may
/// precede a key, or a word a token.
pub(super) fn credential_by_form(text: &str) -> Option<&'static str> {
    // Most values are shorter than any credential.
    if text.len() < "://:1234@".len() {
        return None;
    }
    text.lines().find_map(credential_in_line).or_else(|| urls::credential_in_url(text))
}

/// Returns what credential a file contains, also as `key: value` or `key = value`.
pub(super) fn credential_in_file(text: &str) -> Option<Cow<'static, str>> {
    credential_in(text).or_else(|| text.lines().find_map(setting_in_line).map(Cow::Owned))
}

fn credential_in_line(line: &str) -> Option<&'static str> {
    if line.len() < "st.".len() + MIN_TOKEN {
        return None;
    }
    if tokens::is_private_key(line) {
        return Some("a private key");
    }
    if is_wireguard_key(line) {
        return Some("a WireGuard key");
    }
    tokens::in_line(line)
}

/// The minimum length of a token after its prefix.
const MIN_TOKEN: usize = 12;

/// Returns the credential in a line that is a login: that of HTTP, of curl, or of a file in the format of netrc or
/// pgpass.
fn login_in_line(line: &str) -> Option<&'static str> {
    // Most values are one word.
    if !line.contains(char::is_whitespace) && line.matches(':').count() < PGPASS_FIELDS - 1 {
        return None;
    }
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || "\"'`,".contains(c)).filter(|word| !word.is_empty()).collect();
    for pair in words.windows(2) {
        let (before, word) = (pair[0].rsplit([':', '=']).next().unwrap_or_default(), pair[1]);
        if before == "Bearer" && word.len() >= MIN_TOKEN && is_strong(word) || before == "Basic" && is_login(word) {
            return Some("a credential in an HTTP header");
        }
        let password = word.split_once(':').map_or("", |(_, password)| password);
        if matches!(before, "-u" | "--user") && password.len() >= 4 && !is_placeholder(password) && !is_number(password)
        {
            return Some("a login");
        }
    }
    let after = |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1));
    if words.first() == Some(&"machine") && after("login").is_some() {
        return after("password").filter(|word| !is_placeholder(word)).map(|_| "a login (netrc)");
    }
    let fields: Vec<&str> = line.split(':').collect();
    let is_port = |text: &str| text == "*" || is_number(text);
    let is_pgpass = fields.len() == PGPASS_FIELDS
        && is_port(fields[1])
        && fields.iter().all(|field| !field.contains(char::is_whitespace));
    (is_pgpass && fields[4].len() >= 4 && !is_placeholder(fields[4])).then_some("a login (pgpass)")
}

/// The fields of a line of pgpass: host, port, database, user and password.
const PGPASS_FIELDS: usize = 5;

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the credential in a line that follows an option: `--requirepass hunter2`.
fn option_in_line(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let key = pair[0].strip_prefix("--").filter(|key| !key.contains('='))?;
        let is_value = !pair[1].starts_with('-') && is_credential_in_text(key, pair[1].trim_matches(['"', '\'']));
        is_value.then(|| format!("a credential (`--{key}`)"))
    })
}

/// Whether a line is `PrivateKey = …=` or `PresharedKey = …=`, with 32 bytes in base64.
fn is_wireguard_key(line: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else { return false };
    let value = value.trim().trim_end_matches(['}', ' ', ';']).trim_matches('"');
    let name = name.trim().rsplit(['.', ' ', '{']).next().unwrap_or_default();
    let is_key = ["PrivateKey", "PresharedKey"].iter().any(|key| name.eq_ignore_ascii_case(key));
    let is_base64 = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    is_key && value.len() == 44 && value.ends_with('=') && is_base64
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

/// Returns the credential in a comment. Comments are prose, so a value must look like a password.
pub(super) fn credential_in_comment(comment: &str) -> Option<Cow<'static, str>> {
    let form = credential_by_form(comment).map(Cow::Borrowed);
    form.or_else(|| {
        comment
            .lines()
            .find_map(|line| settings(line).find(|it| is_word_with_digit(it.1) && !is_reference(*it)).map(named))
            .map(Cow::Owned)
    })
}

/// Whether a setting refers to the secret store, as in `api-token: cloudflare/api-token`.
fn is_reference((key, value): (&str, &str)) -> bool {
    SecretRef::parse(value).is_ok_and(|reference| reference.key.as_str() == key)
}

fn is_word_with_digit(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    text.len() >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

/// The text of a line of a file that is a comment.
fn comment(line: &str) -> Option<&str> {
    ["#", ";", "//"].iter().find_map(|start| line.trim_start().strip_prefix(start))
}

/// Returns the credential in a line of a file: `key: value`, `key = value` or `"key": "value",`.
fn setting_in_line(line: &str) -> Option<String> {
    match comment(line) {
        Some(comment) => credential_in_comment(comment).map(Cow::into_owned),
        None => settings(line).next().or_else(|| element(line)).map(named),
    }
}

fn named((key, _): (&str, &str)) -> String {
    format!("a credential (`{key}`)")
}

/// The element of XML in a line that is a credential: `<key>value</key>`.
fn element(line: &str) -> Option<(&str, &str)> {
    line.match_indices("</").find_map(|(at, _)| {
        let key = line[at + "</".len()..].split('>').next()?;
        let value = line[..at].rsplit('>').next()?;
        is_credential_in_text(key, value).then_some((key, value))
    })
}

/// Returns what the value of an option is, in a list of arguments: `[--user, me:hunter2]`.
pub(super) fn credential_of_option(option: &str, value: &str) -> Option<&'static str> {
    login_in_line(&format!("{option} {value}"))
}

/// The settings of a line that are credentials, as keys and values.
fn settings(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let line = line.trim();
    let first = line.find(['=', ':']);
    line.match_indices(['=', ':']).filter_map(move |(at, _)| {
        let before = line[..at].trim_end();
        let key = last_name(before.trim_end_matches(['"', '\'']))?;
        let rest = line[at + 1..].trim();
        let quoted = ['"', '\''].into_iter().find_map(|quote| rest.strip_prefix(quote)?.split(quote).next());
        // Without quotes, a value ends with the line, and so belongs to the first key.
        let value = quoted.or_else(|| (first == Some(at)).then(|| rest.trim_end_matches([',', ';'])))?;
        is_credential_in_text(key, value).then_some((key, value))
    })
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
            "0.0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9.abcdefghijklmnopqrstuvwxyz0123:AAECAwQFBgcICQoLDA0ODw==",
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
            "0.0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9.example.com:8443",
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
            "<Password>hunter2</Password>\n",
            "secret_key = \"hunter2\"\n",
        ] {
            assert!(credential_in_file(text).is_some(), "{text}");
        }
        for text in [
            "# password: see the vault\n",
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
