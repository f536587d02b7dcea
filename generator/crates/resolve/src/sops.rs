//! The files that SOPS encrypts: read without their keys, since names of keys and recipients are not encrypted.
//!
//! Flux does not check the signature (MAC) of a file, and applies what is not encrypted as it is. So everything else that
//! Flux would reject, or that must not be in Git, is checked here.

use crate::rules::credentials;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Cluster, EncryptedFile, Files, Problem, StoreKey};
use platform::{Clusters, Context, SECRETS_NAMESPACE, SopsCommands, secret_file};
use spec::types::{AgeKey, SecretKey};
use spec::{Entry, SecretEntry, SecretStore, Sops, Spec};
use std::collections::{BTreeMap, BTreeSet};
use yaml::{Limits, Node};

/// The longest name of an entry: Flux labels objects with the name of their Kustomization, `sops-ENTRY`.
const MAX_ENTRY: usize = 58;

/// Returns the paths of the encrypted files of a spec.
pub fn paths(spec: &Spec) -> BTreeSet<String> {
    let own = spec.clusters.iter().filter_map(|cluster| cluster.value.platform.secrets().store.as_ref());
    let mut stores = spec.secrets.iter().map(|secrets| &secrets.store).chain(own);
    let has_files = stores.any(|store| matches!(store, SecretStore::Sops(_)));
    let entries = spec.secrets.iter().flat_map(|secrets| &secrets.entries).filter(|_| has_files);
    entries.filter(|entry| !entry.name.span.faulty).map(secret_file).collect()
}

/// A file, and what the clusters read in it.
struct Wanted<'a> {
    entry: &'a Entry<SecretEntry>,
    /// The keys, each with one reader.
    keys: BTreeMap<&'a SecretKey, String>,
    /// The recipients that the spec names for it. The key is the name of a person or a cluster.
    recipients: BTreeMap<String, &'a AgeKey>,
}

/// Checks the encrypted files that the clusters read, and all others that exist. Returns those that are read.
pub(crate) fn check(
    contexts: &Clusters<'_>,
    clusters: &[Cluster],
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Vec<EncryptedFile> {
    let spec = contexts.spec();
    let Some(secrets) = &spec.secrets else { return Vec::new() };
    let mut wanted: BTreeMap<String, Wanted<'_>> = BTreeMap::new();
    for (context, cluster) in contexts.iter().zip(clusters) {
        let Some(SecretStore::Sops(store)) = context.store() else { continue };
        let keys = cluster.units.iter().flat_map(|bound| bound.unit.secrets().map(move |secret| (bound, secret)));
        let mut is_reader = false;
        for (bound, secret) in keys {
            for (_, StoreKey { entry, key, .. }) in &secret.data {
                let Some(entry) = secrets.entries.get(entry.as_str()).filter(|entry| !entry.name.span.faulty) else {
                    continue;
                };
                is_reader = true;
                let file = wanted.entry(secret_file(entry)).or_insert_with(|| Wanted::new(entry));
                file.keys.entry(key).or_insert_with(|| format!("{}/{}", cluster.name, bound.unit.id));
                file.recipients.extend(people(store));
                if let Some(own) = store.clusters.get(cluster.name.as_str()) {
                    file.recipients.insert(format!("the cluster {}", cluster.name), &own.value.value);
                }
            }
        }
        if is_reader {
            check_key(&context, store, diagnostics);
        }
    }
    check_clusters(spec, diagnostics);
    // Files that no cluster reads must be encrypted, too.
    let others = secrets.entries.iter().filter(|entry| !entry.name.span.faulty);
    let others: Vec<_> = others.map(|entry| (secret_file(entry), entry)).collect();
    for (path, entry) in others {
        if matches!(files.get(&path), Some(Ok(_))) {
            wanted.entry(path).or_insert_with(|| Wanted::new(entry));
        }
    }
    for (path, wanted) in &wanted {
        File { path, wanted, diagnostics: Vec::new() }.check(files).into_iter().for_each(|one| diagnostics.push(one));
    }
    let read = wanted.into_iter().filter(|(_, wanted)| !wanted.keys.is_empty());
    read.map(|(path, wanted)| EncryptedFile {
        path,
        entry: wanted.entry.name.value.clone(),
        keys: wanted.keys.keys().map(|key| (*key).clone()).collect(),
        recipients: wanted.recipients.into_iter().map(|(name, key)| (name, key.clone())).collect(),
    })
    .collect()
}

/// The people who edit the files of a store.
fn people(store: &Sops) -> impl Iterator<Item = (String, &AgeKey)> {
    store.people.iter().map(|person| (person.name.to_string(), &person.value.value))
}

/// Checks that the store names the public key of a cluster that reads it.
fn check_key(context: &Context<'_>, store: &Sops, diagnostics: &mut Diagnostics) {
    let name = context.name;
    if store.clusters.get(name.as_str()).is_some() || !store.clusters.is_complete() {
        return;
    }
    let message = format!("the cluster `{}` reads secrets, but has no public age key to encrypt them for", name.value);
    diagnostics.push(Diagnostic::new(Code::MissingField, name.span, message).help(format!(
        "create a key with `age-keygen -o {0}.agekey`, and add its public key to the store: `sops: {{ clusters: {{ {0}: \
         age1… }} }}`",
        name.value
    )));
}

/// Checks that the keys of clusters are those of clusters of the lab.
fn check_clusters(spec: &Spec, diagnostics: &mut Diagnostics) {
    let own = spec.clusters.iter().filter_map(|cluster| cluster.value.platform.secrets().store.as_ref());
    for store in spec.secrets.iter().map(|secrets| &secrets.store).chain(own) {
        let SecretStore::Sops(store) = store else { continue };
        for cluster in store.clusters.iter().filter(|cluster| !cluster.name.span.faulty) {
            app::check_name("cluster", cluster.name.as_str(), cluster.name.span, &spec.clusters, diagnostics);
        }
    }
}

impl<'a> Wanted<'a> {
    fn new(entry: &'a Entry<SecretEntry>) -> Self {
        Self { entry, keys: BTreeMap::new(), recipients: BTreeMap::new() }
    }
}

/// The check of a file.
struct File<'a> {
    path: &'a str,
    wanted: &'a Wanted<'a>,
    diagnostics: Vec<Diagnostic>,
}

impl File<'_> {
    fn check(mut self, files: &Files) -> Vec<Diagnostic> {
        let name = &self.wanted.entry.name;
        if !self.wanted.keys.is_empty() && name.as_str().len() > MAX_ENTRY {
            let message = format!("the name `{}` has more than {MAX_ENTRY} characters", name.value);
            let diagnostic = Diagnostic::new(Code::InvalidValue, name.span, message);
            self.diagnostics.push(diagnostic.help("use a shorter name: `sops-ENTRY` is the name of a unit of Flux"));
        }
        if let Some(text) = self.text(files)
            && let Some(document) = self.document(text)
        {
            self.check_secret(text, &document);
        }
        self.diagnostics
    }

    fn commands(&self) -> SopsCommands<'_> {
        SopsCommands { file: self.path, entry: &self.wanted.entry.name.value }
    }

    fn recipients(&self) -> Vec<&AgeKey> {
        self.wanted.recipients.values().copied().collect()
    }

    fn keys(&self) -> Vec<&SecretKey> {
        self.wanted.keys.keys().copied().collect()
    }

    fn report(&mut self, code: Code, span: Span, message: &str, help: String) {
        self.diagnostics.push(Diagnostic::new(code, span, format!("{}: {message}", self.path)).help(help));
    }

    /// Where the spec declares the entry.
    fn place(&self) -> Span {
        self.wanted.entry.name.span
    }

    /// Where the spec declares a key.
    fn place_of(&self, key: &str) -> Span {
        let keys = &self.wanted.entry.value.keys;
        keys.iter().find(|declared| declared.as_str() == key).map_or_else(|| self.place(), |declared| declared.span)
    }

    fn text<'f>(&mut self, files: &'f Files) -> Option<&'f str> {
        let create = || self.commands().create(&self.keys(), &self.recipients());
        let (code, message, help) = match files.get(self.path)? {
            Ok(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => return Some(text),
                Err(_) => (Code::FileInvalid, "it is not UTF-8".to_owned(), format!("create it again: {}", create())),
            },
            Err(Problem::OutsideRoot) => (
                Code::PathOutsideRoot,
                "it is a symbolic link to outside the repository".to_owned(),
                "copy the file into the repository".to_owned(),
            ),
            Err(Problem::Unreadable(reason)) => {
                let reader = self.wanted.keys.values().next()?;
                let message = format!("cannot read it: {reason}; {reader} reads this entry");
                (Code::FileMissing, message, format!("create it, and fill in the values: {}", create()))
            }
        };
        self.report(code, self.place(), &message, help);
        None
    }

    fn document(&mut self, text: &str) -> Option<Node> {
        let (mut documents, problems) = yaml::documents(text, Limits::default());
        documents.retain(|document| !document.is_null());
        let reason = match (problems.first(), documents.len()) {
            (Some(problem), _) => format!("line {} is not valid YAML", line(text, problem.span)),
            (None, 1) => return documents.pop(),
            (None, 0) => "it is empty".to_owned(),
            (None, count) => format!("it has {count} documents, but must have one, a Secret"),
        };
        let help = format!("restore it with `git restore {0}`, or remove it and create it again: {1}", self.path, {
            self.commands().create(&self.keys(), &self.recipients())
        });
        self.report(Code::FileInvalid, self.place(), &reason, help);
        None
    }

    fn check_secret(&mut self, text: &str, document: &Node) {
        let Some(sops) = document.get("sops").filter(|sops| sops.get("mac").is_some()) else {
            let message = "it is not encrypted by SOPS: it has no field `sops` with a `mac`";
            let help = format!(
                "encrypt it: {}; if it was ever committed, change its values",
                self.commands().encrypt(&self.recipients())
            );
            return self.report(Code::SecretUnencrypted, self.place(), message, help);
        };
        self.check_identity(document);
        for (field, value) in document.entries() {
            match field.text().unwrap_or_default() {
                "apiVersion" | "kind" | "metadata" | "type" | "immutable" | "sops" => {}
                "data" | "stringData" => self.check_values(text, field.text().unwrap_or_default(), value),
                other => {
                    let message = format!("line {}: a Secret has no field `{other}`", line(text, field.span));
                    let help = format!("move its value below `stringData`: `sops edit --ignore-mac {}`", self.path);
                    self.report(Code::SecretUnencrypted, self.place(), &message, help);
                }
            }
        }
        for (key, reader) in &self.wanted.keys {
            let has = |field: &str| document.at(&[field, key.as_str()]).is_some();
            if !has("data") && !has("stringData") {
                let message = format!("it has no key `{key}`, which {reader} reads");
                let help = format!("add it: {}", self.commands().set(key.as_str()));
                self.report(Code::UnknownReference, self.place_of(key.as_str()), &message, help);
            }
        }
        for (at, what) in credentials::in_comments(text, document) {
            let message = format!("line {at}: {what}");
            self.report(Code::SecretUnencrypted, self.place(), &message, "remove it, and change its value".to_owned());
        }
        self.check_recipients(sops);
    }

    /// Checks what Kubernetes knows the Secret by.
    fn check_identity(&mut self, document: &Node) {
        let entry = self.wanted.entry.name.value.to_string();
        let fields: [(&[&str], &str); 4] = [
            (&["apiVersion"], "v1"),
            (&["kind"], "Secret"),
            (&["metadata", "name"], &entry),
            (&["metadata", "namespace"], SECRETS_NAMESPACE),
        ];
        for (path, expected) in fields {
            let found = document.at(path).and_then(Node::text);
            if found == Some(expected) {
                continue;
            }
            let field = path.join(".");
            let (message, help) = match found {
                Some(text) if text.starts_with("ENC[") => (
                    format!("its `{field}` is encrypted, but only values must be"),
                    format!("encrypt it again: {}", self.commands().encrypt_again(&self.recipients())),
                ),
                Some(text) => (
                    format!("its `{field}` is `{text}`, but must be `{expected}`"),
                    format!("change it: {}", self.commands().set_field(path, expected)),
                ),
                None => (
                    format!("it has no `{field}`, which must be `{expected}`"),
                    format!("add it: {}", self.commands().set_field(path, expected)),
                ),
            };
            self.report(Code::FileInvalid, self.place(), &message, help);
        }
    }

    /// Checks that all values are encrypted, and those that are read are not empty.
    fn check_values(&mut self, text: &str, field: &str, values: &Node) {
        if values.entries().is_empty() && !values.is_null() && values.text() != Some("") && !is_empty_map(values) {
            let message = format!("line {}: `{field}` is not a mapping", line(text, values.span));
            let help = format!("write a mapping of keys to values: `sops edit {}`", self.path);
            return self.report(Code::SecretUnencrypted, self.place(), &message, help);
        }
        for (key, value) in values.entries() {
            let name = key.text().unwrap_or_default();
            let is_encrypted = value.text().is_some_and(|text| text.starts_with("ENC[AES256_GCM,data:"));
            let is_read = self.wanted.keys.keys().any(|wanted| wanted.as_str() == name);
            // SOPS leaves an empty text as it is.
            let is_empty = value.text() == Some("");
            if is_encrypted || is_empty && !is_read {
                continue;
            }
            let at = line(text, key.span);
            let (message, help) = if is_empty {
                (format!("line {at}: `{name}` has no value"), format!("set it: {}", self.commands().set(name)))
            } else {
                (
                    format!("line {at}: the value of `{name}` is not encrypted"),
                    format!(
                        "restore the file with `git restore {}`, or replace the value by `\"\"`; then set a new value, \
                         since this one was in clear text: {}",
                        self.path,
                        self.commands().set_again(field, name)
                    ),
                )
            };
            self.report(Code::SecretUnencrypted, self.place_of(name), &message, help);
        }
    }

    /// Compares the recipients of the file with those that the spec names.
    fn check_recipients(&mut self, sops: &Node) {
        let found: BTreeSet<&str> = sops
            .get("age")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|recipient| recipient.text_of("recipient"))
            .collect();
        for (name, key) in &self.wanted.recipients {
            if !found.contains(key.as_str()) {
                let message = format!("it is not encrypted for {name}");
                let help = format!("add the recipient: {}", self.commands().add_recipient(key.as_str()));
                self.report(Code::RecipientMissing, self.place(), &message, help);
            }
        }
        if self.wanted.recipients.is_empty() {
            return;
        }
        let known: BTreeSet<&str> = self.wanted.recipients.values().map(|key| key.as_str()).collect();
        for key in found.difference(&known) {
            let message = format!("it is also encrypted for {key}, which the spec does not name for it");
            let help = format!(
                "remove the recipient: {}; its owner still knows the values, so change them if that \
                 matters",
                self.commands().remove_recipient(key)
            );
            self.report(Code::RecipientUnknown, self.place(), &message, help);
        }
        for kind in ["pgp", "kms", "gcp_kms", "azure_kv", "hckms", "hc_vault"] {
            if sops.get(kind).is_some_and(|keys| !keys.items().is_empty()) {
                let message =
                    format!("it is also encrypted for keys of the kind `{kind}`, which the spec does not name");
                let help = format!("encrypt it again: {}", self.commands().encrypt_again(&self.recipients()));
                self.report(Code::RecipientUnknown, self.place(), &message, help);
            }
        }
    }
}

fn is_empty_map(node: &Node) -> bool {
    matches!(&node.kind, yaml::NodeKind::Mapping(entries) if entries.is_empty())
}

/// The line of a place in a file, counted from 1.
fn line(text: &str, span: Span) -> usize {
    text[..(span.start as usize).min(text.len())].matches('\n').count() + 1
}
