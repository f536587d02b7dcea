//! The comments of a text, which the tree does not have.

use super::{Node, NodeKind};
use diagnostic::Span;

/// Returns the comments of a text, each with its location, without the `#`. `documents` are those of the text.
pub fn comments<'a>(text: &'a str, documents: &[Node]) -> Vec<(Span, &'a str)> {
    if !text.contains('#') {
        return Vec::new();
    }
    let mut scalars = Vec::new();
    documents.iter().for_each(|document| collect(document, &mut scalars));
    scalars.sort_unstable();
    let is_in_scalar = |at: usize| {
        let index = scalars.partition_point(|(start, _)| *start <= at).checked_sub(1);
        index.is_some_and(|index| at < scalars[index].1)
    };
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // Only a `#` at the start of a line or after a space starts a comment.
        let begins = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
        let marks = line.match_indices('#').map(|(at, _)| at).filter(begins);
        if let Some(at) = marks.into_iter().find(|at| !is_in_scalar(start + at)) {
            let comment = line[at + 1..].trim_end();
            let from = start + at + 1;
            found.push((Span::new(from, from + comment.len()), comment));
        }
        start += line.len();
    }
    found
}

/// Collects where the scalars of a tree are.
fn collect(node: &Node, scalars: &mut Vec<(usize, usize)>) {
    match &node.kind {
        NodeKind::Scalar { .. } => scalars.push((node.span.start as usize, node.span.end as usize)),
        NodeKind::Sequence(items) => items.iter().for_each(|item| collect(item, scalars)),
        NodeKind::Mapping(entries) => {
            for (key, value) in entries {
                collect(key, scalars);
                collect(value, scalars);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, documents};

    #[test]
    fn finds_comments_outside_of_values() {
        let text = "# one\na: b # two\nc: 'd # no'\ne: x#no\nf: |\n  # no\n  g # no\n# three\nh: [a, # four\n  b]\ni: \"j\" # five\n#\n";
        let (documents, errors) = documents(text, Limits::default());
        assert_eq!(errors, []);
        let comments = comments(text, &documents);
        let texts: Vec<_> = comments.iter().map(|(_, text)| text.trim()).collect();
        assert_eq!(texts, ["one", "two", "three", "four", "five", ""]);
        for (span, comment) in comments {
            assert_eq!(&text[span.start as usize..span.end as usize], comment);
        }
    }
}
