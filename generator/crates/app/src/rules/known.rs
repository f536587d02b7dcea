//! Names that stand for something else in the spec.

use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use spec::Entries;

/// Reports a name that none of the entries has.
pub fn check_name<T>(what: &str, name: &str, span: Span, known: &Entries<T>, faults: &mut Diagnostics) {
    if known.get(name).is_none() && known.is_complete() {
        faults.push(unknown(what, name, span, known.names()));
    }
}

/// Describes a name that is none of the known ones.
pub fn unknown<'a>(what: &str, name: &str, span: Span, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<_> = known.into_iter().collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("none is declared yet; add {what} `{name}`"),
        None => format!("known are {}", known.join(", ")),
    };
    Diagnostic::new(Code::UnknownReference, span, format!("there is no {what} `{name}`")).help(help)
}
