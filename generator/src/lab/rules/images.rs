//! Images are pinned.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::spec::{Image, Spec};

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for app in spec.clusters.iter().flat_map(|cluster| &cluster.value.apps) {
        for image in app.value.images().filter(|image| image.digest.is_none() && is_floating(image.tag.as_str())) {
            let message =
                format!("the tag `{}` of `{}` moves from release to release", image.tag.value, app.name.value);
            let help = "write the tag of one release, such as \"1.2.3\", or add its `digest`";
            faults.push(Diagnostic::new(Code::ImageTagFloating, image.tag.span, message).help(help));
        }
        let beside = app.value.images().skip(usize::from(app.value.image.is_some()));
        for image in beside {
            judge_update(image, faults);
        }
    }
    let databases = spec.clusters.iter().filter_map(|cluster| cluster.value.platform.postgres.as_ref());
    for image in databases.filter_map(|postgres| postgres.value.image.as_ref()) {
        judge_update(image, faults);
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
