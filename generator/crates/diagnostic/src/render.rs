//! Diagnostics as text in the style of rustc, and as JSON.

use super::{Code, Diagnostic, Diagnostics, Severity, Span, count};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use std::borrow::Cow;

/// The text that spans point into, and its file name.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file name, shown before line and column.
    pub name: &'a str,
    /// The whole text; empty if the file is not valid UTF-8.
    pub text: &'a str,
}

impl Source<'_> {
    /// The nearest character boundary at or before `offset`.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The span as a byte range on character boundaries that ends at the end of its first line at the latest.
    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let start = self.boundary(span.start as usize);
        let end = self.boundary(span.end as usize).max(start);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        start..end.min(line_end).max(start)
    }
}

/// The start of each line, to find lines and columns of many spans.
struct Lines<'a> {
    source: Source<'a>,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: Source<'a>) -> Self {
        let starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source, starts }
    }

    /// Line and column of a byte offset, both counted from 1, columns in characters.
    fn line_and_column(&self, offset: u32) -> (usize, usize) {
        let offset = self.source.boundary(offset as usize);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let column = self.source.text[self.starts[line - 1]..offset].chars().count() + 1;
        (line, column)
    }

    /// The lines from the first to the last of some spans: all of the text that a report about them
    /// shows.
    fn excerpt(&self, spans: impl Iterator<Item = Span> + Clone) -> Excerpt<'a> {
        let first = spans.clone().map(|span| self.source.range(span).start).min().unwrap_or_default();
        let last = spans.map(|span| self.source.range(span).end).max().unwrap_or_default();
        // A span at the end of the text belongs to the last line.
        let first = first.min(self.source.text.len().saturating_sub(1));
        let line = self.starts.partition_point(|start| *start <= first).max(1);
        let start = self.starts[line - 1];
        let end = self.starts.get(self.starts.partition_point(|start| *start <= last)).copied();
        Excerpt { text: &self.source.text[start..end.unwrap_or(self.source.text.len())], start, line }
    }
}

/// Some consecutive lines of a text.
struct Excerpt<'a> {
    text: &'a str,
    /// The offset of the first line.
    start: usize,
    /// The number of the first line, counted from 1.
    line: usize,
}

/// Whether a terminal does not show a character, but acts on it: control characters, and those that change the
/// direction of the text around them.
fn is_hidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || is_bidi_control(c)
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

/// Whether a character sets the direction of the text after it, so that a text can look like another one.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes the characters of a text that a terminal would act on. In JSON, the text keeps its meaning.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) {
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Replaces the characters of a text that a terminal would act on by others of the same length, to which spans still
/// point.
fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mask = |c: char| match c.len_utf8() {
        _ if !is_hidden(c) => c,
        // The renderer shows symbols for these.
        1 => c,
        2 => '·',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(mask).collect())
}

/// Formats at most `most` diagnostics with excerpts of the source, and a last line that counts all of
/// them. Returns an empty string if there are none.
pub fn human(diagnostics: &Diagnostics, source: Source<'_>, colour: bool, most: usize) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let items = diagnostics.sorted();
    let mut text = String::new();
    let (name, masked) = (visible(source.name), masked(source.text));
    let lines = Lines::of(Source { name: &name, text: &masked });
    for item in items.iter().take(most) {
        text.push_str(&renderer.render(&report(&item.visible(), &lines)));
        text.push_str("\n\n");
    }
    if items.len() > most {
        text.push_str(&format!("… and {} more (-v shows all)\n\n", items.len() - most));
    }
    if !items.is_empty() {
        text.push_str(&summary(&items));
    }
    text
}

impl Diagnostic {
    /// The diagnostic with texts that a terminal shows as they are.
    fn visible(&self) -> Self {
        let mut shown = self.clone();
        shown.message = visible(&self.message).into_owned();
        shown.help = self.help.as_deref().map(|help| visible(help).into_owned());
        shown.related.iter_mut().for_each(|label| label.text = visible(&label.text).into_owned());
        shown
    }
}

fn summary(items: &[&Diagnostic]) -> String {
    let number_of = |severity| items.iter().filter(|item| item.code.severity() == severity).count();
    let parts: Vec<_> = [(number_of(Severity::Error), "error"), (number_of(Severity::Warning), "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| count(number, word))
        .collect();
    format!("{}\n", parts.join(", "))
}

fn report<'a>(item: &'a Diagnostic, lines: &Lines<'a>) -> Vec<Group<'a>> {
    let source = lines.source;
    let level = match item.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(item.message.as_str()).id(item.code.text());
    let mut group = match item.span {
        Some(span) => {
            // The whole text would be searched again for each report.
            let excerpt = lines.excerpt(item.related.iter().map(|label| label.span).chain([span]));
            let range = |span| {
                let range = source.range(span);
                range.start - excerpt.start..range.end - excerpt.start
            };
            let labels = item
                .related
                .iter()
                .map(|label| AnnotationKind::Context.span(range(label.span)).label(label.text.as_str()));
            title.element(
                Snippet::source(excerpt.text)
                    .line_start(excerpt.line)
                    .path(source.name)
                    .annotation(AnnotationKind::Primary.span(range(span)))
                    .annotations(labels),
            )
        }
        None => Group::with_title(title).element(annotate_snippets::Origin::path(source.name)),
    };
    if let Some(help) = &item.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    vec![group]
}

#[derive(Serialize)]
struct Report<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(flatten)]
    location: Option<Location<'a>>,
    related: Vec<RelatedReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct Location<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct RelatedReport<'a> {
    message: &'a str,
    #[serde(flatten)]
    location: Location<'a>,
}

/// Formats all diagnostics as a JSON array, in the order of the file. Lines and columns count from 1.
pub fn json(diagnostics: &Diagnostics, source: Source<'_>) -> serde_json::Value {
    let lines = Lines::of(source);
    let location = |span: Span| {
        let (line, column) = lines.line_and_column(span.start);
        let (end_line, end_column) = lines.line_and_column(span.end);
        Location { file: source.name, line, column, end_line, end_column }
    };
    let reports: Vec<_> = diagnostics
        .sorted()
        .into_iter()
        .map(|item| Report {
            code: Code::text(item.code),
            severity: match item.code.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: &item.message,
            location: item.span.map(location),
            related: item
                .related
                .iter()
                .map(|label| RelatedReport { message: &label.text, location: location(label.span) })
                .collect(),
            help: item.help.as_deref(),
        })
        .collect();
    serde_json::to_value(reports).expect("reports have string keys only")
}
