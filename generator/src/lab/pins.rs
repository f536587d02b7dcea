//! The pins file: the tags that Flux's image automation moves, beside the spec.
//!
//! What people write is never reformatted: automation edits this file and the generated manifests
//! alike, in one commit, and the next run of the generator reads the tags from here.

use super::files::Files;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::spec::types::{Digest, ImageTag, Text as _};
use crate::yaml::{self, Limits, Node, NodeKind};
use std::collections::BTreeMap;

/// Where it stands.
pub const PINS: &str = "spec/images.yaml";

/// The tags that automation has moved, by `CLUSTER/APP`.
#[derive(Debug, Default)]
pub(crate) struct Pins(BTreeMap<String, Pin>);

/// What stands for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The tag.
    pub tag: String,
    /// The digest, if automation follows it; empty until it has seen one.
    pub digest: Option<String>,
}

impl Pins {
    /// The pins that are there; a fault if the file is not what the generator and Flux leave.
    pub(crate) fn read(files: &Files, faults: &mut Diagnostics) -> Self {
        let Some(file) = files.get(PINS) else { return Self::default() };
        let text = file.as_ref().ok().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let pins = text.and_then(parse);
        if pins.is_none() {
            let help = "take the last good version from Git, or delete it: the tags of the spec are the start then";
            let fault = Diagnostic::of_file(Code::FileInvalid, format!("{PINS} is not a list of tags"));
            faults.push(fault.help(help));
        }
        Self(pins.unwrap_or_default())
    }

    /// The pin of an app.
    pub(crate) fn get(&self, cluster: &str, app: &str) -> Option<&Pin> {
        self.0.get(&format!("{cluster}/{app}"))
    }
}

/// A pins file in which an app has another tag.
pub fn with_pin(files: &mut Files, app: &str, tag: &str) {
    let bytes = files.get(PINS).and_then(|file| file.as_ref().ok());
    let mut pins = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(parse).unwrap_or_default();
    pins.insert(app.to_owned(), Pin { tag: tag.to_owned(), digest: None });
    let mut text = String::from("images:\n");
    for (app, pin) in pins {
        text.push_str(&format!("  {app}:\n    tag: \"{}\"\n", pin.tag));
        if let Some(digest) = pin.digest {
            text.push_str(&format!("    digest: \"{digest}\"\n"));
        }
    }
    files.insert(PINS.to_owned(), Ok(text.into_bytes()));
}

fn parse(text: &str) -> Option<BTreeMap<String, Pin>> {
    let (documents, faults) = yaml::documents(text, Limits::default());
    if !faults.is_empty() {
        return None;
    }
    let Some(images) = documents.first().and_then(|document| document.get("images")) else {
        return documents.is_empty().then(BTreeMap::new);
    };
    if !matches!(images.kind, NodeKind::Mapping(_)) {
        return images.is_null().then(BTreeMap::new);
    }
    images.entries().iter().map(|(app, pin)| Some((app.text()?.to_owned(), parse_pin(pin)?))).collect()
}

fn parse_pin(node: &Node) -> Option<Pin> {
    let tag = node.text_of("tag").filter(|tag| ImageTag::parse(tag).is_ok())?;
    let digest = node.text_of("digest");
    let is_digest = |digest: &str| digest.is_empty() || Digest::parse(digest).is_ok();
    digest.is_none_or(is_digest).then(|| Pin { tag: tag.to_owned(), digest: digest.map(str::to_owned) })
}
