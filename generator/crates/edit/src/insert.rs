//! Adds entries to mappings, and items to lists.

use super::EditError;
use super::document::{Document, Edit, Place, kind, shown};
use super::piece::{Piece, key_node};
use super::replace;
use yaml::{Node, NodeKind};

pub(super) fn insert(text: &str, path: &[&str], key: &str, block: &str) -> Result<String, EditError> {
    insert_before(text, path, &[], key, block)
}

pub(super) fn insert_before(
    text: &str,
    path: &[&str],
    next: &[&str],
    key: &str,
    block: &str,
) -> Result<String, EditError> {
    let document = Document::read(text)?;
    let (place, missing) = document.follow(path);
    let found = &path[..path.len() - missing.len()];
    add(&document, found, place, Below { missing, next }, key, Piece::read(block)?)
}

/// Where a new entry belongs below a mapping that exists.
#[derive(Clone, Copy)]
pub(super) struct Below<'a> {
    /// The keys of the mappings in between, which do not exist.
    pub(super) missing: &'a [&'a str],
    /// The keys that come after the entry.
    pub(super) next: &'a [&'a str],
}

pub(super) fn append(text: &str, path: &[&str], block: &str) -> Result<String, EditError> {
    let document = Document::read(text)?;
    let piece = Piece::read(block)?;
    let (place, missing) = document.follow(path);
    if let [between @ .., key] = missing {
        let found = &path[..path.len() - missing.len()];
        return add(&document, found, place, Below { missing: between, next: &[] }, key, piece.into_list());
    }
    let items = match &place.node.kind {
        NodeKind::Sequence(items) => items.as_slice(),
        _ if place.node.is_null() => &[],
        _ => return Err(document.error(place.node, format!("{} is {}, not a list", shown(path), kind(place.node)))),
    };
    let Some(last) = items.last() else { return replace::put(&document, path, place, &piece.into_list()) };
    let meant = document.changed(path, |list| {
        if let NodeKind::Sequence(items) = list {
            items.push(piece.node.clone());
        }
    });
    let end = document.value_end(last.span.start as usize, last);
    if document.is_flow(place.node) {
        let edits = add_in_flow(&document, place.node, last.span.start as usize, end, &piece.flow());
        return document.apply(&edits, &meant);
    }
    let column = document.column(document.dash(last)?);
    let end = document.entry_end(end, column);
    document.apply(&[document.add_lines(end, &piece.item(column))], &meant)
}

/// Adds an entry to the mapping at `place`, whose path is `path`, or below it.
pub(super) fn add(
    document: &Document<'_>,
    path: &[&str],
    place: Place<'_>,
    below: Below<'_>,
    key: &str,
    mut piece: Piece,
) -> Result<String, EditError> {
    let mut key = key;
    for outer in below.missing.iter().rev() {
        piece = piece.under(key, document.step(place));
        key = outer;
    }
    let entries = match &place.node.kind {
        NodeKind::Mapping(entries) => entries.as_slice(),
        _ if place.node.is_null() => &[],
        _ => return Err(document.error(place.node, format!("{} is {}, not a mapping", shown(path), kind(place.node)))),
    };
    if let Some((other, _)) = entries.iter().find(|(other, _)| other.text() == Some(key)) {
        return Err(document.error(other, format!("{} already has `{key}`", shown(path))));
    }
    let Some((last_key, last)) = entries.last() else { return add_first(document, path, place, key, piece) };
    let is_flow = document.is_flow(place.node);
    let index = if is_flow { entries.len() } else { position(entries, below.next, key) };
    let meant = document.changed(path, |mapping| {
        if let NodeKind::Mapping(entries) = mapping {
            entries.insert(index, (key_node(key), piece.node.clone()));
        }
    });
    let end = document.value_end(document.after_colon(last_key), last);
    if is_flow {
        let edits = add_in_flow(document, place.node, last_key.span.start as usize, end, &piece.flow_entry(key));
        return document.apply(&edits, &meant);
    }
    let column = document.column(place.node.span.start as usize);
    // The steps of the other entries are closer than that of the mapping itself.
    let is_block = |value: &&Node| !value.entries().is_empty() && !document.is_flow(value);
    let nested = entries.iter().map(|(_, value)| value).find(is_block);
    let step = nested.and_then(|value| document.column(value.span.start as usize).checked_sub(column));
    let text = piece.entry(key, column, step.unwrap_or_else(|| document.step(place)));
    let blank = if document.has_blank_lines(entries, column) { "\n" } else { "" };
    if let Some((next, _)) = entries.get(index) {
        let start = document.entry_start(next.span.start as usize);
        return document.apply(&[(start, start, format!("{text}\n{blank}"))], &meant);
    }
    let end = document.entry_end(end, column);
    document.apply(&[document.add_lines(end, &format!("{blank}{text}"))], &meant)
}

/// Where a new entry belongs: before the first of `next`; at its place if the keys are sorted, so that two branches that
/// add entries rarely conflict; otherwise at the end.
fn position(entries: &[(Node, Node)], next: &[&str], key: &str) -> usize {
    let keys: Vec<_> = entries.iter().filter_map(|(key, _)| key.text()).collect();
    if let Some(index) = keys.iter().position(|key| next.contains(key)) {
        return index;
    }
    if keys.len() > 1 && keys.is_sorted() { keys.partition_point(|other| *other < key) } else { entries.len() }
}

/// Adds the first entry of a mapping that is empty.
fn add_first(
    document: &Document<'_>,
    path: &[&str],
    place: Place<'_>,
    key: &str,
    piece: Piece,
) -> Result<String, EditError> {
    let (start, end) = (place.node.span.start as usize, place.node.span.end as usize);
    // A comment inside of the brackets stays there.
    if document.text[start..end].contains('#') {
        let entry = format!(" {}", piece.flow_entry(key));
        let meant = document.changed(path, |mapping| *mapping = piece.under(key, 2).node.kind);
        return document.apply(&[(start + 1, start + 1, entry)], &meant);
    }
    let piece = piece.under(key, document.step(place));
    if place.parent.is_some() {
        return replace::put(document, path, place, &piece);
    }
    match start == end {
        true => document.apply(&[document.add_lines(document.text.len(), &piece.lines(0))], &piece.node),
        false => document.apply(&[(start, end, piece.lines(0))], &piece.node),
    }
}

/// The edits that add an entry or item to a flow collection, after its last one, which begins at `start` and ends at
/// `end`.
fn add_in_flow(document: &Document<'_>, node: &Node, start: usize, end: usize, entry: &str) -> Vec<Edit> {
    let close = node.span.end as usize - 1;
    let comma = document.after_comma(end);
    let has_own_line =
        document.text[node.span.start as usize..start].contains('\n') && document.is_first_in_line(start);
    if !has_own_line {
        return match comma {
            Some(comma) => vec![(comma, comma, format!(" {entry}"))],
            None => vec![(end, end, format!(", {entry}"))],
        };
    }
    let pad = &document.text[document.line_start(start)..start];
    let line_end = document.line_text_end(comma.unwrap_or(end));
    match comma {
        Some(comma) if line_end > close => vec![(comma, comma, format!("\n{pad}{entry}"))],
        Some(_) => vec![(line_end, line_end, format!("\n{pad}{entry},"))],
        None if line_end > close => vec![(end, end, format!(",\n{pad}{entry}"))],
        None => vec![(end, end, ",".to_owned()), (line_end, line_end, format!("\n{pad}{entry}"))],
    }
}

impl Document<'_> {
    /// The edit that adds lines after the line that ends at `end`. If the text does not end with a newline, it still does
    /// not afterwards.
    fn add_lines(&self, end: usize, lines: &str) -> Edit {
        let before = self.text[..end].trim_start_matches('\u{feff}');
        let new = match before.is_empty() || before.ends_with('\n') {
            true => format!("{lines}\n"),
            false => format!("\n{lines}"),
        };
        (end, end, new)
    }

    /// Whether a blank line is between the last two entries of a mapping.
    fn has_blank_lines(&self, entries: &[(Node, Node)], column: usize) -> bool {
        let [.., (before_key, before), (last, _)] = entries else { return false };
        let start = self.entry_start(last.span.start as usize);
        let mut line = self.entry_end(self.value_end(self.after_colon(before_key), before), column);
        while line < start && !self.is_blank(line) {
            line = self.line_end(line);
        }
        line < start
    }
}
