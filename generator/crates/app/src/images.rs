//! The images of an app, and how Flux's image automation updates them.

use crate::pins::{ImageId, Pin, Pins};
use diagnostic::{Code, Diagnostic, Diagnostics};
use model::contract::PINS;
use model::{ImageReference, ImageUpdate};
use spec::types::ImageTag;
use spec::{Image, Update};

/// An image that an app runs.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedImage {
    /// The reference with its tag, and with its digest if there is one.
    pub(crate) text: ImageReference,
    /// How image automation updates it.
    pub(crate) update: Option<ImageUpdate>,
}

/// Returns an image of an app. The tag is that of the pins file if image automation may have selected it,
/// and otherwise that of the spec.
pub(crate) fn resolve(id: &ImageId<'_>, image: &Image, pins: &Pins, diagnostics: &mut Diagnostics) -> ResolvedImage {
    let start = image.tag.as_str();
    let pin = pins.get(id);
    let Some(update) = &image.update else {
        check_dropped(pin, id, image, diagnostics);
        return ResolvedImage { text: image.to_string().into(), update: None };
    };
    if let Some(digest) = &image.digest {
        let message = "`digest` pins the image, so `update` has no effect";
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, digest.span, message)
            .related(update.span, "`update` is set here");
        diagnostics.push(diagnostic.help("remove one of them; `update: digest` follows the digest of a tag"));
    }
    let unchanged = || ResolvedImage { text: image.to_string().into(), update: None };
    // A tag without a number is reported as a floating tag.
    let Some(form) = Form::of(start) else { return unchanged() };
    if !form.fits(update.value) {
        let (before, others) = if form.is_unstable(update.value) {
            (", which follows only patch releases before 1.0.0", "`update: major`, or ")
        } else {
            ("", "or ")
        };
        let message = format!("the tag `{start}` has too few numbers for `update: {}`{before}", word(update.value));
        let help = format!("use a tag with more numbers, such as \"1.2.3\", {others}`update: digest`");
        diagnostics.push(
            Diagnostic::new(Code::InvalidValue, image.tag.span, message)
                .related(update.span, "`update` is set here")
                .help(help),
        );
        return unchanged();
    }
    if let Some(reason) = form.unordered.filter(|_| update.value != Update::Digest) {
        let message = format!("Flux cannot order tags like `{start}`: {reason}");
        let diagnostic =
            Diagnostic::new(Code::InvalidValue, image.tag.span, message).related(update.span, "`update` is set here");
        diagnostics.push(diagnostic.help("use `update: digest`, or remove `update` and update the tag by hand"));
        return unchanged();
    }
    if update.value != Update::Digest && form.suffix.contains(|c: char| c.is_ascii_digit()) {
        let message = format!("image automation only considers tags that end in `{}`", form.suffix);
        let diagnostic =
            Diagnostic::new(Code::UpdateNarrow, image.tag.span, message).related(update.span, "`update` is set here");
        diagnostics.push(
            diagnostic.help("if this suffix changes between releases, remove `update` and update the tag by hand"),
        );
    }
    if form.is_unstable(update.value) {
        let message = format!(
            "`update: minor` follows only the patch releases of {start}: before 1.0.0, a minor release may be incompatible"
        );
        let diagnostic =
            Diagnostic::new(Code::UpdateNarrow, update.span, message).related(image.tag.span, "the tag to start with");
        diagnostics.push(
            diagnostic.help("set `update: patch` to follow patch releases, or `update: major` to follow all releases"),
        );
    }
    let followed = pin.filter(|pin| form.allows(pin.tag.as_str(), update.value));
    if followed.is_none() {
        check_dropped(pin, id, image, diagnostics);
    }
    let pin = followed.cloned().unwrap_or(Pin { tag: image.tag.value.clone(), digest: None });
    let digest = (update.value == Update::Digest).then(|| pin.digest.unwrap_or_default());
    let suffix =
        digest.iter().filter(|digest| !digest.is_empty()).map(|digest| format!("@{digest}")).collect::<String>();
    ResolvedImage {
        text: format!("{}:{}{suffix}", image.repository.value, pin.tag).into(),
        update: Some(ImageUpdate {
            policy: id.policy(),
            container: id.container.map(Into::into),
            key: id.key().into(),
            repository: image.repository.value.clone(),
            tag: pin.tag,
            digest,
            pattern: form.pattern(update.value),
            extract: form.extract(),
            range: form.range(update.value),
        }),
    }
}

/// Reports a spec that would replace the tag in the pins file by an older one: an old version of an app often
/// cannot read the data of a newer one.
fn check_dropped(pin: Option<&Pin>, id: &ImageId<'_>, image: &Image, diagnostics: &mut Diagnostics) {
    let Some(pin) = pin else { return };
    let (Some(start), Some(pinned)) = (Form::of(image.tag.as_str()), Form::of(pin.tag.as_str())) else { return };
    if !pinned.is_like(&start) || pinned.version() <= start.version() {
        return;
    }
    let name = id.key();
    let message = format!("`{name}` would be downgraded from {}, its tag in {}, to {}", pin.tag, PINS, start.tag);
    let diagnostic = Diagnostic::new(Code::PinDropped, image.tag.span, message);
    diagnostics.push(diagnostic.help(format!(
        "set `tag: \"{}\"` to keep the version; to downgrade on purpose, first remove `{name}` from {PINS}",
        pin.tag
    )));
}

/// Whether image automation could have selected a tag.
pub fn may_be(image: &Image, tag: &ImageTag) -> bool {
    let Some(update) = &image.update else { return false };
    Form::of(image.tag.as_str()).is_some_and(|form| form.fits(update.value) && form.allows(tag.as_str(), update.value))
}

/// Whether a tag floats: it has no digit, or starts with the name of a channel, such as `latest`, and neither a version,
/// nor a date, nor a commit follows. `stable-1.2.3` is a release.
pub fn is_floating(tag: &str) -> bool {
    let of_channel = |name: &&str| {
        let rest = tag.strip_prefix(*name)?;
        let version = rest.strip_prefix(['-', '.', '_']);
        (rest.is_empty() || version.is_some()).then(|| version.filter(|_| *name != "latest").unwrap_or_default())
    };
    let channels = ["latest", "stable", "main", "master", "nightly", "edge", "develop"];
    match channels.iter().find_map(of_channel) {
        Some(version) => !is_version(version),
        None => !tag.bytes().any(|byte| byte.is_ascii_digit()),
    }
}

/// Whether a text starts with a version of two numbers or more, or with a date, or ends with the hash of a commit.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let separator = |c: char| c == '.' || digits == 4 && c == '-';
    let next = text[digits..].strip_prefix(separator);
    let is_number = digits > 0 && next.is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()));
    digits >= 8 || is_number || text.rsplit('-').next().is_some_and(is_commit)
}

/// Whether a text is the hash of a commit in Git, or its start.
fn is_commit(text: &str) -> bool {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (7..=40).contains(&text.len()) && is_hex && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn word(update: Update) -> &'static str {
    match update {
        Update::Patch => "patch",
        Update::Minor => "minor",
        Update::Major => "major",
        Update::Digest => "digest",
    }
}

/// The parts of a tag: `v1.46.2-alpine` is `v`, [1, 46, 2], `-alpine`.
#[derive(Debug, PartialEq, Eq)]
struct Form<'a> {
    tag: &'a str,
    prefix: &'a str,
    numbers: Vec<u64>,
    suffix: &'a str,
    /// Why Flux cannot read it as a version.
    unordered: Option<&'static str>,
}

/// The upper bound of a number in a version: larger than any real one, and small enough to add one.
const LARGEST: u64 = 1 << 53;

impl<'a> Form<'a> {
    /// Splits a tag. Returns `None` if it has no number.
    fn of(tag: &'a str) -> Option<Self> {
        let first = tag.find(|c: char| c.is_ascii_digit())?;
        let (prefix, mut rest) = tag.split_at(first);
        let mut numbers = Vec::new();
        let mut unordered = None;
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number = rest[..end].parse().unwrap_or(LARGEST).min(LARGEST);
            if number == LARGEST {
                unordered = Some("one of its numbers is too large");
            } else if end > 1 && rest.starts_with('0') {
                unordered = Some("one of its numbers starts with a zero");
            }
            numbers.push(number);
            rest = &rest[end..];
            let next = rest.strip_prefix('.').filter(|next| next.starts_with(|c: char| c.is_ascii_digit()));
            match next.filter(|_| numbers.len() < 3) {
                Some(next) => rest = next,
                None => break,
            }
        }
        Some(Self { tag, prefix, numbers, suffix: rest, unordered })
    }

    /// Whether the tag has the number that an update increases: the third for a patch, the second for a minor, the
    /// first for a major version.
    fn fits(&self, update: Update) -> bool {
        let required = match update {
            Update::Minor if self.is_unstable(update) => 3,
            Update::Patch => 3,
            Update::Minor => 2,
            Update::Major => 1,
            Update::Digest => 0,
        };
        self.numbers.len() >= required
    }

    /// Whether a minor release may be incompatible, so that `minor` means `patch`, as Cargo has it: before 1.0.0.
    fn is_unstable(&self, update: Update) -> bool {
        update == Update::Minor && self.number(0) == 0
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    /// The first version that is too new for the range, if the range has an upper bound.
    fn end(&self, update: Update) -> Option<[u64; 3]> {
        match update {
            Update::Minor if self.is_unstable(update) => self.end(Update::Patch),
            Update::Patch => Some([self.number(0), self.number(1) + 1, 0]),
            Update::Minor => Some([self.number(0) + 1, 0, 0]),
            Update::Major | Update::Digest => None,
        }
    }

    fn version(&self) -> [u64; 3] {
        [self.number(0), self.number(1), self.number(2)]
    }

    fn is_like(&self, other: &Form<'_>) -> bool {
        self.prefix == other.prefix && self.suffix == other.suffix && self.numbers.len() == other.numbers.len()
    }

    /// Whether another tag has the same form and is in the range.
    fn allows(&self, tag: &str, update: Update) -> bool {
        if update == Update::Digest {
            return tag == self.tag;
        }
        let Some(other) = Form::of(tag) else { return false };
        let is_version = other.is_like(self) && other.unordered.is_none();
        is_version && other.version() >= self.version() && self.end(update).is_none_or(|end| other.version() < end)
    }

    /// A regular expression (RE2) that matches tags of this form and captures their version. It depends on the
    /// spec alone: an updated tag does not change it.
    fn pattern(&self, update: Update) -> String {
        let literal = |text: &str| text.replace('.', r"\.");
        if update == Update::Digest {
            return format!("^{}$", literal(self.tag));
        }
        let numbers = vec!["[0-9]+"; self.numbers.len()].join(r"\.");
        format!("^{}(?P<version>{numbers}){}$", literal(self.prefix), literal(self.suffix))
    }

    /// The version that the pattern captures, completed to three numbers.
    fn extract(&self) -> String {
        ["$version", ".0", ".0"][..4 - self.numbers.len().clamp(1, 3)].concat()
    }

    fn range(&self, update: Update) -> Option<String> {
        if update == Update::Digest {
            return None;
        }
        let text = |version: [u64; 3]| version.map(|number| number.to_string()).join(".");
        let start = format!(">={}", text(self.version()));
        Some(self.end(update).map_or(start.clone(), |end| format!("{start} <{}", text(end))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_with_a_version_does_not_float() {
        for tag in ["1.2.3", "stable-1.2.3", "stable-v1.2", "nightly-20260101", "main.1.2", "v1", "stabled1"]
            .into_iter()
            .chain(["nightly-2026-01-31", "main-3b5c1d2", "develop-2026-01-31-3b5c1d2"])
        {
            assert!(!is_floating(tag), "{tag}");
        }
        for tag in [
            "latest",
            "latest-1.2.3",
            "stable",
            "stable-alpine3.22",
            "stable-1",
            "main-",
            "main-arm64",
            "edge",
            "alpine",
        ] {
            assert!(is_floating(tag), "{tag}");
        }
    }

    fn form(tag: &str) -> Form<'_> {
        Form::of(tag).expect("the tag has a number")
    }

    #[test]
    fn splits_a_tag_into_its_parts() {
        assert_eq!(form("v1.46.2-alpine").numbers, [1, 46, 2]);
        assert_eq!((form("v1.46.2-alpine").prefix, form("v1.46.2-alpine").suffix), ("v", "-alpine"));
        assert_eq!(form("18.6-standard-trixie").numbers, [18, 6]);
        assert_eq!(form("2026.11.0.1").suffix, ".1");
        assert!(Form::of("alpine").is_none());
    }

    #[test]
    fn derives_the_policy_from_the_tag_of_the_spec() {
        let start = form("1.46.2");
        assert_eq!(start.range(Update::Patch).as_deref(), Some(">=1.46.2 <1.47.0"));
        assert_eq!(start.range(Update::Minor).as_deref(), Some(">=1.46.2 <2.0.0"));
        assert_eq!(start.range(Update::Major).as_deref(), Some(">=1.46.2"));
        // Before 1.0.0, a minor release may be incompatible.
        assert_eq!(form("0.30.2").range(Update::Minor).as_deref(), Some(">=0.30.2 <0.31.0"));
        assert_eq!(form("0.30.2").range(Update::Major).as_deref(), Some(">=0.30.2"));
        assert!(!form("0.30").fits(Update::Minor) && form("1.30").fits(Update::Minor));
        assert_eq!(start.pattern(Update::Minor), r"^(?P<version>[0-9]+\.[0-9]+\.[0-9]+)$");
        assert_eq!(
            (start.extract(), form("1.46").extract(), form("7").extract()),
            ("$version".to_owned(), "$version.0".to_owned(), "$version.0.0".to_owned())
        );
    }

    #[test]
    fn allows_only_tags_of_the_same_form_in_the_range() {
        let start = form("v1.46.2-alpine");
        for (tag, update, allowed) in [
            ("v1.46.3-alpine", Update::Patch, true),
            ("v1.47.0-alpine", Update::Patch, false),
            ("v1.47.0-alpine", Update::Minor, true),
            ("v1.46.1-alpine", Update::Minor, false),
            ("v2.0.0-alpine", Update::Minor, false),
            ("v2.0.0-alpine", Update::Major, true),
            ("1.46.3-alpine", Update::Patch, false),
            ("v1.46.3", Update::Patch, false),
            ("v1.46-alpine", Update::Minor, false),
            ("v1.047.0-alpine", Update::Minor, false),
            ("v1.99999999999999999999.0-alpine", Update::Minor, false),
        ] {
            assert_eq!(start.allows(tag, update), allowed, "{tag}");
        }
    }

    #[test]
    fn detects_floating_tags() {
        for tag in ["latest", "latest-alpine3.20", "stable", "alpine", "edge"] {
            assert!(is_floating(tag), "{tag}");
        }
        for tag in ["1.46.2", "v2.10.0", "18.4-system-trixie", "2026.11", "stabler-1"] {
            assert!(!is_floating(tag), "{tag}");
        }
    }
}
