//! The JSON Schema of the spec, which the first line of a spec names.

use crate::{MARKER, Owner, Page};
use diagnostic::Span;
use serde_json::{Map, Value};

/// The name of the file beside the spec.
const NAME: &str = "homelab.schema.json";

/// What a comment starts with that names the schema of a YAML file, for editors.
const MODELINE: &str = "yaml-language-server:";

/// The text of the schema. JSON has no comments, so a keyword of JSON Schema marks it as generated.
pub fn schema() -> String {
    let mut marked = Map::new();
    marked.insert("$comment".to_owned(), format!("{MARKER}. Do not edit.").into());
    if let Value::Object(entries) = spec::schema() {
        marked.extend(entries);
    }
    format!("{:#}\n", Value::Object(marked))
}

/// The path of the schema of the spec at `spec`, if a comment of the spec says that it is beside it. Any other
/// schema is the user's affair.
pub fn schema_path(spec: &str, comments: &[(Span, String)]) -> Option<String> {
    let folder = spec.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let named = comments.iter().find_map(|(_, comment)| {
        let rest = comment.trim_start().strip_prefix(MODELINE)?;
        rest.split_whitespace().find_map(|word| word.strip_prefix("$schema="))
    });
    let is_beside = named.is_some_and(|path| path.strip_prefix("./").unwrap_or(path) == NAME);
    // A spec outside of the repository has no path there.
    (is_beside && !spec.contains(' ')).then(|| format!("{folder}{NAME}"))
}

/// The page with the schema.
pub(crate) fn page(path: &str) -> Page {
    Page { path: path.to_owned(), text: schema(), owner: Owner::Schema.into(), place: None, origin: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_schema_beside_the_spec_is_generated() {
        let at = |spec: &str, comment: &str| schema_path(spec, &[(Span::default(), comment.to_owned())]);
        let beside = Some("spec/homelab.schema.json".to_owned());
        for comment in [
            " yaml-language-server: $schema=homelab.schema.json",
            "yaml-language-server: $schema=./homelab.schema.json other",
        ] {
            assert_eq!(at("spec/homelab.yaml", comment), beside, "{comment}");
        }
        assert_eq!(at("lab.yaml", " yaml-language-server: $schema=homelab.schema.json").as_deref(), Some(NAME));
        for comment in [
            " yaml-language-server: $schema=https://example.com/homelab.schema.json",
            " yaml-language-server: $schema=../homelab.schema.json",
            " yaml-language-server: $schema=other.json",
            " see homelab.schema.json",
            "",
        ] {
            assert_eq!(at("spec/homelab.yaml", comment), None, "{comment}");
        }
        assert_eq!(at("the spec", " yaml-language-server: $schema=homelab.schema.json"), None);
    }

    #[test]
    fn its_start_marks_it_as_generated() {
        assert!(schema().starts_with(&format!("{{\n  \"$comment\": \"{MARKER}")));
    }
}
