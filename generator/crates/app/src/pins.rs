//! The pins file: the tags that Flux's image automation moves, beside the spec.
//!
//! What people write is never reformatted: automation edits this file and the generated manifests
//! alike, in one commit, and the next run of the generator reads the tags from here.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::PINS;
use model::{File, Files, Problem};
use spec::types::{Digest, ImageTag, Name, Text as _};
use std::collections::BTreeMap;
use yaml::{self, FaultKind, Limits, Node, NodeKind};

/// The tags that automation has moved, by `CLUSTER/APP`.
#[derive(Debug, Default)]
pub struct Pins(BTreeMap<String, Pin>);

/// What stands for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The tag.
    pub(crate) tag: ImageTag,
    /// The digest, if automation follows it; empty until it has seen one.
    pub(crate) digest: Option<String>,
}

impl Pins {
    /// The pins that are there; a fault if the file is not what the generator and Flux leave.
    pub fn read(files: &Files, faults: &mut Diagnostics) -> Self {
        let Some(file) = files.get(PINS) else { return Self::default() };
        match text_of(file).and_then(parse) {
            Ok(pins) => Self(pins),
            Err(Wrong { line, reason }) => {
                let place = line.map_or(String::new(), |line| format!(", line {line}"));
                let message = format!("{PINS} is not a list of tags{place}: {reason}");
                let help = "take the last good version from Git, or delete it: the tags of the spec are the start then";
                faults.push(Diagnostic::of_file(Code::FileInvalid, message).help(help));
                Self::default()
            }
        }
    }

    /// The pin of an app.
    pub(crate) fn get(&self, cluster: &Name, app: &Name) -> Option<&Pin> {
        self.0.get(&format!("{cluster}/{app}"))
    }
}

/// A pins file in which an app has another tag. A broken one stays as it is, to be told: the tags of
/// the other apps would be lost.
pub fn with_pin(files: &mut Files, app: &str, tag: &ImageTag) {
    let read = files.get(PINS).map_or_else(|| Ok(BTreeMap::new()), |file| text_of(file).and_then(parse));
    let Ok(mut pins) = read else { return };
    pins.insert(app.to_owned(), Pin { tag: tag.clone(), digest: None });
    let mut text = String::from("images:\n");
    for (app, pin) in pins {
        text.push_str(&format!("  {app}:\n    tag: \"{}\"\n", pin.tag));
        if let Some(digest) = pin.digest {
            text.push_str(&format!("    digest: \"{digest}\"\n"));
        }
    }
    files.insert(PINS.to_owned(), Ok(text.into_bytes()));
}

/// Why a text is no list of tags, and in which of its lines.
struct Wrong {
    line: Option<usize>,
    reason: String,
}

fn text_of(file: &File) -> Result<&str, Wrong> {
    let wrong = |reason| Wrong { line: None, reason };
    let bytes = file.as_ref().map_err(|problem| match problem {
        Problem::Unreadable(reason) => wrong(format!("it cannot be read ({reason})")),
        Problem::OutsideRoot => wrong("it is a link that leads out of the repository".to_owned()),
    })?;
    std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".to_owned()))
}

fn parse(text: &str) -> Result<BTreeMap<String, Pin>, Wrong> {
    let at = |span: Span, reason: String| {
        let before = text.as_bytes().iter().take(span.start as usize);
        Wrong { line: Some(before.filter(|byte| **byte == b'\n').count() + 1), reason }
    };
    let (documents, faults) = yaml::documents(text, Limits::default());
    if let Some(fault) = faults.first() {
        let reason = match &fault.kind {
            FaultKind::Syntax(reason) => reason.clone(),
            FaultKind::DuplicateKey { key, .. } => format!("`{key}` stands twice"),
            _ => "it is not YAML as image automation leaves it".to_owned(),
        };
        return Err(at(fault.span, reason));
    }
    let Some(document) = documents.first() else { return Ok(BTreeMap::new()) };
    let Some(images) = document.get("images") else {
        return Err(at(document.span, "it has no `images`".to_owned()));
    };
    match images.kind {
        NodeKind::Mapping(_) => {}
        _ if images.is_null() => return Ok(BTreeMap::new()),
        _ => return Err(at(images.span, "`images` is not a mapping".to_owned())),
    }
    let pins = images.entries().iter().map(|(app, pin)| {
        let name = app.text().ok_or_else(|| at(app.span, "a key is not the name of an app".to_owned()))?;
        let pin = parse_pin(pin).map_err(|reason| at(app.span, format!("`{name}` {reason}")))?;
        Ok((name.to_owned(), pin))
    });
    pins.collect()
}

fn parse_pin(node: &Node) -> Result<Pin, String> {
    let tag = node.text_of("tag").ok_or("has no `tag`")?;
    let tag = ImageTag::parse(tag).map_err(|reason| format!("has no tag that could be one: {reason}"))?;
    let digest = node.text_of("digest");
    // It is empty until automation has seen one.
    if let Some(digest) = digest.filter(|digest| !digest.is_empty()) {
        Digest::parse(digest).map_err(|reason| format!("has no digest that could be one: {reason}"))?;
    }
    Ok(Pin { tag, digest: digest.map(str::to_owned) })
}
