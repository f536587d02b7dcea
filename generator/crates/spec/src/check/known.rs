//! The names that a spec declares, to suggest one for a reference that could not be parsed.

use super::spellings;
use crate::types::{TimeZone, check_format};
use diagnostic::did_you_mean;
use yaml::Node;

/// The names that a spec declares, as far as it has the expected shape.
#[derive(Default)]
pub(super) struct Known {
    hosts: Vec<String>,
    /// Each with the path of its NFS export.
    storage: Vec<(String, String)>,
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
        let storage = root.get("storage").map_or(&[][..], Node::entries).iter();
        let storage = storage.filter_map(|(name, value)| {
            Some((name.text()?.to_owned(), value.text_of("nfs").unwrap_or_default().to_owned()))
        });
        let clusters = root.get("clusters").map_or(&[][..], Node::entries).iter();
        let entries = root.get("secrets").and_then(|secrets| secrets.get("entries"));
        let entries = entries.map_or(&[][..], Node::entries).iter();
        let secrets = entries.flat_map(|(name, entry)| {
            let keys = entry.get("keys").map_or(&[][..], Node::items).iter().filter_map(Node::text);
            keys.map(|key| format!("{}/{key}", name.text().unwrap_or_default()))
        });
        Self {
            hosts: keys(root.get("hosts")),
            storage: storage.collect(),
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
                let city = TimeZone::all().find(|name| name.ends_with(&format!("/{}", spellings::capitalized(text))));
                city.or_else(|| did_you_mean(text, TimeZone::all())).map(str::to_owned)
            }
            ("database-ref", _) => {
                near(&self.clusters.iter().map(|name| format!("{name}/postgres")).collect::<Vec<_>>())
            }
            ("share-ref", _) => self.share(text),
            _ => None,
        };
        let is_valid = |text: &String| check_format(format, text).is_some_and(|result| result.is_ok());
        referenced.filter(is_valid).or_else(|| spellings::of(format, text).into_iter().find(is_valid))
    }

    /// A share whose storage is misspelled, or that is written as the path of an NFS export, as in `/etc/fstab`.
    fn share(&self, text: &str) -> Option<String> {
        let exported = text.split_once(":/").map_or(text, |(server, _)| &text[server.len() + 1..]);
        let below = |(name, export): &(String, String)| {
            let path = exported.strip_prefix(export.as_str())?.strip_prefix('/')?;
            (!export.is_empty()).then(|| format!("{name}/{path}"))
        };
        self.storage.iter().find_map(below).or_else(|| {
            let (storage, path) = text.split_once('/')?;
            let storage = did_you_mean(storage, self.storage.iter().map(|(name, _)| name.as_str()))?;
            Some(format!("{storage}/{path}"))
        })
    }
}
