//! The arguments of the command line, and the help that teaches them.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the generated files are not what the spec says (generate --check)
  2  the spec or the call is wrong; nothing was written
  3  something could not be read or written";

const SCHEMA_USE: &str = "Refresh it:         homelab schema > spec/homelab.schema.json
First line of spec: # yaml-language-server: $schema=homelab.schema.json";

/// Where the spec is looked for.
pub(super) const SPEC: &str = "spec/homelab.yaml";

/// Generate NixOS nodes, k3s configs and Flux manifests from one spec
///
/// One typed spec file says what a homelab is. `homelab generate` writes everything that follows
/// from it into nix/nodes, k8s and docs/lab: files that nobody edits, and that you commit. Nodes
/// take them by nixos-rebuild, clusters through Flux.
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
    /// The spec, relative to the root
    #[arg(long, global = true, value_name = "FILE", default_value = SPEC)]
    pub(super) spec: PathBuf,
    /// The top of the repository
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub(super) root: PathBuf,
    /// How results and messages are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Say only what is wrong
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Name every file
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write what follows from the spec
    ///
    /// Only files that differ are written, each in one step; files of ours that nothing asks for
    /// any more are removed; files that the generator did not write are kept and named.
    Generate {
        /// Write nothing; show what differs, by node and by unit
        ///
        /// Prints a unified diff from the files on disk to what the spec says, and the command
        /// that mends it. Exits with 1 if there is any difference.
        #[arg(long)]
        check: bool,
    },
    /// Set the tag of an app's image by hand
    ///
    /// For an app whose image Flux moves: writes the tag into spec/images.yaml, where Flux writes
    /// its own, and everything that follows from it.
    Pin {
        /// The app; with its cluster, as CLUSTER/APP, if several clusters have one of that name
        app: String,
        /// The tag
        tag: String,
    },
    /// Check the spec and everything that follows from it
    ///
    /// Goes all the way to the finished files, but neither compares nor writes them.
    Validate,
    /// Print the JSON Schema of the spec
    ///
    /// Commit it beside the spec, and name it in the spec's first line, so that editors complete
    /// and check while you type.
    #[command(after_help = SCHEMA_USE)]
    Schema,
    /// Explain a field of the spec, or a rule
    ///
    /// Tells its meaning, type, default and the fields below it. Names that you choose may be any
    /// word: `homelab explain clusters.gordito.nodes.worker.gpu`. A rule goes by what stands in the
    /// brackets of a message: `homelab explain need-unmet` tells what it asks for, and why.
    ///
    /// As JSON: `path`, `description`, `type`, `required`, `default`, `example`, `choices` and
    /// `fields`. Of a list or a mapping from names, the last two are those of each item. Of a rule:
    /// `code`, `severity` and `description`.
    Explain {
        /// The dotted path of the field, or the code of the rule; the whole spec if there is none
        #[arg(default_value = "", hide_default_value = true)]
        path: String,
    },
    /// List the secrets that the lab needs
    ///
    /// Tells where each must stand in the secret store or on a server's disk, and who reads it.
    Secrets,
    /// Draw what waits for what, as a Mermaid diagram
    ///
    /// As JSON: `nodes`, each with `cluster` and `unit`, and `edges`, each with `cluster`, `from`
    /// and `to`, where `from` waits for `to`.
    Graph,
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
