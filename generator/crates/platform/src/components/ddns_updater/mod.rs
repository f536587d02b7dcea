//! DDNS-Updater: updates the DNS record of the lab's public host name when the public address changes.

use crate::component::{Claim, Component, Context, Endpoint, Unsupported};
use crate::dns_provider::{provider, without_updater};
use crate::network::Closed;
use crate::{restarts, secrets_unit_for, tag};
use diagnostic::{Diagnostics, Span};
use model::contract::RESTART_ANNOTATION;
use model::{ExternalSecret, Manifest, Namespace, Template, Unit};
use serde_json::json;
use spec::platform::{Configured as _, DynamicDns};
use spec::types::{DomainName, HostName};
use spec::{PodSecurity, Public, Spanned};

const IMAGE: &str = "ghcr.io/qdm12/ddns-updater";
/// The default tag of the image.
pub(super) const VERSION: &str = "v2.10.0";
const DEPLOYMENT: Template =
    Template { name: "ddns-updater/deployment.yaml", source: include_str!("deployment.yaml.j2") };
const CLAIM: Template =
    Template { name: "ddns-updater/persistentvolumeclaim.yaml", source: include_str!("persistentvolumeclaim.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[DEPLOYMENT, CLAIM];

const NAME: &str = "ddns-updater";

/// The lab's public host name, if it has one.
fn public_host<'a>(context: &Context<'a>) -> Option<&'a Spanned<HostName>> {
    match &context.spec.network.public {
        Some(Public::Host(host)) => Some(host),
        Some(Public::Address(_)) | None => None,
    }
}

impl Component for DynamicDns {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let updater = provider(context.spec).and_then(|provider| provider.updater);
        match (public_host(context), updater.is_some_and(|updater| updater.is_complete())) {
            (Some(_), true) => None,
            (None, true) => Some("add to the lab a public host name, `network: { public: { host: home } }`"),
            (_, false) => Some(
                "add to the lab a public host name, `network: { public: { host: home } }`, and a DNS provider with the \
                 zone ID, `dns: { cloudflare: { api-token: ENTRY/KEY, zone-id: ZONE-ID } }`",
            ),
        }
    }

    fn unsupported(&self, context: &Context<'_>) -> Option<Unsupported> {
        let (name, span) = without_updater(context.spec)?;
        Some(Unsupported {
            reason: format!("DDNS-Updater does not support {name}"),
            choice: (span, "the DNS provider"),
            remedy: "remove `dynamic-dns`, and set `network: { public: { address: … } }` if the public address is fixed; \
                     or choose another DNS provider under `dns`",
        })
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let (Some(provider), Some(host)) = (provider(context.spec), public_host(context)) else { return Vec::new() };
        let Some(config) = provider.updater_config(context.domain(), &context.full_host(host)) else {
            return Vec::new();
        };
        let secret = ExternalSecret {
            name: NAME.into(),
            kind: None,
            labels: &[],
            data: provider.secret(context).data,
            template: vec![("CONFIG".into(), config)],
        };
        let object = |kind: &'static str, file: &'static str, template| {
            Manifest::new(
                kind,
                NAME,
                file,
                template,
                json!({
                    "name": NAME,
                    "image": format!("{IMAGE}:{}", tag(self.options(), VERSION)),
                    "timezone": context.timezone(),
                    "restarts": restarts(context).then_some(RESTART_ANNOTATION),
                }),
            )
        };
        let mut unit = Unit::new(NAME, "platform/ddns-updater", Namespace::existing(NAME));
        unit.extend([
            object("Deployment", "deployment.yaml", DEPLOYMENT),
            object("PersistentVolumeClaim", "persistentvolumeclaim.yaml", CLAIM),
        ]);
        let secrets = secrets_unit_for(&mut unit, PodSecurity::Restricted, vec![secret], span);
        vec![secrets, unit]
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<DomainName>> {
        let claim = |host: &Spanned<HostName>| {
            let span = self.options().enabled.map_or(host.span, |enabled| enabled.span);
            let owner = format!("the lab's public host name, updated by `{}`", context.name.value);
            Claim::new(context.full_host(host), span, owner)
        };
        public_host(context).map(claim).into_iter().collect()
    }

    /// None: its name is that of the public address, for the LAN as well.
    fn lan_names(&self, _: &Context<'_>) -> Vec<Endpoint> {
        Vec::new()
    }

    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        vec![Closed::new(NAME, [])]
    }
}
