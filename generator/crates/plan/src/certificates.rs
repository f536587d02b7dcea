//! Certificates that a change requests from Let's Encrypt.

use crate::changes::ObjectChange;
use std::collections::{BTreeMap, BTreeSet};
use yaml::Node;

/// A certificate that Let's Encrypt issues because of a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate {
    /// The host names in it.
    pub names: BTreeSet<String>,
    /// Whether there already was one with exactly these names. Let's Encrypt issues five of those a week
    /// (<https://letsencrypt.org/docs/rate-limits/>, November 2026).
    pub is_duplicate: bool,
}

/// The issuer of certificates that browsers trust, by its name in the cluster. Those of the staging environment have
/// no practical limit.
const ISSUER: &str = "letsencrypt";

/// The names in certificates, by the object that requests one, and its Secret.
type Requests = BTreeMap<(String, String), BTreeSet<String>>;

/// Returns the certificates that a change requests: those with a new Secret, or with other names.
pub(crate) fn of(changes: &[&ObjectChange]) -> Vec<Certificate> {
    let (mut before, mut after) = (Requests::new(), Requests::new());
    for change in changes {
        for (object, requests) in [(&change.before, &mut before), (&change.after, &mut after)] {
            if let Some(object) = object {
                collect(object, change, requests);
            }
        }
    }
    let new = after.iter().filter(|(secret, names)| before.get(*secret) != Some(names));
    let certificate = |(_, names): (_, &BTreeSet<String>)| Certificate {
        names: names.clone(),
        is_duplicate: before.values().any(|others| others == names),
    };
    let mut certificates: Vec<_> = new.map(certificate).collect();
    certificates.sort();
    certificates
}

fn collect(object: &Node, change: &ObjectChange, requests: &mut Requests) {
    let mut add = |secret: Option<&str>, names: Option<&Node>| {
        let names: BTreeSet<String> =
            names.map_or(&[][..], Node::items).iter().filter_map(|name| name.text().map(str::to_owned)).collect();
        if let (Some(secret), false) = (secret, names.is_empty()) {
            requests.insert((format!("{}/{}", change.cluster, change.namespace), secret.to_owned()), names);
        }
    };
    let mut of_ingress = |annotations: Option<&Node>, tls: Option<&Node>| {
        let issuer = annotations.and_then(|all| all.text_of("cert-manager.io/cluster-issuer"));
        if issuer == Some(ISSUER) {
            tls.map_or(&[][..], Node::items).iter().for_each(|tls| add(tls.text_of("secretName"), tls.get("hosts")));
        }
    };
    match change.kind.as_str() {
        "Ingress" => of_ingress(object.at(&["metadata", "annotations"]), object.at(&["spec", "tls"])),
        "HelmRelease" => {
            ingresses(object, &mut |ingress| of_ingress(ingress.get("annotations"), ingress.get("tls")));
        }
        "Certificate" if object.at(&["spec", "issuerRef", "name"]).and_then(Node::text) == Some(ISSUER) => {
            add(object.at(&["spec", "secretName"]).and_then(Node::text), object.at(&["spec", "dnsNames"]));
        }
        _ => {}
    }
}

/// Visits the Ingresses in the values of a chart.
pub(crate) fn ingresses<'a>(node: &'a Node, visit: &mut impl FnMut(&'a Node)) {
    for (key, value) in node.entries() {
        if key.text() == Some("ingress") {
            visit(value);
        }
        ingresses(value, visit);
    }
}
