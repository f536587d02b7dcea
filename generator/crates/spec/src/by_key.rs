//! Mappings of several kinds. The keys that are present decide which kind it is.

/// Declares an enum of the kinds of a mapping. The first kind whose key is present is used; if none is,
/// the last. YAML has no other tag for the kind.
macro_rules! by_key {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[$kind_meta:meta])* $kind:ident($shape:ident) = $key:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(rename = "$by-key")]
        pub enum $name {
            $($(#[$kind_meta])* #[serde(rename = $key)] $kind(Box<$shape>),)+
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": ([$($doc.trim()),+].join("\n")),
                    "oneOf": [$(generator.subschema_for::<$shape>()),+],
                })
            }
        }
    };
}
pub(crate) use by_key;
