//! Intel's GPU device plugin: makes `gpu.intel.com/i915` a resource that pods ask for.
//!
//! As a plain DaemonSet: for integrated graphics, the operator would add a controller, webhooks
//! and certificates, and nothing else.

use super::{Component, Context, Options, component_options};
use crate::lab::{Capability, Namespace, Object, PodSecurity, Template, Unit};
use crate::spec::types::Whole;
use crate::spec::{Given as _, Spanned};
use diagnostic::{Diagnostics, Span};
use minijinja::context;

const IMAGE: &str = "docker.io/intel/intel-gpu-plugin";
/// The version of the image.
pub(super) const VERSION: &str = "0.36.0";
const DAEMON_SET: Template = Template { name: "intel-gpu/daemonset.yaml", source: include_str!("daemonset.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[DAEMON_SET];

const NAMESPACE: &str = "intel-gpu";

/// How many pods share a GPU, unless the spec says otherwise.
const SHARE: u32 = 4;

component_options! { plain
    /// GPUs as a resource that pods ask for.
    GpuPlugin {
        /// How many pods may share a GPU. Default: `4`.
        share: Option<Spanned<Whole<u32, 1, 64>>>,
    }
}

impl GpuPlugin {
    /// How many pods may share a GPU.
    pub(crate) fn share(&self) -> u32 {
        self.share.given().map_or(SHARE, |count| count.get())
    }
}

impl Component for GpuPlugin {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = context.cluster.nodes.iter().any(|node| node.value.gpu.as_ref().is_some_and(|gpu| gpu.value));
        (!is_given).then_some("give a node of the cluster `gpu: true`")
    }

    fn units(&self, _: &Context<'_>, _: Span, _: &mut Diagnostics) -> Vec<Unit> {
        // The plugin talks to the kubelet through its folder on the node.
        let mut unit =
            Unit::new("intel-gpu-plugin", "platform/intel-gpu", Namespace::made(NAMESPACE, PodSecurity::Privileged));
        unit.objects = vec![Object {
            kind: "DaemonSet",
            name: "intel-gpu-plugin".to_owned(),
            file: "daemonset.yaml".to_owned(),
            template: DAEMON_SET,
            context: context! {
                image => format!("{IMAGE}:{}", self.common().tag(VERSION)),
                share => format!("-shared-dev-num={}", self.share()),
            },
        }];
        unit.provides = vec![Capability::Gpu];
        vec![unit]
    }
}
