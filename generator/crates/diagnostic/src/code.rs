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

            /// What the rule asks for, and why.
            pub fn explanation(self) -> &'static str {
                let text = match self { $(Self::$variant => concat!($($doc),+),)+ };
                text.trim_start()
            }

            /// The rule of this text.
            pub fn of_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.text() == text)
            }
        }
    };
}

codes! {
    /// The spec is larger than the 16 MiB that any lab needs.
    /// A larger file is another one, given by mistake.
    TooLarge = "too-large" Error;
    /// The spec is UTF-8 text.
    /// Other encodings would be guessed, and guessed differently by each tool that reads the
    /// spec.
    NotUtf8 = "not-utf8" Error;
    /// The spec starts with its first character, not with a byte order mark.
    /// Tools show nothing of it, and some take it for a part of the first key.
    ByteOrderMark = "byte-order-mark" Error;
    /// Lines end in LF alone.
    /// Otherwise texts in the spec would end up with carriage returns in files of nodes and
    /// pods.
    CarriageReturn = "carriage-return" Error;
    /// The spec is YAML.
    /// Nothing can be said about a text that no reader of YAML takes.
    YamlSyntax = "yaml-syntax" Error;
    /// The spec is one YAML document with a mapping at its top.
    /// Of several documents only one could count, and nobody would see which.
    NotOneMapping = "not-one-mapping" Error;
    /// Values are nested at most 64 levels deep.
    /// No field lies that deep; deeper nesting only serves to exhaust a reader.
    TooDeep = "too-deep" Error;
    /// Anchors, aliases and merge keys are not part of the spec.
    /// They hide from a reader, and from `git diff`, what a place says.
    Alias = "alias" Error;
    /// Tags such as `!!str` are not part of the spec.
    /// The type of a value follows from its field.
    YamlTag = "yaml-tag" Error;
    /// Text holds no control characters but tabs and line breaks: tools on the way drop them.
    /// What arrives would then not be what stands in the spec.
    ControlCharacter = "control-character" Error;
    /// Numbers have no leading zero: readers of YAML disagree on what they mean.
    /// `010` is ten to some and eight to others.
    AmbiguousNumber = "ambiguous-number" Error;
    /// A key stands once in its mapping.
    /// Of two values readers keep the last, the first or none.
    DuplicateKey = "duplicate-key" Error;

    /// Every key is one that the spec knows.
    /// A misspelt field would have no effect, and nobody would be told.
    UnknownField = "unknown-field" Error;
    /// Every required key is there.
    /// There is no default that would be right for most labs.
    MissingField = "missing-field" Error;
    /// A value is of its field's YAML type.
    /// YAML's guesses, such as `1.10` for 1.1, would change what was meant.
    WrongType = "wrong-type" Error;
    /// A value reads as what its field holds.
    /// What is refused here would be refused later by a node or a cluster, with less of an
    /// explanation.
    InvalidValue = "invalid-value" Error;
    /// A value is one of those that its field allows.
    /// A misspelt word would otherwise be taken for something else.
    UnknownValue = "unknown-value" Error;

    /// Names are unique where they share a space: nodes over the lab, units in a cluster, branches of Git.
    /// The second thing of a name would take the place of the first.
    NameTaken = "name-taken" Error;
    /// What the spec refers to exists in it.
    /// What leans on nothing fails only once it runs.
    UnknownReference = "unknown-reference" Error;

    /// Addresses of the lab lie inside its LAN.
    /// Nobody on the LAN would find an address that lies outside it.
    AddressOutsideLan = "address-outside-lan" Error;
    /// The network, broadcast and gateway addresses are nobody else's.
    /// A machine that takes one of them cuts off others.
    AddressReserved = "address-reserved" Error;
    /// Fixed addresses lie outside the range that DHCP hands out.
    /// The router may give such an address to somebody else.
    AddressInDhcp = "address-in-dhcp" Error;
    /// An address belongs to one machine, node or pool.
    /// Of two machines with one address, now one answers, now the other.
    AddressTaken = "address-taken" Error;
    /// An address of a load-balanced service lies in its cluster's pool.
    /// MetalLB announces addresses of the pool and no others.
    AddressOutsidePool = "address-outside-pool" Error;
    /// Load-balancer pools do not overlap.
    /// Two clusters would announce the same address.
    PoolsOverlap = "pools-overlap" Error;
    /// The LAN and the pod and service networks of all clusters are disjoint.
    /// Packets to one network would end in the other.
    NetworksOverlap = "networks-overlap" Error;

    /// A VMID belongs to one container.
    /// Proxmox VE knows containers by it, over all hosts of a Proxmox cluster.
    VmidTaken = "vmid-taken" Error;
    /// A host's nodes fit its memory.
    /// Otherwise the kernel ends processes when the nodes use what they were promised.
    HostMemoryExceeded = "host-memory-exceeded" Error;
    /// A host's nodes use no more cores than it has threads.
    /// With more, nodes wait for each other under load.
    HostThreadsExceeded = "host-threads-exceeded" Warning;
    /// A node with a GPU stands on a host that has one.
    /// The container would not start without the device.
    GpuMissing = "gpu-missing" Error;
    /// A cluster has a server.
    /// Agents have nobody to join.
    ClusterWithoutServer = "cluster-without-server" Error;
    /// Several servers are an odd number, so that etcd keeps a majority.
    /// A fourth server makes a majority larger, not the number of failures that it survives.
    EvenServers = "even-servers" Error;
    /// The k3s version is one that nixpkgs packages.
    /// The node's configuration could not be built with another.
    K3sVersionUnknown = "k3s-version-unknown" Error;
    /// The pods of an unprivileged node cannot mount NFS.
    /// The kernel lets only privileged containers mount it.
    UnprivilegedNfs = "unprivileged-nfs" Warning;

    /// An image is pinned: its tag names one release.
    /// With a tag that moves, two starts of a pod run different programs, and Git does not show
    /// it.
    ImageTagFloating = "image-tag-floating" Error;
    /// A tag that automation has raised is not taken back by a change of the spec that forgets it.
    /// An older version rarely reads what a newer one has written.
    PinDropped = "pin-dropped" Error;
    /// Newer tags of an image end like its own, so that end has no numbers.
    /// One that changes with each release never comes again, and the image stands still.
    UpdateNarrow = "update-narrow" Warning;
    /// A field is given where it has an effect.
    /// Whoever wrote it expects that it does something.
    FieldWithoutEffect = "field-without-effect" Error;
    /// A port is used once in a pod, and once on a node by apps that share its network.
    /// The second process could not listen.
    PortTaken = "port-taken" Error;
    /// A container that gets a device of its node is privileged.
    /// To others the container runtime refuses it, whatever is mounted.
    DeviceWithoutPrivilege = "device-without-privilege" Error;
    /// A volume that one node mounts has one pod that writes to it.
    /// A second pod on another node waits for the volume for ever, or both spoil the data.
    SingleWriterVolume = "single-writer-volume" Error;
    /// What an app asks for fits a node of its cluster.
    /// Its pod would wait for a node that does not exist.
    RequestsExceedNodes = "requests-exceed-nodes" Error;
    /// What all apps of a cluster ask for fits its nodes together.
    /// Some pods would wait for room; with a node less, more of them.
    RequestsExceedCluster = "requests-exceed-cluster" Warning;
    /// A host name is served by one app.
    /// Requests would reach one app or the other, as the controller happens to read them.
    HostNameTaken = "host-name-taken" Error;
    /// What is public has all that makes it so: an entry to the lab, a DNS provider, certificates,
    /// and dynamic DNS where the entry's address changes.
    /// Without any of them the app has a public name that leads nowhere.
    PublicIncomplete = "public-incomplete" Error;
    /// Values that look like credentials stand in the secret store, not in the spec.
    /// Git keeps what was ever committed, for everybody who may read the repository.
    CredentialInSpec = "credential-in-spec" Error;
    /// What a unit needs is provided by another unit of its cluster.
    /// Otherwise the unit would wait for ever, or fail for want of a CRD or a class.
    NeedUnmet = "need-unmet" Error;
    /// Units wait for each other without a cycle.
    /// None of the units in a cycle would ever start.
    DependencyCycle = "dependency-cycle" Error;
    /// A component has what it is configured from.
    /// It would start and do nothing.
    ComponentIncomplete = "component-incomplete" Error;
    /// An archive of backups belongs to one incarnation of its database cluster.
    /// A second one would mix its changes with those of the first, and neither could be
    /// restored.
    IncarnationReused = "incarnation-reused" Error;
    /// What holds data is backed up, or says that it is not.
    /// What is lost by accident is what nobody thought about.
    BackupMissing = "backup-missing" Warning;
    /// Somebody is told of alerts, or the spec says that nobody is.
    /// A disk that fills up or a backup that fails says so for days in Grafana, which nobody looks
    /// at while all seems well.
    AlertsUnheard = "alerts-unheard" Warning;
    /// Databases and metrics stand on disks of nodes, not on NFS.
    /// Their locks and their way of writing do not survive a network in between.
    StorageUnsuited = "storage-unsuited" Warning;
    /// Logs are kept where a Grafana shows them.
    /// Nobody looks at what nothing shows.
    LogsUnseen = "logs-unseen" Warning;
    /// The chosen implementation is still maintained.
    /// Its faults are no longer mended.
    EndOfLife = "end-of-life" Warning;

    /// A file that the spec names exists and can be read.
    /// What the spec says would be incomplete without it.
    FileMissing = "file-missing" Error;
    /// A file that the spec names lies inside the repository, also behind its symbolic links.
    /// Another machine, such as that of CI, does not have what lies elsewhere.
    PathOutsideRoot = "path-outside-root" Error;
    /// A file that the spec names is what its field takes: Kubernetes manifests, a Nix module.
    /// Flux or Nix would refuse all that is applied together with it.
    FileInvalid = "file-invalid" Error;
    /// A patch has a target among the objects of its unit.
    /// Kustomize refuses a patch without a target, and with it the whole unit.
    PatchTargetUnknown = "patch-target-unknown" Error;

    /// No generated object is made twice in a cluster.
    /// Two units would overwrite each other's object again and again.
    ObjectTaken = "object-taken" Error;
    /// An object of a kind that lives in a namespace names one.
    /// Flux refuses all that it stands among otherwise.
    NamespaceMissing = "namespace-missing" Error;
    /// What a generated object refers to is made in its cluster, or declared external.
    /// Pods that mount what does not exist never start.
    DanglingReference = "dangling-reference" Error;
    /// No Secret with data is committed.
    /// Git keeps what was ever committed.
    SecretInOutput = "secret-in-output" Error;
    /// The generator kept its own promises; a fault here is a bug of ours.
    /// Please report it, with the spec if you may.
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

    #[test]
    fn each_rule_says_what_it_asks_for_and_why() {
        for code in Code::ALL {
            let text = code.explanation();
            let (text, sentences) = (text.trim(), text.matches(". ").count() + 1);
            assert!(sentences >= 2 && text.ends_with('.') && !text.contains("  "), "{}: {text}", code.text());
        }
    }
}
