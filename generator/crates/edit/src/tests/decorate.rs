//! Writes a spec in another layout: with comments, blank lines, flow style, quotes, other indentation and line endings.

use super::dice::Dice;
use serde_yaml::Value;

/// Writes a text, whose lines end in LF and which has no block scalars with an indentation indicator, in another layout.
pub(super) fn decorate(text: &str, dice: &mut Dice) -> String {
    let mut number = 0;
    let mut comment = |dice: &mut Dice| {
        number += 1;
        format!("#{}{number}: 'x', \"y\" {{ [ - a: b", dice.pick(&[" ", "", "\t", " # "]))
    };
    let mut out = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    // The column of the key of a block scalar, whose lines stay as they are.
    let mut literal = None;
    while at < lines.len() {
        let line = lines[at];
        let indent = line.len() - line.trim_start().len();
        let content = line.trim();
        if literal.is_some_and(|column| indent > column) || content.is_empty() || content.starts_with('#') {
            out.push(line.to_owned());
            at += 1;
            continue;
        }
        let was_literal = literal.take().is_some();
        let pad = " ".repeat(indent);
        if dice.one_in(12) && starts_entry(content) {
            out.push(String::new());
        }
        if dice.one_in(8) {
            // After a block scalar, a deeper line would belong to it.
            let deeper = if was_literal { 0 } else { 2 * dice.below(2) };
            let column = if dice.one_in(4) { indent + deeper } else { indent };
            let line = " ".repeat(column) + &comment(dice);
            // A comment between the lines of a value in several lines would end it.
            if starts_entry(content) {
                out.push(line);
            }
        }
        if content.ends_with('|') || content.ends_with(">-") || content.ends_with('>') || content.ends_with("|-") {
            literal = Some(indent);
            out.push(line.to_owned());
            at += 1;
            continue;
        }
        let end = block_end(&lines, at, indent);
        if let Some(key) = content.strip_suffix(':').filter(|key| is_word(key) && end > at + 1 && dice.one_in(9))
            && let Some(flow) = in_flow(&lines[at + 1..end].join("\n"), indent, dice, &mut comment)
        {
            out.push(format!(
                "{pad}{key}: {flow}{}",
                if dice.one_in(3) { " ".to_owned() + &comment(dice) } else { String::new() }
            ));
            at = end;
            continue;
        }
        let mut line = line.to_owned();
        if let Some((key, rest)) = content.split_once(':').filter(|(key, _)| is_word(key) && dice.one_in(7)) {
            let quote = dice.pick(&['"', '\'']);
            line = format!("{pad}{quote}{key}{quote}:{rest}");
        }
        if !line.contains('#') && dice.one_in(6) && ends_value(&lines, at, indent) {
            line = format!("{line}{}{}", dice.pick(&[" ", "   ", "\t"]), comment(dice));
        }
        out.push(line);
        at += 1;
    }
    if dice.one_in(3) {
        out.push(comment(dice));
    }
    finish(&out, dice)
}

/// Joins lines, with another indentation, line ending, beginning or end.
fn finish(parts: &[String], dice: &mut Dice) -> String {
    let mut lines: Vec<String> = parts.iter().flat_map(|part| part.split('\n')).map(str::to_owned).collect();
    // The lines of a block scalar are indented relative to each other.
    let has_block_scalars = lines.iter().any(|line| line.contains('|') || line.contains(">-"));
    if dice.one_in(4) && !has_block_scalars {
        for line in &mut lines {
            let indent = line.len() - line.trim_start_matches(' ').len();
            line.insert_str(0, &" ".repeat(indent));
            if let Some(item) = line.trim_start().strip_prefix("- ") {
                *line = format!("{}-   {item}", " ".repeat(2 * indent));
            }
        }
    }
    if dice.one_in(5) {
        lines.insert(0, "---".to_owned());
    }
    let newline = if dice.one_in(3) { "\r\n" } else { "\n" };
    let mut text = lines.join(newline);
    if !dice.one_in(4) {
        text += newline;
    }
    if dice.one_in(6) { format!("\u{feff}{text}") } else { text }
}

/// The line after the lines that are indented deeper than that at `at`.
fn block_end(lines: &[&str], at: usize, indent: usize) -> usize {
    let is_deeper = |line: &&str| line.trim().is_empty() || line.len() - line.trim_start().len() > indent;
    let mut end = at + 1 + lines[at + 1..].iter().take_while(|line| is_deeper(line)).count();
    while end > at + 1 && lines[end - 1].trim().is_empty() {
        end -= 1;
    }
    end
}

/// Whether the value on a line does not continue on the next one.
fn ends_value(lines: &[&str], at: usize, indent: usize) -> bool {
    let content = lines[at].trim();
    let next = lines[at + 1..].iter().find(|line| !line.trim().is_empty());
    let is_deeper = next.is_some_and(|line| line.len() - line.trim_start().len() > indent);
    content.ends_with(':') || !is_deeper
}

/// Whether a line begins with a key, or with the dash of an item.
fn starts_entry(content: &str) -> bool {
    content.starts_with("- ") || content.split_once(':').is_some_and(|(key, _)| is_word(key))
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Writes a small block mapping in flow style, on one line or one entry per line.
fn in_flow(
    block: &str,
    indent: usize,
    dice: &mut Dice,
    comment: &mut impl FnMut(&mut Dice) -> String,
) -> Option<String> {
    if block.len() > 300 || block.contains("|") || block.contains('>') {
        return None;
    }
    let Ok(Value::Mapping(entries)) = serde_yaml::from_str(block) else { return None };
    let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{}: {}", flow(key), flow(value))).collect();
    if dice.one_in(2) {
        let (open, close) = dice.pick(&[("{ ", " }"), ("{", "}"), ("{  ", ", }")]);
        return Some(format!("{open}{}{close}", entries.join(", ")));
    }
    let pad = " ".repeat(indent + 2);
    let mut text = "{\n".to_owned();
    for (at, entry) in entries.iter().enumerate() {
        let comma = if at + 1 < entries.len() || dice.one_in(2) { "," } else { "" };
        let note = if dice.one_in(2) { " ".to_owned() + &comment(dice) } else { String::new() };
        text += &format!("{pad}{entry}{comma}{note}\n");
    }
    Some(text + &" ".repeat(indent + 1) + "}")
}

/// Writes a value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Mapping(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}: {}", flow(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Sequence(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if text.contains('\n') => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        }
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Tagged(_) => unreachable!("specs have no tags"),
    }
}
