//! What a check found.

use schemars::JsonSchema;
use serde::Serialize;

/// Declares the checks with their names.
macro_rules! checks {
    ($($(#[$meta:meta])* $check:ident = $name:literal,)*) => {
        /// A check of a host, the network or this machine. `docs/preflight.md` explains each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        #[schemars(inline)]
        pub enum Check {
            $($(#[$meta])* $check,)*
        }

        impl Check {
            /// All checks, in the order in which they are reported.
            pub const ALL: &'static [Self] = &[$(Self::$check,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)*
                }
            }
        }
    };
}

checks! {
    /// The host answers to SSH.
    Ssh = "ssh",
    /// The host runs a supported version of Proxmox VE.
    Proxmox = "proxmox",
    /// No package of the host has a version that is known to break nodes.
    Packages = "packages",
    /// The running kernel is not known to break nodes.
    Kernel = "kernel",
    /// The kernel modules that k3s needs are loaded.
    Modules = "modules",
    /// The kernel parameters that the kubelet requires are set.
    Sysctls = "sysctls",
    /// `/dev/kmsg` exists, which the kubelet opens.
    Kmsg = "kmsg",
    /// The GPU has the device file and the driver of the spec.
    Gpu = "gpu",
    /// The device files that are passed to nodes exist.
    Devices = "devices",
    /// The folders that nodes mount exist, and their disk is mounted.
    Folders = "folders",
    /// The host has as many CPU threads as the spec says.
    Cpu = "cpu",
    /// The memory is enough for the nodes and what else runs.
    Memory = "memory",
    /// How much of the swap space is used.
    Swap = "swap",
    /// The storage of the disks of nodes exists, and has space for new ones.
    Storage = "storage",
    /// A storage holds templates.
    Templates = "templates",
    /// The bridges of the nodes exist.
    Bridge = "bridge",
    /// The VMIDs of new nodes are free.
    Vmid = "vmid",
    /// Whether the IOMMU is on.
    Iommu = "iommu",
    /// The clock is synchronised, and agrees with that of this machine.
    Clock = "clock",
    /// The router answers.
    Gateway = "gateway",
    /// No other machine has an address of the spec.
    Addresses = "addresses",
    /// The network storage answers.
    Nas = "nas",
    /// The DNS servers of the nodes answer.
    Resolvers = "resolvers",
    /// The DNS zone exists, and is delegated to the provider.
    Zone = "zone",
    /// CAA records allow Let's Encrypt.
    Caa = "caa",
    /// The public host name leads to the public address.
    PublicName = "public-name",
    /// The router has a public address, and no carrier-grade NAT is before it.
    PublicAddress = "public-address",
    /// The router forwards the ports of the ingress.
    Ports = "ports",
    /// Nix is installed, new enough, and has flakes enabled.
    Nix = "nix",
    /// Nix can build for the nodes.
    Builder = "builder",
    /// The generated files are those of the spec.
    Generated = "generated",
    /// The remote of the Git repository is that of the spec.
    Repository = "repository",
    /// The branch that clusters follow is pushed.
    Branch = "branch",
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum State {
    /// Nothing is wrong.
    Ok,
    /// It works, but not as well as it should, or not for long.
    Warning,
    /// Nodes or apps will not work.
    Error,
    /// It could not be checked.
    Skipped,
}

impl State {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Finding {
    /// Where: the name of a host, or `LAN`, `DNS`, `router` or `this machine`.
    pub place: String,
    /// The check.
    pub check: Check,
    /// Its result.
    pub result: State,
    /// What is known, or why it could not be checked.
    pub detail: String,
    /// How to fix it: a command, or what to change in the spec or elsewhere.
    pub remedy: Option<String>,
}

/// Collects what is found in a place.
#[derive(Debug)]
pub(super) struct Findings {
    place: String,
    found: Vec<Finding>,
}

impl Findings {
    /// Nothing is found yet.
    pub(super) fn of(place: impl Into<String>) -> Self {
        Self { place: place.into(), found: Vec::new() }
    }

    /// Adds that nothing is wrong.
    pub(super) fn ok(&mut self, check: Check, detail: impl Into<String>) {
        self.add(check, State::Ok, detail.into(), None);
    }

    /// Adds a warning.
    pub(super) fn warning(&mut self, check: Check, detail: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, State::Warning, detail.into(), Some(remedy.into()));
    }

    /// Adds an error.
    pub(super) fn error(&mut self, check: Check, detail: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, State::Error, detail.into(), Some(remedy.into()));
    }

    /// Adds that something could not be checked, and why.
    pub(super) fn skipped(&mut self, check: Check, reason: impl Into<String>) {
        self.add(check, State::Skipped, reason.into(), None);
    }

    /// Adds that something could not be checked, with what to do instead.
    pub(super) fn skipped_with(&mut self, check: Check, reason: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, State::Skipped, reason.into(), Some(remedy.into()));
    }

    /// Adds an error or a warning.
    pub(super) fn problem(
        &mut self,
        is_error: bool,
        check: Check,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let state = if is_error { State::Error } else { State::Warning };
        self.add(check, state, detail.into(), Some(remedy.into()));
    }

    /// Whether a check found a problem.
    pub(super) fn has_problem(&self, check: Check) -> bool {
        let bad = |finding: &Finding| matches!(finding.result, State::Warning | State::Error);
        self.found.iter().any(|finding| finding.check == check && bad(finding))
    }

    /// What was found, in the order of [`Check::ALL`].
    pub(super) fn into_list(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| finding.check);
        self.found
    }

    fn add(&mut self, check: Check, result: State, detail: String, remedy: Option<String>) {
        self.found.push(Finding { place: self.place.clone(), check, result, detail, remedy });
    }
}
