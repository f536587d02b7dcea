//! The pins file: the tags that Flux's image automation updates, next to the spec.
//!
//! Automation edits this file and the generated manifests in one commit, and the next run of the generator reads
//! the tags from here. So the spec, which people write, is never reformatted.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::PINS;
use model::{File, Files, ObjectName, Problem};
use spec::types::{Digest, ImageTag, Name, Text as _};
use std::collections::BTreeMap;
use yaml::{self, ErrorKind, Limits, Node, NodeKind};

/// The tags that automation has updated, by [`ImageId::key`].
#[derive(Debug, Default)]
pub struct Pins(BTreeMap<String, Pin>);

/// An image of an app.
#[derive(Debug, Clone, Copy)]
pub struct ImageId<'a> {
    /// The cluster of the app.
    pub cluster: &'a Name,
    /// The app.
    pub app: &'a Name,
    /// The init container, sidecar or job that runs it; `None` for the main container.
    pub container: Option<&'a Name>,
}

impl ImageId<'_> {
    /// Its key in the pins file: `CLUSTER/APP` or `CLUSTER/APP/CONTAINER`.
    pub fn key(&self) -> String {
        self.joined("/")
    }

    /// The name of its ImagePolicy. No part contains a dot, so it is unique.
    pub(crate) fn policy(&self) -> ObjectName {
        self.joined(".").into()
    }

    fn joined(&self, separator: &str) -> String {
        let parts: Vec<_> = [self.cluster, self.app].into_iter().chain(self.container).map(Name::as_str).collect();
        parts.join(separator)
    }
}

/// The pin of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The tag.
    pub(crate) tag: ImageTag,
    /// The digest, if automation follows digests; empty until it has resolved one.
    pub(crate) digest: Option<String>,
}

impl Pins {
    /// Reads the pins. Reports a file that neither the generator nor Flux can have written, and returns no pins then.
    pub fn read(files: &Files, diagnostics: &mut Diagnostics) -> Self {
        let Some(file) = files.get(PINS) else { return Self::default() };
        match text_of(file).and_then(parse) {
            Ok(pins) => Self(pins),
            Err(InvalidPins { line, reason }) => {
                let place = line.map_or(String::new(), |line| format!(", line {line}"));
                let message = format!("invalid pins file {PINS}{place}: {reason}");
                let help =
                    "restore the last valid version from Git, or delete the file to start from the tags of the spec";
                diagnostics.push(Diagnostic::of_file(Code::FileInvalid, message).help(help));
                Self::default()
            }
        }
    }

    /// The pin of an image.
    pub(crate) fn get(&self, image: &ImageId<'_>) -> Option<&Pin> {
        self.0.get(&image.key())
    }
}

/// Sets the tag of an image in the pins file. An invalid file is left unchanged, and reported when it is read:
/// rewriting it would lose the tags of the other images.
pub fn with_pin(files: &mut Files, image: &ImageId<'_>, tag: &ImageTag) {
    let read = files.get(PINS).map_or_else(|| Ok(BTreeMap::new()), |file| text_of(file).and_then(parse));
    let Ok(mut pins) = read else { return };
    pins.insert(image.key(), Pin { tag: tag.clone(), digest: None });
    let mut text = String::from("images:\n");
    for (key, pin) in pins {
        text.push_str(&format!("  {key}:\n    tag: \"{}\"\n", pin.tag));
        if let Some(digest) = pin.digest {
            text.push_str(&format!("    digest: \"{digest}\"\n"));
        }
    }
    files.insert(PINS.to_owned(), Ok(text.into_bytes()));
}

/// Why a pins file is invalid, and in which line.
struct InvalidPins {
    line: Option<usize>,
    reason: String,
}

fn text_of(file: &File) -> Result<&str, InvalidPins> {
    let invalid = |reason| InvalidPins { line: None, reason };
    let bytes = file.as_ref().map_err(|problem| match problem {
        Problem::Unreadable(reason) => invalid(format!("cannot read the file ({reason})")),
        Problem::OutsideRoot => invalid("the file is a symbolic link to outside the repository".to_owned()),
    })?;
    std::str::from_utf8(bytes).map_err(|_| invalid("the file is not UTF-8".to_owned()))
}

fn parse(text: &str) -> Result<BTreeMap<String, Pin>, InvalidPins> {
    let at = |span: Span, reason: String| {
        let before = text.as_bytes().iter().take(span.start as usize);
        InvalidPins { line: Some(before.filter(|byte| **byte == b'\n').count() + 1), reason }
    };
    let (documents, problems) = yaml::documents(text, Limits::default());
    if let Some(problem) = problems.first() {
        let reason = match &problem.kind {
            ErrorKind::Syntax(reason) => reason.clone(),
            ErrorKind::DuplicateKey { key, .. } => format!("duplicate key `{key}`"),
            _ => "unsupported YAML, which image automation does not write".to_owned(),
        };
        return Err(at(problem.span, reason));
    }
    let Some(document) = documents.first() else { return Ok(BTreeMap::new()) };
    let Some(images) = document.get("images") else {
        return Err(at(document.span, "missing field `images`".to_owned()));
    };
    match images.kind {
        NodeKind::Mapping(_) => {}
        _ if images.is_null() => return Ok(BTreeMap::new()),
        _ => return Err(at(images.span, "`images` is not a mapping".to_owned())),
    }
    let pins = images.entries().iter().map(|(app, pin)| {
        let name = app
            .text()
            .ok_or_else(|| at(app.span, "expected `CLUSTER/APP` or `CLUSTER/APP/CONTAINER` as a key".to_owned()))?;
        let pin = parse_pin(pin).map_err(|reason| at(app.span, format!("`{name}` {reason}")))?;
        Ok((name.to_owned(), pin))
    });
    pins.collect()
}

fn parse_pin(node: &Node) -> Result<Pin, String> {
    let tag = node.text_of("tag").ok_or("has no `tag`")?;
    let tag = ImageTag::parse(tag).map_err(|reason| format!("has an invalid tag: {reason}"))?;
    let digest = node.text_of("digest");
    // It is empty until automation has resolved one.
    if let Some(digest) = digest.filter(|digest| !digest.is_empty()) {
        Digest::parse(digest).map_err(|reason| format!("has an invalid digest: {reason}"))?;
    }
    Ok(Pin { tag, digest: digest.map(str::to_owned) })
}
