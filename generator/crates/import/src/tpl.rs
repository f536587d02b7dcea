//! Templates in Helm values: the expressions that need nothing but the release and the values themselves.

use yaml::{Node, NodeKind};

/// The release that the values belong to.
pub(crate) struct Release<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) values: &'a Node,
}

/// Evaluates the templates in all values of a tree. What cannot be evaluated stays.
pub(crate) fn in_node(node: &mut Node, release: &Release<'_>) {
    match &mut node.kind {
        NodeKind::Scalar { text, plain } => {
            if text.contains("{{") {
                *text = in_text(text, release).into();
                *plain = false;
            }
        }
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| in_node(item, release)),
        NodeKind::Mapping(entries) => {
            for (key, value) in entries {
                in_node(key, release);
                in_node(value, release);
            }
        }
    }
}

/// Evaluates the templates in a text.
fn in_text(text: &str, release: &Release<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let Some(length) = rest[at..].find("}}") else { break };
        let whole = &rest[at..at + length + 2];
        out.push_str(&rest[..at]);
        out.push_str(&value_of(whole, release).unwrap_or_else(|| whole.to_owned()));
        rest = &rest[at + whole.len()..];
    }
    out.push_str(rest);
    out
}

fn value_of(whole: &str, release: &Release<'_>) -> Option<String> {
    let inner = whole[2..whole.len() - 2].trim_matches(|c: char| c == '-' || c.is_whitespace());
    let inner = inner.split('|').next().unwrap_or_default().trim();
    let inner = inner.strip_prefix('$').filter(|rest| rest.starts_with('.')).unwrap_or(inner);
    if let Some(path) = inner.strip_prefix(".Values.") {
        let keys: Vec<_> = path.split('.').collect();
        let value = release.values.at(&keys)?.text()?;
        return (!value.contains("{{")).then(|| value.to_owned());
    }
    let is_full_name = inner.starts_with("include \"bjw-s.common.lib.chart.names.fullname\"")
        || inner.starts_with("include \"common.names.fullname\"");
    match inner {
        ".Release.Name" => Some(release.name.to_owned()),
        ".Release.Namespace" => Some(release.namespace.to_owned()),
        _ => is_full_name.then(|| release.name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluates_what_needs_only_the_release() {
        let read = crate::read::read("a: { b: 5 }\n");
        let release = Release { name: "app", namespace: "ns", values: &read.documents[0] };
        for (text, expected) in [
            ("{{ .Release.Name }}.example.com", "app.example.com"),
            ("{{.Release.Namespace}}-x", "ns-x"),
            ("{{ .Values.a.b }}", "5"),
            ("{{ .Values.a.c }}", "{{ .Values.a.c }}"),
            ("{{ include \"other\" . }}", "{{ include \"other\" . }}"),
            ("{{ open", "{{ open"),
        ] {
            assert_eq!(in_text(text, &release), expected);
        }
    }
}
