//! Prints a value on one line, for a place inside of a flow collection.

use yaml::{Node, NodeKind, Scalar};

/// Formats a value in flow style.
pub(super) fn value(node: &Node) -> String {
    match &node.kind {
        NodeKind::Scalar { .. } => scalar(node),
        NodeKind::Sequence(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        NodeKind::Mapping(entries) if entries.is_empty() => "{}".to_owned(),
        NodeKind::Mapping(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, of_key)| format!("{}: {}", scalar(key), value(of_key))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn scalar(node: &Node) -> String {
    let text = node.text().unwrap_or_default();
    match node.scalar() {
        Some(Scalar::Str(text)) => string(text),
        Some(Scalar::Null) | None => "null".to_owned(),
        Some(_) => text.to_owned(),
    }
}

/// Formats a string on one line, so that it can be in a flow collection.
pub(super) fn string(text: &str) -> String {
    let printed = yaml::scalar(text);
    let is_plain = !printed.starts_with('"');
    if is_plain && printed.contains([',', '[', ']', '{', '}']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        printed
    }
}
