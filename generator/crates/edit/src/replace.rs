//! Replaces values, and renames keys.

use super::EditError;
use super::document::{Document, Edit, Place, shown};
use super::extent::is_missing;
use super::flow;
use super::insert::{self, Below};
use super::piece::{Piece, key_node};
use yaml::{Node, NodeKind};

pub(super) fn set(text: &str, path: &[&str], block: &str) -> Result<String, EditError> {
    let document = Document::read(text)?;
    let piece = Piece::read(block)?;
    let (place, missing) = document.follow(path);
    match missing {
        [between @ .., key] => {
            let found = &path[..path.len() - missing.len()];
            insert::add(&document, found, place, Below { missing: between, next: &[] }, key, piece)
        }
        [] => put(&document, path, place, &piece),
    }
}

pub(super) fn rename_key(text: &str, path: &[&str], new: &str) -> Result<String, EditError> {
    let document = Document::read(text)?;
    let (place, parent, index) = document.find(path)?;
    let above = &path[..path.len() - 1];
    let Some((key, _)) = parent.entries().get(index) else {
        return Err(document.error(parent, format!("{} is a list, which has no keys", shown(above))));
    };
    if let Some((other, _)) = parent.entries().iter().find(|(other, _)| other.text() == Some(new)) {
        return Err(document.error(other, format!("{} already has `{new}`", shown(above))));
    }
    let meant = document.changed(above, |mapping| {
        if let NodeKind::Mapping(entries) = mapping {
            entries[index].0 = key_node(new);
        }
    });
    let (start, end) = (key.span.start as usize, document.scalar_end(key));
    let printed = if place.in_flow { flow::string(new) } else { yaml::scalar(new) };
    // A key keeps its quotes.
    let printed = match document.text[start..].chars().next() {
        Some('\'') if printed == new => format!("'{}'", new.replace('\'', "''")),
        Some('"') if printed == new => format!("\"{}\"", new.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => printed,
    };
    document.apply(&[(start, end, printed)], &meant)
}

/// Replaces the value at `place`, whose path is `path`.
pub(super) fn put(
    document: &Document<'_>,
    path: &[&str],
    place: Place<'_>,
    piece: &Piece,
) -> Result<String, EditError> {
    let Some((parent, index)) = place.parent else {
        return Err(document.error(place.node, "the path is empty".to_owned()));
    };
    let meant = document.changed(path, |value| *value = piece.node.kind.clone());
    let edits = match parent.entries().get(index) {
        Some((key, value)) if place.in_flow => in_flow(document, key, value, piece),
        Some((key, value)) => {
            let column = document.column(parent.span.start as usize);
            in_block(document, key, value, piece, column, document.step(place))
        }
        None => item(document, place, piece),
    };
    document.apply(&edits, &meant)
}

/// The edits that replace a value of a flow mapping.
fn in_flow(document: &Document<'_>, key: &Node, value: &Node, piece: &Piece) -> Vec<Edit> {
    let after = document.after_colon(key);
    if is_missing(value) {
        let colon = if document.text[..after].ends_with(':') { "" } else { ":" };
        return vec![(after, after, format!("{colon} {}", piece.flow()))];
    }
    vec![(document.value_start(key, value), document.value_end(after, value), piece.flow())]
}

/// The edits that replace an item of a list. A comment after its last line stays on the line of the new value's start.
fn item(document: &Document<'_>, place: Place<'_>, piece: &Piece) -> Vec<Edit> {
    let start = document.block_header(place.node).unwrap_or(place.node.span.start as usize);
    let end = document.value_end(start, place.node);
    let new = if place.in_flow { piece.flow() } else { piece.inline(document.column(start)) };
    let space = if is_missing(place.node) { " " } else { "" };
    let split = new.find('\n').unwrap_or(new.len());
    let line_end = document.line_text_end(end);
    vec![(start, end, format!("{space}{}", &new[..split])), (line_end, line_end, new[split..].to_owned())]
}

/// The edits that replace the value of an entry of a block mapping whose keys are at `column`. A block is indented by
/// `step` more, unless the old value shows how much.
fn in_block(document: &Document<'_>, key: &Node, value: &Node, piece: &Piece, column: usize, step: usize) -> Vec<Edit> {
    let after = document.after_colon(key);
    let key_line_end = document.line_text_end(after);
    let (start, end) = (document.value_start(key, value), document.value_end(after, value));
    let is_collection = !matches!(value.kind, NodeKind::Scalar { .. }) && !document.is_flow(value);
    let old_step = document.column(value.span.start as usize).checked_sub(column);
    let step = old_step.filter(|step| *step > 0 && is_collection && !value.entries().is_empty()).unwrap_or(step);
    // What follows the colon, and what comes on the lines below.
    let (first, below) = match piece.is_block() {
        true => (String::new(), format!("\n{}", piece.lines(column + step))),
        false => {
            let text = piece.inline(column);
            let split = text.find('\n').unwrap_or(text.len());
            (format!(" {}", &text[..split]), text[split..].to_owned())
        }
    };
    if is_missing(value) {
        return vec![(after, after, first), (key_line_end, key_line_end, below)];
    }
    // A comment on the line of the key stays.
    if let Some(header) = document.block_header(value).filter(|header| *header <= key_line_end) {
        let indicators = document.text[header..].find(char::is_whitespace).unwrap_or(0);
        let content_end = document.text[..end].trim_end_matches(['\n', '\r']).len().max(key_line_end);
        return vec![(after, header + indicators, first), (key_line_end, content_end, below)];
    }
    if start <= key_line_end {
        let line_end = document.line_text_end(end);
        return match piece.is_block() {
            true => vec![(after, end, first), (line_end, line_end, below)],
            false => vec![(start, end, first.trim_start().to_owned()), (line_end, line_end, below)],
        };
    }
    if !is_collection && below.is_empty() {
        return vec![(start, end, first.trim_start().to_owned())];
    }
    let lines_end = if is_collection { document.entry_end(end, column) } else { document.line_end(end) };
    let text = &document.text[..lines_end];
    let lines_end = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text)).len();
    vec![(after, after, first), (key_line_end, lines_end, below)]
}
