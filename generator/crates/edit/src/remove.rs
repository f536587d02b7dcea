//! Removes entries of mappings, and items of lists.

use super::EditError;
use super::document::{Document, Edit, Place};
use yaml::{Node, NodeKind};

/// Where an entry or an item begins and ends.
#[derive(Clone, Copy)]
struct Extent {
    start: usize,
    end: usize,
}

pub(super) fn remove(text: &str, path: &[&str]) -> Result<String, EditError> {
    let document = Document::read(text)?;
    let (place, parent, index) = document.find(path)?;
    let above = &path[..path.len() - 1];
    let meant = document.changed(above, |collection| match collection {
        NodeKind::Mapping(entries) => drop(entries.remove(index)),
        NodeKind::Sequence(items) => drop(items.remove(index)),
        NodeKind::Scalar { .. } => {}
    });
    let extents = document.extents(parent)?;
    let edits = if document.is_flow(parent) {
        vec![from_flow(&document, parent, &extents, index)]
    } else if extents.len() == 1 {
        only(&document, document.follow(above).0, place, extents[0])
    } else {
        vec![from_block(&document, &extents, index)]
    };
    document.apply(&edits, &meant)
}

/// The edits that remove the only entry or item of a block collection, whose place is `parent`.
fn only(document: &Document<'_>, parent: Place<'_>, place: Place<'_>, extent: Extent) -> Vec<Edit> {
    let empty = if matches!(parent.node.kind, NodeKind::Mapping(_)) { "{}" } else { "[]" };
    let above = parent.parent.and_then(|(above, index)| above.entries().get(index));
    let is_below_key = above.is_some_and(|(key, _)| document.line_text_end(document.after_colon(key)) < extent.start);
    match above {
        Some((key, _)) if is_below_key && !place.in_flow => {
            let after = document.after_colon(key);
            let (start, end, _) = lines(document, extent, false);
            vec![(after, after, format!(" {empty}")), (start, end, String::new())]
        }
        _ => vec![(extent.start, extent.end, empty.to_owned())],
    }
}

/// The edit that removes an entry or item of a block collection that has others.
fn from_block(document: &Document<'_>, extents: &[Extent], index: usize) -> Edit {
    let extent = extents[index];
    match extents.get(index + 1) {
        // A dash or another key is before it on its line: what follows takes its place.
        Some(_) if !document.is_first_in_line(extent.start) => {
            let end = document.entry_end(extent.end, document.column(extent.start));
            let rest = &document.text[end..];
            (extent.start, end + rest.len() - rest.trim_start().len(), String::new())
        }
        _ => lines(document, extent, index == 0),
    }
}

/// The edit that removes the lines of an entry or item, with one of the gaps around it.
fn lines(document: &Document<'_>, extent: Extent, is_first: bool) -> Edit {
    let text = document.text;
    let (mut start, mut end) =
        (document.entry_start(extent.start), document.entry_end(extent.end, document.column(extent.start)));
    let line_above = |at: usize| (at > 0).then(|| document.line_start(at - 1));
    let is_blank_above = |at: usize| line_above(at).is_some_and(|line| document.is_blank(line));
    if is_blank_above(start) && (end == text.len() || document.is_blank(end)) {
        while is_blank_above(start) {
            start = document.line_start(start - 1);
        }
    } else if is_first {
        while document.is_blank(end) {
            end = document.line_end(end);
        }
    }
    if end == text.len() && !text.ends_with('\n') {
        let before = &text[..start];
        start = before.strip_suffix('\n').map_or(before, |line| line.strip_suffix('\r').unwrap_or(line)).len();
    }
    (start, end, String::new())
}

/// The edit that removes an entry or item of a flow collection.
fn from_flow(document: &Document<'_>, parent: &Node, extents: &[Extent], index: usize) -> Edit {
    let Extent { start, end } = extents[index];
    let (open, close) = (parent.span.start as usize, parent.span.end as usize - 1);
    let text = document.text;
    let comma = document.after_comma(end).unwrap_or(end);
    let line_end = document.line_text_end(comma);
    let rest = text[comma..line_end].trim_start();
    if document.is_first_in_line(start) && line_end <= close && (rest.is_empty() || rest.starts_with('#')) {
        return (document.entry_start(start), document.line_end(comma), String::new());
    }
    let is_same_line = |from: usize, to: usize| !text[from..to].contains(['\n', '#']);
    let before = index.checked_sub(1).map(|before| extents[before].end).filter(|before| is_same_line(*before, start));
    let next = extents.get(index + 1).map(|next| next.start).filter(|next| is_same_line(end, *next));
    match (before, next) {
        (Some(before), _) => (before, end, String::new()),
        (None, Some(next)) => (start, next, String::new()),
        (None, None) if extents.len() == 1 && is_same_line(open, close) => (open + 1, close, String::new()),
        (None, None) => (start, comma, String::new()),
    }
}

impl Document<'_> {
    /// Where the entries or items of a collection begin and end.
    fn extents(&self, parent: &Node) -> Result<Vec<Extent>, EditError> {
        if let NodeKind::Sequence(items) = &parent.kind {
            let extent = |item: &Node| {
                let first = item.span.start as usize;
                let start = if self.is_flow(parent) { first } else { self.dash(item)? };
                Ok(Extent { start, end: self.value_end(first, item) })
            };
            return items.iter().map(extent).collect();
        }
        let extent = |(key, value): &(Node, Node)| Extent {
            start: key.span.start as usize,
            end: self.value_end(self.after_colon(key), value),
        };
        Ok(parent.entries().iter().map(extent).collect())
    }
}
