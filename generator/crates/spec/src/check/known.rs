//! The names that a spec declares, to suggest one for a reference that could not be parsed.

use crate::types::{TimeZone, check_format};
use diagnostic::did_you_mean;
use std::borrow::Cow;
use yaml::Node;

/// The names that a spec declares, as far as it has the expected shape.
#[derive(Default)]
pub(super) struct Known {
    hosts: Vec<String>,
    storage: Vec<String>,
    clusters: Vec<String>,
    apps: Vec<String>,
    /// `ENTRY/KEY`.
    secrets: Vec<String>,
}

impl Known {
    pub(super) fn of(root: &Node) -> Self {
        let keys = |node: Option<&Node>| {
            let keys = node.map_or(&[][..], Node::entries).iter().filter_map(|(key, _)| key.text());
            keys.map(str::to_owned).collect::<Vec<_>>()
        };
        let clusters = root.get("clusters").map_or(&[][..], Node::entries).iter();
        let entries = root.get("secrets").and_then(|secrets| secrets.get("entries"));
        let entries = entries.map_or(&[][..], Node::entries).iter();
        let secrets = entries.flat_map(|(name, entry)| {
            let keys = entry.get("keys").map_or(&[][..], Node::items).iter().filter_map(Node::text);
            keys.map(|key| format!("{}/{key}", name.text().unwrap_or_default()))
        });
        Self {
            hosts: keys(root.get("hosts")),
            storage: keys(root.get("storage")),
            clusters: keys(root.get("clusters")),
            apps: clusters.flat_map(|(_, cluster)| keys(cluster.get("apps"))).collect(),
            secrets: secrets.collect(),
        }
    }

    /// A valid text that is close to an invalid one. `what` is what the field refers to.
    pub(super) fn near(&self, format: &str, what: Option<&str>, text: &str) -> Option<String> {
        let near = |known: &[String]| did_you_mean(text, known.iter().map(String::as_str)).map(str::to_owned);
        let referenced = match (format, what) {
            (_, Some("app")) => near(&self.apps),
            (_, Some("cluster")) => near(&self.clusters),
            (_, Some("host")) => near(&self.hosts),
            ("secret-ref", _) => {
                let is_end = |secret: &&String| secret.split_once('/').is_some_and(|(_, key)| key == text);
                let ends: Vec<_> = self.secrets.iter().filter(is_end).cloned().collect();
                // Several entries may have the key: none of them is more likely.
                if ends.len() > 1 { None } else { near(&self.secrets) }
            }
            ("time-zone", _) => {
                let city = TimeZone::all().find(|name| name.ends_with(&format!("/{}", capitalized(text))));
                city.or_else(|| did_you_mean(text, TimeZone::all())).map(str::to_owned)
            }
            ("database-ref", _) => {
                near(&self.clusters.iter().map(|name| format!("{name}/postgres")).collect::<Vec<_>>())
            }
            ("share-ref", _) => text.split_once('/').and_then(|(storage, path)| {
                let storage = did_you_mean(storage, self.storage.iter().map(String::as_str))?;
                Some(format!("{storage}/{path}"))
            }),
            _ => None,
        };
        let is_valid = |text: &String| check_format(format, text).is_some_and(|result| result.is_ok());
        referenced.filter(is_valid).or_else(|| spellings(format, text).map(Cow::into_owned).find(is_valid))
    }
}

/// Other spellings of a text, for formats of a single word.
fn spellings<'a>(format: &str, text: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let text = text.trim();
    let dashed = text.to_ascii_lowercase().replace(['_', ' '], "-");
    let spellings = match format {
        "name" | "host" | "domain-name" | "image-repository" => vec![text.to_ascii_lowercase(), dashed],
        "secret-ref" | "database-ref" => vec![dashed],
        "env-name" => vec![text.replace(['-', '.', ' '], "_")],
        "kind" => vec![capitalized(text)],
        _ => Vec::new(),
    };
    spellings.into_iter().map(Cow::Owned)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
