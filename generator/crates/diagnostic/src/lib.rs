//! Diagnostics: what is wrong with a spec, where, and how to fix it.
//!
//! Every stage collects its errors and warnings in [`Diagnostics`] instead of stopping at the first.
//! A [`Span`] points into the text of the spec. The span of a value that could not be parsed is
//! *faulty*: its location is known, but its value is not. A later diagnostic that depends on such a
//! value would only mislead, so [`Diagnostics::push`] drops it.

mod code;
mod render;

pub use code::{Code, Severity};
pub use render::{Source, human, is_bidi_control, json, visible};

use std::cmp::Reverse;
use std::fmt::Display;

/// A range of bytes in the spec's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Whether the value here could not be parsed and was replaced by a placeholder.
    pub faulty: bool,
}

impl Span {
    /// The bytes from `start` up to, but not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        let limit = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: limit(start), end: limit(end), faulty: false }
    }

    /// The same span, marked as that of a placeholder.
    pub fn as_faulty(self) -> Self {
        Self { faulty: true, ..self }
    }
}

/// Another location that a diagnostic involves, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The location.
    pub span: Span,
    /// A few words shown next to the location.
    pub text: String,
}

/// An error or a warning: what is wrong, where, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code of the rule that was broken.
    pub code: Code,
    /// What is wrong, in one sentence without a final period.
    pub message: String,
    /// The location; `None` if the diagnostic is about the whole file.
    pub span: Option<Span>,
    /// Other locations involved, such as the other side of a conflict.
    pub related: Vec<Label>,
    /// How to fix it.
    pub help: Option<String>,
    /// Whether the diagnostic reports that something is missing from a part of the spec. It is wrong if
    /// that part could not be parsed.
    of_absence: bool,
}

impl Diagnostic {
    /// Creates a diagnostic for a location in the spec.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: Some(span), related: Vec::new(), help: None, of_absence: false }
    }

    /// Creates a diagnostic for the whole file.
    pub fn of_file(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: None, related: Vec::new(), help: None, of_absence: false }
    }

    /// Adds another location.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// Sets how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Marks the diagnostic as one that reports something missing.
    #[must_use]
    pub fn of_absence(mut self) -> Self {
        self.of_absence = true;
        self
    }

    fn involves_placeholder(&self) -> bool {
        self.span.is_some_and(|span| span.faulty) || self.related.iter().any(|label| label.span.faulty)
    }
}

/// The diagnostics found so far.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a diagnostic, unless one of its locations is faulty: that has been reported already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !diagnostic.involves_placeholder() {
            self.items.push(diagnostic);
        }
    }

    /// Adds all diagnostics of another collection.
    pub fn append(&mut self, other: Self) {
        self.items.extend(other.items);
    }

    /// Drops the diagnostics that report something missing, because a part of the spec could not be parsed.
    pub fn forget_absences(&mut self) {
        self.items.retain(|item| !item.of_absence);
    }

    /// Drops the warnings about places for which a test holds.
    pub fn forget_warnings(&mut self, about: impl Fn(Span) -> bool) {
        self.items.retain(|item| item.code.severity() == Severity::Error || !item.span.is_some_and(&about));
    }

    /// Whether there is an error among them; warnings do not stop the generator.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.code.severity() == Severity::Error)
    }

    /// Whether there are no diagnostics.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the diagnostics in the order of the file, without duplicates; those about the whole file come first.
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

/// A number and a noun, in the plural if necessary.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Returns the word of `known` that is most similar to `wrong`, if any is similar enough.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likely = known.into_iter().filter_map(|word| Some((unlikeness(wrong, word)?, word)));
    likely.min().map(|(_, word)| word)
}

/// How unlike a known word is to a misspelt one, by two measures; `None` if it is a different word.
fn unlikeness(wrong: &str, word: &str) -> Option<(usize, Reverse<usize>)> {
    let lower = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let letters = |text: &str| text.replace('-', "");
    let (wrong, word) = (lower(wrong), lower(word));
    let limit = 1 + word.len().min(wrong.len()) / 4;
    let is_part = |ends: [&str; 2]| {
        let is_end = |rest: Option<&str>| {
            rest.is_some_and(|rest| {
                !rest.is_empty() && ends.iter().any(|end| rest.ends_with(end) || rest.starts_with(end))
            })
        };
        is_end(word.strip_suffix(wrong.as_str())) || is_end(word.strip_prefix(wrong.as_str()))
    };
    // The case and the separators of words are not remembered as well as their letters.
    let distance = match strsim::damerau_levenshtein(&wrong, &word) {
        _ if letters(&wrong) == letters(&word) => 0,
        distance if distance <= limit => distance,
        _ if is_part(["-", "/"]) => limit + 1,
        _ => return None,
    };
    let common = |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.take_while(|(one, other)| one == other).count();
    let start = common(&mut wrong.chars().zip(word.chars()));
    let end = common(&mut wrong.chars().rev().zip(word.chars().rev()));
    Some((distance, Reverse(start + end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_similar_words() {
        let known = ["address", "memory", "role"];
        assert_eq!(did_you_mean("adress", known), Some("address"));
        assert_eq!(did_you_mean("Memory", known), Some("memory"));
        assert_eq!(did_you_mean("rol", known), Some("role"));
        assert_eq!(did_you_mean("colour", known), None);
    }

    #[test]
    fn drops_a_diagnostic_that_involves_a_placeholder() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::new(Code::AddressTaken, Span::new(0, 1).as_faulty(), "x"));
        diagnostics
            .push(Diagnostic::new(Code::AddressTaken, Span::new(0, 1), "x").related(Span::new(2, 3).as_faulty(), "y"));
        assert!(diagnostics.is_empty());
    }
}
