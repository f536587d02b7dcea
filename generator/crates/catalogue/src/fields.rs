//! The fields of an app, as text for a spec.
//!
//! The template of an entry decides what depends on the choices. What every app can have (`public`, `class`, `update`) is
//! added to or removed from its result, by the locations of the values, so that no entry has to repeat it.

use crate::choices::{Choices, Need};
use crate::entry::{Entry, Key};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Output, State, UndefinedBehavior, context};
use std::collections::BTreeSet;
use yaml::{Limits, Node, documents};

/// The comment above `expose` of a public app that anybody could take over at first.
const SETUP_FIRST: &str = "# Anybody could take it over before it is set up: remove `allow` after that.\n";

impl Entry {
    /// Returns the fields of the app in a spec: a block mapping without indentation, which ends in a newline.
    pub fn fields(&self, choices: &Choices) -> String {
        let text =
            self.render(choices).unwrap_or_else(|error| panic!("a test renders all entries: {}: {error:#}", self.name));
        let mut edits = Vec::new();
        let (documents, _) = documents(&text, Limits::default());
        if let Some(app) = documents.first() {
            self.expose(app, choices, &text, &mut edits);
            add_class(app, choices, &mut edits);
            drop_update(app, choices, &text, &mut edits);
            drop_backup(app, choices, &text, &mut edits);
            self.connect(choices, &text, &mut edits);
        }
        apply(text, edits)
    }

    /// What to do after the first start of the app, in Markdown.
    pub fn first_steps(&self, choices: &Choices) -> Vec<String> {
        let environment = environment();
        let step = |step: &String| environment.render_str(step, context! { name => &choices.name });
        self.steps.iter().map(|text| step(text).expect("a test renders all entries")).collect()
    }

    /// What the app runs as: its user, and what it relaxes.
    pub fn runs_as(&self) -> String {
        let text = self.fields(&Choices::everything(self.name));
        let (documents, _) = documents(&text, Limits::default());
        let app = documents.first();
        let job = app.and_then(|app| app.get("jobs")?.entries().first().map(|(_, job)| job));
        let security = |node: &Node| node.get("security").cloned();
        let Some(security) = app.and_then(security).or_else(|| job.and_then(security)) else {
            return "as its chart says".to_owned();
        };
        let is_on = |field: &str| security.text_of(field) == Some("true");
        match security.text_of("user") {
            _ if is_on("privileged") => "root, privileged".to_owned(),
            Some(user) if is_on("read-only") => format!("{user}, read-only"),
            Some(user) => user.to_owned(),
            None => "root, with some Linux capabilities".to_owned(),
        }
    }

    /// Renders the template.
    pub(crate) fn render(&self, choices: &Choices) -> Result<String, Error> {
        let host = self.host_name(choices);
        let fqdn = format!("{host}.{}", choices.domain);
        let scheme = if choices.https { "https" } else { "http" };
        // What the app needs and the choices lack is left for the user to fill in.
        let placeholder = |value: &Option<String>, need: Need, text: &str| {
            value.clone().or_else(|| self.needs.contains(&need).then(|| text.to_owned()))
        };
        let context = context! {
            name => &choices.name,
            domain => &choices.domain,
            host => host,
            fqdn => &fqdn,
            url => format!("{scheme}://{fqdn}"),
            url_port => if choices.https { 443 } else { 80 },
            https => choices.https,
            lan => &choices.lan,
            pods => &choices.pods,
            database => placeholder(&choices.database, Need::Database, "CLUSTER/postgres"),
            secrets => choices.secrets,
            storage => placeholder(&choices.storage, Need::Storage, "STORAGE"),
            address => placeholder(&choices.address, Need::Address, "ADDRESS"),
            gpu => choices.gpu,
            device => placeholder(&choices.devices.first().cloned(), Need::Device, "/dev/DEVICE"),
            backup => if choices.backups { "volumes" } else { "none" },
            apps => &choices.apps,
        };
        environment().render_str(&self.template, context)
    }

    /// The first labels of its host name.
    pub fn host_name<'a>(&'a self, choices: &'a Choices) -> &'a str {
        let chosen = choices.host.as_deref().or(self.host.as_deref());
        chosen.unwrap_or(&choices.name)
    }

    /// Returns what it needs, and the choices do not have.
    pub fn missing(&self, choices: &Choices) -> Vec<Need> {
        self.needs.iter().copied().filter(|need| !choices.has(*need)).collect()
    }

    /// Returns the apps that it needs, and that its cluster does not have.
    pub fn missing_apps(&self, choices: &Choices) -> Vec<&str> {
        let missing = self.needs_apps.iter().filter(|app| !choices.apps.contains(app));
        missing.map(String::as_str).collect()
    }

    /// Returns the keys of its secret entry that its fields refer to, with that of its database. The entry has the name of
    /// the app.
    pub fn secrets(&self, choices: &Choices) -> Vec<Key> {
        let text = self.fields(choices);
        let (documents, _) = documents(&text, Limits::default());
        let Some(app) = documents.first() else { return Vec::new() };
        let mut used = BTreeSet::new();
        references(app, &mut used);
        let is_used = |key: &&Key| used.contains(format!("{}/{}", choices.name, key.name).as_str());
        let database = app.get("database").map(|_| Key {
            name: "database-password".to_owned(),
            description: "Password of its database".to_owned(),
            make: "openssl rand -hex 32".to_owned(),
        });
        database.into_iter().chain(self.keys.iter().filter(is_used).cloned()).collect()
    }

    /// The repository of its first image or of its chart, and the tag or version.
    pub fn image(&self) -> (String, String) {
        let part = |field: &str| {
            let start = format!("{field}: ");
            let value = self.template.lines().find_map(|line| line.trim().strip_prefix(start.as_str()));
            value.unwrap_or_default().trim_matches('"').to_owned()
        };
        let tag = part("tag");
        (part("repository"), if tag.is_empty() { part("version") } else { tag })
    }

    /// Whether its template depends on a choice, such as `database`.
    pub fn uses(&self, choice: &str) -> bool {
        let environment = environment();
        let template = environment.template_from_str(&self.template).expect("a test renders all entries");
        template.undeclared_variables(false).contains(choice)
    }

    /// Adds the connections to the LAN, and to those of its partners that its cluster has.
    fn connect(&self, choices: &Choices, text: &str, edits: &mut Vec<Edit>) {
        let partners: Vec<_> = self.connects_to.iter().filter(|app| choices.apps.contains(app)).cloned().collect();
        let lan = self.reaches_lan.then(|| format!("lan: [{}]", yaml::scalar(&choices.lan)));
        let apps = (!partners.is_empty()).then(|| format!("apps: [{}]", partners.join(", ")));
        let parts: Vec<_> = lan.into_iter().chain(apps).collect();
        if !parts.is_empty() {
            let (start, end) = (text.len(), text.len());
            edits.push(Edit { start, end, text: format!("network: {{ {} }}\n", parts.join(", ")) });
        }
    }

    /// Adds what a public app has in `expose`.
    fn expose(&self, app: &Node, choices: &Choices, text: &str, edits: &mut Vec<Edit>) {
        let Some(host) = app.at(&["expose", "host"]).filter(|_| choices.public) else { return };
        let mut added = ", public: true".to_owned();
        if self.setup_first {
            added.push_str(&format!(", allow: [{}]", yaml::scalar(&choices.lan)));
            let line = text[..host.span.start as usize].rfind('\n').map_or(0, |end| end + 1);
            edits.push(Edit { start: line, end: line, text: SETUP_FIRST.to_owned() });
        }
        let end = host.span.end as usize;
        edits.push(Edit { start: end, end, text: added });
    }
}

/// Removes `backup: false` of volumes, which has no effect in a cluster without backups.
fn drop_backup(app: &Node, choices: &Choices, text: &str, edits: &mut Vec<Edit>) {
    let Some(storage) = app.get("storage").filter(|_| !choices.backups) else { return };
    let volumes = storage.entries().iter().flat_map(|(_, volume)| volume.entries());
    for (key, value) in volumes.filter(|(key, _)| key.text() == Some("backup")) {
        let start = text[..key.span.start as usize].rfind(',').unwrap_or(key.span.start as usize);
        edits.push(Edit { start, end: value.span.end as usize, text: String::new() });
    }
}

/// Adds the storage class to each volume with a size.
fn add_class(app: &Node, choices: &Choices, edits: &mut Vec<Edit>) {
    let (Some(class), Some(storage)) = (&choices.class, app.get("storage")) else { return };
    for size in storage.entries().iter().filter_map(|(_, volume)| volume.get("size")) {
        let end = size.span.end as usize;
        edits.push(Edit { start: end, end, text: format!(", class: {}", yaml::scalar(class)) });
    }
}

/// Removes the line with `update`, in a lab without image automation.
fn drop_update(app: &Node, choices: &Choices, text: &str, edits: &mut Vec<Edit>) {
    let Some(update) = app.at(&["image", "update"]).filter(|_| !choices.updates) else { return };
    let (start, end) = (update.span.start as usize, update.span.end as usize);
    let start = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    edits.push(Edit { start, end, text: String::new() });
}

/// Collects the references to the secret store.
fn references<'a>(node: &'a Node, used: &mut BTreeSet<&'a str>) {
    used.extend(node.text_of("secret"));
    node.entries().iter().for_each(|(_, value)| references(value, used));
    node.items().iter().for_each(|item| references(item, used));
}

/// A text that replaces a range of bytes.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// Applies edits that do not overlap.
fn apply(mut text: String, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.start));
    for edit in edits {
        text.replace_range(edit.start..edit.end, &edit.text);
    }
    text
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are valid"));
    environment.set_formatter(print);
    environment
}

/// Prints a value as YAML, with quotes only where it needs them.
fn print(output: &mut Output<'_>, _: &mut State<'_, '_>, value: &minijinja::Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::String => Ok(output.write_str(&yaml::scalar(value.as_str().unwrap_or_default()))?),
        ValueKind::Number => Ok(write!(output, "{value}")?),
        kind => Err(Error::new(minijinja::ErrorKind::BadSerialization, format!("expected a string, found {kind}"))),
    }
}
