//! The command-line arguments and their help.

use super::amend::{Adding, Removing, Renaming};
use super::init_arguments::InitArguments;
use super::life::bootstrap::{self, BootstrapArguments};
use super::life::deploy::{self, Deploying};
use super::life::preflight::{self, PreflightArguments};
use super::life::provision::ProvisionArguments;
use super::life::restore::RestoreArguments;
use super::life::status::{self, StatusArguments};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use operate::Script;
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes:
  0  success
  1  generated files differ from the spec (generate --check), or a cluster is not ready (status)
  2  invalid spec or usage; nothing was written
  3  I/O error: something could not be read or written, a machine did not answer, or Nix failed
  4  the plan has dangers (plan --fail-on danger; rename and remove without --yes);
     preflight found an error

Documentation, with the pages that messages name, such as docs/nodes.md:
  https://github.com/example/homelab/tree/main/docs";

const GENERATE_EXAMPLES: &str = "Examples:
  homelab generate          Update the generated files
  homelab generate --check  Show what would change, for example in CI
  homelab generate --allow home/PersistentVolumeClaim/notes/notes-data";

const PLAN_EXAMPLES: &str = "Examples:
  homelab plan                      What the spec changes since the last commit
  homelab plan --base origin/main   What a branch changes
  homelab plan --format markdown    The same as a comment for a pull request
  homelab plan --nix                Also what modules and flake.lock change on nodes";

const INIT_EXAMPLES: &str = "Examples:
  homelab init                                Ask, and make a lab in this folder
  homelab init mylab --domain example.com     Make the folder, and ask everything else
  homelab init --defaults                     Ask nothing; list the examples to replace
  homelab init --print-answers > answers.yaml
  homelab init mylab --from answers.yaml
  homelab init --defaults --host pve1,address=192.168.1.11,memory=32GiB,gpu=intel \\
    --nas synology,address=192.168.1.20,nfs=/volume1 --cluster home,nodes=2 \\
    --dns cloudflare --secrets infisical,project=homelab,environment=prod";

const PIN_EXAMPLES: &str = "Examples:
  homelab pin memos 0.30.1
  homelab pin gordito/memos 0.30.1";

const APPS_EXAMPLES: &str = "Examples:
  homelab apps                    All apps, by category
  homelab apps --search photos
  homelab apps immich             What would be added to the spec, and what that needs";

const SCHEMA_EXAMPLES: &str = "First line of the spec:    # yaml-language-server: $schema=homelab.schema.json
For a schema elsewhere:    homelab schema > FILE";

const EXPLAIN_EXAMPLES: &str = "Examples:
  homelab explain
  homelab explain lab.timezone
  homelab explain clusters.gordito.nodes.worker.gpu
  homelab explain need-unmet";

const COMPLETIONS_EXAMPLES: &str = "Install them:
  bash  homelab completions bash > ~/.local/share/bash-completion/completions/homelab
  zsh   homelab completions zsh > DIR/_homelab, with a DIR of $fpath
  fish  homelab completions fish > ~/.config/fish/completions/homelab.fish";

const MAN_EXAMPLES: &str = "Examples:
  homelab man | man -l -               Read all pages
  homelab man ~/.local/share/man/man1  Install them";

const GRAPH_EXAMPLES: &str = "Examples:
  homelab graph                                       The order of all units, for Mermaid
  homelab graph --format dot | dot -Tpdf -o units.pdf The same, by Graphviz
  homelab graph --of lab > lab.svg                    Machines, clusters and apps
  homelab graph --of gordito --format svg > order.svg The order of the units of a cluster
  homelab graph --of gordito/memos > memos.svg        The way of a request to an app";
const IMPORT_EXAMPLES: &str = "Examples:
  homelab import ../home-ops                           Print entries for a spec, and a report
  homelab import ../home-ops --write proposal.yaml     Write the entries to a new file
  homelab import ../home-ops --set SECRET_DOMAIN=example.com
  homelab import ../home-ops --format json | jq .workloads";

/// The default path of the spec, relative to the root.
pub(super) const SPEC: &str = "spec/homelab.yaml";

/// Generate NixOS nodes, k3s configs and Flux manifests from one spec
///
/// A single typed file describes a homelab. `homelab generate` writes everything that follows from it to
/// nix/nodes, k8s and docs/lab. Commit these files, but do not edit them. `homelab deploy` applies them
/// to the nodes, Flux applies them to the clusters.
#[derive(Debug, Parser)]
#[command(name = "homelab", version, after_help = EXIT_CODES, propagate_version = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: Global,
}

#[derive(Debug, Args)]
pub(super) struct Global {
    /// Path of the spec, relative to the root
    #[arg(long, global = true, value_name = "FILE", default_value = SPEC, value_hint = ValueHint::FilePath)]
    pub(super) spec: PathBuf,
    /// Root of the repository
    #[arg(long, global = true, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) root: PathBuf,
    /// Format of results and messages
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Suppress warnings and summaries
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// List every changed file and every diagnostic
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    Human,
    /// JSON for programs
    Json,
    /// Markdown for comments on pull requests (plan)
    Markdown,
    /// A picture (graph)
    Svg,
    /// A Mermaid diagram (graph)
    Mermaid,
    /// A graph for Graphviz (graph)
    Dot,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Described {
    /// The spec
    Spec,
    /// The output of `homelab plan --format json`
    Plan,
    /// The output of `homelab preflight --format json`
    Preflight,
}

/// What makes `plan` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Data at risk, changes that a cluster refuses, and outages
    Danger,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new lab in an empty or existing repository
    ///
    /// Asks for the domain, the network, hosts, storage, clusters and providers, and proposes what this machine shows. Writes
    /// a commented spec, a flake and the files around them, and generates the rest. Nothing that exists is changed:
    /// existing files are kept and listed.
    ///
    /// Whatever is not answered gets a valid example, which the output lists with its line. Without a terminal, nothing is
    /// asked.
    #[command(after_help = INIT_EXAMPLES)]
    Init(Box<InitArguments>),
    /// Write the generated files
    ///
    /// Writes only files that differ from the disk, each one atomically. Removes generated files that the
    /// spec no longer needs. Skips and lists files in the generated folders that were not generated.
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate {
        /// Write nothing; show what would change, with the affected nodes and units
        ///
        /// Prints a unified diff from the files on disk to those of the spec, and the command that writes
        /// them. Exits with 1 if there is any difference.
        #[arg(long)]
        check: bool,
        /// Write changes of this object although its cluster refuses or ignores them
        ///
        /// OBJECT is CLUSTER/KIND/NAMESPACE/NAME, as in the message. Use it for a change that you have prepared
        /// in the cluster, for example by deleting the object. Can be repeated.
        #[arg(long, value_name = "OBJECT")]
        allow: Vec<String>,
    },
    /// Show what the spec changes in the clusters, on the nodes and outside
    ///
    /// Compares the files that the spec generates now with those that are committed. Lists first what could be lost or
    /// stop, then what happens to each unit, the nodes in the order in which to update them, with the commands,
    /// and the names, addresses, ports, certificates and secrets that change. Writes nothing.
    ///
    /// `homelab schema plan` prints the schema of the output with --format json.
    #[command(after_help = PLAN_EXAMPLES)]
    Plan {
        /// Commit to compare with
        #[arg(long, value_name = "REV", default_value = "HEAD")]
        base: String,
        /// Another copy of the repository to compare with, instead of a commit
        #[arg(long, value_name = "DIR", conflicts_with = "base", value_hint = ValueHint::DirPath)]
        base_dir: Option<PathBuf>,
        /// Evaluate the nodes of both versions with Nix, and compare their systems
        ///
        /// Finds nodes whose system differs although none of its generated files does, for example because of a module or
        /// flake.lock, and the units that differ. Needs `nix`, and takes some seconds for each node. Untracked
        /// files are ignored, except for those that end in `.nix`.
        #[arg(long)]
        nix: bool,
        /// Exit with 4 if there are such findings
        #[arg(long, value_enum, value_name = "FINDING")]
        fail_on: Option<FailOn>,
    },
    /// Set the tag of an image that Flux updates
    ///
    /// Writes the tag to spec/images.yaml, where Flux writes it too, and updates the generated files. The
    /// image must have `update`, and the tag must be one that this setting allows.
    #[command(after_help = PIN_EXAMPLES)]
    Pin {
        /// Name of the app, or APP/CONTAINER for the image of an init container, sidecar or job; with CLUSTER/
        /// before it if several clusters have an app of this name
        app: String,
        /// The tag of one release
        tag: String,
    },
    /// Add an app, a node, a host, a cluster, a secret entry or storage to the spec
    ///
    /// Edits the spec in place: comments, order and layout of everything else stay as they are. Proposes what you leave
    /// out: the next free address, VMID, load-balancer pool and networks. Writes nothing unless the whole spec is valid
    /// afterwards, and then updates the generated files.
    Add(Adding),
    /// Rename an entry of the spec, with all references to it
    ///
    /// An app keeps its namespace, volumes and database (`moved-from`), and a secret entry its path in the store. Shows the
    /// plan of the change first, and asks if it has dangers.
    Rename(Renaming),
    /// Remove an entry of the spec that nothing refers to
    ///
    /// Lists the references to the entry if there are any. Shows the plan of the change first, and asks if it has dangers.
    Remove(Removing),
    /// Check the spec and the files that it generates
    ///
    /// Generates and checks all files in memory. Neither compares them with the disk nor writes them.
    Validate,
    /// Print the JSON Schema of the spec, or of the output of a command
    ///
    /// With the schema, editors complete and check the spec while you type. If the first line of the spec names
    /// `homelab.schema.json` beside it, `homelab generate` writes that file and keeps it up to date.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema {
        /// What the schema describes
        #[arg(value_enum, default_value_t = Described::Spec)]
        of: Described,
    },
    /// Explain a field of the spec, or the code of an error or a warning
    ///
    /// For a field, prints its description, type and default, and the fields below it. In place of a name
    /// that you choose, such as that of a cluster, any name works. For a code, which messages show in
    /// brackets, prints what the rule requires and why.
    ///
    /// With --format json, a field has `path`, `description`, `type`, `required`, `default`, `example`,
    /// `choices` and `fields`. For a list or a mapping from names, the last two describe each item.
    /// A code has `code`, `severity` and `description`.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// Dotted path of a field, or a code; the whole spec if omitted
        #[arg(default_value = "", hide_default_value = true)]
        path: String,
    },
    /// List apps that can be added to the spec, or show one of them
    ///
    /// The catalogue has the fields of widely used apps: image, user, port, health check, volumes, database and secrets,
    /// each with its source. Shows an app as it fits the lab, if there is a valid spec: with its domain, database and network
    /// storage.
    ///
    /// With --format markdown, prints the list as a page: docs/catalogue.md of the generator's repository.
    ///
    /// With --format json, an app has `name`, `title`, `description`, `website`, `category`, `image`, `tag`, `needs`, `runs-as` and,
    /// if it is named, `cluster`, `spec`, `secrets`, `missing`, `first-steps`, `checked` (a date) and `evidence`.
    #[command(after_help = APPS_EXAMPLES)]
    Apps {
        /// Name of an app in the catalogue
        name: Option<String>,
        /// List only apps with this word in their name, description or category
        #[arg(long, value_name = "WORD", conflicts_with = "name")]
        search: Option<String>,
        /// Cluster that the app would run in; by default the one with most apps
        #[arg(long, value_name = "CLUSTER", requires = "name")]
        cluster: Option<String>,
    },
    /// Propose entries of a spec for the Flux manifests of a repository
    ///
    /// Reads HelmReleases, Deployments and the like, with their Services, Ingresses, routes, claims and secrets, and prints
    /// what they are in a spec: apps, secret entries, network storage, and components of the platform. Each app is valid
    /// by itself. The report on stderr lists every workload with its file and line: whether it is imported, what to set
    /// by hand, and why it is not imported otherwise.
    ///
    /// Writes nothing unless `--write` names a new file. Values of Secrets are never read, and what looks like a
    /// credential is never printed. With --format json, prints one object with `spec`, `workloads`, `problems` and
    /// `objects`.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import {
        /// Folder of the repository
        path: PathBuf,
        /// Name of the cluster in the spec that gets the apps
        #[arg(long, value_name = "NAME", default_value = "home")]
        cluster: String,
        /// Value of a variable that the manifests use, such as SECRET_DOMAIN. Can be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// Write the entries to this file, which must not exist
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
    },
    /// List the secrets that the lab needs
    ///
    /// Shows where each secret must be, in the secret store or on the disk of a node, and what reads it; and the
    /// folders of the store that each cluster reads, to limit its machine identity to them.
    Secrets,
    /// Check hosts, the network and this machine before the first boot
    ///
    /// Asks each host through SSH (versions, kernel, GPU, memory, storage, bridge, VMIDs, clock), pings the addresses of the
    /// spec, asks DNS for the zone and the public address, and looks at Nix and Git on this machine. Changes nothing.
    /// Lists what is not ok, each with its fix. docs/preflight.md explains each check.
    ///
    /// `homelab schema preflight` prints the schema of the output with --format json.
    #[command(after_help = preflight::EXAMPLES)]
    Preflight(PreflightArguments),
    /// Create containers and virtual machines of nodes, or change existing ones
    ///
    /// Prepares the hosts, builds the image of each node and creates its container or virtual machine, or changes an existing
    /// one as far as Proxmox VE can. Lists what needs a restart, and what needs a new container. Without --yes, prints the
    /// commands as a script, and changes nothing.
    ///
    /// Reaches hosts and nodes with `ssh root@ADDRESS`. Each run starts from what it finds: if one fails, run it again.
    /// No container or virtual machine is destroyed without --recreate.
    ///
    /// With --format json, prints one object with `hosts`, `nodes`, `notes`, `ran` and `done`. Exits with 4 if something was
    /// left out because an option does not allow it.
    Provision(ProvisionArguments),
    /// Put the secrets of a cluster on its nodes, and wait until it is ready
    ///
    /// Nodes need some secrets before they can read the secret store: tokens of k3s, deploy keys, the credential for the
    /// store, and what backups of servers need. Generates what can be generated, asks for or reads the rest, copies what another
    /// server has, and corrects owners and modes. Existing files are kept. Then shows how the cluster starts until
    /// everything is ready, and makes the first backup of its servers.
    ///
    /// Without --yes, prints the commands that are due, without any value, and changes nothing. Run it again after a failure: it
    /// goes on from what it finds. `homelab secrets` lists the files.
    #[command(after_help = bootstrap::EXAMPLES)]
    Bootstrap(BootstrapArguments),
    /// Show whether clusters are ready, and what keeps them from it
    ///
    /// Asks a server of each cluster through SSH: k3s, nodes, Flux, and every unit with its objects. Lists first what explains
    /// the rest: if 14 units wait because the secret store rejects a credential, the output begins with the store's message.
    /// `failed` does not go away by itself, `failing` is retried, `waiting` takes its time. Changes nothing.
    ///
    /// With --watch, prints a line for what becomes ready and for what the cluster waits for, until it is ready or
    /// something fails that does not go away by itself.
    ///
    /// Compares containers and virtual machines with their definitions, too: one connection to each host.
    ///
    /// Exits with 0 if all is ready and as defined, with 1 if not, and with 3 if a cluster cannot be asked. With --format json,
    /// prints one object with `version`, `lab`, `clusters` and `containers`; a cluster has `verdict`, `causes`, `nodes`,
    /// `source` and `units`.
    #[command(after_help = status::EXAMPLES)]
    Status(StatusArguments),
    /// Update nodes, one after the other, and check each before the next
    ///
    /// Compares what each node runs with the system that its flake output `nixosConfigurations.NODE` evaluates to, and
    /// prints the commands that bring it there, as a shell script. Changes nothing without --yes, which runs exactly
    /// these commands.
    ///
    /// In a cluster, servers come before agents, and the server that the others joined comes last of them. Each
    /// node *tries* its system: it runs it, but boots the one before, and goes back by itself after --rollback-after unless it is
    /// found healthy through a new connection: no unit has failed, k3s is active, the Kubernetes API of a server is
    /// ready, and the Node and all servers are Ready. Then it keeps the system. The run stops at the first node
    /// that fails, and returns this node to the system from before. Those that were updated keep theirs.
    ///
    /// A server whose k3s changes to another minor version is backed up before, and does not go back: an older k3s
    /// cannot use its datastore. Agents must not be newer than their servers.
    ///
    /// Deploys the system in the container, not the container: `homelab provision NODE` applies container.conf. Logs in as
    /// root at the LAN address of the node, through `ssh` with your configuration.
    ///
    /// With --format json, prints `nodes`, each with `node`, `cluster`, `system`, `goes-back`, `notes`, `steps` (`title`,
    /// `command`) and, with --yes, `result`: unchanged, updated, not-touched, went-back, not-kept or silent.
    #[command(after_help = deploy::EXAMPLES)]
    Deploy(Deploying),
    /// Bring back what was lost: a node, a datastore, a host, storage, a database, volumes
    ///
    /// Reads the state of the machines and of the cluster, and prints the steps that are due: what is lost for good, the commands,
    /// and what each does. With --yes, runs them. A second run goes on where the first one stopped. Whatever would overwrite or
    /// delete data that exists needs `--replace`, with the name of what is replaced.
    Restore(RestoreArguments),
    /// Print a script that runs on hosts or nodes
    ///
    /// Commands such as `homelab provision` and `homelab deploy` run these scripts through SSH. To use one without
    /// them, copy it to the host or the node.
    Script {
        /// Name of the script
        #[arg(value_parser = scripts())]
        name: Script,
    },
    /// Print diagrams of the lab, of an app, or of the order of units
    ///
    /// By default, prints the order of the units of all clusters as a Mermaid diagram, in which an arrow points from a
    /// unit to a unit that it waits for. With --format json, prints `nodes`, each with `cluster` and `unit`, and
    /// `edges`, each with `cluster`, `from` and `to`, where `from` waits for `to`.
    ///
    /// The pictures of the lab and of clusters in docs/lab do not contain apps. Those of this command do: `--of lab`
    /// shows the apps in their clusters.
    #[command(after_help = GRAPH_EXAMPLES)]
    Graph {
        /// What to show: `units`, the units of one CLUSTER, the `lab`, or an app as CLUSTER/APP
        #[arg(long, value_name = "SUBJECT", default_value = "units")]
        of: String,
    },
    /// Print the reference of the spec, or write it to a folder
    ///
    /// The reference lists every field with its type, range, default, meaning and an example, as Markdown: a page for each part
    /// of the spec, and an index. Pages that exist in the folder are replaced.
    Reference {
        /// Folder to write to, created if necessary; standard output if omitted
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Print the completion script of a shell
    ///
    /// With it, the shell completes commands, options and their values.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man pages, or write them to a folder
    ///
    /// There is a page for the program, `homelab.1`, and one for each command, such as `homelab-plan.1`. Their text is that
    /// of `--help`. Pages that exist in the folder are replaced.
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Folder to write to, created if necessary; standard output if omitted
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// Parses the name of a script, and offers those that exist.
fn scripts() -> impl TypedValueParser<Value = Script> {
    let names = PossibleValuesParser::new(Script::ALL.map(Script::name));
    names.try_map(|name| Script::ALL.into_iter().find(|script| script.name() == name).ok_or("there is no such script"))
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory as _;

    #[test]
    fn defines_a_consistent_command_line() {
        Arguments::command().debug_assert();
    }
}
