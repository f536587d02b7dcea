//! What is wrong with an input, where, and what to do about it.
//!
//! Every stage reports through [`Diagnostics`]: faults are collected, never thrown one by one.
//! A [`Span`] points into the spec's text. The span of a value that could not be read is
//! *faulty*: its place is known, its meaning is not, so a later fault that leans on such a value
//! would only confuse and is dropped by [`Diagnostics::push`].

mod code;
mod render;

pub use code::{Code, Severity};
pub use render::{Source, human, json};

/// A range of bytes in the spec's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// The value here was unreadable and has been replaced by a stand-in.
    pub faulty: bool,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        let limit = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: limit(start), end: limit(end), faulty: false }
    }

    /// The same place, marked as that of a stand-in.
    pub fn as_faulty(self) -> Self {
        Self { faulty: true, ..self }
    }
}

/// A second place that belongs to a fault, with what it has to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words shown beside the place.
    pub text: String,
}

/// One fault: what is wrong, where, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule that was broken.
    pub code: Code,
    /// What is wrong, in one sentence without a final stop.
    pub message: String,
    /// Where; `None` when the fault is of the file as a whole.
    pub span: Option<Span>,
    /// Other places that take part, such as the other end of a conflict.
    pub related: Vec<Label>,
    /// What would be right.
    pub help: Option<String>,
    /// Whether something was looked for in a part of the spec and not found there, so that the
    /// fault means nothing if that part could not be read.
    of_absence: bool,
}

impl Diagnostic {
    /// A fault at a place in the spec.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: Some(span), related: Vec::new(), help: None, of_absence: false }
    }

    /// A fault of the file as a whole.
    pub fn of_file(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: None, related: Vec::new(), help: None, of_absence: false }
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Marks the fault as one of absence.
    #[must_use]
    pub fn of_absence(mut self) -> Self {
        self.of_absence = true;
        self
    }

    fn leans_on_a_fault(&self) -> bool {
        self.span.is_some_and(|span| span.faulty) || self.related.iter().any(|label| label.span.faulty)
    }
}

/// All faults found so far.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a fault, unless one of its places has been reported already as unreadable.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !diagnostic.leans_on_a_fault() {
            self.items.push(diagnostic);
        }
    }

    /// Adds all faults of another collection.
    pub fn append(&mut self, other: Self) {
        self.items.extend(other.items);
    }

    /// Drops the faults of absence: a part of the spec where things are looked for could not be read.
    pub fn forget_absences(&mut self) {
        self.items.retain(|item| !item.of_absence);
    }

    /// True if any of them forbids going on; warnings do not.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.code.severity() == Severity::Error)
    }

    /// True if there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// In the order of the file; faults of the whole file come first.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut items: Vec<_> = self.items.iter().collect();
        items.sort_by_key(|item| (item.span.map(|span| (span.start, span.end)), item.code));
        items.dedup();
        items
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(item: Diagnostic) -> Self {
        Self { items: vec![item] }
    }
}

/// The known word that was probably meant by `wrong`, if one is near enough.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1 + word.len().min(wrong.len()) / 4)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["address", "memory", "role"];
        assert_eq!(did_you_mean("adress", known), Some("address"));
        assert_eq!(did_you_mean("Memory", known), Some("memory"));
        assert_eq!(did_you_mean("rol", known), Some("role"));
        assert_eq!(did_you_mean("colour", known), None);
    }

    #[test]
    fn a_fault_that_leans_on_an_unreadable_value_is_dropped() {
        let mut faults = Diagnostics::default();
        faults.push(Diagnostic::new(Code::AddressTaken, Span::new(0, 1).as_faulty(), "x"));
        faults
            .push(Diagnostic::new(Code::AddressTaken, Span::new(0, 1), "x").related(Span::new(2, 3).as_faulty(), "y"));
        assert!(faults.is_empty());
    }
}
