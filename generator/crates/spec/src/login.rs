//! How an app signs users in: by a password that the ingress checks, or by another app.

use crate::by_key::by_key;
use crate::common::Login;
use crate::spanned::Spanned;
use crate::types::{HeaderName, Name, OneOrMore, SecretRef};
use diagnostic::Span;
use schemars::JsonSchema;
use serde::Deserialize;

by_key! {
    /// What the ingress requires before it passes on a request: a user name and password (`username`), or that an
    /// identity provider has signed the user in (`by`).
    AppLogin {
        /// An app that signs users in.
        Provider(ProviderLogin) = "by",
        /// A user name and password.
        Password(Login) = "username",
    }
}

/// Login by an identity provider (forward auth).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "login with `by`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProviderLogin {
    /// App of the same cluster with `forward-auth`. The ingress checks each request with it, and shows its sign-in page
    /// to users that are not signed in.
    #[schemars(extend("x-refers-to" = "app"))]
    pub by: Spanned<Name>,
}

/// The part of an app that signs users in for other apps of its cluster (forward auth).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ForwardAuth {
    /// Product that the app runs.
    pub kind: Spanned<AuthKind>,
    /// Headers with the identity of the user. The ingress removes them from the requests of clients. ingress-nginx
    /// passes on those of the provider's response; NGINX Ingress Controller passes on none. Default: those of the
    /// product: `Remote-User`, `Remote-Groups`, `Remote-Email` and `Remote-Name` of Authelia, `X-authentik-username`
    /// and others of authentik, `X-Auth-Request-User` and others of OAuth2 Proxy.
    pub headers: Option<OneOrMore<Spanned<HeaderName>>>,
}

/// A product that signs users in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// Authelia. Works with ingress-nginx only.
    Authelia,
    /// authentik, by a proxy provider for a whole domain and its embedded outpost. Works with ingress-nginx only.
    Authentik,
    /// OAuth2 Proxy, which signs users in at any OpenID Connect provider.
    #[serde(rename = "oauth2-proxy")]
    Oauth2Proxy,
}

impl AuthKind {
    /// Its name in messages.
    pub fn product(self) -> &'static str {
        match self {
            Self::Authelia => "Authelia",
            Self::Authentik => "authentik",
            Self::Oauth2Proxy => "OAuth2 Proxy",
        }
    }
}

impl AppLogin {
    /// The user name and password, if it requires them.
    pub fn password(&self) -> Option<&Login> {
        match self {
            Self::Password(login) => Some(login),
            Self::Provider(_) => None,
        }
    }

    /// The app that signs users in, if there is one.
    pub fn provider(&self) -> Option<&Spanned<Name>> {
        match self {
            Self::Provider(login) => Some(&login.by),
            Self::Password(_) => None,
        }
    }

    /// Its secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &Spanned<SecretRef>> {
        self.password().into_iter().flat_map(|login| [&login.username, &login.password])
    }

    /// Its place in the spec.
    pub fn span(&self) -> Span {
        match self {
            Self::Password(login) => login.username.span,
            Self::Provider(login) => login.by.span,
        }
    }
}
