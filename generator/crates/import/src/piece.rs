//! YAML with comments, as people write a spec.

use yaml::Value;

/// The longest mapping or list on one line.
const MAX_LINE: usize = 96;

/// A value of the spec, with comments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Leaf(Value),
    Map(Vec<Entry>),
    List(Vec<Piece>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The key; empty for comments without an entry.
    pub(crate) key: String,
    pub(crate) value: Piece,
    /// Comments above it.
    pub(crate) above: Vec<String>,
    /// A comment at the end of its line.
    pub(crate) beside: Option<String>,
}

impl Piece {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Leaf(Value::Str(text.into()))
    }

    pub(crate) fn number(number: u32) -> Self {
        Self::Leaf(Value::Int(i64::from(number)))
    }

    pub(crate) fn yes() -> Self {
        Self::Leaf(Value::Bool(true))
    }

    pub(crate) fn texts(texts: &[String]) -> Self {
        Self::List(texts.iter().map(Self::text).collect())
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Map(entries) => entries.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }
}

/// A mapping that grows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(pub(crate) Vec<Entry>);

impl Fields {
    /// Adds an entry.
    pub(crate) fn add(&mut self, key: impl Into<String>, value: Piece) {
        self.0.push(Entry { key: key.into(), value, above: Vec::new(), beside: None });
    }

    /// Adds an entry with a comment at the end of its line.
    pub(crate) fn add_noted(&mut self, key: impl Into<String>, value: Piece, beside: Option<String>) {
        self.0.push(Entry { key: key.into(), value, above: Vec::new(), beside });
    }

    /// Adds an entry with comments above it.
    pub(crate) fn add_below(&mut self, key: impl Into<String>, value: Piece, above: Vec<String>) {
        self.0.push(Entry { key: key.into(), value, above, beside: None });
    }

    /// Adds an entry, unless it is empty.
    pub(crate) fn add_some(&mut self, key: &str, value: Piece) {
        if !value.is_empty() {
            self.add(key, value);
        }
    }

    /// Adds a comment in the place of an entry.
    pub(crate) fn comment(&mut self, text: impl Into<String>) {
        self.add_below("", Piece::Map(Vec::new()), vec![text.into()]);
    }

    /// The whole mapping.
    pub(crate) fn done(self) -> Piece {
        Piece::Map(self.0)
    }
}

/// Prints a mapping as a block.
pub(crate) fn print(piece: &Piece, indent: usize) -> String {
    let mut out = String::new();
    if let Piece::Map(entries) = piece {
        mapping(&mut out, entries, indent);
    }
    out
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn comment(out: &mut String, text: &str, indent: usize) {
    for line in text.lines() {
        pad(out, indent);
        out.push_str("# ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn mapping(out: &mut String, entries: &[Entry], indent: usize) {
    for entry in entries {
        entry.above.iter().for_each(|text| comment(out, text, indent));
        if entry.key.is_empty() {
            continue;
        }
        pad(out, indent);
        out.push_str(&yaml::scalar(&entry.key));
        out.push(':');
        after_key(out, &entry.value, indent, entry.beside.as_deref());
    }
}

/// Prints a value after a key or the dash of a list, and ends the line.
fn after_key(out: &mut String, value: &Piece, indent: usize, beside: Option<&str>) {
    let end = |out: &mut String| {
        if let Some(text) = beside {
            out.push_str(" # ");
            out.push_str(&text.replace('\n', " "));
        }
        out.push('\n');
    };
    let is_shallow = depth(value) <= 1;
    if let Some(flow) = flow(value).filter(|flow| is_shallow && indent + flow.len() <= MAX_LINE) {
        out.push(' ');
        out.push_str(&flow);
        end(out);
        return;
    }
    match value {
        Piece::Leaf(value) => {
            let block = yaml::block(value, indent);
            match block.split_once('\n') {
                Some((first, rest)) => {
                    out.push_str(first);
                    end(out);
                    out.push_str(rest);
                    out.push('\n');
                }
                None => {
                    out.push_str(&block);
                    end(out);
                }
            }
        }
        Piece::Map(entries) => {
            end(out);
            mapping(out, entries, indent + 2);
        }
        Piece::List(items) => {
            end(out);
            for item in items {
                pad(out, indent + 2);
                out.push('-');
                match item {
                    Piece::Map(entries) if flow(item).is_none_or(|flow| indent + flow.len() > MAX_LINE) => {
                        let mut inner = String::new();
                        mapping(&mut inner, entries, indent + 4);
                        out.push(' ');
                        out.push_str(inner.trim_start());
                    }
                    item => after_key(out, item, indent + 2, None),
                }
            }
        }
    }
}

/// The levels of mappings in a value.
fn depth(value: &Piece) -> usize {
    match value {
        Piece::Leaf(_) => 0,
        Piece::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        Piece::List(items) => items.iter().map(depth).max().unwrap_or(0),
    }
}

/// A value on one line, if it is short, has no comments, and no text that flow style would misread.
fn flow(value: &Piece) -> Option<String> {
    match value {
        Piece::Leaf(Value::Str(text)) if !text.chars().all(is_plain_in_flow) => None,
        Piece::Leaf(Value::Map(_) | Value::Seq(_)) => None,
        Piece::Leaf(value) => Some(yaml::block(value, 0).trim_start().to_owned()),
        Piece::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        Piece::Map(entries) => {
            let parts: Option<Vec<_>> = entries
                .iter()
                .map(|entry| {
                    let is_bare = entry.above.is_empty() && entry.beside.is_none() && !entry.key.is_empty();
                    let value = flow(&entry.value).filter(|_| is_bare)?;
                    Some(format!("{}: {value}", yaml::scalar(&entry.key)))
                })
                .collect();
            Some(format!("{{ {} }}", parts?.join(", ")))
        }
        Piece::List(items) => {
            let parts: Option<Vec<_>> = items.iter().map(flow).collect();
            Some(format!("[{}]", parts?.join(", ")))
        }
    }
}

/// Whether every parser reads a character in flow style as in block style.
fn is_plain_in_flow(c: char) -> bool {
    c.is_ascii_alphanumeric() || " _./:@+=-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_a_person_writes() {
        let mut image = Fields::default();
        image.add("repository", Piece::text("ghcr.io/a/b"));
        image.add("tag", Piece::text("1.0"));
        let mut volume = Fields::default();
        volume.add_noted("size", Piece::text("1GiB"), Some("set: its size".to_owned()));
        volume.add("mount", Piece::text("/data"));
        let mut storage = Fields::default();
        storage.add("data", volume.done());
        let mut fields = Fields::default();
        fields.add_below("image", image.done(), vec!["a/b.yaml:3".to_owned()]);
        fields.add("args", Piece::texts(&["a".to_owned(), "b, c".to_owned()]));
        fields.add("storage", storage.done());
        fields.comment("set: security");
        fields.add("text", Piece::text("one\ntwo\n"));
        let expected = "# a/b.yaml:3\nimage: { repository: ghcr.io/a/b, tag: \"1.0\" }\nargs:\n  - a\n  - b, c\n\
                        storage:\n  data:\n    size: 1GiB # set: its size\n    mount: /data\n# set: security\n\
                        text: |\n  one\n  two\n";
        assert_eq!(print(&fields.done(), 0), expected);
    }
}
