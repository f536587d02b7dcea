//! Text to [`Spec`]: reads YAML, checks its shape, and types it.

use super::check::Checker;
use super::schema::schema;
use super::shape::Spec;
use super::spanned::NodeDeserializer;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::yaml::{self, Fault, FaultKind, Limits, Node, NodeKind};
use serde::Deserialize;

/// The largest spec that is read, in bytes. A lab of 5000 apps needs about 2 MB.
pub const MAX_BYTES: u64 = 16 << 20;

/// A spec as far as it could be read.
#[derive(Debug)]
pub struct Parsed {
    /// The spec; where something was unreadable, with stand-ins in its place.
    pub spec: Spec,
    /// The tree it was read from, for rules that look at every value.
    pub root: Node,
    /// What was wrong.
    pub faults: Diagnostics,
}

/// Reads a spec.
///
/// # Errors
/// If the text cannot be taken for a spec at all; everything less is told by [`Parsed::faults`].
pub fn parse(bytes: &[u8]) -> Result<Parsed, Diagnostics> {
    let text = decode(bytes)?;
    let mut faults = Diagnostics::default();
    let mut root = read(text, &mut faults)?;
    judge_scalars(&root, &mut faults);
    Checker::new(&schema()).check(&mut root, &mut faults);
    match Spec::deserialize(NodeDeserializer(&root)) {
        Ok(spec) => Ok(Parsed { spec, root, faults }),
        Err(_) if faults.has_errors() => Err(faults),
        Err(error) => {
            let message = format!("the spec passed its schema but could not be read: {error}");
            Err(Diagnostic::of_file(Code::Internal, message).into())
        }
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Diagnostics> {
    let refuse = |code, span: Option<usize>, message: String, help: &str| {
        let fault = match span {
            Some(at) => Diagnostic::new(code, Span::new(at, at), message),
            None => Diagnostic::of_file(code, message),
        };
        Err(fault.help(help).into())
    };
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("the spec has {} MiB; at most {} MiB are read", bytes.len() >> 20, MAX_BYTES >> 20);
        return refuse(Code::TooLarge, None, message, "check that this is the right file");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return refuse(
            Code::ByteOrderMark,
            None,
            "the spec starts with a byte order mark".into(),
            "save it as UTF-8 without BOM",
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            return refuse(
                Code::NotUtf8,
                None,
                format!("the spec is not UTF-8 text; the first wrong byte is in line {line}"),
                "save it as UTF-8",
            );
        }
    };
    if let Some(at) = text.find('\r') {
        let message = "this line ends in a carriage return".to_owned();
        return refuse(
            Code::CarriageReturn,
            Some(at),
            message,
            "save the file with LF line ends (`sed -i 's/\\r$//'`)",
        );
    }
    if let Some(at) = text.find('\0') {
        return refuse(Code::YamlSyntax, Some(at), "the spec contains a NUL character".into(), "remove it");
    }
    Ok(text)
}

fn read(text: &str, faults: &mut Diagnostics) -> Result<Node, Diagnostics> {
    let (mut documents, found) = yaml::documents(text, Limits::default());
    let fatal = found.iter().any(|fault| matches!(fault.kind, FaultKind::Syntax(_) | FaultKind::TooDeep));
    for fault in found {
        faults.push(explain(fault, text));
    }
    if fatal {
        return Err(std::mem::take(faults));
    }
    let (code, help) = (Code::NotOneMapping, "start with `version: 1`; see `homelab explain`");
    let fault = match (documents.pop(), documents.is_empty()) {
        (Some(root), true) if matches!(root.kind, NodeKind::Mapping(_)) => return Ok(root),
        (Some(root), true) => Diagnostic::new(code, root.span, "the spec is not a mapping at its top").help(help),
        (Some(second), false) => Diagnostic::new(code, second.span, "a second document starts here; the spec is one")
            .help("remove the line `---` before it"),
        (None, _) => Diagnostic::of_file(code, "the spec is empty").help(help),
    };
    faults.push(fault);
    Err(std::mem::take(faults))
}

/// Values that YAML allows but that tools on the way would drop or read differently.
fn judge_scalars(node: &Node, faults: &mut Diagnostics) {
    for (key, value) in node.entries() {
        judge_scalars(key, faults);
        judge_scalars(value, faults);
    }
    for item in node.items() {
        judge_scalars(item, faults);
    }
    let NodeKind::Scalar { text, plain } = &node.kind else { return };
    if let Some(c) = text.chars().find(|c| is_odd(*c)) {
        let message = format!("this text holds the control character {}", c.escape_unicode());
        let fault = Diagnostic::new(Code::ControlCharacter, node.span, message);
        faults.push(fault.help("remove it; only tabs and line breaks are text to every tool on the way"));
    }
    let digits = text.trim_start_matches(['+', '-']);
    if *plain && digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("`{text}` is octal to some readers of YAML and decimal to others");
        let fault = Diagnostic::new(Code::AmbiguousNumber, node.span, message);
        faults.push(
            fault.help(format!("quote it if it is text: \"{text}\"; write the number without leading zeros otherwise")),
        );
    }
}

/// Control characters, which values can hold by escapes.
fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn explain(fault: Fault, text: &str) -> Diagnostic {
    let at = fault.span;
    match fault.kind {
        FaultKind::Syntax(reason) => match tab_near(text, at) {
            Some(tab) => Diagnostic::new(Code::YamlSyntax, tab, "this line is indented with a tab")
                .help("YAML forbids tabs as indentation; use blanks"),
            None => Diagnostic::new(Code::YamlSyntax, at, format!("this is not YAML: {reason}")).help(
                "check the indentation, and quote text that contains ': ', ' #', or starts with one of [{*&!|>%@`",
            ),
        },
        FaultKind::TooDeep => {
            Diagnostic::new(Code::TooDeep, at, format!("more than {} levels of nesting", Limits::default().depth))
                .help("a spec needs about ten; look for brackets that are not closed")
        }
        FaultKind::Alias => {
            Diagnostic::new(Code::Alias, at, "anchors and aliases are not part of the spec").help("write the value out")
        }
        FaultKind::Tag => Diagnostic::new(Code::YamlTag, at, "tags are not part of the spec")
            .help("remove it; quote the value if it is text"),
        FaultKind::DuplicateKey { key, first } => {
            Diagnostic::new(Code::DuplicateKey, at, format!("the key `{key}` stands twice in the same mapping"))
                .related(first, "first here")
                .help("keep one of them")
        }
        FaultKind::ComplexKey => Diagnostic::new(Code::YamlSyntax, at, "a key must be a word, not a list or a mapping")
            .help("quote the key if it contains brackets"),
    }
}

/// A tab in the indentation of the line of a syntax error or of the next: most likely the cause.
fn tab_near(text: &str, at: Span) -> Option<Span> {
    let at = (at.start as usize).min(text.len());
    let mut start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    for line in text[start..].split_inclusive('\n').take(2) {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(Span::new(start + tab, start + tab + 1));
        }
        start += line.len();
    }
    None
}
