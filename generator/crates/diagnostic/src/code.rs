//! The complete list of rules that a spec can break.

/// How serious a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// An error: nothing is generated.
    Error,
    /// A warning: generation continues.
    Warning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal $severity:ident;)+) => {
        /// The code of a rule. Its text is stable, so scripts can match it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All codes, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable text that diagnostics show in brackets, such as `need-unmet`.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether breaking the rule is an error or a warning.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What the rule requires and why, as `homelab explain` prints it.
            pub fn explanation(self) -> &'static str {
                let text = match self { $(Self::$variant => concat!($($doc),+),)+ };
                text.trim_start()
            }

            /// The code with this text, if there is one.
            pub fn of_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.text() == text)
            }
        }
    };
}

codes! {
    /// The spec must not be larger than 16 MiB. The limit is the generator's own: a lab of 5000 apps
    /// needs about 2 MB, so a larger file was most likely passed by mistake.
    TooLarge = "too-large" Error;
    /// The spec must be UTF-8 text. Other encodings would have to be guessed, and each tool that reads
    /// the spec would guess differently.
    NotUtf8 = "not-utf8" Error;
    /// The spec must not start with a byte order mark (U+FEFF). Editors do not show it, and some tools
    /// read it as part of the first key.
    ByteOrderMark = "byte-order-mark" Error;
    /// Lines must end in LF, not in CR LF or CR. Otherwise strings in the spec would carry carriage
    /// returns into the files of nodes and pods.
    CarriageReturn = "carriage-return" Error;
    /// The spec must be valid YAML. The parser stops at the first syntax error, so problems after it
    /// are reported only once it is fixed.
    YamlSyntax = "yaml-syntax" Error;
    /// The spec must be a single YAML document with a mapping at its top level. Only one of several
    /// documents could take effect, and it would not be obvious which one.
    NotOneMapping = "not-one-mapping" Error;
    /// Values must not be nested more than 64 levels deep. No field of the spec is that deep; deeper
    /// nesting only exhausts the parser.
    TooDeep = "too-deep" Error;
    /// Anchors (`&name`), aliases (`*name`) and merge keys (`<<`) are not allowed in the spec. They
    /// hide a field's value from the reader and from `git diff`, and a few nested aliases can expand to
    /// gigabytes.
    Alias = "alias" Error;
    /// YAML tags such as `!!str` are not allowed in the spec. The schema already sets the type of every
    /// field.
    YamlTag = "yaml-tag" Error;
    /// Strings must not contain control characters other than tabs and line breaks. Tools on the way to
    /// the cluster drop or reject them: Kustomize, for example, does not escape all of them in the YAML
    /// that it writes between its steps. Nor may they contain characters that change the direction of
    /// the text after them: with these, a spec can look different from what it means (CVE-2021-42574).
    ControlCharacter = "control-character" Error;
    /// Unquoted numbers must not have leading zeros, because YAML parsers disagree about them. `010` is
    /// octal (8) in YAML 1.1 and decimal (10) in YAML 1.2. Quote the value if it is text.
    AmbiguousNumber = "ambiguous-number" Error;
    /// A mapping must not contain the same key twice. YAML forbids it, but parsers differ: some keep the
    /// first value, some the last, and others reject the file.
    DuplicateKey = "duplicate-key" Error;

    /// Every key must be a field of the spec's schema. A misspelled field would otherwise be ignored
    /// without a message. `homelab explain` lists the fields.
    UnknownField = "unknown-field" Error;
    /// Every required field must be set. A field is required where no default would suit most labs, or
    /// where another field depends on it: an exposed app needs a `port`, for example.
    MissingField = "missing-field" Error;
    /// A value must have the YAML type of its field. YAML infers the type of unquoted values: `1.10`
    /// becomes the number 1.1, for example. Quote values that are text.
    WrongType = "wrong-type" Error;
    /// A value must have the format of its field, and agree with related values: a request must not
    /// exceed its limit, for example. A node or a cluster would reject the value later, with a less
    /// helpful message.
    InvalidValue = "invalid-value" Error;
    /// A value must be one of the choices of its field. Otherwise a misspelled choice could be mistaken
    /// for another one. `homelab explain` lists the choices.
    UnknownValue = "unknown-value" Error;

    /// A name must be unique in its scope: hosts, storage and nodes on the LAN, units in a cluster, ports
    /// in a pod, Git branches of image automation. The second of two objects with the same name would
    /// replace the first. Names that the generator itself uses are reserved.
    NameTaken = "name-taken" Error;
    /// Everything that the spec refers to by name must exist: hosts, apps, secrets, storage classes, node
    /// labels, time zones. A reference to something missing would otherwise fail only at run time.
    UnknownReference = "unknown-reference" Error;

    /// All addresses of the lab must be inside its LAN (`network.lan.cidr`): those of hosts, storage,
    /// nodes and the gateway, the DHCP range and the load-balancer pools. Other machines on the LAN could
    /// not reach an address outside it. Network storage can also be in the network of an additional interface of
    /// nodes (`interfaces`).
    AddressOutsideLan = "address-outside-lan" Error;
    /// The network address, the broadcast address and the gateway address of the LAN must not be assigned
    /// to anything else. IPv4 reserves the first two in every subnet; a machine that uses one of the three
    /// disrupts the connections of others.
    AddressReserved = "address-reserved" Error;
    /// Static addresses and load-balancer pools must be outside the DHCP range of the LAN
    /// (`network.lan.dhcp`). Otherwise the router may lease such an address to another device.
    AddressInDhcp = "address-in-dhcp" Error;
    /// An address must belong to a single host, storage, node, load-balanced service or pool. If two
    /// machines have the same address, sometimes one answers and sometimes the other.
    AddressTaken = "address-taken" Error;
    /// The LAN address of a load-balanced service must be in the load-balancer pool of its cluster.
    /// MetalLB announces only addresses of that pool.
    AddressOutsidePool = "address-outside-pool" Error;
    /// The load-balancer pools of two clusters must not overlap. Otherwise MetalLB in both clusters would
    /// announce the same address.
    PoolsOverlap = "pools-overlap" Error;
    /// The LAN, the networks of additional interfaces of nodes, and the pod and service networks of all clusters must not
    /// overlap. Otherwise packets for
    /// one network would be routed to another. The defaults of k3s are 10.42.0.0/16 for pods and
    /// 10.43.0.0/16 for services.
    NetworksOverlap = "networks-overlap" Error;
    /// Every node of a cluster that may mount network storage should have an interface in its network, if some do.
    /// The others reach the storage through the router, if at all.
    StorageNetworkMissing = "storage-network-missing" Warning;
    /// The pod network of a cluster must have a /24 for each of its nodes, and its service network must be from
    /// /12 to /28. kube-controller-manager gives each node a network of its own (see `--node-cidr-mask-size` in
    /// its reference); a node without one never becomes ready. kube-apiserver does not start with a service
    /// network larger than /12 (kubernetes/kubernetes#12624), and the cluster's DNS service has the tenth address.
    NetworkSize = "network-size" Error;

    /// Every node must have its own VMID. Proxmox VE identifies containers and VMs by it, across all hosts of a
    /// Proxmox VE cluster.
    VmidTaken = "vmid-taken" Error;
    /// The memory of a host's nodes must fit in the host's memory, less 1 GiB for Proxmox VE, and 256 MiB for each
    /// VM, which QEMU and page tables need besides the memory of the VM. Otherwise the Linux kernel kills processes when the nodes use the memory that they were assigned.
    HostMemoryExceeded = "host-memory-exceeded" Error;
    /// The nodes of a host should not have more cores than the host has threads. Otherwise they compete
    /// for CPU time under load.
    HostThreadsExceeded = "host-threads-exceeded" Warning;
    /// A node with `gpu: true` must be on a host that has a GPU. Without the device, the container or VM
    /// would not start.
    GpuMissing = "gpu-missing" Error;
    /// A device that is passed to a VM belongs to this VM alone. The host hands a PCI device over to the driver
    /// `vfio-pci`, so its device files disappear from the host and from containers, and QEMU opens a USB device
    /// exclusively (see "PCI(e) Passthrough" in the administration guide of Proxmox VE). Virtual functions of a GPU
    /// (SR-IOV) are not supported: Intel's driver for them is not part of the Linux kernel for most GPUs.
    DeviceTaken = "device-taken" Error;
    /// The nodes that may run an app with `gpu: true` must have GPUs with the same driver. Intel's device
    /// plugin offers a GPU as `gpu.intel.com/i915` or `gpu.intel.com/xe`, by its kernel driver, and a pod can
    /// request only one of them: it would never run on the other nodes.
    GpuDriversDiffer = "gpu-drivers-differ" Error;
    /// An app must find the same files in a folder of a host, with the same owners, wherever it runs. Folders of the
    /// same name on several hosts usually have different files, so an app that moves to another host would start
    /// without its data. The users of an unprivileged container have other IDs on the host (100000 and higher) than
    /// those of a privileged one, so an app that moves from one to the other could not write to its own files.
    FoldersDiffer = "folders-differ" Error;
    /// A node must have the memory and the disk that k3s needs: 512 MiB of memory for an agent, 1 GiB for a
    /// server, and 4 GiB of disk. With less, k3s does not start, or is killed as soon as it runs pods. The
    /// documentation of k3s recommends 2 GiB of memory for a server.
    NodeTooSmall = "node-too-small" Error;
    /// A node must not have labels that the kubelet refuses, that are set for it, or that are set twice. In
    /// the domains `kubernetes.io` and `k8s.io`, the kubelet accepts only a few labels from its command line
    /// (see `--node-labels` in its reference, and the admission plugin NodeRestriction); with any other, k3s
    /// does not start. To set `node-role.kubernetes.io/NAME`, use `kubectl label node` on the running cluster.
    NodeLabelRefused = "node-label-refused" Error;
    /// `k3s.config` must not replace what the generator sets for each node. The nodes of a cluster have
    /// different names, addresses and roles, and other parts of their configuration must agree with these
    /// keys. A value of k3s that is a list is replaced as a whole, unless its key ends in `+`.
    K3sConfigReserved = "k3s-config-reserved" Error;
    /// A change of the generated files must be one that the API and the operators of the cluster accept.
    /// Flux would apply nothing of the unit as long as one of its objects is refused, not even updates of its
    /// image. The generator compares the files on disk, which it takes for those that the cluster has, with
    /// those that it is about to write. If you know better, `homelab generate --allow OBJECT` writes them.
    ChangeRefused = "change-refused" Error;
    /// A change of the generated files should have an effect. The API accepts this one, but what already
    /// exists in the cluster stays as it is.
    ChangeIgnored = "change-ignored" Warning;
    /// The server that started a cluster must remain its first server as long as it is one of its servers.
    /// Any other server without data would start a second, empty cluster, and the one with the data would
    /// try to join it. The committed `k3s.yaml` of a node shows whether it has started its cluster.
    FirstServerChanged = "first-server-changed" Error;
    /// A cluster must have at least one node with `role: server`. Servers run the control plane; without
    /// one, the agents have nothing to join.
    ClusterWithoutServer = "cluster-without-server" Error;
    /// A cluster must have an odd number of servers. etcd needs a majority of them, so four servers
    /// survive the failure of one, just as three do (see the etcd FAQ).
    EvenServers = "even-servers" Error;
    /// The k3s version must be one that nixpkgs packages. The NixOS configuration of the nodes could not
    /// be built with any other version.
    K3sVersionUnknown = "k3s-version-unknown" Error;
    /// Pods on an unprivileged node cannot mount NFS. The Linux kernel allows NFS mounts only in
    /// privileged containers and VMs, so keep apps that need NFS on such nodes.
    UnprivilegedNfs = "unprivileged-nfs" Warning;
    /// A container must not have to change from unprivileged to privileged. Proxmox VE cannot change it: the
    /// option is read-only, and the files of an unprivileged container belong to shifted user IDs. The
    /// generated `container.conf` of the node shows which kind the existing container is.
    PrivilegeMissing = "privilege-missing" Error;
    /// A container should not be privileged without a need. Root in a privileged container can become root on
    /// its host, and in a Proxmox VE cluster on all hosts. New containers are unprivileged unless something
    /// needs more; an existing one stays as it is until it is recreated.
    PrivilegeUnneeded = "privilege-unneeded" Warning;
    /// A container should keep its kind. Proxmox VE cannot make a privileged container unprivileged, or the
    /// reverse: the option is read-only, and the owners of all files would be wrong. The node has to be
    /// created again.
    ContainerRecreated = "container-recreated" Warning;
    /// A public app should not run on a privileged node. With a flaw in the app, and another in the kernel or
    /// the container runtime, somebody on the Internet would be root on the host. `privileged: true` on the
    /// node accepts that.
    PublicOnPrivileged = "public-on-privileged" Warning;
    /// A block device should not be passed to a container. Root on the node can read and write every file
    /// system on it, past all permissions; if the host uses it too, its data is destroyed.
    BlockDevice = "block-device" Warning;

    /// An image must be pinned to one release, by its tag or by a digest. With a floating tag such as
    /// `latest`, two starts of a pod can run different programs, and Git shows no change.
    ImageTagFloating = "image-tag-floating" Error;
    /// A container should set its `user`, unless its image is known to have a numeric one, or `root: true`.
    /// By default, containers run as non-root (`runAsNonRoot`): the kubelet does not start a container whose
    /// image runs as root, nor one whose image has a user by name, because it cannot resolve that name.
    UserUnknown = "user-unknown" Warning;
    /// A change of the spec must not undo an update by image automation. An older version of an app can
    /// rarely read the data that a newer one has written. To go back on purpose, first remove the app's
    /// entry from spec/images.yaml.
    PinDropped = "pin-dropped" Error;
    /// An image should get the updates that its `update` promises. Image automation considers only tags with
    /// the same suffix, so an image whose suffix changes with each release is never updated. Before 1.0.0,
    /// `update: minor` follows only patch releases, as in Cargo: Semantic Versioning permits incompatible
    /// changes in every release then, and most projects make them in minor ones.
    UpdateNarrow = "update-narrow" Warning;
    /// A field must have an effect where it is set. If you set it, you expect it to do something, so the
    /// generator rejects it instead of ignoring it.
    FieldWithoutEffect = "field-without-effect" Error;
    /// A port must be used only once in a pod, and only once on a node by apps with `host-network`.
    /// Containers of a pod share one network, and so do such apps and the node: the second process could
    /// not listen.
    PortTaken = "port-taken" Error;
    /// A container that uses a device of its node must be privileged. Otherwise the container runtime
    /// denies access to the device, even if its file is mounted.
    DeviceWithoutPrivilege = "device-without-privilege" Error;
    /// Linux capabilities of a container should belong to a process that runs as root. A process of another user
    /// gets none of them, because Kubernetes has no ambient capabilities; they only allow programs with file
    /// capabilities to start, which is why NET_BIND_SERVICE is not reported.
    CapabilitiesWithoutRoot = "capabilities-without-root" Warning;
    /// What mounts NFS must be on a privileged node or a VM: an app, or a server whose backups are on network storage.
    /// The Linux kernel allows NFS mounts in no other containers, so pods would wait for their volumes forever, and
    /// there would be no backups.
    NfsWithoutPrivilege = "nfs-without-privilege" Error;
    /// A volume that only one node can mount must have only one pod that writes to it. A second pod would
    /// wait for the volume forever if it is on another node, or corrupt the data.
    SingleWriterVolume = "single-writer-volume" Error;
    /// The requests of a pod must fit a node of its cluster. Otherwise the pod stays Pending, because the
    /// Kubernetes scheduler finds no node for it.
    RequestsExceedNodes = "requests-exceed-nodes" Error;
    /// The memory requests of all apps in a cluster should fit its nodes together. Otherwise some pods
    /// stay Pending, and more of them when a node fails.
    RequestsExceedCluster = "requests-exceed-cluster" Warning;
    /// A host name must belong to a single app or component. Otherwise requests would reach one or the
    /// other, depending on the order in which the ingress controller reads their Ingresses.
    HostNameTaken = "host-name-taken" Error;
    /// A public app needs everything that makes it reachable: a public host name or address of the lab
    /// (`network.public`) or a tunnel, a DNS provider, certificates, and dynamic DNS if the address changes. If one of
    /// these is missing, the app's public name leads nowhere.
    PublicIncomplete = "public-incomplete" Error;
    /// Two clusters must not use the same tunnel. Cloudflare sends each request to any of the connectors of a tunnel
    /// (they are replicas of each other), so half of the requests would reach the cluster without the app, which
    /// answers with status 404.
    TunnelShared = "tunnel-shared" Error;
    /// Public names behind a tunnel should have one label below the domain. Visitors reach Cloudflare, not the lab, and
    /// see its Universal SSL certificate, which covers the zone and names with one label below it. For others,
    /// browsers refuse the connection unless Cloudflare has another certificate for them.
    TunnelHost = "tunnel-host" Warning;
    /// All public apps of the lab must be in one cluster. The router forwards ports 80 and 443 of the public
    /// address to the ingress of one cluster, and the public names of all apps point to that address: apps in
    /// another cluster could not be reached.
    PublicSplit = "public-split" Error;
    /// A value that looks like a credential must be in the secret store, not in the spec or in a file that
    /// it names. Git keeps everything that was ever committed, for everyone who can read the repository.
    /// Credentials are recognized by their form, such as tokens, webhooks of chat services and URLs with a
    /// password, and by their key, such as `SMTP_PASS`. References to variables such as `$(NAME)` are not
    /// credentials.
    CredentialInSpec = "credential-in-spec" Error;
    /// What a unit needs must be provided by another unit of its cluster. Otherwise the unit would wait
    /// forever, or fail because a CRD or a class is missing.
    NeedUnmet = "need-unmet" Error;
    /// Units must not depend on each other in a cycle. Flux applies a unit only after its dependencies are
    /// ready, so none of the units in a cycle would ever start.
    DependencyCycle = "dependency-cycle" Error;
    /// An enabled component must have all settings that it needs. Without them, it would start and do
    /// nothing.
    ComponentIncomplete = "component-incomplete" Error;
    /// An enabled component must support the provider that the lab chose. DDNS-Updater cannot send dynamic updates as in
    /// RFC 2136, so with such a name server nothing would keep the record of the public host name up to date.
    ProviderUnsupported = "provider-unsupported" Error;
    /// A backup archive must belong to a single incarnation of its database cluster. A second incarnation
    /// would mix its WAL files with those of the first, and neither could be restored.
    IncarnationReused = "incarnation-reused" Error;
    /// Databases and volumes should be backed up, or the spec should set `backup: none`. A missing backup
    /// is usually noticed only when data is lost; an explicit `none` shows that it is intended.
    BackupMissing = "backup-missing" Warning;
    /// A cluster's alerts should have a receiver, or the spec should set `alerts: none`. Without a
    /// receiver, a full disk or a failed backup shows only in Grafana, where it can go unnoticed for days.
    AlertsUnheard = "alerts-unheard" Warning;
    /// Databases and metrics should be on the disk of a node, not on NFS. PostgreSQL and Prometheus rely
    /// on file locks and synchronous writes that NFS does not guarantee; the Prometheus documentation rules
    /// it out.
    StorageUnsuited = "storage-unsuited" Warning;
    /// Logs should be stored in a cluster with a Grafana. Grafana shows only the logs of its own cluster,
    /// so logs stored elsewhere would never be seen.
    LogsUnseen = "logs-unseen" Warning;
    /// The chosen implementation or version should still be maintained. After its end of life, it gets no
    /// more fixes, not even for security. The versions of k3s end with those of Kubernetes:
    /// https://kubernetes.io/releases/patch-releases/.
    EndOfLife = "end-of-life" Warning;
    /// Flux and the operators of a cluster should support its version of Kubernetes. Each project tests and
    /// fixes its releases only with the versions that it publishes.
    KubernetesUnsupported = "kubernetes-unsupported" Warning;

    /// Every file that the spec refers to must exist and be readable. Without it, the output would be
    /// incomplete. Paths are relative to the root of the repository.
    FileMissing = "file-missing" Error;
    /// Every file that the spec refers to must be inside the repository, even if its path contains
    /// symbolic links. Another machine, such as a CI runner, does not have files from elsewhere.
    PathOutsideRoot = "path-outside-root" Error;
    /// Every file that the spec refers to must have the content that its field expects: Kubernetes
    /// manifests or a Nix module. Otherwise Flux or Nix would reject everything that is applied together
    /// with it.
    FileInvalid = "file-invalid" Error;
    /// Every value in the file of a secret entry must be encrypted by SOPS. Git keeps everything that was ever
    /// committed, and Flux applies a value that is not encrypted as it is. The generator sees only that a value
    /// is encrypted, and cannot decrypt it.
    SecretUnencrypted = "secret-unencrypted" Error;
    /// The file of a secret entry must be encrypted for everyone that the spec names for it: the people of the
    /// store, and each cluster that reads the entry. Flux applies nothing of a file that its cluster cannot
    /// decrypt.
    RecipientMissing = "recipient-missing" Error;
    /// The file of a secret entry should be encrypted only for those that the spec names for it. Any other
    /// recipient can read its values, such as a person who has left, or a cluster that no longer reads it.
    RecipientUnknown = "recipient-unknown" Warning;
    /// The target of a patch must match an object of its unit, and the containers that it changes must be in
    /// the object's pod. Kustomize rejects a patch without a target, and with it the whole unit. A container
    /// with another name would be added to the pod, without an image, and Kubernetes rejects that.
    PatchTargetUnknown = "patch-target-unknown" Error;

    /// A patch or a Helm value must not remove the annotation by which the ingress controller admits only some
    /// networks. Kustomize and Helm replace the value of an annotation as a whole, so the app would become
    /// reachable from every network that reaches the ingress. Use `expose.allow` or `network.trusted` to admit
    /// other networks.
    NetworksUnguarded = "networks-unguarded" Error;
    /// A login by an identity provider (`expose.login.by`) needs an app of the same cluster that signs users in:
    /// with `forward-auth`, and without a login of its own. Its cookies need HTTPS. With ingress-nginx, browsers are
    /// sent to the host of that app, so it must be exposed, and public if the other app is. Otherwise nobody could
    /// sign in.
    LoginIncomplete = "login-incomplete" Error;
    /// The ingress controller must support the product that signs users in. NGINX Ingress Controller (its Policy
    /// `externalAuth`) sends the provider neither the URL nor the method of a request, but passes on the headers
    /// in which Authelia and authentik expect them, as the client has written them. A client could name the URL of an
    /// app that it may use, and reach another one. It also shows the sign-in page in place of the app, with status
    /// 401, so a page that redirects shows nothing. OAuth2 Proxy works if it shows its sign-in page.
    LoginUnsupported = "login-unsupported" Error;
    /// OAuth2 Proxy must not let requests pass by their path (`skip-auth-route`, `skip-auth-regex`). The ingress
    /// controller asks it with a request to `/oauth2/auth`, whatever the path is. With `reverse-proxy`, it takes the
    /// path from the header `X-Forwarded-Uri` instead, which clients can set to one that needs no login.
    LoginBypassed = "login-bypassed" Error;
    /// A patch must not remove or replace the annotations by which the ingress controller admits only users that
    /// an identity provider has signed in (`expose.login.by`), or by which it removes headers that clients could
    /// forge. Kustomize replaces the value of an annotation as a whole, so everyone could reach the app, or could
    /// claim to be any user.
    LoginUnguarded = "login-unguarded" Error;

    /// An object must not be defined twice in a cluster. Two units that apply the same object would
    /// overwrite each other's version again and again.
    ObjectTaken = "object-taken" Error;
    /// An object of a namespaced kind must set `metadata.namespace`. Otherwise Flux rejects it, together
    /// with everything else in its unit.
    NamespaceMissing = "namespace-missing" Error;
    /// Everything that an object refers to must be created in its cluster, or be declared under
    /// `external`. Pods that mount a Secret, ConfigMap or volume claim that does not exist never start.
    DanglingReference = "dangling-reference" Error;
    /// A Secret with data must not be committed. Git keeps everything that was ever committed, so keep the
    /// values in the secret store.
    SecretInOutput = "secret-in-output" Error;
    /// The generated files must pass the generator's own checks. A failure is a bug in the generator, or
    /// the effect of a patch or value that it did not anticipate. Please report it, with the spec if you
    /// can share it.
    Internal = "internal" Error;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn code_texts_are_unique_and_in_kebab_case() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            assert!(text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{text}");
        }
    }

    #[test]
    fn explains_every_rule_in_two_sentences_or_more() {
        for code in Code::ALL {
            let text = code.explanation();
            let (text, sentences) = (text.trim(), text.matches(". ").count() + 1);
            assert!(sentences >= 2 && text.ends_with('.') && !text.contains("  "), "{}: {text}", code.text());
        }
    }
}
