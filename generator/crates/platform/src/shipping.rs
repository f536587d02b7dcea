//! Shipping metrics and logs to another cluster: the ingress endpoint that receives them, and the checks.

use crate::component::Context;
use crate::components::cert_manager::issuers;
use crate::exposure::{Reach, exposure, require_password, use_trusted_issuer};
use crate::{DISABLED_HERE, ENABLE_REMEDY};
use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use model::contract::INGRESS_CLASS;
use model::{Manifest, Template, Unit};
use serde_json::json;
use spec::platform::{ComponentId, Ingress};
use spec::types::Name;
use spec::{Login, Spanned};

pub(super) const INGRESS: Template =
    Template { name: "platform/ingest-ingress.yaml", source: include_str!("ingest-ingress.yaml.j2") };

/// The ingress endpoint for data from other clusters: one path of a service, protected by a password.
pub(super) struct Ingest {
    /// The name of the Ingress, and of the Secret with the password.
    pub(super) name: &'static str,
    /// The namespace of both.
    pub(super) namespace: &'static str,
    /// The first label of the host name.
    pub(super) label: &'static str,
    /// The Service that receives the data.
    pub(super) service: &'static str,
    /// The port of the Service.
    pub(super) port: u16,
    /// The only path that is exposed.
    pub(super) path: &'static str,
}

impl Ingest {
    /// Adds the Ingress to a unit. `span` is the place of the spec that exposes it.
    pub(super) fn expose(&self, context: &Context<'_>, span: Span, unit: &mut Unit) {
        let mut exposure = exposure(context, context.service_host(self.label), Vec::new(), Reach::Lan, self.service);
        use_trusted_issuer(&mut exposure);
        // Collectors do not use websockets.
        exposure.annotations.retain(|annotation| !annotation.key.contains("websocket"));
        require_password(context, &self.name.into(), &mut exposure);
        unit.guards.extend(exposure.guarded(self.name, span));
        unit.add(Manifest::new(
            "Ingress",
            self.name,
            "ingress.yaml",
            INGRESS,
            json!({
                "name": self.name,
                "namespace": self.namespace,
                "host": exposure.host,
                "annotations": exposure.annotations,
                "class": INGRESS_CLASS,
                "service": self.service,
                "port": self.port,
                "path": self.path,
            }),
        ));
    }
}

/// Whether a cluster that stores data accepts data from other clusters.
pub(super) enum Ingestion<'a> {
    /// It stores only its own.
    Closed,
    /// It accepts data from clusters that present this login.
    Open(&'a Login),
}

/// Reports fields that have no effect because the cluster ships its data to another one.
pub(super) fn report_fields_without_effect<'a>(
    to: &Spanned<Name>,
    what: &str,
    fields: impl IntoIterator<Item = (&'a str, Option<Span>)>,
    diagnostics: &mut Diagnostics,
) {
    for (field, span) in fields.into_iter().filter_map(|(field, span)| Some((field, span?))) {
        let message = format!("`{field}` has no effect here: the {what} are stored in the cluster `{}`", to.value);
        let diagnostic =
            Diagnostic::new(Code::FieldWithoutEffect, span, message).related(to.span, "shipped by this field");
        diagnostics.push(diagnostic.help(format!("remove `{field}`, or set it for the cluster `{}`", to.value)));
    }
}

/// Returns the cluster that data is shipped to, and the login that it requires. Returns `None`, with a diagnostic,
/// if that cluster cannot receive the data. `ingestion` returns `None` for a cluster that stores no such data.
pub(super) fn target<'a>(
    context: &Context<'a>,
    to: &Spanned<Name>,
    (what, component): (&str, ComponentId),
    ingestion: impl Fn(&Context<'a>) -> Option<Ingestion<'a>>,
    diagnostics: &mut Diagnostics,
) -> Option<(Context<'a>, &'a Login)> {
    let unmet = |message: String| Diagnostic::new(Code::NeedUnmet, to.span, message).of_absence();
    let Some(peer) = context.peer(to.as_str()) else {
        let names = context.spec.clusters.names();
        let help = did_you_mean(to.as_str(), names)
            .map_or("set `ship-to` to another cluster of the lab".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("there is no cluster `{}`", to.value);
        if context.spec.clusters.is_complete() {
            diagnostics.push(Diagnostic::new(Code::UnknownReference, to.span, message).help(help));
        }
        return None;
    };
    let login = match ingestion(&peer) {
        None => {
            let message = format!("the cluster `{}` does not store {what}", to.value);
            let off = peer
                .disabled_at(component)
                .map(|off| unmet(message.clone()).related(off, DISABLED_HERE).help(ENABLE_REMEDY));
            let help = format!("add `platform: {{ {}: {{}} }}` to that cluster, without `ship-to`", component.field());
            diagnostics.push(off.unwrap_or_else(|| unmet(message).help(help)));
            return None;
        }
        Some(Ingestion::Closed) => {
            let message = format!("the cluster `{}` does not accept {what} from other clusters", to.value);
            let ingest = "`ingest: { username: ENTRY/KEY, password: ENTRY/KEY }`";
            diagnostics.push(unmet(message).help(format!("add {ingest} to its `platform.{}`", component.field())));
            return None;
        }
        Some(Ingestion::Open(login)) => login,
    };
    if peer.get::<Ingress>().is_none() || issuers(&peer).is_none() {
        let diagnostic = unmet(format!("the cluster `{}` has no ingress with TLS to receive {what}", to.value));
        let off = [ComponentId::Ingress, ComponentId::Certificates]
            .into_iter()
            .find_map(|component| peer.disabled_at(component));
        diagnostics.push(match off {
            Some(off) => diagnostic.related(off, DISABLED_HERE).help(ENABLE_REMEDY),
            None => diagnostic.help(
                "add `load-balancer: FIRST-LAST` to that cluster, and a DNS provider to the lab: `dns: { cloudflare: \
                 { api-token: ENTRY/KEY } }`",
            ),
        });
        return None;
    }
    Some((peer, login))
}
