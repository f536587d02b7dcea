//! DNS providers and secret stores, as the schema of the spec describes them: a new one needs no code here.

use crate::draft::Draft;
use serde_json::Value as Json;
use spec::types::check_format;
use spec::{Dns, SecretStore};

/// What is chosen from the spec's list of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A DNS provider.
    Dns,
    /// A secret store.
    SecretStore,
}

impl Kind {
    /// The answer with the choice.
    pub(crate) fn answer(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::SecretStore => "secrets",
        }
    }

    fn schema(self) -> Json {
        match self {
            Self::Dns => spec::schema_of::<Dns>(),
            Self::SecretStore => spec::schema_of::<SecretStore>(),
        }
    }
}

/// A DNS provider or a secret store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the spec.
    pub name: String,
    /// What it is.
    pub about: String,
    pub(crate) fields: Vec<Field>,
}

/// A required field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Its description.
    pub(crate) about: String,
    /// The format of its text, or of the texts of its mapping.
    pub(crate) format: String,
    /// Whether it is a mapping from names.
    pub(crate) is_mapping: bool,
    example: String,
}

/// The products of a kind that the spec supports, in its order.
pub fn providers(kind: Kind) -> Vec<Provider> {
    let root = kind.schema();
    let branches = root["oneOf"].as_array().into_iter().flatten();
    branches
        .filter_map(|branch| {
            let (name, schema) = branch["properties"].as_object()?.iter().next()?;
            let about = branch["description"].as_str().unwrap_or_default();
            let about = about.trim_end_matches('.').replace('\n', " ");
            Some(Provider { name: name.clone(), about, fields: required(&root, resolve(&root, schema)) })
        })
        .collect()
}

fn required(root: &Json, schema: &Json) -> Vec<Field> {
    let names = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    names
        .map(|name| {
            let field = &schema["properties"][name];
            let target = resolve(root, field);
            let is_mapping = target["additionalProperties"].is_object();
            let text = if is_mapping { resolve(root, &target["additionalProperties"]) } else { target };
            Field {
                name: name.to_owned(),
                about: first_sentence(field["description"].as_str().unwrap_or_default()),
                format: text["format"].as_str().unwrap_or_default().to_owned(),
                is_mapping,
                example: text["examples"][0].as_str().unwrap_or_default().to_owned(),
            }
        })
        .collect()
}

fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

fn first_sentence(text: &str) -> String {
    let text = text.replace('\n', " ");
    text.split_once(". ").map_or(text.trim_end_matches('.'), |(first, _)| first).to_owned()
}

impl Field {
    /// Whether it names a key of the secret store.
    pub(crate) fn is_secret(&self) -> bool {
        self.format == "secret-ref"
    }

    /// Checks a text.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        match check_format(&self.format, text) {
            Some(Err((expected, reason))) => Err(format!("expected {expected}: {reason}")),
            _ => Ok(()),
        }
    }
}

/// Fills in the required fields of the chosen product that a draft does not set.
pub(crate) fn complete(kind: Kind, draft: &mut Draft) {
    let answer = kind.answer();
    let Some(name) = draft.names(&[answer]).pop() else { return };
    let Some(provider) = providers(kind).into_iter().find(|provider| provider.name == name) else { return };
    let lab = draft.text_of(&["name"]).unwrap_or(crate::spec_file::LAB).to_owned();
    for field in provider.fields {
        let path = [answer, name.as_str(), field.name.as_str()];
        if draft.get(&path).is_some() {
            continue;
        }
        match (name.as_str(), field.name.as_str()) {
            _ if field.is_secret() => draft.set(&path, format!("{name}/{}", field.name).as_str()),
            ("infisical", "project") | ("1password", "vault") => draft.set(&path, lab.as_str()),
            ("infisical", "environment") => draft.set(&path, "prod"),
            ("vault", "server") => draft.set_example(&path, "https://vault.example.com"),
            ("rfc2136", "server") => {
                let gateway = draft.text_of(&["lan", "gateway"]).unwrap_or(crate::spec_file::GATEWAY).to_owned();
                draft.set_example(&path, &gateway);
            }
            ("sops", "clusters") => {
                let clusters = draft.names(&["clusters"]);
                let clusters = if clusters.is_empty() { vec![crate::spec_file::CLUSTER.to_owned()] } else { clusters };
                for cluster in clusters {
                    draft.set_example(&[answer, &name, &field.name, &cluster], &field.example);
                }
            }
            _ if field.is_mapping => draft.set_example(&[answer, &name, &field.name, "admin"], &field.example),
            _ => draft.set_example(&path, &field.example),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_the_spec_supports() {
        let names = |kind| providers(kind).into_iter().map(|provider| provider.name).collect::<Vec<_>>();
        let dns = ["cloudflare", "desec", "digitalocean", "google", "hetzner", "ovh", "route53", "rfc2136"];
        assert_eq!(names(Kind::Dns), dns);
        assert_eq!(names(Kind::SecretStore), ["infisical", "sops", "1password", "vault", "bitwarden"]);
        for provider in [Kind::Dns, Kind::SecretStore].into_iter().flat_map(providers) {
            assert!(!provider.about.is_empty() && !provider.fields.is_empty(), "{provider:?}");
            for field in provider.fields {
                assert!(!field.about.is_empty() && field.check(&field.example).is_ok(), "{field:?}");
                assert!(field.check("\u{7}").is_err(), "{field:?}");
            }
        }
    }

    #[test]
    fn references_to_secrets_are_named_after_the_provider() {
        let mut draft = Draft::default();
        draft.set(&["dns", "route53", "zone-id"], "Z0123456789ABC");
        complete(Kind::Dns, &mut draft);
        assert_eq!(
            draft.text(),
            "dns:\n  route53:\n    zone-id: Z0123456789ABC\n    access-key-id: route53/access-key-id\n    secret-access-key: route53/secret-access-key\n"
        );
        assert!(draft.examples.is_empty());
    }
}
