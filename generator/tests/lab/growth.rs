//! A lab grows by lines in its spec, and files that are already generated stay unchanged.

use crate::edit::Edited;
use crate::support::{reference_spec, tree_of};
use homelab::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

/// A cluster that is added to the reference lab.
const MEDIA: &str = r#"
description: Media
k3s:
  version: "1.35"
pods: 10.62.0.0/16
services: 10.63.0.0/16
load-balancer: 192.168.10.230-192.168.10.234
nodes:
  media-cp:
    description: Control plane of media
    host: elitedesk
    vmid: 123
    address: 192.168.10.44
    cores: 2
    memory: 6GiB
platform:
  postgres:
    backup:
      s3:
        endpoint: https://s3.example.com
        bucket: homelab-backups
        access-key-id: backups/access-key-id
        secret-access-key: backups/secret-access-key
  monitoring:
    ship-to: gordito
  logging:
    ship-to: gordito
  lan-dns: {}
"#;

/// The trees of the reference lab without and with the cluster.
fn trees() -> (Tree, Tree) {
    (tree_of(&reference_spec()), tree_of(&Edited::reference().add("clusters.media", MEDIA).text()))
}

/// The existing files that a new cluster changes: names that pods resolve, and the servers that do, alerts about what is absent in it, networks
/// that may connect, and pages about the lab.
const CHANGED: [&str; 10] = [
    "docs/lab/README.md",
    "docs/lab/architecture.svg",
    "docs/lab/hosts/elitedesk.md",
    "k8s/data/platform/lan-names/configmap.yaml",
    "k8s/gordito/platform/alerting/prometheusrule-hosts.yaml",
    "k8s/gordito/platform/alerting/prometheusrule-postgres.yaml",
    "k8s/gordito/platform/exporters/configmap-blackbox-exporter.yaml",
    "k8s/gordito/platform/kube-prometheus-stack/helmrelease.yaml",
    "k8s/gordito/platform/lan-names/configmap.yaml",
    "k8s/gordito/platform/monitors/kustomization.yaml",
];

fn files(tree: &Tree) -> BTreeMap<&str, &str> {
    tree.deployed().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

fn is_of_media(path: &str) -> bool {
    let is_name = ["nodes-media.yaml", "platform-media.yaml"].iter().any(|name| path.ends_with(name));
    // The cluster that stores its metrics probes its API.
    let probe = "k8s/gordito/platform/monitors/scrapeconfig-probe-media-";
    is_name
        || ["docs/lab/clusters/media.md", "docs/lab/clusters/media.svg", "k8s/media/", "nix/nodes/media-cp/", probe]
            .iter()
            .any(|place| path.starts_with(place))
}

#[test]
fn adding_a_cluster_takes_only_lines_of_the_spec() {
    let (before, after) = trees();
    let (before, after) = (files(&before), files(&after));
    let mut changed = BTreeSet::new();
    for (path, text) in &before {
        match after.get(path) {
            Some(other) if other == text => {}
            Some(_) => {
                changed.insert(*path);
            }
            None => panic!("{path} is missing"),
        }
    }
    assert_eq!(changed, CHANGED.into());
    let stray: Vec<_> = after.keys().filter(|path| !before.contains_key(*path) && !is_of_media(path)).collect();
    assert!(stray.is_empty(), "{stray:?}");
    // It has the same units as the cluster with the same components.
    let units = |cluster: &str| -> BTreeSet<String> {
        let folder = format!("k8s/{cluster}/flux/");
        let units = after.keys().filter_map(|path| path.strip_prefix(&folder));
        units.filter(|unit| !unit.starts_with("database-")).map(str::to_owned).collect()
    };
    assert_eq!(units("media"), units("data"));
}

/// Lines are added to existing manifests. None are removed, and the only changed one lists the DNS servers of the LAN.
#[test]
fn a_new_cluster_only_adds_lines_to_existing_manifests() {
    let (before, after) = trees();
    let mut added = String::new();
    for path in CHANGED.iter().filter(|path| path.starts_with("k8s/")) {
        let (before, after) =
            (&before.get(path).expect("it is there").text, &after.get(path).expect("it is there").text);
        for change in similar::TextDiff::from_lines(before, after).iter_all_changes() {
            match change.tag() {
                similar::ChangeTag::Equal => {}
                similar::ChangeTag::Insert => added.push_str(&change.to_string()),
                similar::ChangeTag::Delete if change.value().starts_with("        forward . ") => {}
                similar::ChangeTag::Delete => panic!("{path} loses {change:?}"),
            }
        }
    }
    insta::assert_snapshot!(added);
}
