//! Flux's image automation: writes newer tags into the repository, where apps ask for them.

use super::{Component, Context, Options, component_options};
use crate::lab::{Capability, Namespace, Object, Template, Unit};
use crate::spec::Spanned;
use crate::spec::types::{Branch, Duration};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use minijinja::context;

const AUTOMATION: Template = Template {
    name: "image-automation/imageupdateautomation.yaml",
    source: include_str!("imageupdateautomation.yaml.j2"),
};

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[AUTOMATION];

component_options! { bare
    /// Newer images by commits of Flux.
    ImageAutomation {
        /// The branch that it pushes to, for a pull request; of the cluster's own, and deleted once
        /// it is merged. Default: none, it pushes to the branch that the clusters follow.
        branch: Option<Spanned<Branch>>,
        /// How often it looks for newer images. Default: `30m`.
        interval: Option<Spanned<Duration>>,
    }
}

/// Whether some app of the cluster asks for newer images.
fn is_asked_for(context: &Context<'_>) -> bool {
    context.cluster.apps.iter().any(|app| app.value.image.as_ref().is_some_and(|image| image.update.is_some()))
}

impl ImageAutomation {
    /// What one cluster pushes to a branch, another would overwrite.
    fn judge_branch(&self, context: &Context<'_>, faults: &mut Diagnostics) {
        let Some(branch) = &self.branch else { return };
        let before = context.clusters().take_while(|peer| peer.name.as_str() != context.name.as_str());
        let taken = before.filter_map(|peer| Some((peer, peer.image_automation()?.branch.as_ref()?)));
        let Some((peer, first)) = taken.into_iter().find(|(_, other)| other.as_str() == branch.as_str()) else {
            return;
        };
        let message = format!("`{}` is the branch of two clusters, and each would overwrite the other's", branch.value);
        let fault = Diagnostic::new(Code::NameTaken, branch.span, message)
            .related(first.span, format!("`{}` pushes to it", peer.name.value));
        faults.push(fault.help(format!("give each a branch of its own, such as `images-{}`", context.name.value)));
    }
}

impl Component for ImageAutomation {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = is_asked_for(context) && context.spec.lab.repository.as_str().starts_with("ssh://");
        (!is_given).then_some(
            "ask for newer images with `image: { …, update: minor }` of an app, and give the lab an `ssh://` \
             repository: it pushes with the deploy key on the server's disk, which must be allowed to write",
        )
    }

    fn units(&self, context: &Context<'_>, _: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        self.judge_branch(context, faults);
        let lab = &context.spec.lab;
        let followed = lab.branch.as_ref().map_or("main", |branch| branch.as_str());
        let mut unit = Unit::new("image-automation", "platform/image-automation", Namespace::existing("flux-system"));
        unit.objects = vec![Object {
            kind: "ImageUpdateAutomation",
            name: context.name.to_string(),
            file: "imageupdateautomation.yaml".to_owned(),
            template: AUTOMATION,
            context: context! {
                name => context.name.as_str(),
                interval => self.interval.as_ref().map_or("30m", |interval| interval.as_str()),
                followed,
                pushed => self.branch.as_ref().map_or(followed, |branch| branch.as_str()),
                email => format!("flux@{}", lab.domain.value),
                message => MESSAGE,
            },
        }];
        unit.provides = vec![Capability::ImageAutomation];
        vec![unit]
    }
}

/// What a commit says: each file, and each tag that moved in it.
const MESSAGE: &str = "\
images: newer ones for {{ .Values.cluster }}

{{ range $file, $objects := .Changed.FileChanges -}}
{{ $file }}
{{ range $objects }}{{ range . }}- {{ .Setter }}: {{ .OldValue }} -> {{ .NewValue }}
{{ end }}{{ end }}{{ end }}";
