//! The YAML printer. The output looks like hand-written YAML: block style, two spaces, lists indented
//! below their key, and plain scalars where every YAML parser agrees on them.
//!
//! "Every parser" includes those of YAML 1.1, where `yes`, `0755` and `1:30` are not text.

use super::{Scalar, Value};
use std::fmt::Write as _;

/// Formats a whole document, with a newline at the end.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Map(entries) if !entries.is_empty() => mapping(&mut out, entries, 0),
        Value::Seq(items) if !items.is_empty() => sequence(&mut out, items, 0),
        leaf => inline(&mut out, leaf),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Formats a value to follow `key:` at column `indent`: a space and the scalar, or line breaks and the
/// nested lines. There is no newline at the end.
pub fn block(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    after_key(&mut out, value, indent);
    if out.ends_with('\n') {
        out.pop();
    }
    out
}

/// Formats a string on one line, quoted only if necessary.
pub fn scalar(text: &str) -> String {
    let mut out = String::new();
    string(&mut out, text);
    out
}

fn mapping(out: &mut String, entries: &[(String, Value)], indent: usize) {
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            pad(out, indent);
        }
        string(out, key);
        out.push(':');
        after_key(out, value, indent);
        newline(out);
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Map(entries) if !entries.is_empty() => mapping(out, entries, indent + 2),
            Value::Seq(items) if !items.is_empty() => sequence(out, items, indent + 2),
            Value::Str(text) if is_literal(text) => literal(out, text, indent + 2),
            leaf => inline(out, leaf),
        }
        newline(out);
    }
}

fn after_key(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            mapping(out, entries, indent + 2);
        }
        Value::Seq(items) if !items.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            sequence(out, items, indent + 2);
        }
        Value::Str(text) if is_literal(text) => {
            out.push(' ');
            literal(out, text, indent + 2);
        }
        leaf => {
            out.push(' ');
            inline(out, leaf);
        }
    }
}

fn newline(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn pad(out: &mut String, indent: usize) {
    const SPACES: &str = "                                ";
    let mut left = indent;
    while left > 0 {
        let count = left.min(SPACES.len());
        out.push_str(&SPACES[..count]);
        left -= count;
    }
}

fn inline(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => write!(out, "{value}").expect("writing to a string cannot fail"),
        Value::Int(value) => write!(out, "{value}").expect("writing to a string cannot fail"),
        Value::Float(value) => float(out, *value),
        Value::Str(text) => string(out, text),
        Value::Seq(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
    }
}

fn float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str(".nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { ".inf" } else { "-.inf" });
    } else {
        write!(out, "{value:?}").expect("writing to a string cannot fail");
    }
}

/// Whether a text has several lines and can be printed as a literal block without loss: it does not
/// start with white space, no line ends with any, all characters are printable, and it ends with one
/// newline or none.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.as_bytes().contains(&b'\n')
        && !body.ends_with(['\n', ' ', '\t'])
        && !body.starts_with([' ', '\t', '\n'])
        && !body.as_bytes().windows(2).any(|pair| matches!(pair, [b' ' | b'\t', b'\n']))
        && body.chars().all(|c| c == '\n' || is_printable(c))
}

fn literal(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

fn string(out: &mut String, text: &str) {
    if is_plain(text) { out.push_str(text) } else { quoted(out, text) }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) < 0x100 => {
                write!(out, "\\x{:02x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c if u32::from(c) < 0x1_0000 => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => write!(out, "\\U{:08x}", u32::from(c)).expect("writing to a string cannot fail"),
        }
    }
    out.push('"');
}

/// Whether every parser reads the character unchanged and none reads it as a line break.
fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{a0}'..='\u{d7ff}' => !matches!(c, '\u{2028}' | '\u{2029}'),
        '\u{e000}'..='\u{fffd}' => c != '\u{feff}',
        '\u{10000}'.. => true,
        _ => false,
    }
}

fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts_plain =
        first.is_ascii_alphanumeric() || matches!(first, '/' | '.' | '_' | '$' | '(' | '+' | '-' | '^' | '<' | '=');
    let looks_like_structure =
        text == "-" || text.starts_with("- ") || text.starts_with("--") || text.starts_with("...");
    starts_plain
        && !looks_like_structure
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'`')
        && !text.ends_with([' ', ':'])
        && !text.as_bytes().windows(2).any(|pair| matches!(pair, b": " | b" #"))
        && !is_ambiguous(text)
}

/// Whether any YAML parser in use reads the unquoted text as something other than a string.
fn is_ambiguous(text: &str) -> bool {
    if !matches!(Scalar::of_plain(text), Scalar::Str(_)) {
        return true;
    }
    const WORDS: [&str; 13] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "=", "<<", ".inf", ".nan"];
    if text.len() <= "false".len() && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return true;
    }
    let number = text.trim_start_matches(['+', '-', '.']);
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    // Octal (0755), grouped (1_000) and sexagesimal (1:30) numbers and dates of YAML 1.1. To be safe,
    // everything that starts like a number and has only characters of numbers.
    lower.bytes().all(|byte| byte.is_ascii_digit() || b"+-._:abcdefox tz".contains(&byte)) && !is_dotted(&lower)
}

/// Whether the text is an IPv4 address or a version with two dots or more, which every parser reads as a
/// string.
fn is_dotted(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() >= 3 && text.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_scalars_only_if_some_parser_would_misread_them() {
        let plain = [
            "linkding",
            "192.168.10.41",
            "https://example.com/a?b=c#d",
            "10Gi",
            "1.46.2",
            "a b",
            "-flag",
            "/data",
            "100m",
        ];
        for text in plain {
            assert_eq!(scalar(text), text);
        }
        let quoted = [
            "",
            "yes",
            "No",
            "on",
            "null",
            "~",
            "1",
            "1.10",
            "0755",
            "0x1f",
            "1_000",
            "12:30",
            "2026-01-01",
            "- a",
            "-",
            "a: b",
            "a #b",
            "# c",
            "*x",
            "&x",
            "!x",
            "|",
            ">",
            "%x",
            "@x",
            "`x",
            "[a]",
            "{a}",
            "'a'",
            "\"a\"",
            " a",
            "a ",
            "a:",
            "---",
            "ä\u{85}",
            "a\nb",
            "=",
            "<<",
            "1e3",
            ".5",
            "? a",
            ", a",
            "\u{feff}",
        ];
        for text in quoted {
            assert!(scalar(text).starts_with('"'), "{text:?} was printed as {}", scalar(text));
        }
    }

    #[test]
    fn prints_nested_values_like_hand_written_yaml() {
        let value = Value::Map(vec![
            ("name".into(), Value::from("x")),
            ("empty".into(), Value::map()),
            (
                "list".into(),
                Value::Seq(vec![
                    Value::Int(1),
                    Value::Map(vec![("a".into(), Value::Bool(true)), ("b".into(), Value::Null)]),
                ]),
            ),
            ("text".into(), Value::from("one\n\ntwo\n")),
            ("last".into(), Value::Seq(vec![Value::from("a\nb")])),
        ]);
        assert_eq!(
            document(&value),
            "name: x\nempty: {}\nlist:\n  - 1\n  - a: true\n    b: null\ntext: |\n  one\n\n  two\nlast:\n  - |-\n    a\n    b\n"
        );
        assert_eq!(block(&value, 2).lines().nth(1), Some("    name: x"));
    }
}
