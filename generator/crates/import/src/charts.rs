//! Charts: where a HelmRelease gets its chart from, and which charts the platform replaces.

use crate::objects::{Object, Objects};
use yaml::Node;

/// The chart of a HelmRelease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart {
    pub(crate) name: String,
    /// The repository without the chart's name, if it is known.
    pub(crate) repository: Option<String>,
    /// The version, if it is one and not a range.
    pub(crate) version: Option<String>,
}

/// What stands for a chart in a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counterpart {
    /// A component of the platform, by its field.
    Component(&'static str),
    /// A part of k3s, or of what the generator always makes.
    BuiltIn(&'static str),
    /// Nothing: why the nodes of a lab cannot use it.
    None(&'static str),
}

use Counterpart::{BuiltIn, Component};

/// The charts that a lab has a counterpart of, by the name of the chart.
const COUNTERPARTS: &[(&str, Counterpart)] = &[
    ("alloy", Component("logging")),
    ("cert-manager", Component("certificates")),
    ("cilium", Counterpart::None("k3s runs its own network, flannel, on the nodes of a lab")),
    ("cloudflare-ddns", Component("dynamic-dns")),
    ("cloudflare-tunnel", Component("tunnel")),
    ("cloudflare-tunnel-remote", Component("tunnel")),
    ("cloudflared", Component("tunnel")),
    ("cloudnative-pg", Component("postgres")),
    ("coredns", BuiltIn("k3s runs CoreDNS")),
    ("csi-driver-nfs", Component("storage")),
    ("ddns-updater", Component("dynamic-dns")),
    ("external-dns", Component("dns")),
    ("external-secrets", Component("secrets")),
    ("flux-instance", BuiltIn("the generator installs Flux in each cluster")),
    ("flux-operator", BuiltIn("the generator installs Flux in each cluster")),
    ("grafana", Component("monitoring")),
    ("gpu-operator", Counterpart::None("the lab supports GPUs of Intel only")),
    ("ingress-nginx", Component("ingress")),
    ("intel-device-plugins-gpu", Component("gpu")),
    ("intel-device-plugins-operator", Component("gpu")),
    ("intel-gpu-resource-driver", Component("gpu")),
    ("intel-gpu-resource-driver-chart", Component("gpu")),
    ("k8s-gateway", Component("lan-dns")),
    ("kube-prometheus-stack", Component("monitoring")),
    ("kube-state-metrics", Component("monitoring")),
    ("kubelet-csr-approver", BuiltIn("k3s signs the certificates of its kubelets")),
    ("local-path-provisioner", BuiltIn("k3s has the storage class local-path")),
    ("loki", Component("logging")),
    ("loki-stack", Component("logging")),
    ("metallb", Component("load-balancer")),
    ("metrics-server", BuiltIn("k3s runs metrics-server")),
    ("nginx-ingress", Component("ingress")),
    ("openebs", Counterpart::None("volumes of a lab are of k3s' local-path or on network storage")),
    ("prometheus", Component("monitoring")),
    ("prometheus-node-exporter", Component("monitoring")),
    ("prometheus-operator-crds", Component("monitoring")),
    ("promtail", Component("logging")),
    ("reloader", Component("restarts")),
    ("rook-ceph", Counterpart::None("volumes of a lab are of k3s' local-path or on network storage")),
    ("rook-ceph-cluster", Counterpart::None("volumes of a lab are of k3s' local-path or on network storage")),
    ("longhorn", Counterpart::None("volumes of a lab are of k3s' local-path or on network storage")),
    ("spegel", Counterpart::None("the nodes of a lab pull images themselves")),
    ("synology-csi", Component("storage")),
    ("traefik", Component("ingress")),
    ("velero", Component("backups")),
];

/// What stands for a chart in a lab, if it is known.
pub(crate) fn counterpart(chart: &str) -> Option<Counterpart> {
    COUNTERPARTS.iter().find(|(name, _)| *name == chart).map(|(_, counterpart)| *counterpart)
}

/// The images that a component of the platform runs itself, without registry.
const IMAGES: [(&str, &str); 8] = [
    ("cloudflare/cloudflared", "tunnel"),
    ("external-dns/external-dns", "dns"),
    ("favonia/cloudflare-ddns", "dynamic-dns"),
    ("home-operations/cloudflared", "tunnel"),
    ("oznu/cloudflare-ddns", "dynamic-dns"),
    ("qdm12/ddns-updater", "dynamic-dns"),
    ("qmcgaw/ddns-updater", "dynamic-dns"),
    ("stakater/reloader", "restarts"),
];

/// The component that stands for pods with this image.
pub(crate) fn component_of_image(name: &str) -> Option<&'static str> {
    IMAGES.iter().find(|(image, _)| name == *image || name.ends_with(&format!("/{image}"))).map(|(_, name)| *name)
}

/// Whether a chart is bjw-s' app-template.
pub(crate) fn is_app_template(chart: &Chart) -> bool {
    chart.name == "app-template"
}

/// Finds the chart of a HelmRelease. The error says what is missing.
pub(crate) fn chart(object: &Object, objects: &Objects) -> Result<Chart, String> {
    let reference = object.get(&["spec", "chartRef"]);
    let spec = object.get(&["spec", "chart", "spec"]);
    let source = |node: &Node| {
        let text = |key| node.text_of(key).unwrap_or_default();
        let namespace = node.text_of("namespace").unwrap_or(&object.namespace);
        objects
            .find(text("kind"), namespace, text("name"))
            .ok_or_else(|| format!("its source, the {} `{}`, is not in the manifests", text("kind"), text("name")))
    };
    if let Some(reference) = reference {
        let found = source(reference)?;
        return match found.kind.as_str() {
            "OCIRepository" => of_oci(found),
            "HelmChart" => of_spec(found.get(&["spec"]).ok_or("its HelmChart has no `spec`")?, source),
            kind => Err(format!("its chart is of the kind {kind}")),
        };
    }
    of_spec(spec.ok_or("it names no chart")?, source)
}

fn of_spec<'a>(spec: &Node, source: impl Fn(&Node) -> Result<&'a Object, String>) -> Result<Chart, String> {
    let name = spec.text_of("chart").ok_or("it names no chart")?;
    let version = spec.text_of("version").map(ToOwned::to_owned);
    let name = name.rsplit('/').next().unwrap_or(name).to_owned();
    let unknown = |name: &str| Chart { name: name.to_owned(), repository: None, version: version.clone() };
    let Some(reference) = spec.get("sourceRef") else { return Ok(unknown(&name)) };
    // The name of the chart alone decides what stands for it.
    let Ok(found) = source(reference) else { return Ok(unknown(&name)) };
    match found.kind.as_str() {
        "HelmRepository" => {
            let url = found.text(&["spec", "url"]).map(|url| url.trim_end_matches('/').to_owned());
            Ok(Chart { repository: url, ..unknown(&name) })
        }
        _ => Ok(unknown(&name)),
    }
}

fn of_oci(source: &Object) -> Result<Chart, String> {
    let url = source.text(&["spec", "url"]).ok_or("its OCIRepository has no URL")?;
    let (repository, name) =
        url.trim_end_matches('/').rsplit_once('/').ok_or("the URL of its OCIRepository has no path")?;
    let version = source.text(&["spec", "ref", "tag"]).or_else(|| source.text(&["spec", "ref", "semver"]));
    let version = version.map(|version| version.split('@').next().unwrap_or(version).to_owned());
    Ok(Chart { name: name.to_owned(), repository: Some(repository.to_owned()), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fields_of_the_platform() {
        for (chart, counterpart) in COUNTERPARTS {
            if let Component(field) = counterpart {
                let known = spec::platform::ComponentId::ALL.iter().any(|component| component.field() == *field);
                assert!(known, "{chart}: {field}");
            }
        }
    }
}
