//! Intel's GPU device plugin: makes `gpu.intel.com/i915` or `gpu.intel.com/xe`, by the kernel driver, a resource that
//! pods can request. It offers only GPUs whose device files the node has.
//!
//! A plain DaemonSet: for integrated graphics, the operator would only add a controller, webhooks and
//! certificates.

use crate::component::{Component, Context};
use crate::network::Closed;
use crate::{tag, usage};
use diagnostic::{Diagnostics, Span};
use model::{Capability, Manifest, Namespace, Template, Unit};
use serde_json::json;
use spec::PodSecurity;
use spec::platform::{Configured as _, GpuPlugin};

const IMAGE: &str = "docker.io/intel/intel-gpu-plugin";
/// The default tag of the image.
pub(super) const VERSION: &str = "0.36.0";
const DAEMON_SET: Template = Template { name: "intel-gpu/daemonset.yaml", source: include_str!("daemonset.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[DAEMON_SET];

const NAMESPACE: &str = "intel-gpu";

impl Component for GpuPlugin {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = context.cluster.nodes.iter().any(|node| node.value.gpu.is_on());
        (!is_configured).then_some("set `gpu: true` on a node of the cluster")
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::has_gpus(context)
    }

    fn units(&self, _: &Context<'_>, _: Span, _: &mut Diagnostics) -> Vec<Unit> {
        // The plugin registers with the kubelet through a socket in a folder of the node.
        let mut unit =
            Unit::new("intel-gpu-plugin", "platform/intel-gpu", Namespace::created(NAMESPACE, PodSecurity::Privileged));
        unit.extend([Manifest::new(
            "DaemonSet",
            "intel-gpu-plugin",
            "daemonset.yaml",
            DAEMON_SET,
            json!({
                "image": format!("{IMAGE}:{}", tag(self.options(), VERSION)),
                "share": format!("-shared-dev-num={}", self.share.get()),
            }),
        )]);
        unit.provides = vec![Capability::Gpu];
        vec![unit]
    }
    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        vec![Closed::new(NAMESPACE, [])]
    }
}
