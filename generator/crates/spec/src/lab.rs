//! Settings of the whole lab.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{DomainName, Email, Name, OneOrMore, RepositoryUrl, SshKey};
use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of the whole lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lab {
    /// Name of the lab, for display only.
    pub name: Spanned<Name>,
    /// Language of the generated documentation in `docs/lab`. Names, and descriptions from the spec, stay as they are.
    #[serde(default)]
    pub language: OrDefault<defaults::DocsLanguage>,
    /// DNS domain of the lab's host names.
    pub domain: Spanned<DomainName>,
    /// Time zone of all nodes, and of the schedules of `jobs`.
    #[serde(default)]
    pub timezone: OrDefault<defaults::Timezone>,
    /// URL of the Git repository that contains the spec and the generated files. Flux and the nodes
    /// follow it. An `https://` repository is read without credentials; an `ssh://` repository is read
    /// with the deploy key on the disk of each cluster's servers.
    pub repository: Spanned<RepositoryUrl>,
    /// Git branch that the clusters follow.
    #[serde(default)]
    pub branch: OrDefault<defaults::FollowedBranch>,
    /// Administrator of the lab.
    pub admin: Admin,
}

/// Administrator of the lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// Email address of the ACME account at Let's Encrypt.
    pub email: Spanned<Email>,
    /// Public SSH keys that can log in to every node as root.
    pub ssh_keys: OneOrMore<Spanned<SshKey>>,
}
