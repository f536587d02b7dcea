//! What a host has: the output of `inspect-containers`.

use crate::container::{Definition, Disk, Live};
use crate::pve::{self, Guest, HostStorage};
use crate::{Command, GuestKind, Machine, Script};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The free space that a storage needs for the files of a new guest.
const NEEDED_BYTES: u64 = 8 << 30;

/// The path of a program in a node, where nothing is in the folders of Debian.
pub(super) const CAT: &str = "/run/current-system/sw/bin/cat";

/// The folder on a host with the definitions of its guests, and with what is carried over to new containers.
pub(super) const FOLDER: &str = "/var/lib/homelab";

/// The folder on a host for images of virtual machines.
const IMAGES: &str = "/var/tmp";

/// The public host key of a node.
pub(super) const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key.pub";

/// A host as `inspect-containers` prints it.
#[derive(Deserialize)]
struct Printed {
    node: String,
    guests: Value,
    containers: Value,
    vms: Value,
    storages: Value,
    paths: Value,
    details: BTreeMap<u32, PrintedGuest>,
    files: BTreeSet<String>,
}

#[derive(Deserialize)]
struct PrintedGuest {
    kind: String,
    config: Value,
    pending: Value,
    tasks: Value,
    key: String,
}

/// A host.
#[derive(Debug)]
pub struct Host {
    /// Its name in Proxmox VE.
    pub node: String,
    guests: Vec<Guest>,
    /// Those of this host that nodes are.
    live: BTreeMap<u32, (GuestKind, Live)>,
    /// Tasks that run for a guest: their types.
    tasks: BTreeMap<u32, Vec<String>>,
    /// The public host keys of guests that run.
    keys: BTreeMap<u32, String>,
    storages: Vec<HostStorage>,
    /// The folders of the storages that have one.
    paths: BTreeMap<String, String>,
    files: BTreeSet<String>,
}

/// What has a VMID on a host.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Nothing.
    Nothing,
    /// The node's guest.
    Ours(&'a Live),
    /// A guest whose creation was interrupted: it has its lock and nothing else.
    Half,
    /// Something that must not be touched, and why.
    Other(String),
}

/// Where a host has images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageStorage {
    /// The storage; `None` for images of virtual machines, which are in none.
    pub(super) name: Option<String>,
    /// The folder.
    pub(super) folder: String,
}

impl Host {
    /// The command that shows a host.
    pub fn inspect(host: &Machine, vmids: &[u32]) -> Command {
        Command::script(host, Script::InspectContainers, vmids.iter().map(ToString::to_string)).connecting_within(10)
    }

    /// Parses what the command printed.
    ///
    /// # Errors
    /// If it has another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let printed: Printed = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut guests = pve::guests(&printed.guests)?;
        // These lists know the names of new guests at once, but only those of this host.
        let mut local = pve::guests(&printed.containers)?;
        let vm = |guest: Guest| Guest { kind: GuestKind::Vm, ..guest };
        local.extend(pve::guests(&printed.vms)?.into_iter().map(vm));
        guests.retain(|guest| local.iter().all(|other| other.vmid != guest.vmid));
        let node = |guest: Guest| Guest { node: Some(printed.node.clone()), ..guest };
        let running: BTreeMap<_, _> = local.iter().map(|guest| (guest.vmid, guest.is_running)).collect();
        guests.extend(local.into_iter().map(node));
        let mut live = BTreeMap::new();
        let (mut tasks, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for (vmid, guest) in &printed.details {
            let is_running = running.get(vmid).copied().unwrap_or_default();
            let kind = if guest.kind == "vm" { GuestKind::Vm } else { GuestKind::Container };
            live.insert(*vmid, (kind, pve::live(&guest.config, &guest.pending, is_running)?));
            let types = guest.tasks.as_array().into_iter().flatten();
            let types = types.filter_map(|task| task.get("type")?.as_str().map(str::to_owned));
            tasks.insert(*vmid, types.collect());
            if !guest.key.is_empty() {
                keys.insert(*vmid, guest.key.clone());
            }
        }
        let path = |entry: &Value| {
            let field = |name: &str| Some(entry.get(name)?.as_str()?.to_owned());
            Some((field("storage")?, field("path")?))
        };
        let paths = printed.paths.as_array().into_iter().flatten().filter_map(path).collect();
        let storages = pve::storages(&printed.storages)?;
        Ok(Self { node: printed.node, guests, live, tasks, keys, storages, paths, files: printed.files })
    }

    /// The guest of a definition, if it exists on this host.
    pub fn guest(&self, definition: &Definition) -> Option<&Live> {
        match self.find(definition) {
            Found::Ours(live) => Some(live),
            Found::Nothing | Found::Half | Found::Other(_) => None,
        }
    }

    /// What has the VMID of a definition.
    pub(super) fn find(&self, definition: &Definition) -> Found<'_> {
        let vmid = definition.vmid;
        let Some(guest) = self.guests.iter().find(|guest| guest.vmid == vmid) else { return Found::Nothing };
        let name = guest.name.as_deref().unwrap_or("without a name");
        let place = guest.node.as_deref().filter(|node| *node != self.node);
        let place = place.map(|node| format!(" on {node}, another host of its Proxmox VE cluster")).unwrap_or_default();
        let other = format!("VMID {vmid} is the {} {name}{place}", guest.kind.text());
        let kind = definition.kind;
        if guest.kind != kind {
            return Found::Other(other);
        }
        let Some((_, live)) = self.live.get(&vmid).filter(|(live, _)| *live == kind) else {
            return Found::Other(if name == definition.name() {
                let program = kind.program();
                format!(
                    "{other}: migrate it there (`{program} migrate {vmid} {}`), or change `host` in the spec",
                    self.node
                )
            } else {
                other
            });
        };
        match live.options.get(kind.name_option()) {
            Some(name) if name == definition.name() => Found::Ours(live),
            None if live.lock.as_deref() == Some("create") => Found::Half,
            _ => Found::Other(other),
        }
    }

    /// The tasks that run for a guest.
    pub(super) fn tasks(&self, vmid: u32) -> &[String] {
        self.tasks.get(&vmid).map_or(&[], Vec::as_slice)
    }

    /// The public host key of a guest that runs.
    pub(super) fn key(&self, vmid: u32) -> Option<&str> {
        self.keys.get(&vmid).map(String::as_str)
    }

    /// Whether the folder of this program has a file.
    pub(super) fn has_file(&self, name: &str) -> bool {
        self.files.contains(name)
    }

    /// Where images for guests of a kind are copied to. For containers, that is a storage: `local`, if it is one.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn image_storage(&self, kind: GuestKind) -> Result<ImageStorage, String> {
        if kind == GuestKind::Vm {
            return Ok(ImageStorage { name: None, folder: IMAGES.to_owned() });
        }
        let is_usable = |storage: &&HostStorage| storage.is_active && storage.has("vztmpl");
        let mut usable: Vec<_> = self.storages.iter().filter(is_usable).collect();
        usable.sort_by_key(|storage| storage.name != "local");
        let found = usable.into_iter().find_map(|storage| {
            let folder = format!("{}/template/cache", self.paths.get(&storage.name)?);
            Some(ImageStorage { name: Some(storage.name.clone()), folder })
        });
        found.ok_or_else(|| "no storage for templates (`vztmpl`) is active".to_owned())
    }

    /// Why a storage cannot hold a new root disk, and what else is worth knowing of it.
    ///
    /// # Errors
    /// If it cannot.
    pub(super) fn check_space(&self, kind: GuestKind, disk: &Disk) -> Result<Option<String>, String> {
        let name = &disk.storage;
        let (content, guests) = (kind.content(), format!("{}s", kind.text()));
        let known: Vec<_> =
            self.storages.iter().filter(|storage| storage.has(content)).map(|storage| storage.name.as_str()).collect();
        let Some(storage) = self.storages.iter().find(|storage| storage.name == *name) else {
            return Err(format!("there is no storage {name}; storages for {guests}: {}", known.join(", ")));
        };
        if !storage.has(content) {
            let known = known.join(", ");
            return Err(format!(
                "the storage {name} does not hold disks of {guests} (`{content}`); those that do: {known}"
            ));
        }
        if !storage.is_active {
            return Err(format!("the storage {name} is not active"));
        }
        let Some(free) = storage.available else { return Ok(None) };
        let free_gib = free >> 30;
        // LVM without thin provisioning allocates the whole disk at once, all others as it is written.
        let needed = if storage.kind == "lvm" { disk.bytes } else { NEEDED_BYTES.min(disk.bytes) };
        if free < needed {
            return Err(format!("the storage {name} has {free_gib} GiB free, and {} GiB are needed", needed >> 30));
        }
        let message = || format!("the disk can grow to {} GiB, but {name} has {free_gib} GiB free", disk.gibibytes());
        Ok((free < disk.bytes).then(message))
    }
}

/// The command that shows whether a host is prepared.
pub fn check_prepared(host: &Machine) -> Command {
    Command::script(host, Script::PrepareHost, ["--dry-run"]).connecting_within(10)
}

/// Whether a host is prepared, by the output of that command.
pub fn is_prepared(output: &str) -> bool {
    !output.lines().any(|line| line.starts_with("would "))
}
