//! The closed list of rules that an input can break.

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Worth knowing; generation goes on.
    Warning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal $severity:ident;)+) => {
        /// The rule that was broken. Its text is stable: scripts may match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every rule, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable text, as shown in brackets.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether breaking the rule forbids generation.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What the rule asks for.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// The spec is larger than the 16 MiB that any lab needs.
    TooLarge = "too-large" Error;
    /// The spec is UTF-8 text.
    NotUtf8 = "not-utf8" Error;
    /// The spec starts with its first character, not with a byte order mark.
    ByteOrderMark = "byte-order-mark" Error;
    /// Lines end in LF alone.
    CarriageReturn = "carriage-return" Error;
    /// The spec is YAML.
    YamlSyntax = "yaml-syntax" Error;
    /// The spec is one YAML document with a mapping at its top.
    NotOneMapping = "not-one-mapping" Error;
    /// Values are nested at most 64 levels deep.
    TooDeep = "too-deep" Error;
    /// Anchors, aliases and merge keys are not part of the spec.
    Alias = "alias" Error;
    /// Tags such as `!!str` are not part of the spec.
    YamlTag = "yaml-tag" Error;
    /// Text holds no control characters but tabs and line breaks: tools on the way drop them.
    ControlCharacter = "control-character" Error;
    /// Numbers have no leading zero: readers of YAML disagree on what they mean.
    AmbiguousNumber = "ambiguous-number" Error;
    /// A key stands once in its mapping.
    DuplicateKey = "duplicate-key" Error;

    /// Every key is one that the spec knows.
    UnknownField = "unknown-field" Error;
    /// Every required key is there.
    MissingField = "missing-field" Error;
    /// A value is of its field's YAML type.
    WrongType = "wrong-type" Error;
    /// A value reads as what its field holds.
    InvalidValue = "invalid-value" Error;
    /// A value is one of those that its field allows.
    UnknownValue = "unknown-value" Error;

    /// Names are unique where they share a space: nodes over the lab, units in a cluster, branches of Git.
    NameTaken = "name-taken" Error;
    /// What the spec refers to exists in it.
    UnknownReference = "unknown-reference" Error;

    /// Addresses of the lab lie inside its LAN.
    AddressOutsideLan = "address-outside-lan" Error;
    /// The network, broadcast and gateway addresses are nobody else's.
    AddressReserved = "address-reserved" Error;
    /// Fixed addresses lie outside the range that DHCP hands out.
    AddressInDhcp = "address-in-dhcp" Error;
    /// An address belongs to one machine, node or pool.
    AddressTaken = "address-taken" Error;
    /// An address of a load-balanced service lies in its cluster's pool.
    AddressOutsidePool = "address-outside-pool" Error;
    /// Load-balancer pools do not overlap.
    PoolsOverlap = "pools-overlap" Error;
    /// The LAN and the pod and service networks of all clusters are disjoint.
    NetworksOverlap = "networks-overlap" Error;

    /// A VMID belongs to one container.
    VmidTaken = "vmid-taken" Error;
    /// A host's nodes fit its memory.
    HostMemoryExceeded = "host-memory-exceeded" Error;
    /// A host's nodes use no more cores than it has threads.
    HostThreadsExceeded = "host-threads-exceeded" Warning;
    /// A node with a GPU stands on a host that has one.
    GpuMissing = "gpu-missing" Error;
    /// A cluster has a server.
    ClusterWithoutServer = "cluster-without-server" Error;
    /// Several servers are an odd number, so that etcd keeps a majority.
    EvenServers = "even-servers" Error;
    /// The k3s version is one that nixpkgs packages.
    K3sVersionUnknown = "k3s-version-unknown" Error;
    /// The pods of an unprivileged node cannot mount NFS.
    UnprivilegedNfs = "unprivileged-nfs" Warning;

    /// An image is pinned: its tag names one release.
    ImageTagFloating = "image-tag-floating" Error;
    /// A field is given where it has an effect.
    FieldWithoutEffect = "field-without-effect" Error;
    /// A port is used once in a pod, and once on a node by apps that share its network.
    PortTaken = "port-taken" Error;
    /// A volume that one node mounts has one pod that writes to it.
    SingleWriterVolume = "single-writer-volume" Error;
    /// What an app asks for fits a node of its cluster.
    RequestsExceedNodes = "requests-exceed-nodes" Error;
    /// What all apps of a cluster ask for fits its nodes together.
    RequestsExceedCluster = "requests-exceed-cluster" Warning;
    /// A host name is served by one app.
    HostNameTaken = "host-name-taken" Error;
    /// What is public has all that makes it so: an entry to the lab, a DNS provider, certificates,
    /// and dynamic DNS where the entry's address changes.
    PublicIncomplete = "public-incomplete" Error;
    /// Values that look like credentials stand in the secret store, not in the spec.
    CredentialInSpec = "credential-in-spec" Error;
    /// What a unit needs is provided by another unit of its cluster.
    NeedUnmet = "need-unmet" Error;
    /// Units wait for each other without a cycle.
    DependencyCycle = "dependency-cycle" Error;
    /// A component has what it is configured from.
    ComponentIncomplete = "component-incomplete" Error;
    /// An archive of backups belongs to one incarnation of its database cluster.
    IncarnationReused = "incarnation-reused" Error;
    /// What holds data is backed up, or says that it is not.
    BackupMissing = "backup-missing" Warning;
    /// Databases and metrics stand on disks of nodes, not on NFS.
    StorageUnsuited = "storage-unsuited" Warning;
    /// Logs are kept where a Grafana shows them.
    LogsUnseen = "logs-unseen" Warning;
    /// The chosen implementation is still maintained.
    EndOfLife = "end-of-life" Warning;

    /// A file that the spec names exists and can be read.
    FileMissing = "file-missing" Error;
    /// A file that the spec names lies inside the repository, also behind its symbolic links.
    PathOutsideRoot = "path-outside-root" Error;
    /// A file that the spec names is what its field takes: Kubernetes manifests, a Nix module.
    FileInvalid = "file-invalid" Error;
    /// A patch has a target among the objects of its unit.
    PatchTargetUnknown = "patch-target-unknown" Error;

    /// No generated object is made twice in a cluster.
    ObjectTaken = "object-taken" Error;
    /// What a generated object refers to is made in its cluster, or declared external.
    DanglingReference = "dangling-reference" Error;
    /// No Secret with data is committed.
    SecretInOutput = "secret-in-output" Error;
    /// The generator kept its own promises; a fault here is a bug of ours.
    Internal = "internal" Error;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn texts_are_unique_and_kebab_case() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            assert!(text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{text}");
        }
    }
}
