//! An app that signs users in for others can do so: its product works with the ingress controller, and users reach its
//! sign-in page without being signed in.

use crate::rules::known::check_name;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use platform::Context;
use spec::platform::{ComponentId, Ingress};
use spec::{App, AppLogin, AuthKind, Entry, ForwardAuth, Spanned};

pub(super) fn check(app: &Entry<App>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    if let Some(auth) = app.value.forward_auth() {
        check_provider(app, auth, context, diagnostics);
    }
    let Some(by) = app.value.login().and_then(AppLogin::provider) else { return };
    let apps = &context.cluster.apps;
    check_name("app", by.as_str(), by.span, apps, diagnostics);
    let Some(provider) = apps.get(by.as_str()) else { return };
    let report = |message: String, related: Option<(Span, &str)>, help: &str| {
        let diagnostic = Diagnostic::new(Code::LoginIncomplete, by.span, message);
        let diagnostic = related.into_iter().fold(diagnostic, |given, (span, label)| given.related(span, label));
        diagnostic.of_absence().help(help.to_owned())
    };
    let name = &app.name.value;
    let Some(auth) = provider.value.forward_auth() else {
        let message = format!("`{by}` signs no users in for other apps: it has no `forward-auth`", by = by.value);
        let help = "add `forward-auth: { kind: … }` to that app: authelia, authentik or oauth2-proxy";
        diagnostics.push(report(message, Some((provider.name.span, "this app")), help));
        return;
    };
    if context.get::<Ingress>().is_none() {
        return;
    }
    if platform::issuers(context).is_none() {
        let message = format!("users sign in to `{name}` by HTTPS only, but the cluster issues no TLS certificates");
        diagnostics.push(match context.disabled_at(ComponentId::Certificates) {
            Some(off) => report(message, Some((off, platform::DISABLED_HERE)), platform::ENABLE_REMEDY),
            None => report(message, None, platform::DNS_REMEDY),
        });
    }
    if !platform::can_sign_in(context, auth.kind.value) || !platform::signs_in_at_own_host(context) {
        return;
    }
    let Some(expose) = provider.value.expose() else {
        let message = format!("browsers cannot reach the sign-in page of `{}`: it has no `expose`", by.value);
        diagnostics.push(report(message, Some((provider.name.span, "this app")), "add `expose: { host: … }` to it"));
        return;
    };
    let is_public = app.value.expose().as_ref().is_some_and(|expose| expose.public.is_on());
    if is_public && !expose.public.is_on() {
        let message = format!(
            "`{name}` is public, but only the LAN reaches the sign-in page, which is at the host of `{}`",
            by.value
        );
        let help = "set `public: true` in `expose` of that app too";
        diagnostics.push(report(message, Some((expose.host.span, "that host")), help));
    }
}

/// Checks an app that signs users in.
fn check_provider(app: &Entry<App>, auth: &Spanned<ForwardAuth>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let kind = &auth.kind;
    if let Some(login) = app.value.login() {
        let message = format!("`{}` signs users in, but requires a login itself", app.name.value);
        let diagnostic = Diagnostic::new(Code::LoginIncomplete, login.span(), message);
        let diagnostic = diagnostic.related(auth.span, "it signs users in");
        diagnostics.push(diagnostic.help("remove `login`: users could not reach the page to sign in"));
    }
    if app.value.container().is_some_and(|container| container.port.is_none()) {
        let message = format!("`{}` has `forward-auth`, but no `port`", app.name.value);
        let diagnostic = Diagnostic::new(Code::MissingField, auth.span, message).of_absence();
        diagnostics.push(diagnostic.help("add `port: NUMBER`, the port that serves HTTP"));
    }
    if !platform::can_sign_in(context, kind.value) {
        let product = kind.value.product();
        let message = format!("NGINX Ingress Controller cannot use {product} for logins");
        let openid = match kind.value {
            AuthKind::Authelia | AuthKind::Authentik => {
                format!(
                    "run OAuth2 Proxy as an app with {product} as its OpenID Connect provider, and set `forward-auth` there"
                )
            }
            AuthKind::Oauth2Proxy => "use another product".to_owned(),
        };
        let mut diagnostic = Diagnostic::new(Code::LoginUnsupported, kind.span, message);
        let ingress = context.get::<Ingress>().and_then(|ingress| ingress.implementation.span());
        if let Some(span) = ingress {
            diagnostic = diagnostic.related(span, "the ingress controller");
        }
        diagnostics.push(diagnostic.help(openid));
    }
}
