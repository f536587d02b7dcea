//! The arguments of `homelab provision`.

use clap::{Args, ValueHint};
use operate::provision::Allowed;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  homelab provision gordito-worker                          What would run, as a script
  homelab provision gordito-worker --yes                    Run it
  homelab provision --all --yes
  homelab provision gordito-cp --yes --restart              Also what needs a restart
  homelab provision gordito-cp --yes --recreate gordito-cp  Also what needs a new container
  homelab provision --all --format json | jq '.nodes[].differences'")]
pub(in super::super::super) struct ProvisionArguments {
    /// Names of nodes
    #[arg(value_name = "NODE", required_unless_present = "all")]
    nodes: Vec<String>,
    /// All nodes of the lab
    #[arg(long, conflicts_with = "nodes")]
    all: bool,
    /// Run the steps. Without it, they are printed as a script
    #[arg(long)]
    pub(super) yes: bool,
    /// Restart nodes whose container or virtual machine gets a change only then; on a terminal, --yes asks
    #[arg(long)]
    restart: bool,
    /// Do not drain nodes before they stop
    #[arg(long)]
    no_drain: bool,
    /// Destroy the container of this node and create it again, if its definition needs a new one. Its secrets and SSH host
    /// keys move to the new one, and the datastore of an only server. Can be repeated
    #[arg(long, value_name = "NODE")]
    recreate: Vec<String>,
    /// With --recreate, also if its definition does not need a new container
    #[arg(long, requires = "recreate")]
    anew: bool,
    /// With --recreate, lose the volumes that are on the disk of this node. Can be repeated
    #[arg(long, value_name = "NODE", requires = "recreate")]
    lose_volumes: Vec<String>,
    /// With --recreate, accept that no backup of this only server can be made. Can be repeated
    #[arg(long, value_name = "NODE", requires = "recreate")]
    without_backup: Vec<String>,
    /// Image to create the container or virtual machine of one node from, instead of building it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "template")]
    pub(super) image: Option<PathBuf>,
    /// The same for a container, for an image that is on the host already, such as local:vztmpl/NAME.tar.xz
    #[arg(long, value_name = "VOLUME")]
    pub(super) template: Option<String>,
}

impl ProvisionArguments {
    /// Whether a node is provisioned.
    pub(super) fn selects(&self, node: &str) -> bool {
        self.all || self.nodes.iter().any(|name| name == node)
    }

    /// The nodes that are named.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(String::as_str).chain(self.others())
    }

    /// The nodes that options name.
    pub(super) fn others(&self) -> Vec<&str> {
        [&self.recreate, &self.lose_volumes, &self.without_backup].into_iter().flatten().map(String::as_str).collect()
    }

    pub(super) fn has_own_image(&self) -> bool {
        self.image.is_some() || self.template.is_some()
    }

    pub(super) fn allowed(&self) -> Allowed {
        let set = |names: &[String]| names.iter().cloned().collect();
        Allowed {
            restart: self.restart,
            no_drain: self.no_drain,
            recreate: set(&self.recreate),
            anew: self.anew,
            lose_volumes: set(&self.lose_volumes),
            without_backup: set(&self.without_backup),
        }
    }
}
