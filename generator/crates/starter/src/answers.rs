//! The answers that a lab is made from, as the file of `homelab init --from` has them.

use crate::draft::Draft;
use diagnostic::Diagnostics;
use schemars::JsonSchema;
use serde::Deserialize;
use spec::types::{
    AddressRange, DomainName, Email, Ipv4, MountPath, Name, OneOrMore, RepositoryUrl, Size, SshKey, TimeZone, Whole,
};
use spec::{Dns, Document, Entries, HostGpu, Lan, SecretStore, Spanned};
use std::collections::BTreeSet;
use yaml::Node;

const DOCUMENT: Document = Document {
    name: "the answers file",
    start: "print one to fill in with `homelab init --print-answers`; for a lab without answers, use `--defaults`",
};

/// Answers, with the tree that they were read from.
#[derive(Debug)]
pub struct Answers {
    /// The typed answers.
    pub(crate) given: Given,
    /// Their tree, for values that the spec takes over as they are.
    pub(crate) root: Node,
    /// The paths of values that are examples.
    pub(crate) examples: BTreeSet<String>,
}

/// What can be answered. Each answer is optional.
///
/// Texts are checked here, and copied to the spec from the tree.
#[expect(dead_code, reason = "reading a value checks it")]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Given {
    /// Name of the lab, for display only.
    pub(crate) name: Option<Spanned<Name>>,
    /// DNS domain of the lab. Apps get names below it.
    pub(crate) domain: Option<Spanned<DomainName>>,
    /// Time zone of the nodes.
    pub(crate) timezone: Option<Spanned<TimeZone>>,
    /// URL of the Git repository that will contain the lab.
    pub(crate) repository: Option<Spanned<RepositoryUrl>>,
    /// Email address of the administrator.
    pub(crate) email: Option<Spanned<Email>>,
    /// Public SSH keys that can log in to every node as root.
    pub(crate) ssh_keys: Option<OneOrMore<Spanned<SshKey>>>,
    /// The local network.
    pub(crate) lan: Option<Lan>,
    /// Machines that run Proxmox VE, by name.
    #[serde(default)]
    pub(crate) hosts: Entries<HostAnswer>,
    /// Network storage.
    pub(crate) nas: Option<Nas>,
    /// Clusters, by name.
    #[serde(default)]
    pub(crate) clusters: Entries<ClusterAnswer>,
    /// DNS provider, as in the spec.
    pub(crate) dns: Option<Dns>,
    /// Secret store, as `secrets.store` of the spec.
    pub(crate) secrets: Option<SecretStore>,
}

/// A machine that runs Proxmox VE.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HostAnswer {
    /// IPv4 address on the LAN. Default: a free one.
    pub(crate) address: Option<Spanned<Ipv4>>,
    /// Memory of the host.
    pub(crate) memory: Option<Spanned<Size>>,
    /// GPU that apps can use.
    pub(crate) gpu: Option<Spanned<HostGpu>>,
    /// Make and model, for display only.
    #[serde(rename = "model")]
    pub(crate) _model: Option<String>,
}

/// Network storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Nas {
    /// Kind of network storage.
    pub(crate) kind: NasKind,
    /// IPv4 address on the LAN. Default: a free one.
    pub(crate) address: Option<Spanned<Ipv4>>,
    /// Folder whose subfolders are exported over NFS, for volumes of apps.
    #[serde(rename = "nfs")]
    pub(crate) _nfs: Option<Spanned<MountPath>>,
    /// Make and model, for display only.
    #[serde(rename = "model")]
    pub(crate) _model: Option<String>,
}

/// A kind of network storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NasKind {
    /// A Synology DiskStation.
    Synology,
    /// Any other NFS server, such as TrueNAS.
    Nfs,
}

/// A cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ClusterAnswer {
    /// Number of nodes, which are spread over the hosts. Default: 1.
    pub(crate) nodes: Option<Spanned<Whole<u32, 1, 50>>>,
    /// LAN addresses for Services. Default: ten free ones.
    pub(crate) load_balancer: Option<Spanned<AddressRange>>,
}

impl Answers {
    /// Parses an answers file.
    ///
    /// # Errors
    /// All errors of its text and of its values.
    pub fn parse(bytes: &[u8]) -> Result<Self, Diagnostics> {
        let (given, root) = spec::parse_as::<Given>(bytes, &DOCUMENT)?;
        Ok(Self { given, root, examples: BTreeSet::new() })
    }

    /// Reads a draft.
    ///
    /// # Errors
    /// If a value is invalid; the text that the diagnostics are about is that of [`Draft::text`].
    pub fn of(draft: &Draft) -> Result<Self, Diagnostics> {
        Ok(Self { examples: draft.examples.clone(), ..Self::parse(draft.text().as_bytes())? })
    }

    /// The value at a path, if it is set.
    pub(crate) fn node(&self, path: &[&str]) -> Option<&Node> {
        self.root.at(path).filter(|node| !node.is_null())
    }
}

/// An answers file to fill in.
pub fn template() -> &'static str {
    include_str!("files/answers.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_an_answers_file_also_with_everything_uncommented() {
        let shown = |diagnostics: &Diagnostics| {
            diagnostics.sorted().iter().map(|found| found.message.clone()).collect::<Vec<_>>()
        };
        let whole: String =
            template().lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect();
        for text in [template(), &whole] {
            let answers = Answers::parse(text.as_bytes());
            assert!(answers.is_ok(), "{:?}", answers.map_err(|errors| shown(&errors)).err());
        }
        assert!(whole.len() < template().len(), "no line is commented out");
    }

    #[test]
    fn the_template_has_every_answer() {
        let schema = spec::schema_of::<Given>();
        for name in schema["properties"].as_object().expect("it has fields").keys() {
            let is_here =
                template().lines().any(|line| line.trim_start_matches("#: ").starts_with(&format!("{name}:")));
            assert!(is_here, "{name}");
        }
    }

    #[test]
    fn reports_all_errors_at_once() {
        let text = "domain: example\nlan: { cidr: 192.168.1.7/24, gateway: here }\nhots: {}\nclusters: { home: { nodes: 0 } }\n";
        let errors = Answers::parse(text.as_bytes()).expect_err("it has errors");
        assert_eq!(errors.sorted().len(), 5, "{errors:?}");
    }
}
