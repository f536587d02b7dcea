//! Flux image automation: commits newer image tags to the repository for apps that set `update`.

use crate::component::{Component, Context};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::FLUX_NAMESPACE;
use model::{Capability, Manifest, Namespace, Template, Unit};
use serde_json::json;
use spec::platform::ImageAutomation;

const AUTOMATION: Template = Template {
    name: "image-automation/imageupdateautomation.yaml",
    source: include_str!("imageupdateautomation.yaml.j2"),
};

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[AUTOMATION];

/// Whether an image of an app of the cluster has `update`.
fn has_updates(context: &Context<'_>) -> bool {
    context
        .cluster
        .apps
        .iter()
        .any(|app| app.value.container().is_some_and(|app| app.images().any(|(_, image)| image.update.is_some())))
}

/// Reports a branch that another cluster pushes to as well: they would overwrite each other's commits.
fn check_branch(options: &ImageAutomation, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let Some(branch) = &options.branch else { return };
    let before = context.clusters().take_while(|peer| peer.name.as_str() != context.name.as_str());
    let others = before.filter_map(|peer| Some((peer, peer.get::<ImageAutomation>()?.branch.as_ref()?)));
    let Some((peer, first)) = others.into_iter().find(|(_, other)| other.as_str() == branch.as_str()) else {
        return;
    };
    let message =
        format!("two clusters push to the branch `{}`, and each would overwrite the other's commits", branch.value);
    let diagnostic = Diagnostic::new(Code::NameTaken, branch.span, message)
        .related(first.span, format!("`{}` also pushes to it", peer.name.value));
    diagnostics
        .push(diagnostic.help(format!("choose a different branch, such as `branch: images-{}`", context.name.value)));
}

impl Component for ImageAutomation {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = has_updates(context) && context.spec.lab.repository.as_str().starts_with("ssh://");
        (!is_configured).then_some(
            "set `image: { …, update: minor }` for an app, and `lab: { repository: ssh://… }`: Flux pushes with the \
             deploy key on the server's disk, which needs write access",
        )
    }

    fn units(&self, context: &Context<'_>, _: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        check_branch(self, context, diagnostics);
        let lab = &context.spec.lab;
        let followed = lab.branch.get();
        let mut unit = Unit::new("image-automation", "platform/image-automation", Namespace::existing(FLUX_NAMESPACE));
        unit.extend([Manifest::new(
            "ImageUpdateAutomation",
            &context.name.value,
            "imageupdateautomation.yaml",
            AUTOMATION,
            json!({
                "name": context.name.value,
                "interval": self.interval.get(),
                "followed": followed,
                "pushed": self.branch.as_ref().map_or(followed, |branch| &branch.value),
                "email": format!("flux@{}", lab.domain.value),
                "message": MESSAGE,
            }),
        )]);
        unit.provides = vec![Capability::ImageAutomation];
        vec![unit]
    }
}

/// The template of the commit message: each file, with the tags that changed in it.
const MESSAGE: &str = "\
images: update tags in {{ .Values.cluster }}

{{ range $file, $objects := .Changed.FileChanges -}}
{{ $file }}
{{ range $objects }}{{ range . }}- {{ .Setter }}: {{ .OldValue }} -> {{ .NewValue }}
{{ end }}{{ end }}{{ end }}";
