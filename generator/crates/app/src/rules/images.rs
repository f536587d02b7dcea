//! Images are pinned.

use crate::images::is_floating;
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::{App, Entry, Image};

pub(super) fn check(app: &Entry<App>, faults: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    let beside: Vec<_> = container.helpers().filter_map(|helper| helper.image).collect();
    for image in [&container.image].into_iter().chain(beside.iter().copied()) {
        check_tag(image, &format!("`{}`", app.name.value), faults);
    }
    beside.into_iter().for_each(|image| check_update(image, faults));
}

/// The image of a database cluster.
pub(super) fn check_database(image: &Image, faults: &mut Diagnostics) {
    check_update(image, faults);
    check_tag(image, "PostgreSQL", faults);
    check_postgres(image, faults);
}

fn check_tag(image: &Image, owner: &str, faults: &mut Diagnostics) {
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
fn check_postgres(image: &Image, faults: &mut Diagnostics) {
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
fn check_update(image: &Image, faults: &mut Diagnostics) {
    if let Some(update) = &image.update {
        let fault = Diagnostic::new(Code::FieldWithoutEffect, update.span, "only the app's own image is moved");
        faults.push(fault.help("remove `update` here"));
    }
}
