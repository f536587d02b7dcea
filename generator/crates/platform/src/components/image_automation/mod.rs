//! Flux image automation: commits newer image tags to the repository for apps that set `update`.

use crate::component::{Component, Context};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::{FLUX_NAMESPACE, IMAGES_REPOSITORY};
use model::{Capability, Manifest, Namespace, Template, Unit};
use serde_json::json;
use spec::platform::ImageAutomation;

const AUTOMATION: Template = Template {
    name: "image-automation/imageupdateautomation.yaml",
    source: include_str!("imageupdateautomation.yaml.j2"),
};

const REPOSITORY: Template =
    Template { name: "image-automation/gitrepository.yaml", source: include_str!("gitrepository.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[AUTOMATION, REPOSITORY];

/// The branch that Flux pushes to.
fn pushed_branch(options: &ImageAutomation, context: &Context<'_>) -> String {
    options.branch.as_ref().map_or_else(|| format!("flux/images-{}", context.name.value), |branch| branch.to_string())
}

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
    let branch = pushed_branch(options, context);
    if branch == context.spec.lab.branch.get().as_str() {
        check_signatures(options, context, diagnostics);
        // Flux adds commits to the branch that it follows, and does not overwrite it.
        return;
    }
    let before = context.clusters().take_while(|peer| peer.name.as_str() != context.name.as_str());
    let others = before.filter_map(|peer| Some((peer, peer.get::<ImageAutomation>()?)));
    let Some((peer, first)) = others.into_iter().find(|(peer, other)| pushed_branch(other, peer) == branch) else {
        return;
    };
    let span = |options: &ImageAutomation, context: &Context<'_>| {
        options.branch.as_ref().map_or(context.name.span, |branch| branch.span)
    };
    let message = format!("two clusters push to the branch `{branch}`, and each would overwrite the other's commits");
    let diagnostic = Diagnostic::new(Code::NameTaken, span(options, context), message)
        .related(span(first, &peer), format!("`{}` also pushes to it", peer.name.value));
    diagnostics.push(diagnostic.help("remove `branch`: each cluster then has its own, `flux/images-CLUSTER`"));
}

/// Reports that Flux would commit to the branch that it follows, but apply only signed commits.
fn check_signatures(options: &ImageAutomation, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let flux = context.cluster.flux.as_ref().filter(|flux| flux.verify_commits.is_on());
    let (Some(flux), Some(branch)) = (flux, &options.branch) else { return };
    let message =
        format!("Flux would apply nothing after its first commit to `{}`: it does not sign its commits", branch.value);
    let mut diagnostic = Diagnostic::new(Code::InvalidValue, branch.span, message);
    if let Some(span) = flux.verify_commits.span() {
        diagnostic = diagnostic.related(span, "it applies only signed commits");
    }
    diagnostics.push(diagnostic.help("remove `branch`: Flux then pushes to a branch for a pull request"));
}

impl Component for ImageAutomation {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = has_updates(context) && context.spec.lab.repository.as_str().starts_with("ssh://");
        (!is_configured).then_some(
            "set `image: { …, update: minor }` for an app, and `lab: { repository: ssh://… }`: Flux pushes with a \
             deploy key on the server's disk that has write access",
        )
    }

    fn units(&self, context: &Context<'_>, _: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        check_branch(self, context, diagnostics);
        let lab = &context.spec.lab;
        let followed = lab.branch.get();
        let mut unit = Unit::new("image-automation", "platform/image-automation", Namespace::existing(FLUX_NAMESPACE));
        unit.extend([
            Manifest::new(
                "GitRepository",
                IMAGES_REPOSITORY,
                "gitrepository.yaml",
                REPOSITORY,
                json!({ "name": IMAGES_REPOSITORY, "url": lab.repository.value, "branch": followed }),
            ),
            Manifest::new(
                "ImageUpdateAutomation",
                &context.name.value,
                "imageupdateautomation.yaml",
                AUTOMATION,
                json!({
                    "name": context.name.value,
                    "interval": self.interval.get(),
                    "repository": IMAGES_REPOSITORY,
                    "followed": followed,
                    "pushed": pushed_branch(self, context),
                    "email": format!("flux@{}", lab.domain.value),
                    "message": MESSAGE,
                }),
            ),
        ]);
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
