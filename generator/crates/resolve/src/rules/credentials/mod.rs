//! Rejects values that look like credentials anywhere in the spec and in the files that it names, to keep secrets out
//! of Git.

mod keys;
mod texts;
mod tokens;
mod urls;

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::Spanned;
use spec::types::{RepoPath, SecretRef};
use std::borrow::Cow;
use std::collections::BTreeSet;
use yaml::{Node, NodeKind, Scalar};

const HELP: &str = "move it to the secret store and declare it under `secrets.entries`; refer to it in the `env` of an \
                    app with `{ secret: ENTRY/KEY }`, or in Helm values by the name of a Secret; if it was ever \
                    committed, rotate it";

/// Checks all values of a spec except references to secrets, and its comments.
pub(super) fn check(
    root: &Node,
    comments: &[(Span, String)],
    references: &[&Spanned<SecretRef>],
    diagnostics: &mut Diagnostics,
) {
    let references = references.iter().map(|reference| (reference.span.start, reference.span.end)).collect();
    let mut walk = Walk { references, found: Vec::new() };
    walk.visit(root, None);
    let comments = comments.iter().filter_map(|(span, text)| in_comment(*span, text));
    for (span, message) in walk.found.into_iter().chain(comments) {
        diagnostics.push(Diagnostic::new(Code::CredentialInSpec, span, message).help(HELP));
    }
}

/// Checks all values of a file of manifests.
pub(crate) fn check_manifests(path: &Spanned<RepoPath>, text: &str, documents: &[Node], diagnostics: &mut Diagnostics) {
    let mut walk = Walk { references: BTreeSet::new(), found: Vec::new() };
    documents.iter().for_each(|document| walk.visit(document, None));
    let comments = yaml::comments(text, documents);
    let comments = comments.into_iter().filter_map(|(span, text)| in_comment(span, text));
    for (span, message) in walk.found.into_iter().chain(comments) {
        let line = text[..(span.start as usize).min(text.len())].matches('\n').count() + 1;
        report_in_file(path, line, &message, diagnostics);
    }
}

/// Returns the lines of a file with comments that contain a credential, and what it looks like.
pub(crate) fn in_comments(text: &str, document: &Node) -> Vec<(usize, String)> {
    let comments = yaml::comments(text, std::slice::from_ref(document)).into_iter();
    let found = comments.filter_map(|(span, comment)| in_comment(span, comment));
    found
        .map(|(span, message)| (text[..(span.start as usize).min(text.len())].matches('\n').count() + 1, message))
        .collect()
}

/// Checks all lines of a file of another format.
pub(crate) fn check_text(path: &Spanned<RepoPath>, text: &str, diagnostics: &mut Diagnostics) {
    for (at, line) in text.lines().enumerate() {
        if let Some(what) = texts::credential_in_file(line) {
            report_in_file(path, at + 1, &format!("this looks like {what}"), diagnostics);
        }
    }
}

/// Whether a value looks like a credential, below a key or by itself.
pub fn is_credential(key: Option<&str>, text: &str) -> bool {
    let node = Node { span: Span::new(0, 1), kind: NodeKind::Scalar { text: text.into(), plain: false } };
    let mut walk = Walk { references: BTreeSet::new(), found: Vec::new() };
    walk.visit(&node, key);
    !walk.found.is_empty()
}

fn in_comment(span: Span, text: &str) -> Option<(Span, String)> {
    texts::credential_in_comment(text).map(|what| (span, format!("this comment contains what looks like {what}")))
}

fn report_in_file(path: &Spanned<RepoPath>, line: usize, message: &str, diagnostics: &mut Diagnostics) {
    let message = format!("{}, line {line}: {message}", path.value);
    diagnostics.push(Diagnostic::new(Code::CredentialInSpec, path.span, message).help(HELP));
}

/// Visits all values of a tree.
struct Walk {
    /// Where references to secrets are.
    references: BTreeSet<(u32, u32)>,
    found: Vec<(Span, String)>,
}

impl Walk {
    fn visit(&mut self, node: &Node, key: Option<&str>) {
        if self.references.contains(&(node.span.start, node.span.end)) {
            return;
        }
        match &node.kind {
            NodeKind::Mapping(entries) => self.visit_mapping(node, entries),
            NodeKind::Sequence(items) => {
                let mut option = None;
                for item in items {
                    // `[--password, hunter2]`
                    let is_option = item.text().is_some_and(|text| text.starts_with('-'));
                    let before = option.filter(|_| !is_option);
                    let login = before.and_then(|option| texts::credential_of_option(option, item.text()?));
                    if let Some(what) = login {
                        self.found.push((item.span, format!("this looks like {what}")));
                    } else {
                        self.visit(item, before.or(key));
                    }
                    option = item.text().filter(|text| text.starts_with('-') && !text.contains('='));
                }
            }
            NodeKind::Scalar { text, .. } => {
                // The content of a file is its `text`. Descriptions are prose.
                let is_file = text.contains('\n') || key == Some("text");
                let form = match key {
                    Some("description") => texts::credential_by_form(text).map(Cow::Borrowed),
                    _ if is_file => texts::credential_in_file(text),
                    _ => texts::credential_in(text),
                };
                if let Some(what) = form {
                    self.found.push((node.span, format!("this looks like {what}")));
                } else if matches!(node.scalar(), Some(Scalar::Str(_) | Scalar::Int(_)))
                    && let Some(key) = key.filter(|key| keys::is_credential(key, text))
                {
                    self.found.push((node.span, format!("the value of `{key}` looks like a credential")));
                }
            }
        }
    }

    fn visit_mapping(&mut self, node: &Node, entries: &[(Node, Node)]) {
        let is_secret = node.text_of("kind") == Some("Secret");
        // `{ name: DB_PASSWORD, value: … }`
        let variable = node.text_of("name").or_else(|| node.text_of("key"));
        for (name, value) in entries {
            match name.text() {
                Some("data" | "stringData") if is_secret && !value.entries().is_empty() => {
                    self.found.push((name.span, "this is a Secret with data".to_owned()));
                }
                // Sealed Secrets and SOPS: encrypted.
                Some("encryptedData" | "sops") => {}
                // The provider of External Secrets for tests.
                Some("fake") if value.get("data").is_some() => {
                    self.found.push((name.span, "this provider has secrets in its `data`".to_owned()));
                }
                Some("value") if variable.is_some() => self.visit(value, variable),
                key => self.visit(value, key),
            }
        }
    }
}
