//! Images are pinned, and only images of apps are updated.

use crate::images::is_floating;
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::{App, Entry, Image};

pub(super) fn check(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    for (_, image) in container.images() {
        check_tag(image, &format!("`{}`", app.name.value), diagnostics);
    }
}

/// Checks the image of a database cluster.
pub(super) fn check_database(image: &Image, diagnostics: &mut Diagnostics) {
    if let Some(update) = &image.update {
        let message = "`update` has no effect on the image of a database: only images of apps are updated";
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, update.span, message);
        diagnostics.push(diagnostic.help("remove `update` here"));
    }
    check_tag(image, "PostgreSQL", diagnostics);
    check_postgres(image, diagnostics);
}

fn check_tag(image: &Image, owner: &str, diagnostics: &mut Diagnostics) {
    if image.digest.is_some() || !is_floating(image.tag.as_str()) {
        return;
    }
    let message = format!("{owner} uses the floating tag `{}`", image.tag.value);
    let help = "use the tag of a release, such as \"1.2.3\", or add its `digest`";
    diagnostics.push(Diagnostic::new(Code::ImageTagFloating, image.tag.span, message).help(help));
}

/// The oldest major version of PostgreSQL that CloudNativePG supports.
const OLDEST_POSTGRES: u32 = 14;

/// The newest major version of PostgreSQL that has reached its end of life, and the date (November 2026).
const ENDED_POSTGRES: (u32, &str) = (14, "12 November 2026");

/// Checks that CloudNativePG can run an image: it reads the version from the tag, and starts the server itself.
fn check_postgres(image: &Image, diagnostics: &mut Diagnostics) {
    let help = "use a tag of ghcr.io/cloudnative-pg/postgresql, such as \"18.6-standard-trixie\"";
    let digits: String = image.tag.as_str().chars().take_while(char::is_ascii_digit).collect();
    let major: Option<u32> = digits.parse().ok();
    let (ended, date) = ENDED_POSTGRES;
    if image.repository.as_str() == "docker.io/library/postgres" {
        let message = "CloudNativePG cannot run Docker's PostgreSQL image";
        diagnostics.push(Diagnostic::new(Code::InvalidValue, image.repository.span, message).help(help));
    } else if !is_floating(image.tag.as_str()) && major.is_none_or(|major| major < OLDEST_POSTGRES) {
        let message = format!(
            "expected a tag that starts with PostgreSQL {OLDEST_POSTGRES} or later, found `{}`",
            image.tag.value
        );
        diagnostics.push(Diagnostic::new(Code::InvalidValue, image.tag.span, message).help(help));
    } else if major == Some(ended) {
        let message = format!(
            "PostgreSQL {ended} reached its end of life on {date}: it gets no more fixes, not even for security"
        );
        let help = format!("{help} (see https://www.postgresql.org/support/versioning/)");
        diagnostics.push(Diagnostic::new(Code::EndOfLife, image.tag.span, message).help(help));
    }
}
