//! The versions of Kubernetes that the parts of a cluster support, according to their projects.
//!
//! Not in the table are projects that publish no range. The charts of MetalLB, ExternalDNS, Prometheus and Grafana set
//! only a lower bound, older than any k3s in nixpkgs; Velero supports Kubernetes from 1.18 on; External Secrets lists
//! only the versions that its tests run on.

use crate::FLUX_VERSION;
use crate::component::Context;
use crate::components::{cert_manager, cloudnative_pg, ingress};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::platform::{Certificates, Configured as _, Ingress, Postgres};
use spec::types::Version;
use spec::{IngressController, Spanned};
use std::borrow::Cow;

/// A project that publishes the versions of Kubernetes that it supports.
struct Project {
    name: &'static str,
    /// The page that lists them.
    source: &'static str,
    /// The field of a cluster that sets its version; `None` if its final release is in the table.
    field: Option<&'static str>,
    releases: &'static [Release],
}

/// A minor release of a project.
struct Release {
    /// The version of its chart, or of Flux, without the patch version.
    chart: &'static str,
    /// Its own version, without the patch version.
    version: &'static str,
    /// The first and the last minor version of Kubernetes 1 that it supports.
    kubernetes: (u16, u16),
}

impl Release {
    const fn new(chart: &'static str, version: &'static str, kubernetes: (u16, u16)) -> Self {
        Self { chart, version, kubernetes }
    }
}

// Read in November 2026. The pinned releases must be in these tables: a test compares them.

const FLUX: Project = Project {
    name: "Flux",
    source: "https://github.com/fluxcd/flux2/releases",
    field: Some("flux.version"),
    releases: &[
        Release::new("2.6", "2.6", (31, 33)),
        Release::new("2.7", "2.7", (32, 34)),
        Release::new("2.8", "2.8", (33, 35)),
        Release::new("2.9", "2.9", (34, 36)),
    ],
};

const CERT_MANAGER: Project = Project {
    name: "cert-manager",
    source: "https://cert-manager.io/docs/releases/",
    field: Some("platform.certificates.version"),
    releases: &[
        Release::new("1.18", "1.18", (29, 33)),
        Release::new("1.19", "1.19", (31, 35)),
        Release::new("1.20", "1.20", (32, 35)),
        Release::new("1.21", "1.21", (33, 36)),
    ],
};

const CLOUDNATIVE_PG: Project = Project {
    name: "CloudNativePG",
    source: "https://cloudnative-pg.io/docs/devel/supported_releases",
    field: Some("platform.postgres.version"),
    releases: &[
        Release::new("0.26", "1.27", (31, 33)),
        Release::new("0.27", "1.28", (32, 35)),
        Release::new("0.28", "1.29", (33, 35)),
        Release::new("0.29", "1.30", (34, 36)),
    ],
};

const NGINX: Project = Project {
    name: "NGINX Ingress Controller",
    source: "https://docs.nginx.com/nginx-ingress-controller/technical-specifications/",
    field: Some("platform.ingress.version"),
    releases: &[
        Release::new("2.1", "5.0", (25, 32)),
        Release::new("2.2", "5.1", (25, 33)),
        Release::new("2.3", "5.2", (27, 34)),
        Release::new("2.4", "5.3", (27, 35)),
        Release::new("2.5", "5.4", (28, 35)),
        Release::new("2.6", "5.5", (29, 36)),
    ],
};

const INGRESS_NGINX: Project = Project {
    name: "ingress-nginx",
    source: "https://github.com/kubernetes/ingress-nginx",
    field: None,
    releases: &[
        Release::new("4.13", "1.13", (29, 33)),
        Release::new("4.14", "1.14", (30, 34)),
        Release::new("4.15", "1.15", (31, 35)),
    ],
};

/// A part of a cluster, in the version that the cluster runs.
struct Part<'a> {
    project: &'static Project,
    /// The version of its chart, or of Flux.
    version: Cow<'a, str>,
    /// Where the spec sets it.
    span: Option<Span>,
}

impl<'a> Part<'a> {
    fn new(project: &'static Project, given: Option<&'a Spanned<Version>>, default: impl Into<Cow<'a, str>>) -> Self {
        let version = given.map_or_else(|| default.into(), |version| version.as_str().into());
        Self { project, version, span: given.map(|version| version.span) }
    }

    /// Its release, unless the table does not have it.
    fn release(&self) -> Option<&'static Release> {
        let version = self.version.strip_prefix('v').unwrap_or(&self.version);
        let is_release = |release: &&Release| {
            version.strip_prefix(release.chart).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.project.releases.iter().find(is_release)
    }

    /// What to change in it for a cluster with another version of Kubernetes.
    fn update(&self, is_too_old: bool) -> String {
        match self.project.field {
            Some(field) => format!("set `{field}` to {} version", if is_too_old { "a newer" } else { "an older" }),
            None => "set `platform.ingress.implementation: nginx`".to_owned(),
        }
    }
}

/// The parts of a cluster whose projects are in the table.
fn parts<'a>(context: &Context<'a>) -> Vec<Part<'a>> {
    let flux = context.cluster.flux.as_ref().and_then(|flux| flux.version.as_ref());
    let mut parts = vec![Part::new(&FLUX, flux, FLUX_VERSION)];
    if let Some(certificates) = context.get::<Certificates>() {
        parts.push(Part::new(&CERT_MANAGER, certificates.options().version, cert_manager::CHART.version));
    }
    if let Some(postgres) = context.get::<Postgres>() {
        parts.push(Part::new(&CLOUDNATIVE_PG, postgres.options().version, cloudnative_pg::CHART.version));
    }
    if let Some(ingress) = context.get::<Ingress>() {
        let (project, chart) = match ingress.implementation.get() {
            IngressController::Nginx => (&NGINX, ingress::NGINX),
            IngressController::IngressNginx => (&INGRESS_NGINX, ingress::INGRESS_NGINX),
        };
        parts.push(Part::new(project, ingress.options().version, chart.version));
    }
    parts
}

/// Reports parts of a cluster that do not support its version of Kubernetes.
pub fn check_support(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let k3s = context.cluster.k3s.clone().unwrap_or_default();
    let kubernetes = k3s.version.get().as_str();
    let Some(minor) = kubernetes.strip_prefix("1.").and_then(|minor| minor.parse::<u16>().ok()) else { return };
    for part in parts(context) {
        let Some(Release { version, kubernetes: (first, last), .. }) = part.release() else { continue };
        if (*first..=*last).contains(&minor) {
            continue;
        }
        let Project { name, source, .. } = part.project;
        let message = format!(
            "{name} {version} supports Kubernetes 1.{first} to 1.{last}, but the cluster `{}` runs {kubernetes}",
            context.name.value
        );
        let (is_too_old, nearest) = if minor > *last { (true, last) } else { (false, first) };
        let update = part.update(is_too_old);
        let (span, help) = match part.span {
            Some(span) => (span, update),
            None => (k3s.version.span().unwrap_or(context.name.span), format!("use k3s 1.{nearest}, or {update}")),
        };
        let mut diagnostic = Diagnostic::new(Code::KubernetesUnsupported, span, message);
        if let (Some(_), Some(version)) = (part.span, k3s.version.span()) {
            diagnostic = diagnostic.related(version, "the version of Kubernetes");
        }
        diagnostics.push(diagnostic.help(format!("{help} (see {source})")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An update of a pinned version fails here until its row is in the table.
    #[test]
    fn pinned_versions_support_the_default_version_of_kubernetes() {
        let k3s = spec::K3s::default();
        let minor: u16 = k3s.version.get().as_str()[2..].parse().expect("it is a minor version");
        for part in [
            Part::new(&FLUX, None, FLUX_VERSION),
            Part::new(&CERT_MANAGER, None, cert_manager::CHART.version),
            Part::new(&CLOUDNATIVE_PG, None, cloudnative_pg::CHART.version),
            Part::new(&NGINX, None, ingress::NGINX.version),
        ] {
            let Project { name, .. } = part.project;
            let Some(release) = part.release() else { panic!("{name} {} is not in the table", part.version) };
            let (first, last) = release.kubernetes;
            assert!((first..=last).contains(&minor), "{name} {} does not support 1.{minor}", part.version);
        }
    }

    #[test]
    fn finds_releases_by_their_minor_version() {
        let release = |version| Part::new(&CERT_MANAGER, None, version).release().map(|release| release.version);
        assert_eq!(release("v1.21.1"), Some("1.21"));
        assert_eq!(release("1.20.3"), Some("1.20"));
        assert_eq!(release("1.2.0"), None);
        assert_eq!(release("1.211.0"), None);
        assert_eq!(release("2.1.21"), None);
    }
}
