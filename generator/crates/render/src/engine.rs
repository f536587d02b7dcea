//! The template engine. No value can change the structure around it: everything that a template prints with
//! `{{ }}` is formatted for the language of the file.

use crate::texts::Texts;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use model::Template;
use spec::Language;
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
    DOCS_RUNBOOKS = "docs/lab/runbooks.md";
    DOCS_HOST = "docs/lab/hosts/HOST.md";
    DOCS_CLUSTER = "docs/lab/clusters/CLUSTER.md";
    NODE_MODULE = "nix/nodes/NODE/default.nix";
    CONTAINER = "nix/nodes/NODE/container.conf";
    VM = "nix/nodes/NODE/vm.conf";
    RESTARTS = "parts/restarts.yaml";
}

/// Compiles the templates of the makers and of this crate. They are the same for every lab.
fn environment(makers: &[Template]) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are valid"));
    environment.set_auto_escape_callback(language);
    environment.set_formatter(print);
    environment.add_filter("block", |value: Serde<Value>, indent: usize| {
        minijinja::Value::from_safe_string(yaml::block(&value, indent))
    });
    // The setter marker of Flux. Names of policies are DNS labels, so nothing needs quoting.
    environment.add_filter("marker", |policy: &str| {
        minijinja::Value::from_safe_string(format!("{{\"$imagepolicy\": \"flux-system:{policy}\"}}"))
    });
    // Always in double quotes: the tags that Flux's setters write may look like numbers.
    environment.add_filter("quoted", |text: &str| {
        minijinja::Value::from_safe_string(serde_json::Value::from(text).to_string())
    });
    environment.add_filter("shift", |text: &str, by: usize| {
        let pad = " ".repeat(by);
        let lines = text.split_inclusive('\n');
        // Only spaces and line breaks are white space in YAML: a line of NO-BREAK SPACE is text.
        let is_blank = |line: &str| line.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        let shifted = lines.flat_map(|line| [if is_blank(line) { "" } else { pad.as_str() }, line]);
        minijinja::Value::from_safe_string(shifted.collect())
    });
    environment.add_filter("literal", |value: Serde<Value>, indent: usize, before: usize| {
        minijinja::Value::from_safe_string(nix::literal(&value, indent, before))
    });
    // A link in Markdown. The characters that URLs of the spec may have need no escape between angle brackets.
    environment.add_filter("link", |url: &str| minijinja::Value::from_safe_string(format!("<{url}>")));
    environment.add_filter("path", |path: &str| minijinja::Value::from_safe_string(nix::path(path)));
    environment.add_filter("paths", |paths: Vec<String>, indent: usize, before: usize| {
        minijinja::Value::from_safe_string(nix::paths(&paths, indent, before))
    });
    for template in TEMPLATES.iter().chain(makers) {
        environment.add_template(template.name, template.source).expect("a test compiles all templates");
    }
    environment
}

/// The templates of this crate. Each has the path of its output.
pub fn templates() -> &'static [Template] {
    TEMPLATES
}

/// Compiled templates, usable for any lab.
pub struct Templates(Environment<'static>);

impl Templates {
    /// Compiles the templates of the makers and of this crate.
    pub fn compile(makers: &[Template]) -> Self {
        Self(environment(makers))
    }
}

/// Renders templates, and puts the header of generated files above them.
pub(crate) struct Engine<'a> {
    header: String,
    texts: minijinja::Value,
    templates: &'a Templates,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(header: String, language: Language, templates: &'a Templates) -> Self {
        Self { header, texts: minijinja::Value::from(Serde(Texts::of(language))), templates }
    }

    /// The texts of documentation, in the language of the lab.
    pub(crate) fn texts(&self) -> &minijinja::Value {
        &self.texts
    }

    /// The text of the first line of every file.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// Renders a whole file.
    pub(crate) fn page(&self, template: Template, context: minijinja::Value) -> Result<String, String> {
        let text = self.compiled(template)?.render(context).map_err(|error| explain(&error))?;
        if template.name.ends_with(".md") {
            return Ok(format!("<!-- {} -->\n\n{text}", self.header));
        }
        Ok(self.with_header(&text))
    }

    /// Puts the header above a text that does not come from a template.
    pub(crate) fn with_header(&self, text: &str) -> String {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        // `concat` allocates once, unlike `format!`, and there are many files.
        ["# ", &self.header, "\n", text, end].concat()
    }

    /// Renders a YAML template and parses the result.
    pub(crate) fn tree(&self, template: Template, context: minijinja::Value) -> Result<Value, String> {
        let text = self.compiled(template)?.render(context).map_err(|error| explain(&error))?;
        let (documents, errors) = yaml::documents(&text, yaml::Limits::default());
        match (documents.first(), errors.first()) {
            (Some(document), None) => Ok(document.to_value()),
            (None, None) => Ok(Value::map()),
            (_, Some(error)) => Err(format!("{} is not valid YAML: {error:?}", template.name)),
        }
    }

    fn compiled(&self, template: Template) -> Result<minijinja::Template<'a, 'a>, String> {
        self.templates.0.get_template(template.name).map_err(|error| explain(&error))
    }
}

fn explain(error: &Error) -> String {
    format!("{error:#}")
}

/// The language of a template, by its file extension.
fn language(name: &str) -> AutoEscape {
    AutoEscape::Custom(match name.rsplit('.').next() {
        Some("yaml") => "yaml".into(),
        Some("nix") => "nix".into(),
        Some("md") => "md".into(),
        _ => "conf".into(),
    })
}

/// Prints a value in the syntax of the template's language.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &minijinja::Value) -> Result<(), Error> {
    let reject =
        |what: &str| Err(Error::new(ErrorKind::InvalidOperation, format!("{what} cannot be printed here: {value}")));
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
                return reject("text with control characters");
            }
            Ok(out.write_str(text)?)
        }
        (ValueKind::None, _) => reject("nothing"),
        (_, _) => reject("a list or mapping without the filter `block`"),
    }
}

/// Escapes text for a paragraph or a table in Markdown, on one line, so that it is shown as it is.
fn markdown(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Spaces at the start could make it a block of code.
    let text = text.trim_matches(' ');
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let is_special = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '@' => true,
            // A quote.
            '>' => at == 0,
            // The marker of a list, or a rule.
            '-' | '+' => at == 0 && (is_marker(&rest[1..]) || text.chars().all(|c| matches!(c, '-' | ' '))),
            // The marker of a numbered list, or a web address, which would become a link.
            '.' | ')' => is_number(&text[..at]) && is_marker(&rest[1..]) || (c == '.' && ends_with_www(&text[..at])),
            // A URL, which would become a link.
            ':' => rest.starts_with("://"),
            _ => false,
        };
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c if is_special => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Whether the character before a text can start an item of a list.
fn is_marker(after: &str) -> bool {
    after.is_empty() || after.starts_with(' ')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text ends with the start of a web address, which would become a link.
fn ends_with_www(text: &str) -> bool {
    let start = text.len().checked_sub(3).and_then(|at| text.get(at..));
    start.is_some_and(|start| start.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn text_cannot_change_the_structure_of_a_page() {
        for (text, escaped) in [
            ("- item", r"\- item"),
            ("+ item", r"\+ item"),
            ("* item", r"\* item"),
            ("12. item", r"12\. item"),
            ("1) item", r"1\) item"),
            ("> quote", r"\> quote"),
            ("---", r"\---"),
            ("- - -", r"\- - -"),
            ("-1 and +2", "-1 and +2"),
            ("192.168.10.1", "192.168.10.1"),
            ("7.", r"7\."),
            ("    code", "code"),
            ("\tcode", "code"),
            ("a\nb", "a b"),
            ("# title", r"\# title"),
            ("see https://example.com/a_b", r"see https\://example.com/a\_b"),
            ("WWW.example.com", r"WWW\.example.com"),
            ("me@example.com", r"me\@example.com"),
            ("<b>", "&lt;b>"),
            ("a - b + c > d = e: 1.5 (x)", "a - b + c > d = e: 1.5 (x)"),
            ("| a |", r"\| a \|"),
        ] {
            assert_eq!(markdown(text), escaped, "{text}");
        }
    }
}
