//! Mappings of several kinds. The value of the key `kind` decides which kind it is.

/// The key whose value is the name of the kind.
pub(crate) const KIND: &str = "kind";

/// Declares an enum of the kinds of a mapping. Each has a field `kind` with the given description, whose only value is
/// the name of the kind.
macro_rules! by_kind {
    ($(#[doc = $doc:literal])+ $name:ident, $of_field:literal { $($(#[doc = $about:literal])+ $kind:ident($shape:ident) = $value:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(rename = "$by-kind")]
        pub enum $name {
            $($(#[doc = $about])+ #[serde(rename = $value)] $kind(Box<$shape>),)+
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let kinds = [$(serde_json::json!({
                    "type": "string",
                    "const": $value,
                    "description": ([$($about.trim()),+].join("\n")),
                })),+];
                // Editors complete the values of `kind` from `properties`.
                schemars::json_schema!({
                    "description": ([$($doc.trim()),+].join("\n")),
                    "properties": {
                        "kind": { "description": $of_field, "oneOf": kinds },
                    },
                    "required": ["kind"],
                    "oneOf": [$(generator.subschema_for::<$shape>()),+],
                })
            }
        }
    };
}
pub(crate) use by_kind;
