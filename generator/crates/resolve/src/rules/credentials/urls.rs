//! Credentials in URLs: passwords, tokens, webhooks, and data source names.

use super::keys::is_placeholder;

/// Webhooks and the URLs of checks: the end of the host name, and the start of the path. Anybody who knows the URL can
/// use it.
const WEBHOOKS: [(&str, &str, &str); 19] = [
    ("discord.com", "/api/webhooks/", "a Discord webhook"),
    ("discordapp.com", "/api/webhooks/", "a Discord webhook"),
    ("hooks.slack.com", "/services/", "a Slack webhook"),
    ("hooks.slack.com", "/workflows/", "a Slack webhook"),
    ("hooks.slack.com", "/triggers/", "a Slack webhook"),
    ("api.telegram.org", "/bot", "the URL of a Telegram bot"),
    ("webhook.office.com", "/webhookb2/", "a Teams webhook"),
    ("chat.googleapis.com", "/v1/spaces/", "a Google Chat webhook"),
    ("outlook.office.com", "/webhook/", "a Teams webhook"),
    ("hooks.zapier.com", "/hooks/", "a Zapier webhook"),
    ("maker.ifttt.com", "/trigger/", "an IFTTT webhook"),
    ("events.pagerduty.com", "/integration/", "a PagerDuty webhook"),
    ("hc-ping.com", "/", "the URL of a check"),
    ("cronitor.link", "/p/", "the URL of a check"),
    ("heartbeat.uptimerobot.com", "/", "the URL of a check"),
    ("uptime.betterstack.com", "/api/v1/heartbeat/", "the URL of a check"),
    ("", "/api/push/", "the URL of a check"),
    ("", "/api/webhook/", "a webhook"),
    ("", "/hooks/", "a chat webhook"),
];

/// URL schemes of notification libraries (Shoutrrr, Apprise) that have a token in the place of the user or host.
const NOTIFIERS: [&str; 10] =
    ["discord", "join", "pover", "pushbullet", "pushover", "rocketchat", "slack", "teams", "telegram", "tgram"];

/// Returns what credential a URL in a text contains, or a data source name such as `user:password@tcp(host)/name`.
pub(super) fn credential_in_url(text: &str) -> Option<&'static str> {
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
        if NOTIFIERS.contains(&scheme) && is_secret(given) && !is_placeholder(given) {
            return Some("a URL with a token");
        }
        let path = &url[authority.len()..];
        let is_webhook = |(end, start, _): &&(&str, &str, &str)| {
            let rest = path.strip_prefix(start).filter(|_| host.ends_with(end));
            rest.is_some_and(|rest| rest.split(['/', '?', '&', '=']).any(is_secret))
        };
        if let Some((.., what)) = WEBHOOKS.iter().find(is_webhook) {
            return Some(what);
        }
    }
    let mut sources = text.match_indices("@tcp(").map(|(at, _)| text[..at].rsplit(ends).next());
    sources.any(is_password).then_some("a data source name with a password")
}

/// Whether a part of a URL can be a secret: long enough, and with a digit, unlike a name.
fn is_secret(part: &str) -> bool {
    part.len() >= 10 && part.bytes().any(|byte| byte.is_ascii_digit()) && !is_placeholder(part)
}
