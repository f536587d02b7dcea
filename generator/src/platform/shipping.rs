//! Shipping to another cluster: what it takes there.

use super::Context;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::spec::types::Name;
use crate::spec::{Login, Spanned};

/// What a cluster does with what is shipped.
pub(super) enum Keeper<'a> {
    /// It keeps its own only.
    Own,
    /// It takes that of others who present this.
    Others(&'a Login),
}

/// The cluster that something is shipped to, and what must be presented there. A fault if that
/// cannot be. `keeper` tells what a cluster does with it; `None` if it keeps nothing.
pub(super) fn target<'a>(
    context: &Context<'a>,
    to: &Spanned<Name>,
    (what, component): (&str, &str),
    keeper: impl Fn(&Context<'a>) -> Option<Keeper<'a>>,
    faults: &mut Diagnostics,
) -> Option<(Context<'a>, &'a Login)> {
    let mut refuse = |message: String, help: String| {
        faults.push(Diagnostic::new(Code::NeedUnmet, to.span, message).of_absence().help(help));
    };
    let Some(peer) = context.peer(to.as_str()) else {
        let names = context.spec.clusters.names();
        let help = did_you_mean(to.as_str(), names)
            .map_or("name another cluster of the lab".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("there is no cluster `{}`", to.value);
        if context.spec.clusters.is_complete() {
            faults.push(Diagnostic::new(Code::UnknownReference, to.span, message).help(help));
        }
        return None;
    };
    let login = match keeper(&peer) {
        None => {
            let message = format!("the cluster `{}` does not keep {what}", to.value);
            refuse(message, format!("give that cluster `platform.{component}` without `ship-to`"));
            return None;
        }
        Some(Keeper::Own) => {
            let message = format!("the cluster `{}` does not take {what} of others", to.value);
            let help = "an `ingest: { username: ENTRY/KEY, password: ENTRY/KEY }`";
            refuse(message, format!("give its `platform.{component}` {help}"));
            return None;
        }
        Some(Keeper::Others(login)) => login,
    };
    if peer.ingress().is_none() || peer.certificates().is_none() {
        let message = format!("the cluster `{}` has no ingress with TLS to take {what} by", to.value);
        refuse(message, "give that cluster `load-balancer`, and the lab a `dns` provider".to_owned());
        return None;
    }
    Some((peer, login))
}
