//! Variables of Flux Kustomizations (`postBuild.substitute`): `${NAME}`, with or without a default.

use std::collections::{BTreeMap, BTreeSet};
use yaml::{Node, NodeKind};

/// The values of variables, by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// Replaces the variables in all values of a tree. Unknown variables stay.
pub(crate) fn in_node(node: &mut Node, variables: &Variables) {
    match &mut node.kind {
        NodeKind::Scalar { text, .. } => {
            if text.contains("${") {
                *text = in_text(text, variables).into();
            }
        }
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| in_node(item, variables)),
        NodeKind::Mapping(entries) => {
            for (key, value) in entries {
                in_node(key, variables);
                in_node(value, variables);
            }
        }
    }
}

/// Replaces the variables in a text. `$${NAME}` becomes `${NAME}`.
pub(crate) fn in_text(text: &str, variables: &Variables) -> String {
    replaced(text, variables, 0)
}

/// The deepest nesting of defaults that contain variables.
const MAX_DEPTH: usize = 8;

fn replaced(text: &str, variables: &Variables, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = end_of_braces(&rest[at + 2..]) else { break };
        let (before, whole) = (&rest[..at], &rest[at..at + 2 + length + 1]);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str(whole);
        } else {
            out.push_str(before);
            let inner = &whole[2..whole.len() - 1];
            out.push_str(&value_of(inner, variables, depth).unwrap_or_else(|| whole.to_owned()));
        }
        rest = &rest[at + whole.len()..];
    }
    out.push_str(rest);
    out
}

/// The value of the text between the braces.
fn value_of(inner: &str, variables: &Variables, depth: usize) -> Option<String> {
    let length = inner.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (name, operator) = inner.split_at(length);
    if name.is_empty() {
        return None;
    }
    let value = variables.get(name);
    match operator {
        "" => value.cloned(),
        _ => {
            let default = [":=", ":-", "=", "-"].iter().find_map(|sign| operator.strip_prefix(sign))?;
            let given = value.filter(|value| !(operator.starts_with(':') && value.is_empty()));
            let expand =
                || if depth < MAX_DEPTH { replaced(default, variables, depth + 1) } else { default.to_owned() };
            Some(given.cloned().unwrap_or_else(expand))
        }
    }
}

/// The position of the brace that closes one before the text.
fn end_of_braces(text: &str) -> Option<usize> {
    let mut depth = 1usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b'\n' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The names of the variables that a text contains.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("${").map(|(at, _)| at + 2);
    let names = starts.filter_map(|at| {
        let rest = &text[at..];
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let is_variable = length > 0 && !rest.as_bytes()[0].is_ascii_digit() && rest[length..].starts_with('}');
        is_variable.then(|| rest[..length].to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_known_variables_and_defaults() {
        let variables = Variables::from([("APP".to_owned(), "atuin".to_owned()), ("NO".to_owned(), String::new())]);
        for (text, expected) in [
            ("${APP}.x", "atuin.x"),
            ("${SIZE:=5Gi}", "5Gi"),
            ("${CLAIM:-${APP}}", "atuin"),
            ("${NO:=a}${NO=b}", "a"),
            ("$${APP}", "${APP}"),
            ("${UNKNOWN}", "${UNKNOWN}"),
            ("${var/a/b}", "${var/a/b}"),
            ("${APP", "${APP"),
            ("${}", "${}"),
            ("a${b\n}", "a${b\n}"),
        ] {
            assert_eq!(in_text(text, &variables), expected, "{text}");
        }
    }

    #[test]
    fn lists_the_names_of_variables() {
        assert_eq!(names("${A} ${B:=c} ${D}"), BTreeSet::from(["A".to_owned(), "D".to_owned()]));
    }
}
