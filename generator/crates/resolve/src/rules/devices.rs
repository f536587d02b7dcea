//! Rules about what devices report of themselves.

use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::platform::ComponentId;
use spec::{Cluster, Spec};

/// Reports devices that nothing reads, since no cluster has monitoring. A cluster that disables it may enable it again.
pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    let has_monitoring = |cluster: &Cluster| cluster.platform.span(ComponentId::Monitoring).is_some();
    if spec.clusters.iter().any(|cluster| has_monitoring(&cluster.value)) {
        return;
    }
    let of_hosts = spec.hosts.iter().filter_map(|host| {
        let metrics = host.value.metrics.as_ref()?;
        let token = metrics.proxmox.as_ref().map(|token| token.span);
        Some(("metrics", token.or_else(|| metrics.node.span()).or_else(|| metrics.smart.span())?))
    });
    let of_storage = spec.storage.iter().filter_map(|storage| {
        let snmp = storage.value.snmp()?;
        Some(("snmp", snmp.username.span))
    });
    for (field, span) in of_hosts.chain(of_storage) {
        let message = format!("`{field}` has no effect: no cluster of the lab has `platform.monitoring`");
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, span, message).of_absence();
        diagnostics
            .push(diagnostic.help(format!("add `platform: {{ monitoring: {{}} }}` to a cluster, or remove `{field}`")));
    }
}
