//! Shipping to another cluster: what it takes there, and the way in.

use crate::component::Context;
use crate::exposure::{Reach, ask_for_password, be_trusted, exposure};
use crate::{SWITCH_ON, SWITCHED_OFF};
use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use model::contract::INGRESS_CLASS;
use model::{Manifest, Template};
use serde_json::json;
use spec::platform::{Certificates, ComponentId, Ingress};
use spec::types::Name;
use spec::{Login, Spanned};

pub(super) const INGRESS: Template =
    Template { name: "platform/ingest-ingress.yaml", source: include_str!("ingest-ingress.yaml.j2") };

/// The way in for what other clusters ship: one path of a service, and only with a password.
pub(super) struct Ingest {
    /// The name of the Ingress and of the Secret with the password.
    pub(super) name: &'static str,
    /// Their namespace.
    pub(super) namespace: &'static str,
    /// The first label of the host name.
    pub(super) label: &'static str,
    /// The service.
    pub(super) service: &'static str,
    /// Its port.
    pub(super) port: u16,
    /// The path.
    pub(super) path: &'static str,
}

impl Ingest {
    /// Its Ingress.
    pub(super) fn manifest(&self, context: &Context<'_>) -> Manifest {
        let mut exposure = exposure(context, context.service_host(self.label), Reach::Lan, self.service);
        be_trusted(&mut exposure);
        // What ships speaks no websockets.
        exposure.annotations.retain(|annotation| !annotation.key.contains("websocket"));
        ask_for_password(context, &self.name.into(), &mut exposure);
        Manifest::new(
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
        )
    }
}

/// Whether a cluster accepts what others ship.
pub(super) enum Ingestion<'a> {
    /// It keeps only its own.
    Closed,
    /// It accepts what others ship with this login.
    Open(&'a Login),
}

/// What a cluster says of the keeping of what it ships has no effect.
pub(super) fn check_fields<'a>(
    to: &Spanned<Name>,
    what: &str,
    fields: impl IntoIterator<Item = (&'a str, Option<Span>)>,
    faults: &mut Diagnostics,
) {
    for (field, span) in fields.into_iter().filter_map(|(field, span)| Some((field, span?))) {
        let message = format!("`{field}` has no effect here: the {what} are stored in the cluster `{}`", to.value);
        let fault = Diagnostic::new(Code::FieldWithoutEffect, span, message).related(to.span, "shipped by this field");
        faults.push(fault.help(format!("remove `{field}`, or set it for the cluster `{}`", to.value)));
    }
}

/// The cluster that something is shipped to, and what must be presented there. A fault if that
/// cannot be. `ingestion` is whether a cluster accepts it; `None` if it keeps nothing.
pub(super) fn target<'a>(
    context: &Context<'a>,
    to: &Spanned<Name>,
    (what, component): (&str, ComponentId),
    ingestion: impl Fn(&Context<'a>) -> Option<Ingestion<'a>>,
    faults: &mut Diagnostics,
) -> Option<(Context<'a>, &'a Login)> {
    let fault = |message: String| Diagnostic::new(Code::NeedUnmet, to.span, message).of_absence();
    let Some(peer) = context.peer(to.as_str()) else {
        let names = context.spec.clusters.names();
        let help = did_you_mean(to.as_str(), names)
            .map_or("set `ship-to` to another cluster of the lab".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("there is no cluster `{}`", to.value);
        if context.spec.clusters.is_complete() {
            faults.push(Diagnostic::new(Code::UnknownReference, to.span, message).help(help));
        }
        return None;
    };
    let login = match ingestion(&peer) {
        None => {
            let message = format!("the cluster `{}` does not store {what}", to.value);
            let off = peer
                .switched_off(component)
                .map(|off| fault(message.clone()).related(off, SWITCHED_OFF).help(SWITCH_ON));
            let help = format!("add `platform: {{ {}: {{}} }}` to that cluster, without `ship-to`", component.field());
            faults.push(off.unwrap_or_else(|| fault(message).help(help)));
            return None;
        }
        Some(Ingestion::Closed) => {
            let message = format!("the cluster `{}` does not accept {what} from other clusters", to.value);
            let ingest = "`ingest: { username: ENTRY/KEY, password: ENTRY/KEY }`";
            faults.push(fault(message).help(format!("add {ingest} to its `platform.{}`", component.field())));
            return None;
        }
        Some(Ingestion::Open(login)) => login,
    };
    if peer.get::<Ingress>().is_none() || peer.get::<Certificates>().is_none() {
        let fault = fault(format!("the cluster `{}` has no ingress with TLS to receive {what}", to.value));
        let off = [ComponentId::Ingress, ComponentId::Certificates]
            .into_iter()
            .find_map(|component| peer.switched_off(component));
        faults.push(match off {
            Some(off) => fault.related(off, SWITCHED_OFF).help(SWITCH_ON),
            None => fault.help("add `load-balancer: FIRST-LAST` to that cluster, and to the lab `dns: { cloudflare: { api-token: ENTRY/KEY } }`"),
        });
        return None;
    }
    Some((peer, login))
}
