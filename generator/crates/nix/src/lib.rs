//! Nix literals in the layout of the official formatter (RFC 166). They evaluate to the values that
//! they were printed from, and the formatter leaves them unchanged.

use std::fmt::Write as _;
use yaml::Value;

/// The formatter's line width, not counting indentation.
const WIDTH: usize = 100;

/// Formats a value for a line that is indented by `indent` spaces and has `before` characters, such as
/// `name = `, in front of the value.
pub fn literal(value: &Value, indent: usize, before: usize) -> String {
    let mut out = String::new();
    expression(&mut out, value, indent, before);
    out
}

/// Formats a path relative to the file that contains it, such as `./k3s.yaml`.
pub fn path(path: &str) -> String {
    let is_literal = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-/".contains(&byte));
    let (dots, rest) = path.split_once('/').unwrap_or((".", path));
    if is_literal { path.to_owned() } else { format!("{dots}/. + {}", string(&format!("/{rest}"))) }
}

/// Formats a list of paths in the layout of [`literal`].
pub fn paths(items: &[String], indent: usize, before: usize) -> String {
    let elements = items.iter().map(|item| {
        let item = path(item);
        if item.contains(' ') { format!("({item})") } else { item }
    });
    let mut out = String::new();
    bracket(&mut out, &elements.collect::<Vec<_>>(), indent, before);
    out
}

/// Formats a string literal.
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' => out.push_str("\\$"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    // A dollar sign must be escaped only before a brace.
    unescape_lone_dollars(&out)
}

fn unescape_lone_dollars(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let after = &escape[2..];
        let keeps_backslash = !escape.starts_with("\\$") || after.starts_with('{');
        out.push_str(if keeps_backslash { &escape[..2] } else { "$" });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Formats an attribute name, quoted only if it is not an identifier.
pub fn attribute(name: &str) -> String {
    const KEYWORDS: [&str; 10] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let continues = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_'-".contains(&byte));
    if starts && continues && !KEYWORDS.contains(&name) { name.to_owned() } else { string(name) }
}

fn expression(out: &mut String, value: &Value, indent: usize, before: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => write!(out, "{value}").expect("writing to a string cannot fail"),
        Value::Int(value) => write!(out, "{value}").expect("writing to a string cannot fail"),
        Value::Float(value) => write!(out, "{value:?}").expect("writing to a string cannot fail"),
        Value::Str(text) => out.push_str(&string(text)),
        Value::Seq(items) => {
            let elements: Vec<_> = items.iter().map(|item| element(item, indent + 2)).collect();
            bracket(out, &elements, indent, before);
        }
        Value::Map(entries) => set(out, entries, indent),
    }
}

/// Formats a list: an empty one, or a single element that fits, on one line; otherwise one line for
/// each element.
fn bracket(out: &mut String, elements: &[String], indent: usize, before: usize) {
    match elements {
        [] => out.push_str("[ ]"),
        [one] if !one.contains('\n') && before + one.chars().count() + "[  ];".len() <= WIDTH => {
            write!(out, "[ {one} ]").expect("writing to a string cannot fail");
        }
        elements => {
            out.push_str("[\n");
            for element in elements {
                pad(out, indent + 2);
                out.push_str(element);
                out.push('\n');
            }
            pad(out, indent);
            out.push(']');
        }
    }
}

/// Formats an element of a list. Negative numbers need parentheses there.
fn element(value: &Value, indent: usize) -> String {
    let negative =
        matches!(value, Value::Int(..0)) || matches!(value, Value::Float(number) if number.is_sign_negative());
    let text = literal(value, indent, 0);
    if negative { format!("({text})") } else { text }
}

/// Formats an attribute set, with one line for each attribute.
fn set(out: &mut String, entries: &[(String, Value)], indent: usize) {
    if entries.is_empty() {
        out.push_str("{ }");
        return;
    }
    out.push_str("{\n");
    for (name, value) in entries {
        pad(out, indent + 2);
        let name = attribute(name);
        write!(out, "{name} = ").expect("writing to a string cannot fail");
        expression(out, value, indent + 2, name.chars().count() + " = ".len());
        out.push_str(";\n");
    }
    pad(out, indent);
    out.push('}');
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_strings_only_where_nix_requires_it() {
        let cases = [
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("${x}", r#""\${x}""#),
            ("$x $", r#""$x $""#),
            ("$${x}", r#""$\${x}""#),
            ("\\${x}", r#""\\\${x}""#),
            ("a\nb\r\t", r#""a\nb\r\t""#),
            ("''ñ", "\"''ñ\""),
        ];
        for (text, expected) in cases {
            assert_eq!(string(text), expected, "{text:?}");
        }
    }

    #[test]
    fn quotes_attribute_names_only_if_necessary() {
        assert_eq!(attribute("gordito-cp"), "gordito-cp");
        for name in ["10-eth0", "a.b", "", "with", "ä", "${x}"] {
            assert!(attribute(name).starts_with('"'), "{name}");
        }
    }

    #[test]
    fn lays_out_collections_like_the_formatter() {
        let value = Value::Map(vec![
            ("one".into(), Value::Seq(vec![Value::from("a")])),
            ("two".into(), Value::Seq(vec![Value::Int(1), Value::Int(-2)])),
            ("none".into(), Value::Seq(vec![])),
            ("set".into(), Value::Map(vec![("a.b".into(), Value::Bool(true))])),
        ]);
        let text = literal(&value, 0, 0);
        assert_eq!(
            text,
            "{\n  one = [ \"a\" ];\n  two = [\n    1\n    (-2)\n  ];\n  none = [ ];\n  set = {\n    \"a.b\" = true;\n  };\n}"
        );
        assert!(rnix::Root::parse(&text).errors().is_empty());
    }
}
