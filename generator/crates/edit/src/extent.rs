//! Where the entries of a text begin and end. The spans of the parser end at the next token, which may be some lines
//! further.

use super::EditError;
use super::document::Document;
use yaml::{Node, NodeKind};

impl Document<'_> {
    /// The position after the colon of a key; the end of the key if it has none.
    pub(super) fn after_colon(&self, key: &Node) -> usize {
        let end = self.scalar_end(key);
        let rest = &self.text[end..];
        let gap = rest.len() - rest.trim_start().len();
        if rest[gap..].starts_with(':') { end + gap + 1 } else { end }
    }

    /// Where the value of a key begins: at the header of a block scalar, at the first key or dash of a block collection.
    pub(super) fn value_start(&self, key: &Node, value: &Node) -> usize {
        match self.block_header(value) {
            Some(header) => header,
            None => (value.span.start as usize).max(self.after_colon(key)),
        }
    }

    /// Where a value ends: after its last character. `after` is the position after its colon or dash.
    pub(super) fn value_end(&self, after: usize, value: &Node) -> usize {
        match &value.kind {
            _ if self.is_flow(value) => value.span.end as usize,
            NodeKind::Mapping(entries) => {
                entries.last().map_or(after, |(key, value)| self.value_end(self.after_colon(key), value))
            }
            NodeKind::Sequence(items) => {
                items.last().map_or(after, |item| self.value_end(item.span.start as usize, item))
            }
            NodeKind::Scalar { .. } if is_missing(value) => after,
            NodeKind::Scalar { .. } => self.scalar_end(value).max(after),
        }
    }

    /// The end of a scalar.
    pub(super) fn scalar_end(&self, node: &Node) -> usize {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let content = &self.text[start..end];
        match self.block_header(node) {
            Some(header) if self.keeps_newlines(header) => end.max(self.line_text_end(header)),
            Some(header) if content.trim().is_empty() => self.line_text_end(header),
            _ => start + content.trim_end().len(),
        }
    }

    /// Where the header of a block scalar (`|` or `>`) is; `None` for other values.
    pub(super) fn block_header(&self, node: &Node) -> Option<usize> {
        let NodeKind::Scalar { plain: false, .. } = node.kind else { return None };
        let start = node.span.start as usize;
        let before = self.text[..start].trim_end();
        let line = self.line_start(before.len());
        let header = &before[line..];
        // A comment can follow the header.
        let header = header.find(" #").or(header.find("\t#")).map_or(header, |comment| &header[..comment]).trim_end();
        let at = header.rfind(['|', '>'])?;
        let is_indicator = |c: char| c.is_ascii_digit() || c == '+' || c == '-';
        let is_header = header[at + 1..].chars().all(is_indicator);
        // Anything on a line of its own is inside of its header's block; a quoted scalar has its quote before it.
        let is_first = header[..at].is_empty() || header[..at].ends_with([' ', '\t']);
        let is_on_next_line = self.text[before.len()..start].contains('\n') || start == self.text.len();
        (is_header && is_first && is_on_next_line).then_some(line + at)
    }

    /// Where the dash of an item of a block list is.
    ///
    /// # Errors
    /// If a comment is between the dash and the item.
    pub(super) fn dash(&self, item: &Node) -> Result<usize, EditError> {
        let start = self.block_header(item).unwrap_or(item.span.start as usize);
        // The span of an empty item begins after its dash, with or without a space.
        let before = self.text[..start].trim_end();
        match before.ends_with('-') {
            true => Ok(before.len() - 1),
            false => Err(self.error(item, "this item is not on the line of its dash; edit it by hand".to_owned())),
        }
    }

    /// Whether the line breaks at the end of a block scalar belong to its text.
    fn keeps_newlines(&self, header: usize) -> bool {
        let indicators = self.text[header + 1..].chars().take_while(|c| c.is_ascii_digit() || "+-".contains(*c));
        indicators.into_iter().any(|c| c == '+')
    }

    /// Where the lines of an entry begin, with the comments directly above it in the same column. A comment at the top of
    /// the text belongs to the text.
    pub(super) fn entry_start(&self, start: usize) -> usize {
        let column = self.column(start);
        let first = self.line_start(start);
        let mut top = first;
        while top > 0 {
            let above = self.line_start(top - 1);
            let line = &self.text[above..top];
            let text = line.trim_start_matches([' ', '\t']);
            if !text.starts_with('#') || line.len() - text.len() != column {
                return top;
            }
            top = above;
        }
        first
    }

    /// Where the lines of an entry of a block collection end: after its value and the comments that follow it and are
    /// indented deeper than `column`, that of the collection. `end` is the end of its value.
    pub(super) fn entry_end(&self, end: usize, column: usize) -> usize {
        // A block scalar that keeps its line breaks ends at the start of a line.
        let mut found = if self.line_start(end) == end && end > 0 { end } else { self.line_end(end) };
        let mut at = found;
        while at < self.text.len() {
            let next = self.line_end(at);
            let line = &self.text[at..next];
            let text = line.trim_start_matches([' ', '\t']);
            if text.starts_with('#') && line.len() - text.len() > column {
                found = next;
            } else if !text.trim().is_empty() {
                break;
            }
            at = next;
        }
        found
    }

    /// Whether the line that begins at a position is blank.
    pub(super) fn is_blank(&self, line: usize) -> bool {
        line < self.text.len() && self.text[line..self.line_end(line)].trim().is_empty()
    }

    /// Whether only white space is before a position in its line.
    pub(super) fn is_first_in_line(&self, at: usize) -> bool {
        self.text[self.line_start(at)..at].trim_matches([' ', '\t', '\u{feff}']).is_empty()
    }

    /// The position after the comma that follows an entry of a flow collection, if one does.
    pub(super) fn after_comma(&self, end: usize) -> Option<usize> {
        let mut at = end;
        loop {
            let rest = &self.text[at..];
            at += rest.len() - rest.trim_start().len();
            match self.text[at..].chars().next()? {
                '#' => at = self.line_end(at),
                ',' => return Some(at + 1),
                _ => return None,
            }
        }
    }
}

/// Whether nothing is written for a value. Its span is then that of another token.
pub(super) fn is_missing(value: &Node) -> bool {
    matches!(&value.kind, NodeKind::Scalar { text, plain: true } if text.is_empty())
}
