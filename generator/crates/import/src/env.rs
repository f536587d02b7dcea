//! The environment variables of a container.

use crate::context::{Context, Needs};
use crate::files::{Place, Remark};
use crate::kustomize::shown;
use crate::names::{label, other_services, with_new_addresses};
use crate::piece::{Fields, Piece};
use crate::secrets::{self, Key};
use crate::substitute;
use crate::workload::{Container, EnvFrom, EnvValue};
use std::collections::BTreeMap;
use yaml::Node;

/// Environment variables, by name.
pub(crate) struct Environment<'a> {
    app: &'a str,
    namespace: &'a str,
    context: &'a Context<'a>,
    /// Each with a comment at the end of its line.
    variables: BTreeMap<String, (Piece, Option<String>)>,
    pub(crate) needs: Needs,
    pub(crate) remarks: Vec<Remark>,
}

impl<'a> Environment<'a> {
    pub(crate) fn new(app: &'a str, namespace: &'a str, context: &'a Context<'a>) -> Self {
        Self { app, namespace, context, variables: BTreeMap::new(), needs: Needs::default(), remarks: Vec::new() }
    }

    /// Adds the variables of a container.
    pub(crate) fn add(&mut self, container: &Container) {
        container.env_from.iter().for_each(|from| self.add_all(from));
        for variable in &container.env {
            let (name, at) = (&variable.name, &variable.at);
            match &variable.value {
                EnvValue::Text(text) => self.text(name, text, at),
                EnvValue::Secret { name: secret, key } => {
                    if let Some(field) = secrets::database_field(self.context.objects, self.namespace, secret, key) {
                        self.database(name, field, at);
                        continue;
                    }
                    self.key(name, secret, key, at);
                }
                EnvValue::ConfigMap { name: map, key } => {
                    match self
                        .context
                        .objects
                        .find("ConfigMap", self.namespace, map)
                        .and_then(|map| map.text(&["data", key]))
                    {
                        Some(text) => self.text(name, text, at),
                        None => self.remark(
                            at,
                            format!(
                                "the variable `{}` is in the ConfigMap `{}`, which is not in the manifests",
                                shown(name),
                                shown(map)
                            ),
                        ),
                    }
                }
                EnvValue::Other(what) => {
                    self.remark(at, format!("not carried over: the variable `{}`, from {what}", shown(name)));
                }
            }
        }
    }

    fn remark(&mut self, at: &Place, text: String) {
        self.remarks.push(Remark { at: at.clone(), text });
    }

    /// Adds all variables of a Secret or ConfigMap.
    fn add_all(&mut self, from: &EnvFrom) {
        if from.secret {
            match secrets::keys(self.context.objects, self.namespace, &from.name) {
                Some(keys) => {
                    for name in keys {
                        self.key(&format!("{}{name}", from.prefix), &from.name, &name, &from.at);
                    }
                }
                None => {
                    let text = format!(
                        "the manifests do not list the variables of the Secret `{}`: add them to `env`",
                        shown(&from.name)
                    );
                    self.remark(&from.at, text);
                }
            }
            return;
        }
        let Some(map) = self.context.objects.find("ConfigMap", self.namespace, &from.name) else {
            self.remark(
                &from.at,
                format!("the ConfigMap `{}` with variables is not in the manifests", shown(&from.name)),
            );
            return;
        };
        for (key, value) in map.get(&["data"]).map_or(&[][..], Node::entries) {
            if let (Some(key), Some(value)) = (key.text(), value.text()) {
                self.text(&format!("{}{key}", from.prefix), value, &from.at);
            }
        }
    }

    fn text(&mut self, name: &str, text: &str, at: &Place) {
        if name == "TZ" && (text.contains("${") || self.context.timezone == Some(text)) {
            return;
        }
        if self.context.pipeline.is_credential(Some(name), text) {
            let key = Key { entry: self.app.to_owned(), key: label(name, 60, "key"), remark: None, at: None };
            self.secret(name, &key, at);
            self.remark(at, format!("the value of `{}` looks like a credential, so it is not shown: move it to the secret store and change it", shown(name)));
            return;
        }
        if let Some(is_alone) = secrets::names_database(self.context.objects, self.namespace, text) {
            if is_alone {
                self.database(name, "host", at);
                return;
            }
            self.remark(
                at,
                format!(
                    "the value of `{}` names a database of CloudNativePG: set `database`, and use its parts",
                    shown(name)
                ),
            );
        }
        let is_host = ["HOST", "SERVER", "ADDR", "ADDRESS", "HOSTNAME"]
            .iter()
            .any(|end| name.to_ascii_uppercase().ends_with(end));
        let new = with_new_addresses(text, self.namespace, self.context.services, is_host);
        if new != text {
            let moved = self.context.services.values().filter(|service| new.starts_with(&format!("{}.", service.app)));
            let port = moved.flat_map(|service| &service.ports).find(|(old, new)| **new == 80 && **old != 80);
            let port = port.filter(|_| !new.contains(':')).map(|(old, _)| format!(", where port {old} is 80"));
            let port = port.unwrap_or_default();
            self.remark(at, format!("the address in `{}` is that of the app in the lab{port}", shown(name)));
        }
        for address in other_services(&new, self.context.services) {
            self.remark(
                at,
                format!("`{}` names `{address}`, which is no app of the lab: set its address", shown(name)),
            );
        }
        let unknown: Vec<_> = substitute::names(&new).into_iter().map(|name| format!("${{{name}}}")).collect();
        let is_template = new.contains("{{");
        let comment = if !unknown.is_empty() {
            Some(format!("set: {}", unknown.join(", ")))
        } else {
            is_template.then(|| "set: the value of this template".to_owned())
        };
        if comment.is_some() {
            self.remark(at, format!("the value of `{}` is not in the manifests: set it", shown(name)));
        }
        self.insert(name, Piece::text(new), comment, at);
    }

    /// Adds a part of the connection to the database of the app.
    fn database(&mut self, name: &str, field: &str, at: &Place) {
        let password = Key { entry: self.app.to_owned(), key: "database-password".to_owned(), remark: None, at: None };
        self.needs.secret(&password);
        self.needs.database = true;
        let mut piece = Fields::default();
        piece.add("database", Piece::text(field));
        self.insert(name, piece.done(), None, at);
    }

    /// Adds a key of a Secret.
    fn key(&mut self, name: &str, secret: &str, key: &str, at: &Place) {
        match secrets::constant(self.context.objects, self.namespace, secret, key) {
            Some(text) => self.text(name, &text, at),
            None => {
                let key = secrets::key(self.context.objects, self.namespace, secret, key);
                self.secret(name, &key, at);
            }
        }
    }

    fn secret(&mut self, name: &str, key: &Key, at: &Place) {
        self.needs.secret(key);
        let mut piece = Fields::default();
        piece.add("secret", Piece::text(key.reference()));
        self.insert(name, piece.done(), None, at);
    }

    fn insert(&mut self, name: &str, piece: Piece, comment: Option<String>, at: &Place) {
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_valid = name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit());
        if is_valid {
            self.variables.insert(name.to_owned(), (piece, comment));
        } else {
            self.remark(
                at,
                format!("not carried over: the variable `{}`, whose name the spec does not accept", shown(name)),
            );
        }
    }

    /// The variables as a mapping.
    pub(crate) fn piece(self) -> Piece {
        let mut fields = Fields::default();
        for (name, (piece, comment)) in self.variables {
            fields.add_noted(name, piece, comment);
        }
        fields.done()
    }
}
