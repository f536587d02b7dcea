//! Containers run as a user with which the kubelet starts them.

use crate::users::{ImageUser, user_of};
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::{App, ContainerApp, Entry, Image, Parts, Security, Spanned};

pub(super) fn check(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    let mut reported: Vec<*const Image> = Vec::new();
    for parts in container.containers() {
        let is_idle = parts.name.is_none() && container.replicas.get().get() == 0;
        let Some(image) = parts.image.or(container.image.as_ref()) else { continue };
        if is_idle || has_user(container, &parts) || reported.contains(&std::ptr::from_ref(image)) {
            continue;
        }
        reported.push(image);
        let name = parts.name.map_or(app.name.as_str(), |name| name.as_str());
        if let Some(diagnostic) = check_image(name, image) {
            diagnostics.push(diagnostic);
        }
    }
}

/// Whether a container sets its user, or may run as root. The settings of the app are those of its pod.
fn has_user(app: &ContainerApp, parts: &Parts<'_>) -> bool {
    // Invalid values have been reported.
    let sets_user =
        |security: Option<&Spanned<Security>>| security.is_some_and(|own| own.span.faulty || own.user.is_some());
    let sets_root = |own: &Security| own.root.is_on() || own.root.span().is_some_and(|span| span.faulty);
    let of_app = app.security.as_ref();
    let root = parts.security.or(of_app).is_some_and(|security| sets_root(security));
    root || sets_user(parts.security) || sets_user(of_app)
}

fn check_image(container: &str, image: &Image) -> Option<Diagnostic> {
    let repository = &image.repository;
    let (reason, fix) = match user_of(repository.as_str()) {
        Some(ImageUser::Id) => return None,
        Some(ImageUser::Named(name, id)) => {
            (format!("its image names the user `{name}` instead of an ID"), format!("{id}"))
        }
        Some(ImageUser::Root(id)) => ("its image runs as root by default".to_owned(), format!("{id}")),
        None => ("its image is not known to have a numeric user".to_owned(), "NUMBER".to_owned()),
    };
    let message = format!("`{container}` sets no user, and {reason}");
    let help =
        format!("add `security: {{ user: {fix} }}`, or `security: {{ root: true }}` if the image must start as root");
    Some(Diagnostic::new(Code::UserUnknown, repository.span, message).help(help))
}
