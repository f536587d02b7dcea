//! Integers with a range, and lists with a minimum length.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// An integer in a range, including both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<T, const MIN: u32, const MAX: u32>(T);

/// A TCP or UDP port.
pub type PortNumber = Whole<u16, 1, 65535>;

impl<T: Copy, const MIN: u32, const MAX: u32> Whole<T, MIN, MAX> {
    /// The number.
    pub fn get(self) -> T {
        self.0
    }
}

impl<T: fmt::Display, const MIN: u32, const MAX: u32> fmt::Display for Whole<T, MIN, MAX> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de, T, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<T, MIN, MAX>
where
    T: Deserialize<'de> + Copy + Into<u32>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = T::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&number.into()) {
            Ok(Self(number))
        } else {
            Err(de::Error::custom(format_args!("expected an integer from {MIN} to {MAX}")))
        }
    }
}

impl<T: JsonSchema, const MIN: u32, const MAX: u32> JsonSchema for Whole<T, MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WholeFrom{MIN}To{MAX}").into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("minimum".to_owned(), MIN.into());
        schema.insert("maximum".to_owned(), MAX.into());
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
