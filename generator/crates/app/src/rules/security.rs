//! The Linux capabilities of containers have an effect.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::{App, ContainerApp, Entry, LinuxCapability, Parts, Security};

pub(super) fn check(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    for parts in container.containers() {
        if let Some(security) = parts.security {
            check_capabilities(app, container, &parts, security, diagnostics);
        }
    }
}

fn check_capabilities(
    app: &Entry<App>,
    container: &ContainerApp,
    parts: &Parts<'_>,
    security: &Security,
    diagnostics: &mut Diagnostics,
) {
    let given = &security.capabilities;
    for (at, capability) in given.iter().enumerate() {
        if let Some(first) = given[..at].iter().find(|first| first.value == capability.value) {
            let diagnostic =
                Diagnostic::new(Code::FieldWithoutEffect, capability.span, "this Linux capability is listed twice");
            diagnostics.push(diagnostic.related(first.span, "first listed here").help("remove one of them"));
        }
    }
    let Some(first) = given.first() else { return };
    let name = parts.name.map_or(&app.name.value, |name| &name.value);
    if let Some(privileged) = security.privileged.on() {
        let message =
            format!("`capabilities` has no effect on `{name}`: a privileged container has all Linux capabilities");
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, first.span, message)
            .related(privileged, "`privileged` is set here");
        diagnostics
            .push(diagnostic.help("remove `capabilities`, or `privileged` if these Linux capabilities are enough"));
        return;
    }
    let faulty = |span: Option<Span>| span.is_some_and(|span| span.faulty);
    if faulty(security.root.span()) || faulty(security.privileged.span()) {
        return;
    }
    // The user of the app is that of the pod, and so of containers that set neither their own nor root.
    let of_pod = container.security.as_ref().filter(|pod| pod.root.is_on() || !security.root.is_on());
    let user = security.user.as_ref().or_else(|| of_pod?.user.as_ref());
    let idle = given.iter().find(|capability| capability.value != LinuxCapability::NetBindService);
    if let Some(idle) = idle.filter(|_| !security.root.is_on() || user.is_some()) {
        let message = format!("`{name}` does not run as root, so its processes do not get the Linux capabilities");
        let mut diagnostic = Diagnostic::new(Code::CapabilitiesWithoutRoot, idle.span, message);
        if let Some(user) = user {
            diagnostic = diagnostic.related(user.span, "its user");
        }
        diagnostics.push(diagnostic.help("set `root: true` without `user`, or remove `capabilities`"));
    }
}
