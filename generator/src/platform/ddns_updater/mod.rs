//! DDNS-Updater: keeps the public address of the lab's entry name in the public zone.

use super::{Claim, Component, Context, Options, component_options, dns_provider, secrets_before};
use crate::lab::{ExternalSecret, Namespace, Object, PodSecurity, Template, Unit};
use crate::spec::types::Host;
use crate::spec::{Public, Spanned};
use diagnostic::{Diagnostics, Span};
use minijinja::context;

const IMAGE: &str = "ghcr.io/qdm12/ddns-updater";
/// The version of the image.
pub(super) const VERSION: &str = "v2.10.0";
const DEPLOYMENT: Template =
    Template { name: "ddns-updater/deployment.yaml", source: include_str!("deployment.yaml.j2") };
const CLAIM: Template =
    Template { name: "ddns-updater/persistentvolumeclaim.yaml", source: include_str!("persistentvolumeclaim.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[DEPLOYMENT, CLAIM];

const NAME: &str = "ddns-updater";

component_options! { plain
    /// The lab's entry name follows its public address.
    DynamicDns {}
}

/// The entry name, if the lab has one.
fn entry<'a>(context: &Context<'a>) -> Option<&'a Spanned<Host>> {
    match &context.spec.network.public {
        Some(Public::Host(host)) => Some(host),
        _ => None,
    }
}

impl Component for DynamicDns {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_opt_in(&self) -> bool {
        true
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = entry(context).is_some() && context.spec.dns.as_ref().and_then(dns_provider::zone).is_some();
        (!is_given).then_some(
            "give the lab an entry name, `network: { public: { host: home } }`, and a DNS provider with the number of \
             the zone, `dns: { cloudflare: { api-token: ENTRY/KEY, zone-id: NUMBER } }`",
        )
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let (Some(dns), Some(host)) = (&context.spec.dns, entry(context)) else { return Vec::new() };
        let Some(zone) = dns_provider::zone(dns) else { return Vec::new() };
        let config = dns_provider::updater_config(dns, zone, &context.full_host(host));
        let secret = ExternalSecret {
            name: NAME.to_owned(),
            kind: None,
            labels: &[],
            data: dns_provider::secret(context, dns).data,
            template: vec![("CONFIG".to_owned(), config)],
        };
        let object = |kind, file: &str, template| Object {
            kind,
            name: NAME.to_owned(),
            file: file.to_owned(),
            template,
            context: context! {
                name => NAME,
                image => format!("{IMAGE}:{}", self.common().tag(VERSION)),
                timezone => context.timezone(),
            },
        };
        let mut unit = Unit::new(NAME, "platform/ddns-updater", Namespace::existing(NAME));
        unit.objects = vec![
            object("Deployment", "deployment.yaml", DEPLOYMENT),
            object("PersistentVolumeClaim", "persistentvolumeclaim.yaml", CLAIM),
        ];
        let before = secrets_before(&mut unit, PodSecurity::Restricted, vec![secret], span);
        vec![before, unit]
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<String>> {
        let claim = |host: &Spanned<Host>| Claim {
            value: context.full_host(host),
            span: self.common().enabled.map_or(host.span, |enabled| enabled.span),
            owner: format!("the lab's entry, kept by `{}`", context.name.value),
        };
        entry(context).map(claim).into_iter().collect()
    }
}
