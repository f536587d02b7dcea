//! Secret entries and keys for the Secrets of manifests. Values are never read.

use crate::files::Place;
use crate::kustomize::shown;
use crate::names::label;
use crate::objects::{Object, Objects};
use yaml::Node;

/// A key of a secret entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) entry: String,
    pub(crate) key: String,
    /// Where the value comes from, if the entry does not say it.
    pub(crate) remark: Option<String>,
    pub(crate) at: Option<Place>,
}

impl Key {
    fn new(entry: &str, key: &str, at: Option<Place>) -> Self {
        Self { entry: label(entry, 50, "secret"), key: key_name(key), remark: None, at }
    }

    fn remark(self, text: String) -> Self {
        Self { remark: Some(text), ..self }
    }

    /// The key as the spec refers to it.
    pub(crate) fn reference(&self) -> String {
        format!("{}/{}", self.entry, self.key)
    }
}

fn key_name(text: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.chars().take(253).map(|c| if is_allowed(c) { c } else { '-' }).collect()
}

/// The key of the secret store for a key of a Secret.
pub(crate) fn key(objects: &Objects, namespace: &str, secret: &str, key: &str) -> Key {
    if let Some(external) = external(objects, namespace, secret) {
        return of_external(external, key);
    }
    match objects.find("Secret", namespace, secret).or_else(|| objects.find("SealedSecret", namespace, secret)) {
        Some(object) => Key::new(secret, key, Some(object.at.clone())),
        None => Key::new(secret, key, None).remark(format!("the Secret `{}` is not in the manifests", shown(secret))),
    }
}

/// The value of a key that an ExternalSecret sets itself, and that the secret store does not have.
pub(crate) fn constant(objects: &Objects, namespace: &str, secret: &str, key: &str) -> Option<String> {
    let object = external(objects, namespace, secret)?;
    let text = object.get(&["spec", "target", "template", "data"])?.text_of(key)?;
    (!text.contains("{{") && !text.contains('\n')).then(|| text.to_owned())
}

/// The part of the connection to a database that a key of a Secret of CloudNativePG has, if it is one.
pub(crate) fn database_field(objects: &Objects, namespace: &str, secret: &str, key: &str) -> Option<&'static str> {
    let cluster = secret.strip_suffix("-app")?;
    let is_cluster = |object: &Object| object.group == "postgresql.cnpg.io" && object.namespace == namespace;
    let found = objects.of_kind("Cluster").find(|(_, object)| object.name == cluster && is_cluster(object));
    objects.mark(found?.0, found?.1);
    match key {
        "host" => Some("host"),
        "port" => Some("port"),
        "dbname" => Some("name"),
        "user" | "username" => Some("user"),
        "password" => Some("password"),
        "uri" => Some("url"),
        _ => None,
    }
}

/// Whether a text names the Service of a database of CloudNativePG: `Some(true)` if it is nothing else.
pub(crate) fn names_database(objects: &Objects, namespace: &str, text: &str) -> Option<bool> {
    let clusters = objects.of_kind("Cluster").filter(|(_, object)| {
        object.group == "postgresql.cnpg.io" && object.namespace == namespace && !object.name.is_empty()
    });
    let found = clusters.filter_map(|(_, object)| {
        let host = format!("{}-rw", object.name);
        let is_alone = text.split_once('.').map_or(text, |(first, _)| first) == host && !text.contains(['/', ':']);
        text.contains(&host).then_some(is_alone)
    });
    found.max()
}

/// The keys of a Secret; `None` if the manifests do not list them.
pub(crate) fn keys(objects: &Objects, namespace: &str, secret: &str) -> Option<Vec<String>> {
    if let Some(external) = external(objects, namespace, secret) {
        let template = external.get(&["spec", "target", "template"]);
        let names = |node: Option<&Node>| -> Vec<String> {
            node.map_or(&[][..], Node::entries)
                .iter()
                .filter_map(|(key, _)| key.text().map(ToOwned::to_owned))
                .collect()
        };
        let of_template = names(template.and_then(|template| template.get("data")));
        let merges = template.and_then(|template| template.text_of("mergePolicy")) == Some("Merge");
        let data = external.get(&["spec", "data"]).map_or(&[][..], Node::items).iter();
        let of_data: Vec<_> = data.filter_map(|item| item.text_of("secretKey").map(ToOwned::to_owned)).collect();
        let has_more = external.get(&["spec", "dataFrom"]).is_some_and(|from| !from.items().is_empty());
        return match (of_template.is_empty(), merges) {
            (false, false) => Some(of_template),
            (false, true) if !has_more => Some([of_template, of_data].concat()),
            (true, _) if !has_more && !of_data.is_empty() => Some(of_data),
            _ => None,
        };
    }
    let object = objects.find("Secret", namespace, secret);
    let sealed = || objects.find("SealedSecret", namespace, secret);
    let object = object.or_else(sealed)?;
    let parts = [&["data"][..], &["stringData"], &["spec", "encryptedData"]];
    let entries = parts.iter().filter_map(|keys| object.get(keys)).flat_map(Node::entries);
    let keys: Vec<_> = entries.filter_map(|(key, _)| key.text().map(ToOwned::to_owned)).collect();
    (!keys.is_empty()).then_some(keys)
}

/// The ExternalSecret that creates a Secret.
fn external<'a>(objects: &'a Objects, namespace: &str, secret: &str) -> Option<&'a Object> {
    let is_it = |object: &Object| object.text(&["spec", "target", "name"]).unwrap_or(&object.name) == secret;
    let found: Vec<_> = objects.of_kind("ExternalSecret").filter(|(_, object)| is_it(object)).collect();
    let in_namespace = found.iter().find(|(_, object)| object.namespace == namespace);
    in_namespace.or(found.first()).map(|(at, object)| objects.mark(*at, object))
}

fn of_external(object: &Object, key: &str) -> Key {
    let at = Some(object.at.clone());
    let template =
        object.get(&["spec", "target", "template", "data"]).and_then(|data| data.get(key)).and_then(Node::text);
    let field = match template.map(field_of) {
        None => key.to_owned(),
        Some(Some(field)) => field,
        Some(None) => {
            let text = "a template composes its value of others: store the whole value".to_owned();
            return Key::new(&object.name, key, at).remark(text);
        }
    };
    let data = object.get(&["spec", "data"]).map_or(&[][..], Node::items).iter();
    let remote = data
        .clone()
        .find(|item| item.text_of("secretKey") == Some(field.as_str()))
        .and_then(|item| item.get("remoteRef"));
    if let Some(remote) = remote {
        let name = remote.text_of("key").unwrap_or(&object.name);
        return match remote.text_of("property") {
            Some(property) => Key::new(name, property, at),
            // A store without properties: the key is a secret of its own.
            None => Key::new(&object.name, name.rsplit('/').next().unwrap_or(name), at)
                .remark(format!("it is `{}` in the old store", shown(name))),
        };
    }
    let from = object.get(&["spec", "dataFrom"]).map_or(&[][..], Node::items).iter();
    let items: Vec<_> = from.filter_map(|from| from.at(&["extract", "key"])?.text()).collect();
    match &items[..] {
        [] => Key::new(&object.name, &field, at),
        [item] => Key::new(item, &field, at),
        [first, ..] => {
            let starts = |item: &&&str| field.to_lowercase().replace('_', "-").starts_with(&label(item, 50, "secret"));
            let item = items.iter().find(starts).unwrap_or(first);
            let all = items.iter().map(|item| format!("`{}`", shown(item))).collect::<Vec<_>>().join(", ");
            Key::new(item, &field, at).remark(format!("the old store has it in one of {all}"))
        }
    }
}

/// The field that a template consists of: `{{ .FIELD }}`.
fn field_of(template: &str) -> Option<String> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let field = inner.trim_matches(|c: char| c == '-' || c.is_whitespace()).strip_prefix('.')?;
    let is_name = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| field.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_field_of_a_template() {
        assert_eq!(field_of("{{ .TOKEN }}").as_deref(), Some("TOKEN"));
        assert_eq!(field_of("{{- .TOKEN -}}").as_deref(), Some("TOKEN"));
        assert_eq!(field_of("postgres://{{ .USER }}@x"), None);
        assert_eq!(field_of("{{ .A }}{{ .B }}"), None);
        assert_eq!(field_of("{{ .A | upper }}"), None);
    }
}
