//! Objects of Kubernetes, as kubectl prints them.

use crate::time;
use serde_json::Value;
use std::borrow::Cow;

/// An object. Fields that are missing are empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a>(pub(super) &'a Value);

/// A condition in the status of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub(super) status: &'a str,
    /// A word for programs.
    pub(super) reason: &'a str,
    /// A text for people.
    pub(super) message: &'a str,
    /// When the status changed.
    pub(super) since: Option<i64>,
}

impl<'a> Object<'a> {
    /// A value, by the path to it.
    pub(super) fn at(self, path: &[&str]) -> &'a Value {
        path.iter().fold(self.0, |value, key| value.get(key).unwrap_or(&Value::Null))
    }

    /// A text, by the path to it.
    pub(super) fn text(self, path: &[&str]) -> &'a str {
        self.at(path).as_str().unwrap_or_default()
    }

    /// A number, by the path to it.
    pub(super) fn number(self, path: &[&str]) -> i64 {
        self.at(path).as_i64().unwrap_or_default()
    }

    /// The items of a list, by the path to it.
    pub(super) fn list(self, path: &[&str]) -> impl Iterator<Item = Object<'a>> + use<'a> {
        self.at(path).as_array().into_iter().flatten().map(Object)
    }

    pub(super) fn kind(self) -> &'a str {
        self.text(&["kind"])
    }

    pub(super) fn name(self) -> &'a str {
        self.text(&["metadata", "name"])
    }

    pub(super) fn namespace(self) -> &'a str {
        self.text(&["metadata", "namespace"])
    }

    pub(super) fn label(self, key: &str) -> &'a str {
        self.text(&["metadata", "labels", key])
    }

    /// Its API group, empty for those of the core.
    pub(super) fn group(self) -> &'a str {
        self.text(&["apiVersion"]).split_once('/').map_or("", |(group, _)| group)
    }

    /// Its kind and name, as people write them.
    pub(super) fn title(self) -> String {
        format!("{} {}", self.kind(), self.name())
    }

    /// A condition, by its type.
    pub(super) fn condition(self, kind: &str) -> Option<Condition<'a>> {
        let found = self.list(&["status", "conditions"]).find(|condition| condition.text(&["type"]) == kind)?;
        Some(Condition {
            status: found.text(&["status"]),
            reason: found.text(&["reason"]),
            message: found.text(&["message"]),
            since: time::seconds(found.text(&["lastTransitionTime"])),
        })
    }

    /// Whether its controller has seen its current version. Not all controllers say so.
    pub(super) fn is_seen(self) -> bool {
        let observed = self.at(&["status", "observedGeneration"]).as_i64();
        observed.is_none_or(|observed| observed >= self.number(&["metadata", "generation"]))
    }

    /// When it was created.
    pub(super) fn created(self) -> Option<i64> {
        time::seconds(self.text(&["metadata", "creationTimestamp"]))
    }
}

/// Text of a controller as one line: long ones keep their beginning and their end, where the cause is.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    const START: usize = 120;
    let words = text.split_whitespace().map(short_revision).collect::<Vec<_>>().join(" ");
    let length = words.chars().count();
    if length <= MOST {
        return words;
    }
    let start: String = words.chars().take(START).collect();
    let end: String = words.chars().skip(length - (MOST - START)).collect();
    format!("{start} … {end}")
}

/// A revision of Flux with a short commit: `refs/heads/main@sha1:COMMIT` becomes `main@COMMIT`. Other words stay.
pub(super) fn short_revision(word: &str) -> Cow<'_, str> {
    let found = word.split_once('@').and_then(|(branch, commit)| Some((branch, commit.strip_prefix("sha1:")?)));
    match found {
        Some((branch, commit)) if commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{}@{}", branch.trim_start_matches("refs/heads/"), &commit[..9]).into()
        }
        _ => word.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_is_there() {
        let value = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "generation": 2 },
            "status": { "observedGeneration": 1, "conditions": [{ "type": "Ready", "status": "False" }] },
        });
        let object = Object(&value);
        assert_eq!((object.title().as_str(), object.group(), object.namespace()), ("Deployment a", "apps", ""));
        assert!(!object.is_seen());
        assert_eq!(object.condition("Ready").map(|ready| (ready.status, ready.message)), Some(("False", "")));
        assert!(object.condition("Stalled").is_none());
    }

    #[test]
    fn shortens_revisions() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(shortened(&format!("at refs/heads/main@sha1:{commit} now")), "at main@012345678 now");
        for word in ["a@b", "main@sha1:xyz", &format!("main@sha256:{commit}")] {
            assert_eq!(short_revision(word), word);
        }
    }

    #[test]
    fn shortens_long_texts() {
        assert_eq!(shortened(" a\n  b "), "a b");
        let long = format!("begin {} end", "x".repeat(2000));
        let short = shortened(&long);
        assert!(short.starts_with("begin ") && short.ends_with(" end") && short.chars().count() < 310);
    }
}
