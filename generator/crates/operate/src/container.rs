//! Containers and virtual machines: their definitions, what exists on a host, and how a difference between them is applied.
//!
//! The source of how Proxmox VE applies options is `PVE/LXC/Config.pm` of pve-container 6.1 (`update_pct_config`,
//! `vmconfig_hotplug_pending`): `pct set` first notes every change as pending, and then applies what it can. What it cannot
//! stays pending until the container starts again, without a message.

use crate::{GuestKind, vm};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

/// How a changed option of a container is applied, from the least to the most disruptive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applied {
    /// To the container while it runs.
    Live,
    /// When the container starts again.
    AtStart,
    /// Only a new container can have it.
    OnlyNew,
}

/// Options that Proxmox VE applies to a running container: those of `pct set` that are not left pending.
const LIVE: [&str; 9] = ["cores", "cpulimit", "cpuunits", "description", "memory", "onboot", "startup", "swap", "tags"];

/// Options that only a new container can have, and what decides where it is.
const ONLY_NEW: [&str; 5] = ["arch", "host", "ostype", "unprivileged", "vmid"];

/// Returns how a change of an option is applied. Values are as in definitions or as Proxmox VE prints them; `None` if the
/// option is not set.
pub fn applied(option: &str, old: Option<&str>, new: Option<&str>) -> Applied {
    match option {
        _ if ONLY_NEW.contains(&option) => Applied::OnlyNew,
        "rootfs" => match (old.and_then(Disk::parse), new.and_then(Disk::parse)) {
            // It can only grow, and stays on its storage.
            (Some(old), Some(new)) if old.storage == new.storage && new.bytes >= old.bytes => Applied::Live,
            _ => Applied::OnlyNew,
        },
        _ if LIVE.contains(&option) => Applied::Live,
        _ if is_numbered(option, "net") => Applied::Live,
        // Mounts and devices can be added to a running container, but not changed or removed.
        _ if old.is_none() && (is_numbered(option, "mp") || is_numbered(option, "dev")) => Applied::Live,
        _ => Applied::AtStart,
    }
}

/// Whether an option is one of a series, such as `net0`.
pub(crate) fn is_numbered(option: &str, prefix: &str) -> bool {
    let number = option.strip_prefix(prefix);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A root disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The storage that holds it.
    pub storage: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Disk {
    /// Parses a value of `rootfs` or `scsi0`: `STORAGE:GIB` in a definition, `STORAGE:VOLUME,size=SIZE` of a guest that
    /// exists.
    pub fn parse(text: &str) -> Option<Self> {
        let (storage, rest) = text.split_once(':')?;
        let mut parts = rest.split(',');
        let volume = parts.next()?;
        let bytes = match parts.find_map(|part| part.strip_prefix("size=")) {
            Some(size) => bytes(size)?,
            None => volume.parse::<u64>().ok()?.checked_shl(30)?,
        };
        Some(Self { storage: storage.to_owned(), bytes })
    }

    /// Its size in GiB, rounded up.
    pub fn gibibytes(&self) -> u64 {
        self.bytes.div_ceil(1 << 30)
    }
}

/// A size as Proxmox VE prints it: a number with `K`, `M`, `G` or `T`, or one of bytes.
fn bytes(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()? {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        b'T' => 40,
        _ => 0,
    };
    let number = text.trim_end_matches(['K', 'M', 'G', 'T']);
    // Sizes are whole numbers, apart from those such as 1.5T.
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    let part = match fraction {
        "" => 0,
        _ => fraction.parse::<u64>().ok()?.checked_mul(1 << shift)? / 10_u64.checked_pow(fraction.len() as u32)?,
    };
    whole.checked_add(part)
}

/// A raw line of LXC: its key and its value.
pub type RawLine = (String, String);

/// The generated definition of a container or virtual machine: `nix/nodes/NODE/container.conf` or `vm.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What it defines.
    pub kind: GuestKind,
    /// The host.
    pub host: Option<String>,
    /// The VMID.
    pub vmid: u32,
    /// The options of `pct` or `qm`, by name.
    pub options: BTreeMap<String, String>,
    /// The lines of LXC, in order.
    pub raw: Vec<RawLine>,
}

impl Definition {
    /// Parses the definition of a guest of this kind.
    ///
    /// # Errors
    /// If a line has another form, or the VMID is missing.
    pub fn parse(kind: GuestKind, text: &str) -> Result<Self, String> {
        let (mut host, mut vmid) = (None, None);
        let mut options = BTreeMap::new();
        let mut raw = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                match comment.trim().split_once(':') {
                    Some(("host", value)) => host = Some(value.trim().to_owned()),
                    Some(("vmid", value)) => vmid = value.trim().parse().ok(),
                    _ => {}
                }
                continue;
            }
            let (key, value) = line.split_once(':').ok_or_else(|| format!("expected KEY: VALUE, found: {line}"))?;
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            if key.starts_with("lxc.") {
                raw.push((key, value));
            } else {
                options.insert(key, value);
            }
        }
        let vmid = vmid.ok_or("the line `# vmid: VMID` is missing")?;
        Ok(Self { kind, host, vmid, options, raw })
    }

    /// The host name of the guest.
    pub fn name(&self) -> &str {
        self.options.get(self.kind.name_option()).map_or("", String::as_str)
    }

    /// Its root disk.
    pub fn disk(&self) -> Option<Disk> {
        Disk::parse(self.options.get(self.kind.root_disk())?)
    }

    /// Whether its root is an ordinary user of the host.
    pub fn is_unprivileged(&self) -> bool {
        self.options.get("unprivileged").is_some_and(|value| value == "1")
    }

    /// The time that it has to shut down, in seconds.
    pub fn shutdown_seconds(&self) -> u32 {
        let down = self.options.get("startup").map(|value| properties(self.kind, "startup", value));
        down.and_then(|parts| parts.get("down")?.parse().ok()).unwrap_or(60)
    }
}

/// A container or virtual machine that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// The options that it has now, by name.
    pub options: BTreeMap<String, String>,
    /// Changes that Proxmox VE applies when it starts again: the new value, or `None` if the option goes.
    pub pending: BTreeMap<String, Option<String>>,
    /// The lines of LXC, in order.
    pub raw: Vec<RawLine>,
    /// What locks its configuration, such as `create` or `backup`.
    pub lock: Option<String>,
    /// Whether it runs.
    pub is_running: bool,
}

impl Live {
    /// The value of an option; the default of Proxmox VE if it is not set and has one.
    fn value(&self, kind: GuestKind, option: &str) -> Option<&str> {
        self.options.get(option).map(String::as_str).or_else(|| kind.default(option))
    }

    /// The value that an option has once the guest has started again.
    fn next(&self, kind: GuestKind, option: &str) -> Option<&str> {
        match self.pending.get(option) {
            Some(value) => value.as_deref().or_else(|| kind.default(option)),
            None => self.value(kind, option),
        }
    }
}

/// What a guest has that differs from its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The option, or the key of a line of LXC.
    pub option: String,
    /// Its value now.
    pub live: Option<String>,
    /// Its value in the definition.
    pub defined: Option<String>,
    /// How it is applied.
    pub applied: Applied,
    /// Whether Proxmox VE knows the new value already, and waits for the guest to start again.
    pub is_pending: bool,
    /// The value for `pct set` or `qm set`, if that has more than the definition.
    set: Option<String>,
}

impl Difference {
    /// The value to set; `None` if the option goes.
    pub fn value(&self) -> Option<&str> {
        self.set.as_deref().or(self.defined.as_deref())
    }

    /// Whether the value to set is another one than in the definition.
    pub(crate) fn has_own_value(&self) -> bool {
        self.set.is_some()
    }

    /// Whether it is a line of LXC, which `pct` cannot set.
    pub fn is_raw(&self) -> bool {
        self.option.starts_with("lxc.")
    }
}

impl Display for Difference {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<String>| match value.as_deref() {
            None => "none".to_owned(),
            Some("") => "''".to_owned(),
            Some(value) => value.to_owned(),
        };
        write!(formatter, "{}: {} -> {}", self.option, show(&self.live), show(&self.defined))
    }
}

/// Compares a guest with its definition: its options by name, then its lines of LXC.
pub fn differences(definition: &Definition, live: &Live) -> Vec<Difference> {
    let kind = definition.kind;
    let extra = live.options.keys().chain(live.pending.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key));
    let extra = extra.filter(|name| kind.listed().iter().any(|prefix| is_numbered(name, prefix)));
    let names: BTreeSet<&str> = definition
        .options
        .keys()
        .map(String::as_str)
        .chain(extra.map(String::as_str))
        .chain(kind.implied().iter().copied())
        .collect();
    let mut differences = Vec::new();
    for name in names {
        let defined = definition.options.get(name).map(String::as_str).or_else(|| kind.default(name));
        let (now, next) = (live.value(kind, name), live.next(kind, name));
        let is_now = is_same(kind, name, now, defined);
        let is_next = is_same(kind, name, next, defined);
        if is_now && is_next {
            continue;
        }
        differences.push(Difference {
            option: name.to_owned(),
            live: if is_now { next } else { now }.map(str::to_owned),
            defined: defined.map(str::to_owned),
            // A value that is pending and wrong goes at once; the guest never had it.
            applied: if is_now { Applied::Live } else { kind.applied(name, now, defined) },
            is_pending: is_next,
            set: defined.and_then(|value| match kind {
                GuestKind::Container => with_address(name, value, now),
                GuestKind::Vm => vm::with_volume(name, value, now),
            }),
        });
    }
    differences.extend(raw_differences(&definition.raw, &live.raw));
    differences
}

/// The value of an interface with the hardware address that it has. Without one, Proxmox VE makes one up, and replaces the
/// interface, which cuts its connections (`update_net` in `PVE/LXC.pm`).
fn with_address(option: &str, value: &str, now: Option<&str>) -> Option<String> {
    let now = now.filter(|_| is_numbered(option, "net"))?;
    let address = properties(GuestKind::Container, option, now).remove("hwaddr")?;
    let has_address = properties(GuestKind::Container, option, value).contains_key("hwaddr");
    (!has_address).then(|| format!("{value},hwaddr={address}"))
}

/// Whether two values of an option mean the same.
fn is_same(kind: GuestKind, option: &str, live: Option<&str>, defined: Option<&str>) -> bool {
    let (Some(live), Some(defined)) = (live, defined) else { return live == defined };
    match kind {
        GuestKind::Container if option == kind.root_disk() => {
            return Disk::parse(live).is_some_and(|disk| Some(disk) == Disk::parse(defined));
        }
        GuestKind::Container => {}
        GuestKind::Vm => {
            if let Some(is_same) = vm::is_same(option, live, defined) {
                return is_same;
            }
        }
    }
    let (mut live, defined) = (properties(kind, option, live), properties(kind, option, defined));
    if is_numbered(option, "net") && !defined.contains_key("hwaddr") {
        live.remove("hwaddr");
    }
    live == defined
}

/// The properties of a value such as `name=eth0,bridge=vmbr0`. Their order has no meaning, and the name of the first one
/// can be left out.
pub(crate) fn properties<'a>(kind: GuestKind, option: &str, value: &'a str) -> BTreeMap<&'a str, &'a str> {
    let first = kind.first_property(option);
    // Every interface of a container is a veth, and Proxmox VE adds that.
    let implied = |key: &str, value: &str| is_numbered(option, "net") && (key, value) == ("type", "veth");
    let parts = value.split(',').map(|part| part.split_once('=').unwrap_or(("", part)));
    let parts = parts.filter(|(key, value)| !implied(key, value));
    parts.map(|(key, value)| (if key == first { "" } else { key }, value)).collect()
}

/// The lines of LXC that go and come. All of them are replaced if their order alone differs.
fn raw_differences(defined: &[RawLine], live: &[RawLine]) -> Vec<Difference> {
    if defined == live {
        return Vec::new();
    }
    let difference = |line: &RawLine, is_defined: bool| Difference {
        option: line.0.clone(),
        live: (!is_defined).then(|| line.1.clone()),
        defined: is_defined.then(|| line.1.clone()),
        applied: Applied::AtStart,
        is_pending: false,
        set: None,
    };
    let count = |lines: &[RawLine], line: &RawLine| lines.iter().filter(|other| *other == line).count();
    let gone = live.iter().filter(|line| count(defined, line) < count(live, line)).map(|line| difference(line, false));
    let new = defined.iter().filter(|line| count(live, line) < count(defined, line)).map(|line| difference(line, true));
    let mut differences: Vec<_> = gone.chain(new).collect();
    differences.dedup();
    if differences.is_empty() {
        differences.push(Difference {
            option: "lxc.*".to_owned(),
            live: Some("another order".to_owned()),
            defined: Some("the order of the definition".to_owned()),
            applied: Applied::AtStart,
            is_pending: false,
            set: None,
        });
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve;
    use serde_json::json;

    const CONF: &str = "# @generated\n# host: lenovo\n# vmid: 121\narch: amd64\ncmode: console\ncores: 6\n\
        dev0: /dev/kmsg\nfeatures: nesting=1\nhostname: one\nmemory: 12288\n\
        net0: name=eth0,bridge=vmbr0,ip=192.168.10.42/24,gw=192.168.10.1,type=veth\nonboot: 1\nostype: nixos\n\
        rootfs: local-lvm:100\nstartup: order=20,down=360\nswap: 0\nlxc.cap.drop:\n\
        # A comment.\nlxc.cap.drop: sys_time\n";

    fn definition() -> Definition {
        Definition::parse(GuestKind::Container, CONF).expect("it is valid")
    }

    /// What Proxmox VE prints of a container that was created from the definition, with some values replaced.
    fn live(changes: &serde_json::Value, pending: &serde_json::Value) -> Live {
        let mut config = json!({
            "arch": "amd64", "cmode": "console", "cores": 6, "dev0": "/dev/kmsg", "digest": "a1", "features": "nesting=1",
            "hostname": "one", "memory": "12288", "onboot": 1, "ostype": "nixos", "startup": "order=20,down=360",
            "net0": "name=eth0,bridge=vmbr0,gw=192.168.10.1,hwaddr=BC:24:11:0A:0B:0C,ip=192.168.10.42/24,type=veth",
            "rootfs": "local-lvm:vm-121-disk-0,size=100G", "swap": 0,
            "lxc": [["lxc.cap.drop", ""], ["lxc.cap.drop", "sys_time"]],
        });
        for (key, value) in changes.as_object().expect("it is an object") {
            config[key] = value.clone();
        }
        let mut live = pve::live(&config, pending, true).expect("it is valid");
        live.options.retain(|_, value| value != "-");
        live
    }

    fn found(changes: &serde_json::Value, pending: &serde_json::Value) -> Vec<(String, Applied)> {
        let differences = differences(&definition(), &live(changes, pending));
        differences.into_iter().map(|difference| (difference.to_string(), difference.applied)).collect()
    }

    #[test]
    fn a_container_made_from_its_definition_does_not_differ() {
        assert_eq!(found(&json!({}), &json!([])), []);
        // What the user notes in Proxmox VE is not part of the definition.
        assert_eq!(found(&json!({ "description": "my node", "tags": "k3s", "protection": 1 }), &json!([])), []);
        assert_eq!(
            found(&json!({ "startup": "down=360,order=20", "rootfs": "local-lvm:x,size=102400M" }), &json!([])),
            []
        );
    }

    #[test]
    fn lists_what_differs_and_how_it_is_applied() {
        for (changes, shown, applied) in [
            (json!({ "memory": 8192 }), "memory: 8192 -> 12288", Applied::Live),
            (json!({ "swap": "-" }), "swap: 512 -> 0", Applied::Live),
            (json!({ "onboot": "-" }), "onboot: 0 -> 1", Applied::Live),
            (json!({ "dev0": "-" }), "dev0: none -> /dev/kmsg", Applied::Live),
            (json!({ "dev0": "/dev/x" }), "dev0: /dev/x -> /dev/kmsg", Applied::AtStart),
            (json!({ "dev1": "/dev/x" }), "dev1: /dev/x -> none", Applied::AtStart),
            (json!({ "net1": "name=eth1,bridge=vmbr1" }), "net1: name=eth1,bridge=vmbr1 -> none", Applied::Live),
            (json!({ "features": "nesting=1,fuse=1" }), "features: nesting=1,fuse=1 -> nesting=1", Applied::AtStart),
            (json!({ "cmode": "-" }), "cmode: tty -> console", Applied::AtStart),
            (json!({ "unprivileged": 1 }), "unprivileged: 1 -> 0", Applied::OnlyNew),
            (
                json!({ "rootfs": "local-lvm:vm-121-disk-0,size=80G" }),
                "rootfs: local-lvm:vm-121-disk-0,size=80G -> local-lvm:100",
                Applied::Live,
            ),
            (
                json!({ "rootfs": "local-lvm:vm-121-disk-0,size=200G" }),
                "rootfs: local-lvm:vm-121-disk-0,size=200G -> local-lvm:100",
                Applied::OnlyNew,
            ),
            (
                json!({ "rootfs": "tank:subvol-121,size=100G" }),
                "rootfs: tank:subvol-121,size=100G -> local-lvm:100",
                Applied::OnlyNew,
            ),
            (json!({ "lxc": [["lxc.cap.drop", ""]] }), "lxc.cap.drop: none -> sys_time", Applied::AtStart),
            (
                json!({ "lxc": [["lxc.cap.drop", "sys_time"], ["lxc.cap.drop", ""]] }),
                "lxc.*: another order -> the order of the definition",
                Applied::AtStart,
            ),
        ] {
            assert_eq!(found(&changes, &json!([])), [(shown.to_owned(), applied)]);
        }
    }

    #[test]
    fn sees_what_waits_for_the_next_start() {
        let pending = json!([{ "key": "features", "value": "nesting=1,fuse=1", "pending": "nesting=1" }]);
        let live = live(&json!({ "features": "nesting=1,fuse=1" }), &pending);
        let differences = differences(&definition(), &live);
        assert_eq!(differences.len(), 1);
        assert!(differences[0].is_pending && differences[0].applied == Applied::AtStart);

        // A pending change that the definition does not have is taken back without a restart.
        let pending =
            json!([{ "key": "cmode", "value": "console", "pending": "shell" }, { "key": "dev0", "delete": 1 }]);
        let found = found(&json!({}), &pending);
        assert_eq!(
            found,
            [
                ("cmode: shell -> console".to_owned(), Applied::Live),
                ("dev0: none -> /dev/kmsg".to_owned(), Applied::Live)
            ]
        );
    }

    #[test]
    fn an_interface_keeps_its_hardware_address() {
        let changed =
            json!({ "net0": "name=eth0,bridge=vmbr1,hwaddr=BC:24:11:0A:0B:0C,ip=192.168.10.42/24,gw=192.168.10.1" });
        let differences = differences(&definition(), &live(&changed, &json!([])));
        let value = differences[0].value().expect("it is defined");
        assert!(value.ends_with(",type=veth,hwaddr=BC:24:11:0A:0B:0C"), "{value}");
    }

    #[test]
    fn parses_sizes() {
        for (text, expected) in
            [("x:8", 8 << 30), ("x:v,size=512M", 512 << 20), ("x:v,size=1.5T", 3 << 39), ("x:v,size=7", 7)]
        {
            assert_eq!(Disk::parse(text).map(|disk| disk.bytes), Some(expected), "{text}");
        }
        for text in ["8", "x:", "x:v", "x:v,size=", "x:v,size=1Q", "x:99999999999999999999"] {
            assert_eq!(Disk::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reads_its_definition() {
        let definition = definition();
        assert_eq!((definition.vmid, definition.host.as_deref(), definition.name()), (121, Some("lenovo"), "one"));
        assert_eq!((definition.shutdown_seconds(), definition.is_unprivileged()), (360, false));
        assert!(Definition::parse(GuestKind::Container, "cores: 1\n").is_err());
        assert!(Definition::parse(GuestKind::Container, "# vmid: 1\nnonsense\n").is_err());
    }
}
