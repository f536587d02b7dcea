//! Images are pinned.

use crate::spec::{Image, Spec};
use diagnostic::{Code, Diagnostic, Diagnostics};

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for app in spec.clusters.iter().flat_map(|cluster| &cluster.value.apps) {
        for image in app.value.images() {
            judge_tag(image, &format!("`{}`", app.name.value), faults);
        }
        let beside = app.value.images().skip(usize::from(app.value.image.is_some()));
        for image in beside {
            judge_update(image, faults);
        }
    }
    let databases = spec.clusters.iter().filter_map(|cluster| cluster.value.platform.postgres.as_ref());
    for image in databases.filter_map(|postgres| postgres.value.image.as_ref()) {
        judge_update(image, faults);
        judge_tag(image, "PostgreSQL", faults);
        judge_postgres(image, faults);
    }
}

fn judge_tag(image: &Image, owner: &str, faults: &mut Diagnostics) {
    if image.digest.is_some() || !is_floating(image.tag.as_str()) {
        return;
    }
    let message = format!("the tag `{}` of {owner} moves from release to release", image.tag.value);
    let help = "write the tag of one release, such as \"1.2.3\", or add its `digest`";
    faults.push(Diagnostic::new(Code::ImageTagFloating, image.tag.span, message).help(help));
}

/// The oldest version of PostgreSQL that its operator knows.
const OLDEST_POSTGRES: u32 = 14;

/// The operator reads the version from the tag, and starts the server in its own way.
fn judge_postgres(image: &Image, faults: &mut Diagnostics) {
    let help = "use one of ghcr.io/cloudnative-pg/postgresql, such as \"18.6-standard-trixie\"";
    let digits: String = image.tag.as_str().chars().take_while(char::is_ascii_digit).collect();
    if image.repository.as_str() == "docker.io/library/postgres" {
        let message = "CloudNativePG cannot run Docker's image of PostgreSQL";
        faults.push(Diagnostic::new(Code::InvalidValue, image.repository.span, message).help(help));
    } else if !is_floating(image.tag.as_str()) && digits.parse().ok().is_none_or(|major: u32| major < OLDEST_POSTGRES) {
        let message =
            format!("`{}` does not start with a version of PostgreSQL from {OLDEST_POSTGRES} on", image.tag.value);
        faults.push(Diagnostic::new(Code::InvalidValue, image.tag.span, message).help(help));
    }
}

/// Automation moves the image of an app, not those beside it.
fn judge_update(image: &Image, faults: &mut Diagnostics) {
    if let Some(update) = &image.update {
        let fault = Diagnostic::new(Code::FieldWithoutEffect, update.span, "only the app's own image is moved");
        faults.push(fault.help("remove `update` here"));
    }
}

/// A tag without a digit names a channel, and so does one that starts like a channel.
pub(crate) fn is_floating(tag: &str) -> bool {
    let channel = ["latest", "stable", "main", "master", "nightly", "edge", "develop"]
        .iter()
        .any(|name| tag.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_'])));
    channel || !tag.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_floating;

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
