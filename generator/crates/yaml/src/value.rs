//! YAML as a tree: [`Node`] with the location of every value, [`Value`] without.

use diagnostic::Span;
use serde::{Serialize, Serializer, de, ser};
use std::fmt;

/// A value and its location in the source.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The location of the value.
    pub span: Span,
    /// The value.
    pub kind: NodeKind,
}

/// The three kinds of YAML values.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A single value, not yet typed.
    Scalar {
        /// Its text, with quotes and escapes resolved.
        text: Box<str>,
        /// Whether it has no quotes, so that it may be a number, a boolean or null.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file. Keys are always scalars.
    Mapping(Vec<(Node, Node)>),
}

/// A scalar as typed by the core schema of YAML 1.2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Null.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent, or beyond 64 bits.
    Float(f64),
    /// Text.
    Str(&'a str),
}

impl Node {
    /// Returns the value of a key, if this is a mapping that contains it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Returns the value at a path of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The keys and values of a mapping; empty for other kinds.
    pub fn entries(&self) -> &[(Self, Self)] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; empty for other kinds.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Whether this is a mapping or list in flow style: `{ … }` or `[…]`. `text` is what it was read from.
    pub fn is_flow(&self, text: &str) -> bool {
        let (first, bracket) = match &self.kind {
            NodeKind::Mapping(entries) => (entries.first().map(|(key, _)| key), '{'),
            NodeKind::Sequence(items) => (items.first(), '['),
            NodeKind::Scalar { .. } => return false,
        };
        // The first item of a block list can begin with a bracket, and the list at the same place.
        first.is_none_or(|first| first.span.start > self.span.start)
            && text[self.span.start as usize..].starts_with(bracket)
    }

    /// The Kubernetes objects of a document: the document itself, or the items of a `List`.
    pub fn objects(&self) -> Vec<&Self> {
        let is_list = self.text_of("kind").is_some_and(|kind| kind.ends_with("List"));
        match self.get("items") {
            Some(items) if is_list => items.items().iter().flat_map(Self::objects).collect(),
            _ => vec![self],
        }
    }

    /// The text of a scalar, whatever its type.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of the scalar under a key.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// The typed value of a scalar.
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.kind {
            NodeKind::Scalar { text, plain: true } => Some(Scalar::of_plain(text)),
            NodeKind::Scalar { text, plain: false } => Some(Scalar::Str(text)),
            _ => None,
        }
    }

    /// Whether this is null: `key:`, `key: ~` or `key: null`.
    pub fn is_null(&self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    /// Converts the node to a value without locations.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar { .. } => match self.scalar().unwrap_or(Scalar::Null) {
                Scalar::Null => Value::Null,
                Scalar::Bool(value) => Value::Bool(value),
                Scalar::Int(value) => Value::Int(value),
                Scalar::Float(value) => Value::Float(value),
                Scalar::Str(value) => Value::Str(value.to_owned()),
            },
            NodeKind::Sequence(items) => Value::Seq(items.iter().map(Self::to_value).collect()),
            NodeKind::Mapping(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), value.to_value()))
                    .collect(),
            ),
        }
    }
}

impl<'a> Scalar<'a> {
    /// Types an unquoted scalar by the core schema of YAML 1.2.
    pub fn of_plain(text: &'a str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" => return Self::Bool(true),
            "false" | "False" | "FALSE" => return Self::Bool(false),
            ".nan" | ".NaN" | ".NAN" => return Self::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Self::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => return Self::Float(f64::NEG_INFINITY),
            _ => {}
        }
        let first = text.as_bytes()[0];
        if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
            return Self::Str(text);
        }
        if let Some(digits) = text.strip_prefix("0x") {
            return i64::from_str_radix(digits, 16).map_or(Self::Str(text), Self::Int);
        }
        if let Some(digits) = text.strip_prefix("0o") {
            return i64::from_str_radix(digits, 8).map_or(Self::Str(text), Self::Int);
        }
        if let Ok(number) = text.parse::<i64>() {
            return Self::Int(number);
        }
        let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            && text.bytes().any(|byte| byte.is_ascii_digit());
        match text.parse::<f64>() {
            Ok(number) if numeric => Self::Float(number),
            _ => Self::Str(text),
        }
    }
}

/// A YAML value without locations. Mappings keep the order of their keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Null. In Helm values, it deletes a default of the chart.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    Seq(Vec<Value>),
    /// A mapping.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// An empty mapping.
    pub fn map() -> Self {
        Self::Map(Vec::new())
    }

    /// Merges `over` into this value, as Helm merges values: mappings key by key, while everything else,
    /// lists included, is replaced. A null is kept, because it makes Helm delete the chart's default.
    pub fn merge(&mut self, over: &Self) {
        let (Self::Map(entries), Self::Map(others)) = (&mut *self, over) else {
            *self = over.clone();
            return;
        };
        for (key, value) in others {
            match entries.iter_mut().find(|(name, _)| name == key) {
                Some((_, slot)) => slot.merge(value),
                None => entries.push((key.clone(), value.clone())),
            }
        }
    }

    /// Creates a mapping that is sorted by key on all levels, for entries of the spec: their order has no
    /// meaning.
    pub fn of_entries(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, value.in_key_order())).collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::Map(entries)
    }

    fn in_key_order(self) -> Self {
        match self {
            Self::Map(entries) => Self::of_entries(entries),
            Self::Seq(items) => Self::Seq(items.into_iter().map(Self::in_key_order).collect()),
            leaf => leaf,
        }
    }

    /// Whether this is an empty mapping or list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Map(entries) => entries.is_empty(),
            Self::Seq(items) => items.is_empty(),
            _ => false,
        }
    }

    /// Returns the value of a key, if this is a mapping that contains it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ser::{SerializeMap, SerializeSeq};
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(value) => serializer.serialize_str(value),
            Self::Seq(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> de::Deserialize<'de> for Value {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl schemars::JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Any".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

struct ValueVisitor;

impl<'de> de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "`Value` has no wider integer type")]
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::Seq(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_plain_scalars_by_the_core_schema() {
        let cases = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("true", Scalar::Bool(true)),
            ("yes", Scalar::Str("yes")),
            ("12", Scalar::Int(12)),
            ("-3", Scalar::Int(-3)),
            ("0x1f", Scalar::Int(31)),
            ("1.10", Scalar::Float(1.1)),
            ("1e3", Scalar::Float(1000.0)),
            ("1.46.2", Scalar::Str("1.46.2")),
            ("192.168.10.1", Scalar::Str("192.168.10.1")),
            ("-", Scalar::Str("-")),
            ("8GiB", Scalar::Str("8GiB")),
        ];
        for (text, expected) in cases {
            assert_eq!(Scalar::of_plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn merges_mappings_and_replaces_other_values() {
        let map = |entries: &[(&str, Value)]| {
            Value::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let mut base =
            map(&[("a", map(&[("x", Value::Int(1)), ("y", Value::Int(2))])), ("b", Value::Seq(vec![Value::Int(1)]))]);
        base.merge(&map(&[("a", map(&[("y", Value::Null)])), ("b", Value::Seq(vec![])), ("c", Value::from("new"))]));
        let expected = map(&[
            ("a", map(&[("x", Value::Int(1)), ("y", Value::Null)])),
            ("b", Value::Seq(vec![])),
            ("c", Value::from("new")),
        ]);
        assert_eq!(base, expected);
    }
}
