//! Numbers and lists that have bounds.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// A whole number between two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<T, const LEAST: u32, const MOST: u32>(T);

/// A TCP or UDP port.
pub type PortNumber = Whole<u16, 1, 65535>;

impl<T: Copy, const LEAST: u32, const MOST: u32> Whole<T, LEAST, MOST> {
    /// The number.
    pub fn get(self) -> T {
        self.0
    }
}

impl<T: fmt::Display, const LEAST: u32, const MOST: u32> fmt::Display for Whole<T, LEAST, MOST> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de, T, const LEAST: u32, const MOST: u32> Deserialize<'de> for Whole<T, LEAST, MOST>
where
    T: Deserialize<'de> + Copy + Into<u32>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = T::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&number.into()) {
            Ok(Self(number))
        } else {
            Err(de::Error::custom(format_args!("expected a number from {LEAST} to {MOST}")))
        }
    }
}

impl<T: JsonSchema, const LEAST: u32, const MOST: u32> JsonSchema for Whole<T, LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WholeFrom{LEAST}To{MOST}").into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("minimum".to_owned(), LEAST.into());
        schema.insert("maximum".to_owned(), MOST.into());
        schema
    }
}

/// A list with at least one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMore<T>(Vec<T>);

impl<T> Deref for OneOrMore<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a OneOrMore<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        if items.is_empty() { Err(de::Error::custom("expected at least one item")) } else { Ok(Self(items)) }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vec::<T>::json_schema(generator);
        schema.insert("minItems".to_owned(), 1.into());
        schema
    }
}
