//! Settings of identity providers that would let clients in without a login, or keep users from signing in.

use crate::AppMaker;
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::{App, AuthKind, EnvValue};
use yaml::Value;

/// Options of OAuth2 Proxy that let requests pass by their path.
const SKIPS: [&str; 2] = ["skip-auth-route", "skip-auth-regex"];

/// The option of OAuth2 Proxy that redirects in place of showing a sign-in page.
const REDIRECTS: &str = "skip-provider-button";

/// Reports settings of an app that signs users in, if the product is one whose settings are known.
pub(crate) fn check(maker: &AppMaker<'_>, diagnostics: &mut Diagnostics) {
    let Some(auth) = maker.app().forward_auth() else { return };
    if auth.kind.value != AuthKind::Oauth2Proxy {
        return;
    }
    let settings = settings(maker);
    let is_set = |option: &str| settings.iter().any(|setting| sets(setting, option));
    if let Some(option) = SKIPS.into_iter().find(|option| is_set(option)) {
        let message = format!("`{}` lets requests pass by `{option}`, which clients can forge", maker.entry.name.value);
        let diagnostic = Diagnostic::new(Code::LoginBypassed, auth.kind.span, message);
        diagnostics.push(diagnostic.help("remove the option; expose an app that needs no login without `login`"));
    }
    if is_set(REDIRECTS) && !platform::signs_in_at_own_host(maker.context) {
        let message =
            format!("`{}` redirects by `{REDIRECTS}`, but the ingress shows its page instead", maker.entry.name.value);
        let diagnostic = Diagnostic::new(Code::LoginUnsupported, auth.kind.span, message);
        diagnostics.push(diagnostic.help("remove the option: users then choose the provider on the sign-in page"));
    }
}

/// Whether a setting, such as `--option=value`, `OPTION=value` or a line of a file, sets an option.
fn sets(setting: &str, option: &str) -> bool {
    let setting = setting.to_ascii_lowercase().replace('_', "-");
    let value = setting.trim_end_matches(['"', '\'', ' ']);
    setting.contains(option)
        && !setting.trim_start().starts_with('#')
        && !["false", "[]"].iter().any(|off| value.ends_with(off))
}

/// The arguments, environment variables and lines of files of an app, or its Helm values.
fn settings(maker: &AppMaker<'_>) -> Vec<String> {
    let app = maker.app();
    let text = |value: &EnvValue| match value {
        EnvValue::Text(text) => text.to_string(),
        EnvValue::From(_) => String::new(),
    };
    let mut settings: Vec<_> =
        app.variables().map(|(_, name, value)| format!("{name}={}", text(&value.value))).collect();
    if let Some(container) = app.container() {
        for parts in container.containers() {
            settings.extend(parts.command.iter().chain(parts.args).cloned());
        }
        let lines = maker.texts(container).into_iter().flat_map(|(_, text)| text.lines()).map(str::to_owned);
        settings.extend(lines);
    }
    if let App::Helm(app) = app {
        app.helm.values.iter().for_each(|(key, value)| flatten(key, value, &mut settings));
    }
    settings
}

/// Adds the lines of a Helm value, and its keys with their values.
fn flatten(key: &str, value: &Value, settings: &mut Vec<String>) {
    match value {
        Value::Map(entries) => entries.iter().for_each(|(key, value)| flatten(key, value, settings)),
        Value::Seq(items) if items.is_empty() => {}
        Value::Seq(items) => items.iter().for_each(|item| flatten(key, item, settings)),
        Value::Bool(false) | Value::Null => {}
        Value::Str(text) => settings.extend(text.lines().map(|line| format!("{key}={line}"))),
        _ => settings.push(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{REDIRECTS, SKIPS, sets};

    #[test]
    fn recognizes_options() {
        for (setting, option, is_set) in [
            ("--skip-auth-route=GET=^/api", SKIPS[0], true),
            ("OAUTH2_PROXY_SKIP_AUTH_ROUTES=^/api", SKIPS[0], true),
            ("skip_auth_routes = [ \"^/api\" ]", SKIPS[0], true),
            ("skip_auth_routes = []", SKIPS[0], false),
            ("# skip_auth_routes = [ \"^/api\" ]", SKIPS[0], false),
            ("--skip-auth-strip-headers", SKIPS[0], false),
            ("--skip-auth-regex=^/api", SKIPS[1], true),
            ("--skip-provider-button", REDIRECTS, true),
            ("--skip-provider-button=false", REDIRECTS, false),
            ("skip_provider_button = \"false\"", REDIRECTS, false),
        ] {
            assert_eq!(sets(setting, option), is_set, "{setting}");
        }
    }
}
