//! References to entries of the spec.

use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use spec::Entries;

/// Reports a reference to an entry that does not exist. `kind` is what the entries are, such as `host`.
pub fn check_name<T>(kind: &str, name: &str, span: Span, known: &Entries<T>, diagnostics: &mut Diagnostics) {
    if known.get(name).is_none() && known.is_complete() {
        diagnostics.push(unknown(kind, name, span, known.names()));
    }
}

/// The diagnostic about a reference to something that does not exist.
pub fn unknown<'a>(kind: &str, name: &str, span: Span, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<_> = known.into_iter().collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("declare the {kind} `{name}` first"),
        None => format!("available {}: {}", plural(kind), known.join(", ")),
    };
    Diagnostic::new(Code::UnknownReference, span, format!("unknown {kind} `{name}`")).help(help)
}

fn plural(kind: &str) -> String {
    match kind {
        "secret entry" => "secret entries".to_owned(),
        "storage" => "storage".to_owned(),
        "storage class" => "storage classes".to_owned(),
        _ => format!("{kind}s"),
    }
}
