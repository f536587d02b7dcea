//! The template engine, set up so that no value can change the structure around it: whatever a
//! template prints with `{{ }}` goes through the formatter of the file's language.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use model::Template;
use yaml::{self, Value};

macro_rules! templates {
    ($($(#[$meta:meta])* $name:ident = $path:literal;)+) => {
        $(
            $(#[$meta])*
            pub(crate) const $name: Template =
                Template { name: $path, source: include_str!(concat!("templates/", $path, ".j2")) };
        )+

        const TEMPLATES: &[Template] = &[$($name),+];
    };
}

templates! {
    FLUX_UNIT = "k8s/CLUSTER/flux/UNIT.yaml";
    KUSTOMIZATION = "k8s/CLUSTER/UNIT/kustomization.yaml";
    NAMESPACE = "k8s/CLUSTER/UNIT/namespace.yaml";
    OCI_REPOSITORY = "k8s/CLUSTER/UNIT/ocirepository.yaml";
    HELM_REPOSITORY = "k8s/CLUSTER/UNIT/helmrepository.yaml";
    HELM_RELEASE = "k8s/CLUSTER/UNIT/helmrelease.yaml";
    EXTERNAL_SECRET = "k8s/CLUSTER/UNIT/externalsecret.yaml";
    IMAGES = "spec/images.yaml";
    FLUX_OPERATOR = "k8s/CLUSTER/bootstrap/flux-operator.yaml";
    FLUX_INSTANCE = "k8s/CLUSTER/bootstrap/flux-instance.yaml";
    DOCS_LAB = "docs/lab/README.md";
    DOCS_APP = "docs/lab/apps/CLUSTER/APP.md";
    DOCS_HOST = "docs/lab/hosts/HOST.md";
    DOCS_CLUSTER = "docs/lab/clusters/CLUSTER.md";
    NODE_MODULE = "nix/nodes/NODE/default.nix";
    CONTAINER = "nix/nodes/NODE/container.conf";
}

/// The templates of the makers and our own, compiled: the same for every lab.
fn environment(makers: &[Template]) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment.set_auto_escape_callback(language);
    environment.set_formatter(print);
    environment.add_filter("block", |value: Serde<Value>, indent: usize| {
        minijinja::Value::from_safe_string(yaml::block(&value, indent))
    });
    // What Flux's setters look for; names of policies are labels, so nothing needs quoting.
    environment.add_filter("marker", |policy: &str| {
        minijinja::Value::from_safe_string(format!("{{\"$imagepolicy\": \"flux-system:{policy}\"}}"))
    });
    // In double quotes whatever it is: what the setters put there may look like a number.
    environment.add_filter("quoted", |text: &str| {
        minijinja::Value::from_safe_string(serde_json::Value::from(text).to_string())
    });
    environment.add_filter("shift", |text: &str, by: usize| {
        let pad = " ".repeat(by);
        let lines = text.split_inclusive('\n');
        let shifted = lines.flat_map(|line| [if line.trim().is_empty() { "" } else { pad.as_str() }, line]);
        minijinja::Value::from_safe_string(shifted.collect())
    });
    environment.add_filter("literal", |value: Serde<Value>, indent: usize, before: usize| {
        minijinja::Value::from_safe_string(nix::literal(&value, indent, before))
    });
    environment.add_filter("path", |path: &str| minijinja::Value::from_safe_string(nix::path(path)));
    environment.add_filter("paths", |paths: Vec<String>, indent: usize, before: usize| {
        minijinja::Value::from_safe_string(nix::paths(&paths, indent, before))
    });
    for template in TEMPLATES.iter().chain(makers) {
        environment.add_template(template.name, template.source).expect("templates are checked by a test");
    }
    environment
}

/// Our own templates. The path of each is that of its output.
pub fn templates() -> &'static [Template] {
    TEMPLATES
}

/// Templates, compiled once for every lab.
pub struct Templates(Environment<'static>);

impl Templates {
    /// Compiles the templates of those that make units, and our own.
    pub fn compile(makers: &[Template]) -> Self {
        Self(environment(makers))
    }
}

/// Renders templates below the header of every file.
pub(crate) struct Engine<'a> {
    header: String,
    templates: &'a Templates,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(header: String, templates: &'a Templates) -> Self {
        Self { header, templates }
    }

    /// A whole file.
    pub(crate) fn page(&self, template: Template, context: minijinja::Value) -> Result<String, String> {
        let text = self.compiled(template)?.render(context).map_err(|error| explain(&error))?;
        if template.name.ends_with(".md") {
            return Ok(format!("<!-- {} -->\n\n{text}", self.header));
        }
        Ok(self.with_header(&text))
    }

    /// The header in front of a text that did not come from a template.
    pub(crate) fn with_header(&self, text: &str) -> String {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        // Joined and not formatted: there are many files, and this wastes no memory on growing.
        ["# ", &self.header, "\n", text, end].concat()
    }

    /// A YAML template as a tree.
    pub(crate) fn tree(&self, template: Template, context: minijinja::Value) -> Result<Value, String> {
        let text = self.compiled(template)?.render(context).map_err(|error| explain(&error))?;
        let (documents, faults) = yaml::documents(&text, yaml::Limits::default());
        match (documents.first(), faults.first()) {
            (Some(document), None) => Ok(document.to_value()),
            (None, None) => Ok(Value::map()),
            (_, Some(fault)) => Err(format!("{} is not YAML: {fault:?}", template.name)),
        }
    }

    fn compiled(&self, template: Template) -> Result<minijinja::Template<'a, 'a>, String> {
        self.templates.0.get_template(template.name).map_err(|error| explain(&error))
    }
}

fn explain(error: &Error) -> String {
    format!("{error:#}")
}

/// The language of a template, by the ending of its name.
fn language(name: &str) -> AutoEscape {
    AutoEscape::Custom(match name.rsplit('.').next() {
        Some("yaml") => "yaml".into(),
        Some("nix") => "nix".into(),
        Some("md") => "md".into(),
        _ => "conf".into(),
    })
}

/// Prints a value into a file of the template's language.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &minijinja::Value) -> Result<(), Error> {
    let refuse =
        |what: &str| Err(Error::new(ErrorKind::InvalidOperation, format!("{what} cannot stand here: {value}")));
    if value.is_safe() {
        return Ok(out.write_str(value.as_str().unwrap_or_default())?);
    }
    let language = match state.auto_escape() {
        AutoEscape::Custom(language) => language.as_ref(),
        _ => "conf",
    };
    match (value.kind(), language) {
        (ValueKind::Undefined, _) => Err(Error::from(ErrorKind::UndefinedError)),
        (ValueKind::Number, _) => Ok(write!(out, "{value}")?),
        (ValueKind::Bool, _) => Ok(out.write_str(if value.is_true() { "true" } else { "false" })?),
        (ValueKind::String, "yaml") => Ok(out.write_str(&yaml::scalar(value.as_str().unwrap_or_default()))?),
        (ValueKind::String, "nix") => Ok(out.write_str(&nix::string(value.as_str().unwrap_or_default()))?),
        (ValueKind::String, "md") => Ok(out.write_str(&markdown(value.as_str().unwrap_or_default()))?),
        (ValueKind::String, _) => {
            let text = value.as_str().unwrap_or_default();
            if text.contains(|c: char| c.is_control()) {
                return refuse("text with control characters");
            }
            Ok(out.write_str(text)?)
        }
        (ValueKind::None, _) => refuse("nothing"),
        (_, _) => refuse("a list or mapping without the filter `block`"),
    }
}

/// Text inside a paragraph or a table of Markdown: on one line, and nothing in it means anything.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}
