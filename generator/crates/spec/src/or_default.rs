//! Optional fields with a default.

use crate::spanned::{NodeDeserializer, Spanned};
use diagnostic::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use yaml::{Limits, Node};

/// The default of a field, in the syntax of the spec.
pub trait DefaultValue {
    /// The type of the field.
    type Value: for<'de> Deserialize<'de> + JsonSchema + Clone + fmt::Debug + 'static;

    /// The default as YAML.
    const YAML: &'static str;

    /// The default.
    fn value() -> &'static Self::Value;
}

/// Parses the default of a field.
///
/// # Panics
/// If it is not a value of the field's type. A test parses all defaults.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    T::deserialize(NodeDeserializer(&node(text))).unwrap_or_else(|error| panic!("the default `{text}`: {error}"))
}

fn node(text: &str) -> Node {
    yaml::documents(text, Limits::default()).0.pop().unwrap_or_else(|| panic!("the default `{text}` is not YAML"))
}

/// Declares defaults. Each is a type, so that a field, its JSON Schema, `homelab explain` and the code
/// that reads the field always agree.
macro_rules! defaults {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $yaml:literal;)+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub struct $name;

            impl $crate::or_default::DefaultValue for $name {
                type Value = $type;

                const YAML: &'static str = $yaml;

                fn value() -> &'static $type {
                    static VALUE: std::sync::LazyLock<$type> =
                        std::sync::LazyLock::new(|| $crate::or_default::read($yaml));
                    &VALUE
                }
            }
        )+

        #[cfg(test)]
        #[test]
        fn every_default_is_a_value_of_its_type() {
            $(<$name as $crate::or_default::DefaultValue>::value();)+
        }
    };
}
pub(crate) use defaults;

/// The value of a field, or its default.
pub struct OrDefault<D: DefaultValue>(Option<Spanned<D::Value>>);

impl<D: DefaultValue> OrDefault<D> {
    /// The value in the spec, or the default.
    pub fn get(&self) -> &D::Value {
        self.given().unwrap_or_else(|| D::value())
    }

    /// The value in the spec, if it is set.
    pub fn given(&self) -> Option<&D::Value> {
        self.spanned().map(|spanned| &spanned.value)
    }

    /// The value in the spec and its span, if it is set.
    pub fn spanned(&self) -> Option<&Spanned<D::Value>> {
        self.0.as_ref()
    }

    /// The span of the value in the spec, if it is set.
    pub fn span(&self) -> Option<Span> {
        self.spanned().map(|spanned| spanned.span)
    }
}

impl<D: DefaultValue<Value = bool>> OrDefault<D> {
    /// Whether the value or the default is `true`.
    pub fn is_on(&self) -> bool {
        *self.get()
    }

    /// The span of the value, if the spec sets it to `true`.
    pub fn on(&self) -> Option<Span> {
        self.spanned().filter(|spanned| spanned.value).map(|spanned| spanned.span)
    }
}

impl<D: DefaultValue> Clone for OrDefault<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: DefaultValue> Default for OrDefault<D> {
    fn default() -> Self {
        Self(None)
    }
}

impl<D: DefaultValue> fmt::Debug for OrDefault<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de, D: DefaultValue> Deserialize<'de> for OrDefault<D> {
    fn deserialize<E: Deserializer<'de>>(deserializer: E) -> Result<Self, E::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

impl<D: DefaultValue> JsonSchema for OrDefault<D> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        D::Value::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Option::<Spanned<D::Value>>::json_schema(generator);
        let default = serde_json::to_value(node(D::YAML).to_value()).expect("defaults are text, numbers and booleans");
        schema.insert("default".to_owned(), default);
        schema
    }
}
