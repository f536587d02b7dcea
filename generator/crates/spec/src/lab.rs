//! What holds for the whole lab.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{DomainName, Email, Name, OneOrMore, RepositoryUrl, SshKey};
use schemars::JsonSchema;
use serde::Deserialize;

/// What holds for the whole lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lab {
    /// The lab's name, for people.
    pub name: Spanned<Name>,
    /// The DNS domain that the lab's host names lie in.
    pub domain: Spanned<DomainName>,
    /// The time zone of all nodes.
    #[serde(default)]
    pub timezone: OrDefault<defaults::Timezone>,
    /// The Git repository that holds this file and everything generated from it. Flux and the
    /// nodes take their state from there. An `https://` repository is read without credentials;
    /// for an `ssh://` one each cluster's server keeps a deploy key on its disk.
    pub repository: Spanned<RepositoryUrl>,
    /// The branch that clusters follow.
    #[serde(default)]
    pub branch: OrDefault<defaults::FollowedBranch>,
    /// Who runs the lab.
    pub admin: Admin,
}

/// Who runs the lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// Where Let's Encrypt sends its warnings.
    pub email: Spanned<Email>,
    /// Public SSH keys that may log in to every node as root.
    pub ssh_keys: OneOrMore<Spanned<SshKey>>,
}
