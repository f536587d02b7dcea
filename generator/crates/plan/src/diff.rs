//! The fields in which two versions of an object differ.

use crate::knowledge::same;
use yaml::{Node, NodeKind};

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its dotted path. Items of a list with names are in brackets: `containers[app].image`.
    pub field: String,
    /// The value before, if it is a scalar that existed.
    pub before: Option<String>,
    /// The value after, if it is a scalar that still exists.
    pub after: Option<String>,
}

/// Returns the fields that differ between two objects, in the order of the new one.
pub(crate) fn fields(before: &Node, after: &Node) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(path: String, before: Option<&Node>, after: Option<&Node>, found: &mut Vec<FieldChange>) {
    if let (Some(before), Some(after)) = (before, after) {
        match (&before.kind, &after.kind) {
            (NodeKind::Scalar { text: one, .. }, NodeKind::Scalar { text: other, .. }) if one == other => return,
            (NodeKind::Mapping(_), NodeKind::Mapping(_)) => return compare_mappings(&path, before, after, found),
            (NodeKind::Sequence(one), NodeKind::Sequence(other)) => {
                if let (Some(one), Some(other)) = (named(one), named(other)) {
                    return compare_items(&path, &one, &other, found);
                }
                if same(Some(before), Some(after)) {
                    return;
                }
            }
            _ => {}
        }
    }
    let scalar = |node: Option<&Node>| node.and_then(Node::text).map(str::to_owned);
    found.push(FieldChange { field: path, before: scalar(before), after: scalar(after) });
}

fn compare_mappings(path: &str, before: &Node, after: &Node, found: &mut Vec<FieldChange>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for (key, value) in after.entries() {
        let key = key.text().unwrap_or_default();
        compare(below(key), before.get(key), Some(value), found);
    }
    for (key, value) in before.entries() {
        let key = key.text().unwrap_or_default();
        if after.get(key).is_none() {
            compare(below(key), Some(value), None, found);
        }
    }
}

type Named<'a> = Vec<(&'a str, &'a Node)>;

/// The items of a list by name, if all have different ones.
fn named(items: &[Node]) -> Option<Named<'_>> {
    let named: Option<Named<'_>> = items.iter().map(|item| Some((item.text_of("name")?, item))).collect();
    named.filter(|named| {
        named.iter().enumerate().all(|(at, (name, _))| named[..at].iter().all(|(other, _)| other != name))
    })
}

fn compare_items(path: &str, before: &Named<'_>, after: &Named<'_>, found: &mut Vec<FieldChange>) {
    let get = |items: &Named<'_>, name: &str| items.iter().position(|(other, _)| *other == name);
    for (name, item) in after {
        let old = get(before, name).map(|at| before[at].1);
        compare(format!("{path}[{name}]"), old, Some(item), found);
    }
    for (name, item) in before.iter().filter(|(name, _)| get(after, name).is_none()) {
        compare(format!("{path}[{name}]"), Some(item), None, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaml::{Limits, documents};

    fn changed(before: &str, after: &str) -> Vec<String> {
        let node = |text: &str| documents(text, Limits::default()).0.remove(0);
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let line = |change: FieldChange| format!("{}: {} -> {}", change.field, text(change.before), text(change.after));
        fields(&node(before), &node(after)).into_iter().map(line).collect()
    }

    #[test]
    fn names_what_differs() {
        assert_eq!(changed("{ a: 1, b: { c: x } }", "{ b: { c: y, d: z }, a: 1 }"), ["b.c: x -> y", "b.d: - -> z"]);
        assert_eq!(changed("{ a: 1, b: [1, 2] }", "{ b: [1, 3] }"), ["b: - -> -", "a: 1 -> -"]);
        let before = "c: [{ name: app, image: a:1 }, { name: old }]";
        let after = "c: [{ name: new }, { name: app, image: a:2 }]";
        assert_eq!(changed(before, after), ["c[new]: - -> -", "c[app].image: a:1 -> a:2", "c[old]: - -> -"]);
        assert_eq!(changed("[{ name: a }, { name: a }]", "[{ name: a }, { name: a }]"), [""; 0]);
    }
}
