//! Names that stand for something else in the spec.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use crate::spec::types::{Name, ObjectRef, SecretRef};
use crate::spec::{Dns, Entries, EnvValue, Secrets, Spanned, Spec};

/// Classes that k3s brings.
const STORAGE_CLASSES: [&str; 1] = ["local-path"];

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    if let Some(Dns::Cloudflare(account)) = &spec.dns {
        judge_secret(spec.secrets.as_ref(), &account.api_token, faults);
    }
    for cluster in &spec.clusters {
        for node in &cluster.value.nodes {
            let host = &node.value.host;
            judge_name("host", host.as_str(), host.span, &spec.hosts, faults);
        }
        for app in &cluster.value.apps {
            for other in &app.value.depends_on {
                judge_name("app", other.as_str(), other.span, &cluster.value.apps, faults);
            }
            for value in app.value.env.values() {
                if let EnvValue::Secret(secret) = value {
                    judge_secret(spec.secrets.as_ref(), secret, faults);
                }
            }
            for class in app.value.storage.iter().filter_map(|volume| volume.value.class.as_ref()) {
                judge_storage_class(class, &cluster.value.external, faults);
            }
        }
    }
}

/// A class of k3s, or one that is declared as coming from elsewhere.
fn judge_storage_class(class: &Spanned<Name>, external: &[Spanned<ObjectRef>], faults: &mut Diagnostics) {
    let declared = external.iter().filter(|object| object.kind == "StorageClass").map(|object| object.name.as_str());
    let known: Vec<_> = STORAGE_CLASSES.into_iter().chain(declared).collect();
    if !known.contains(&class.as_str()) {
        let fault = unknown("storage class", class.as_str(), class.span, known);
        let help = fault.help.clone().unwrap_or_default();
        faults.push(
            fault.help(format!("{help}; declare one of your own with `external: [StorageClass/{}]`", class.value)),
        );
    }
}

fn judge_name<T>(what: &str, name: &str, span: Span, known: &Entries<T>, faults: &mut Diagnostics) {
    if known.get(name).is_none() && known.is_complete() {
        faults.push(unknown(what, name, span, known.names()));
    }
}

fn unknown<'a>(what: &str, name: &str, span: Span, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<_> = known.into_iter().collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("none is declared yet; add {what} `{name}`"),
        None => format!("known are {}", known.join(", ")),
    };
    Diagnostic::new(Code::UnknownReference, span, format!("there is no {what} `{name}`")).help(help)
}

fn judge_secret(secrets: Option<&Secrets>, secret: &Spanned<SecretRef>, faults: &mut Diagnostics) {
    let Some(secrets) = secrets else {
        let message = format!("the secret `{}` is used, but the lab has no secret store", secret.value);
        faults.push(
            Diagnostic::new(Code::UnknownReference, secret.span, message)
                .help("add `secrets.store`, and the entry under `secrets.entries`"),
        );
        return;
    };
    let Some(entry) = secrets.entries.get(&secret.entry) else {
        if !secrets.entries.is_complete() {
            return;
        }
        faults.push(unknown("secret entry", &secret.entry, secret.span, secrets.entries.names()));
        return;
    };
    let is_known = entry.value.keys.iter().any(|key| key.as_str() == secret.key || key.span.faulty);
    if !is_known {
        let keys = entry.value.keys.iter().map(|key| key.as_str());
        let fault =
            unknown(&format!("key in the secret entry `{}` called", secret.entry), &secret.key, secret.span, keys);
        faults.push(fault.related(entry.name.span, "the entry"));
    }
}
