//! Values with their location in the spec, and the deserializer that provides it.

use super::by_kind::KIND;
use super::types::{Name, Text};
use diagnostic::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use yaml::{Node, NodeKind, Scalar};

/// A value and its location in the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The location.
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A value that is optional in the spec.
pub trait Given<T> {
    /// The value, if it is set.
    fn given(&self) -> Option<&T>;
}

impl<T> Given<T> for Option<Spanned<T>> {
    fn given(&self) -> Option<&T> {
        self.as_ref().map(|spanned| &spanned.value)
    }
}

/// A mapping from [`Name`]s, sorted by name.
///
/// The order in the file has no meaning, so it is not preserved.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T>(Vec<Entry<T>>);

/// One of the [`Entries`].
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<T> {
    /// The key and its location.
    pub name: Spanned<Name>,
    /// The value of the key.
    pub value: T,
}

impl<T> Entries<T> {
    /// Iterates over the entries, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry<T>> {
        self.0.iter()
    }

    /// Returns the entry with this name.
    pub fn get(&self, name: &str) -> Option<&Entry<T>> {
        self.0.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok().map(|at| &self.0[at])
    }

    /// Whether every entry could be read, so that a missing name really does not exist.
    pub fn is_complete(&self) -> bool {
        self.iter().all(|entry| !entry.name.span.faulty)
    }

    /// Iterates over the names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|entry| entry.name.as_str())
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a, T> IntoIterator for &'a Entries<T> {
    type Item = &'a Entry<T>;
    type IntoIter = std::slice::Iter<'a, Entry<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The newtype name with which [`Spanned`] requests the value with its location from [`NodeDeserializer`].
const SPANNED: &str = "$spanned";

/// The newtype name with which types of text request the digits of a number.
const DIGITS: &str = "$digits";

/// The enum name with which the kinds of a mapping request the choice by the keys that are present.
const BY_KEY: &str = "$by-key";

/// The enum name with which the kinds of a mapping request the choice by the value of the key [`KIND`].
const BY_KIND: &str = "$by-kind";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SPANNED, SpannedVisitor(PhantomData))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value with its location")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let missing = || de::Error::custom("only `NodeDeserializer` provides locations");
        let (start, end, faulty) = parts.next_element()?.ok_or_else(missing)?;
        let value = parts.next_element()?.ok_or_else(missing)?;
        Ok(Spanned { value, span: Span { start, end, faulty } })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a mapping from names")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Entries::default())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, value)) = map.next_entry()? {
            entries.push(Entry { name, value });
        }
        entries.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        Ok(Entries(entries))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": Name::PATTERN, "format": Name::FORMAT },
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}

/// Why a node could not be deserialized. It is not shown to users: [`super::check`] reports the errors.
#[derive(Debug)]
pub struct ShapeError(String);

impl fmt::Display for ShapeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ShapeError {}

impl de::Error for ShapeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Deserializes a [`Node`].
#[derive(Debug, Clone, Copy)]
pub struct NodeDeserializer<'de>(pub &'de Node);

impl<'de> IntoDeserializer<'de, ShapeError> for &'de Node {
    type Deserializer = NodeDeserializer<'de>;

    fn into_deserializer(self) -> Self::Deserializer {
        NodeDeserializer(self)
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            NodeKind::Sequence(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            NodeKind::Mapping(entries) => visitor
                .visit_map(MapDeserializer::new(entries.iter().map(|(key, value)| (KeyDeserializer(key), value)))),
            NodeKind::Scalar { .. } => match self.0.scalar().unwrap_or(Scalar::Null) {
                Scalar::Null => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Int(value) => visitor.visit_i64(value),
                Scalar::Float(value) => visitor.visit_f64(value),
                Scalar::Str(value) => visitor.visit_borrowed_str(value),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match (name, self.0.scalar()) {
            (SPANNED, _) => visitor.visit_seq(SpannedParts { node: self, state: 0 }),
            (DIGITS, Some(Scalar::Int(_) | Scalar::Float(_))) => visitor.visit_newtype_struct(KeyDeserializer(self.0)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    /// Accepts only a mapping: derived types would also accept a list.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            NodeKind::Mapping(_) => self.deserialize_any(visitor),
            _ => Err(de::Error::custom("expected a mapping")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            NodeKind::Mapping(_) if name == BY_KEY => {
                let present = variants.iter().find(|key| self.0.get(key).is_some_and(|value| !value.is_null()));
                let variant = present.or(variants.last()).copied().unwrap_or_default();
                visitor.visit_enum(ByKey { variant, node: self.0 })
            }
            NodeKind::Mapping(_) if name == BY_KIND => match self.0.get(KIND).and_then(Node::scalar) {
                Some(Scalar::Str(kind)) => match variants.iter().find(|known| **known == kind) {
                    Some(variant) => visitor.visit_enum(ByKey { variant, node: self.0 }),
                    None => Err(de::Error::unknown_variant(kind, variants)),
                },
                _ => Err(de::Error::missing_field(KIND)),
            },
            NodeKind::Scalar { .. } => match self.0.scalar() {
                Some(Scalar::Str(text)) => visitor.visit_enum(text.into_deserializer()),
                _ => Err(de::Error::custom("expected a string")),
            },
            NodeKind::Mapping(entries) if entries.len() == 1 => {
                let (key, value) = &entries[0];
                visitor.visit_enum(OneEntry { key, value })
            }
            _ => Err(de::Error::custom("expected a string or a mapping with one key")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// A mapping whose keys, or the value of one of them, determine the variant.
struct ByKey<'de> {
    variant: &'static str,
    node: &'de Node,
}

impl<'de> de::EnumAccess<'de> for ByKey<'de> {
    type Error = ShapeError;
    type Variant = OneEntry<'de>;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, OneEntry<'de>), ShapeError> {
        Ok((seed.deserialize(self.variant.into_deserializer())?, OneEntry { key: self.node, value: self.node }))
    }
}

/// A mapping with one key, the name of the variant, and its value.
struct OneEntry<'de> {
    key: &'de Node,
    value: &'de Node,
}

impl<'de> de::EnumAccess<'de> for OneEntry<'de> {
    type Error = ShapeError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ShapeError> {
        Ok((seed.deserialize(KeyDeserializer(self.key))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for OneEntry<'de> {
    type Error = ShapeError;

    fn unit_variant(self) -> Result<(), ShapeError> {
        Err(de::Error::custom("expected a string"))
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ShapeError> {
        seed.deserialize(NodeDeserializer(self.value))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, _visitor: V) -> Result<V::Value, ShapeError> {
        Err(de::Error::custom("no type has such variants"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        self.tuple_variant(0, visitor)
    }
}

/// Deserializes a key as text, even if it looks like another scalar.
#[derive(Clone, Copy)]
struct KeyDeserializer<'de>(&'de Node);

impl<'de> IntoDeserializer<'de, ShapeError> for KeyDeserializer<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for KeyDeserializer<'de> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_borrowed_str(self.0.text().unwrap_or_default())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        if name == SPANNED {
            return visitor.visit_seq(SpannedParts { node: self, state: 0 });
        }
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit option
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The two parts of a [`Spanned`]: its location, then its value.
struct SpannedParts<D> {
    node: D,
    state: u8,
}

trait HasSpan {
    fn span(&self) -> Span;
}

impl HasSpan for NodeDeserializer<'_> {
    fn span(&self) -> Span {
        self.0.span
    }
}

impl HasSpan for KeyDeserializer<'_> {
    fn span(&self) -> Span {
        self.0.span
    }
}

impl<'de, D: Deserializer<'de, Error = ShapeError> + HasSpan + Copy> de::SeqAccess<'de> for SpannedParts<D> {
    type Error = ShapeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ShapeError> {
        self.state += 1;
        match self.state {
            1 => {
                let span = self.node.span();
                let parts = [u64::from(span.start), u64::from(span.end), u64::from(span.faulty)];
                seed.deserialize(SpanDeserializer(parts)).map(Some)
            }
            2 => seed.deserialize(self.node).map(Some),
            _ => Ok(None),
        }
    }
}

struct SpanDeserializer([u64; 3]);

impl<'de> Deserializer<'de> for SpanDeserializer {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let [start, end, faulty] = self.0;
        visitor.visit_seq(SpanParts { numbers: [start, end], at: 0, faulty: faulty != 0 })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit option
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct SpanParts {
    numbers: [u64; 2],
    at: usize,
    faulty: bool,
}

impl<'de> de::SeqAccess<'de> for SpanParts {
    type Error = ShapeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ShapeError> {
        self.at += 1;
        match self.numbers.get(self.at - 1) {
            Some(number) => seed.deserialize((*number).into_deserializer()).map(Some),
            None if self.at == 3 => seed.deserialize(self.faulty.into_deserializer()).map(Some),
            None => Ok(None),
        }
    }
}
