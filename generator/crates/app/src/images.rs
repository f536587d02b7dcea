//! The image of an app, and how Flux's image automation moves it.

use crate::pins::{Pin, Pins};
use diagnostic::{Code, Diagnostic, Diagnostics};
use model::ImageUpdate;
use model::contract::PINS;
use spec::types::{ImageTag, Name};
use spec::{Image, Update};

/// An image as it runs.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedImage {
    /// With tag, and digest if there is one.
    pub(crate) text: String,
    /// How it is moved.
    pub(crate) update: Option<ImageUpdate>,
}

/// The image of an app: with the tag of the pins file, if automation moves it and has gone on from
/// where the spec starts.
pub(crate) fn resolve(
    cluster: &Name,
    app: &Name,
    image: &Image,
    pins: &Pins,
    faults: &mut Diagnostics,
) -> ResolvedImage {
    let start = image.tag.as_str();
    let pin = pins.get(cluster, app);
    let Some(update) = &image.update else {
        check_dropped(pin, &format!("{cluster}/{app}"), image, faults);
        return ResolvedImage { text: image.to_string(), update: None };
    };
    if let Some(digest) = &image.digest {
        let message = "a digest holds the image where it is, and `update` would move it";
        let fault =
            Diagnostic::new(Code::FieldWithoutEffect, digest.span, message).related(update.span, "asked for here");
        faults.push(fault.help("remove one of the two; `update: digest` follows the digests of a tag"));
    }
    let unmoved = || ResolvedImage { text: image.to_string(), update: None };
    // A tag without any number is told of as one that floats.
    let Some(form) = Form::of(start) else { return unmoved() };
    if !form.fits(update.value) {
        let message = format!("the tag `{start}` has no number that `update: {}` could raise", word(update.value));
        let help = "write a tag of at least as many numbers, such as \"1.2.3\", or `update: digest`";
        faults.push(
            Diagnostic::new(Code::InvalidValue, image.tag.span, message)
                .related(update.span, "asked for here")
                .help(help),
        );
        return unmoved();
    }
    if let Some(reason) = form.unordered.filter(|_| update.value != Update::Digest) {
        let message = format!("Flux cannot order tags like `{start}`: {reason}");
        let fault = Diagnostic::new(Code::InvalidValue, image.tag.span, message).related(update.span, "asked for here");
        faults.push(fault.help("write `update: digest`, or raise the tag by hand"));
        return unmoved();
    }
    if update.value != Update::Digest && form.suffix.contains(|c: char| c.is_ascii_digit()) {
        let message = format!("only tags that end in `{}` are taken for newer ones", form.suffix);
        let fault = Diagnostic::new(Code::UpdateNarrow, image.tag.span, message).related(update.span, "asked for here");
        faults.push(fault.help("if that end changes with each release, raise the tag by hand"));
    }
    let followed = pin.filter(|pin| form.allows(pin.tag.as_str(), update.value));
    if followed.is_none() {
        check_dropped(pin, &format!("{cluster}/{app}"), image, faults);
    }
    let pin = followed.cloned().unwrap_or(Pin { tag: image.tag.value.clone(), digest: None });
    let digest = (update.value == Update::Digest).then(|| pin.digest.unwrap_or_default());
    let suffix =
        digest.iter().filter(|digest| !digest.is_empty()).map(|digest| format!("@{digest}")).collect::<String>();
    ResolvedImage {
        text: format!("{}:{}{suffix}", image.repository.value, pin.tag),
        update: Some(ImageUpdate {
            // Neither name has a dot, so that no two of them come to the same.
            policy: format!("{cluster}.{app}").into(),
            app: format!("{cluster}/{app}"),
            repository: image.repository.value.clone(),
            tag: pin.tag,
            digest,
            pattern: form.pattern(update.value),
            extract: form.extract(),
            range: form.range(update.value),
        }),
    }
}

/// A tag that automation has raised is not taken back by a change of the spec that forgets it: an
/// older version rarely reads what a newer one has written.
fn check_dropped(pin: Option<&Pin>, name: &str, image: &Image, faults: &mut Diagnostics) {
    let Some(pin) = pin else { return };
    let (Some(start), Some(moved)) = (Form::of(image.tag.as_str()), Form::of(pin.tag.as_str())) else { return };
    if !moved.is_like(&start) || moved.version() <= start.version() {
        return;
    }
    let message = format!("`{name}` runs {}, to which {} raised it, and would go back to {}", pin.tag, PINS, start.tag);
    let fault = Diagnostic::new(Code::PinDropped, image.tag.span, message);
    faults.push(fault.help(format!(
        "write `tag: \"{}\"` to stay; to go back on purpose, take `{name}` out of {PINS} first",
        pin.tag
    )));
}

/// Whether a tag is one that automation could have chosen.
pub fn may_be(image: &Image, tag: &ImageTag) -> bool {
    let Some(update) = &image.update else { return false };
    Form::of(image.tag.as_str()).is_some_and(|form| form.fits(update.value) && form.allows(tag.as_str(), update.value))
}

/// A tag without a digit names a channel, and so does one that starts like a channel.
pub fn is_floating(tag: &str) -> bool {
    let channel = ["latest", "stable", "main", "master", "nightly", "edge", "develop"]
        .iter()
        .any(|name| tag.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_'])));
    channel || !tag.bytes().any(|byte| byte.is_ascii_digit())
}

fn word(update: Update) -> &'static str {
    match update {
        Update::Patch => "patch",
        Update::Minor => "minor",
        Update::Major => "major",
        Update::Digest => "digest",
    }
}

/// A tag in parts: `v1.46.2-alpine` is `v`, [1, 46, 2], `-alpine`.
#[derive(Debug, PartialEq, Eq)]
struct Form<'a> {
    tag: &'a str,
    prefix: &'a str,
    numbers: Vec<u64>,
    suffix: &'a str,
    /// Why Flux takes it for no version.
    unordered: Option<&'static str>,
}

/// The largest number of a version; far more than any, and safe to count on from.
const LARGEST: u64 = 1 << 53;

impl<'a> Form<'a> {
    /// `None` if the tag has no number.
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
            let goes_on = rest.strip_prefix('.').filter(|next| next.starts_with(|c: char| c.is_ascii_digit()));
            match goes_on.filter(|_| numbers.len() < 3) {
                Some(next) => rest = next,
                None => break,
            }
        }
        Some(Self { tag, prefix, numbers, suffix: rest, unordered })
    }

    /// Whether there is a number to raise: the last of three, the second, the first.
    fn fits(&self, update: Update) -> bool {
        let least = match update {
            Update::Patch => 3,
            Update::Minor => 2,
            Update::Major => 1,
            Update::Digest => 0,
        };
        self.numbers.len() >= least
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    /// The first version that is too new.
    fn end(&self, update: Update) -> Option<[u64; 3]> {
        match update {
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

    /// Whether another tag has this form, and lies in the range.
    fn allows(&self, tag: &str, update: Update) -> bool {
        if update == Update::Digest {
            return tag == self.tag;
        }
        let Some(other) = Form::of(tag) else { return false };
        let is_version = other.is_like(self) && other.unordered.is_none();
        is_version && other.version() >= self.version() && self.end(update).is_none_or(|end| other.version() < end)
    }

    /// A regular expression (RE2) for tags of this form, which draws out their version. What the spec
    /// says is all that it is made of: a moved tag does not change it.
    fn pattern(&self, update: Update) -> String {
        let literal = |text: &str| text.replace('.', r"\.");
        if update == Update::Digest {
            return format!("^{}$", literal(self.tag));
        }
        let numbers = vec!["[0-9]+"; self.numbers.len()].join(r"\.");
        format!("^{}(?P<version>{numbers}){}$", literal(self.prefix), literal(self.suffix))
    }

    /// What the pattern draws out, with three numbers.
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

    fn form(tag: &str) -> Form<'_> {
        Form::of(tag).expect("a tag with a number")
    }

    #[test]
    fn tags_are_taken_apart() {
        assert_eq!(form("v1.46.2-alpine").numbers, [1, 46, 2]);
        assert_eq!((form("v1.46.2-alpine").prefix, form("v1.46.2-alpine").suffix), ("v", "-alpine"));
        assert_eq!(form("18.6-standard-trixie").numbers, [18, 6]);
        assert_eq!(form("2026.11.0.1").suffix, ".1");
        assert!(Form::of("alpine").is_none());
    }

    #[test]
    fn a_policy_depends_on_the_spec_alone() {
        let start = form("1.46.2");
        assert_eq!(start.range(Update::Patch).as_deref(), Some(">=1.46.2 <1.47.0"));
        assert_eq!(start.range(Update::Minor).as_deref(), Some(">=1.46.2 <2.0.0"));
        assert_eq!(start.range(Update::Major).as_deref(), Some(">=1.46.2"));
        assert_eq!(start.pattern(Update::Minor), r"^(?P<version>[0-9]+\.[0-9]+\.[0-9]+)$");
        assert_eq!(
            (start.extract(), form("1.46").extract(), form("7").extract()),
            ("$version".to_owned(), "$version.0".to_owned(), "$version.0.0".to_owned())
        );
    }

    #[test]
    fn only_tags_of_the_same_form_in_the_range_count() {
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
    fn channels_float_and_releases_do_not() {
        for tag in ["latest", "latest-alpine3.20", "stable", "alpine", "edge"] {
            assert!(is_floating(tag), "{tag}");
        }
        for tag in ["1.46.2", "v2.10.0", "18.4-system-trixie", "2026.11", "stabler-1"] {
            assert!(!is_floating(tag), "{tag}");
        }
    }
}
