//! Whether containers and virtual machines are as their definitions say.

use crate::container::{Applied, Definition, Live, differences};
use crate::{Command, GuestKind, Machine, pve};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A container or virtual machine, compared with its definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerView {
    /// The node.
    pub node: String,
    /// Its host.
    pub host: String,
    /// Its VMID.
    pub vmid: u32,
    /// Its kind.
    #[serde(serialize_with = "serialize_kind")]
    pub kind: GuestKind,
    /// What was found.
    pub state: ContainerState,
    /// What differs: the option, its value now and its value in the definition.
    pub differences: Vec<String>,
    /// Why it is in that state, if more is known.
    pub message: Option<String>,
}

fn serialize_kind<S: serde::Serializer>(kind: &GuestKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.id())
}

/// How a guest compares with its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// It is as defined.
    AsDefined,
    /// It differs, and can be changed while it runs.
    DiffersLive,
    /// It differs, and has to start again to be as defined.
    DiffersRestart,
    /// It differs in something that only a new guest can have.
    DiffersNew,
    /// It does not run.
    Stopped,
    /// It does not exist on its host.
    Missing,
    /// Its host could not be asked.
    Unknown,
}

impl ContainerState {
    /// The state in words.
    pub fn text(self, kind: GuestKind) -> &'static str {
        match self {
            Self::AsDefined => "as defined",
            Self::DiffersLive => "differs; can be changed while it runs",
            Self::DiffersRestart => "differs; needs a restart",
            Self::DiffersNew => match kind {
                GuestKind::Container => "differs; needs a new container",
                GuestKind::Vm => "differs; needs a new virtual machine",
            },
            Self::Stopped => "stopped",
            Self::Missing => "does not exist",
            Self::Unknown => "not known",
        }
    }
}

/// A guest to read: its kind and VMID.
pub type Key = (GuestKind, u32);

/// The kinds of some guests.
fn kinds(keys: &[Key]) -> impl Iterator<Item = GuestKind> {
    [GuestKind::Container, GuestKind::Vm].into_iter().filter(|kind| keys.iter().any(|(other, _)| other == kind))
}

/// The command that shows guests of a host. [`Guests::parse`] reads its output: the list of its guests of each kind, and
/// for each VMID its options and what is pending, or `null`.
///
/// `/nodes/NODE/lxc/VMID/config` has pending values merged in, unless `current` is set (`PVE/API2/LXC/Config.pm`); that of
/// `qemu` too (`PVE/API2/Qemu.pm`).
pub fn read_guests(host: &Machine, keys: &[Key]) -> Command {
    let lists: Vec<_> = kinds(keys).map(|kind| format!("get \"$node/{}\" || exit; ", kind.api())).collect();
    let guests: Vec<_> = keys.iter().map(|(kind, vmid)| format!("{}/{vmid}", kind.api())).collect();
    let text = format!(
        "get() {{ pvesh get \"$@\" --output-format json; }}; node=$(uname -n); node=/nodes/${{node%%.*}}; {}\
         for guest in {}; do get \"$node/$guest/config\" --current 1 2>/dev/null || echo null; \
         get \"$node/$guest/pending\" 2>/dev/null || echo null; done",
        lists.concat(),
        guests.join(" ")
    );
    Command::shell(host, &text).connecting_within(10)
}

/// The guests of a host that nodes are, by VMID.
#[derive(Debug)]
pub struct Guests(BTreeMap<u32, Live>);

impl Guests {
    /// Reads the output of [`read_guests`] for the same guests.
    ///
    /// # Errors
    /// If it has another form.
    pub fn parse(output: &str, keys: &[Key]) -> Result<Self, String> {
        let mut values = serde_json::Deserializer::from_str(output).into_iter::<Value>();
        let mut next = || values.next().ok_or("pvesh printed less than expected")?.map_err(|error| error.to_string());
        let mut running = Vec::new();
        for _ in kinds(keys) {
            let guests = pve::guests(&next()?)?.into_iter();
            running.extend(guests.filter(|guest| guest.is_running).map(|guest| guest.vmid));
        }
        let mut found = BTreeMap::new();
        for (_, vmid) in keys {
            let (config, pending) = (next()?, next()?);
            if !config.is_null() {
                found.insert(*vmid, pve::live(&config, &pending, running.contains(vmid))?);
            }
        }
        Ok(Self(found))
    }
}

/// Compares the guest of a node with its definition, if its host could be asked.
pub fn compare(node: &str, host: &str, definition: &Definition, guests: Result<&Guests, &str>) -> ContainerView {
    let view = |state, differences, message: Option<String>| ContainerView {
        node: node.to_owned(),
        host: host.to_owned(),
        vmid: definition.vmid,
        kind: definition.kind,
        state,
        differences,
        message,
    };
    let guests = match guests {
        Ok(guests) => guests,
        Err(reason) => return view(ContainerState::Unknown, Vec::new(), Some(reason.to_owned())),
    };
    let Some(live) = guests.0.get(&definition.vmid) else {
        return view(ContainerState::Missing, Vec::new(), None);
    };
    let name = live.options.get(definition.kind.name_option()).map_or("", String::as_str);
    if name != definition.name() {
        let message = format!("VMID {} is the {} {name}", definition.vmid, definition.kind.text());
        return view(ContainerState::Missing, Vec::new(), Some(message));
    }
    let found = differences(definition, live);
    let state = match found.iter().map(|difference| difference.applied).max() {
        Some(Applied::Live) => ContainerState::DiffersLive,
        Some(Applied::AtStart) => ContainerState::DiffersRestart,
        Some(Applied::OnlyNew) => ContainerState::DiffersNew,
        None if live.is_running => ContainerState::AsDefined,
        None => ContainerState::Stopped,
    };
    view(state, found.iter().map(ToString::to_string).collect(), None)
}

/// Guests as text for people: one line for each, and what differs. Without `-v`, those that are as defined are one line.
pub fn human(views: &[ContainerView], is_verbose: bool) -> String {
    let (same, others): (Vec<_>, Vec<_>) = views.iter().partition(|view| view.state == ContainerState::AsDefined);
    if views.is_empty() || others.is_empty() && !is_verbose {
        return match same.len() {
            0 => String::new(),
            1 => format!("{}: 1 is as defined\n", heading(views)),
            count => format!("{}: {count} are as defined\n", heading(views)),
        };
    }
    let width = views.iter().map(|view| view.node.len()).max().unwrap_or_default();
    let mut text = format!("{}\n", heading(views));
    for view in views.iter().filter(|view| is_verbose || view.state != ContainerState::AsDefined) {
        let message = view.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        let _ = writeln!(text, "  {:<width$}  on {}: {}{message}", view.node, view.host, view.state.text(view.kind));
        for difference in &view.differences {
            let _ = writeln!(text, "  {:<width$}    {difference}", "");
        }
        let is_due = !matches!(view.state, ContainerState::AsDefined | ContainerState::Unknown);
        if is_due {
            let _ = writeln!(text, "  {:<width$}  fix: `homelab provision {}`", "", view.node);
        }
    }
    text
}

/// The kinds of guests in words.
fn heading(views: &[ContainerView]) -> &'static str {
    let has = |kind| views.iter().any(|view| view.kind == kind);
    match (has(GuestKind::Container), has(GuestKind::Vm)) {
        (true, true) => "containers and virtual machines",
        (false, true) => "virtual machines",
        _ => "containers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str = "# host: elitedesk\n# vmid: 122\ncores: 6\nhostname: gordito-worker\nmemory: 24576\n\
                              rootfs: local-lvm:200\nunprivileged: 0\n";

    fn output(config: &str, pending: &str) -> String {
        format!(
            "[{{\"vmid\":122,\"name\":\"gordito-worker\",\"status\":\"running\",\"type\":\"lxc\"}}]\n{config}\n{pending}\n"
        )
    }

    fn view(config: &str, pending: &str) -> ContainerView {
        let definition = Definition::parse(GuestKind::Container, DEFINITION).expect("it is valid");
        let guests = Guests::parse(&output(config, pending), &[(GuestKind::Container, 122)]).expect("it is complete");
        compare("gordito-worker", "elitedesk", &definition, Ok(&guests))
    }

    #[test]
    fn compares_containers() {
        let same =
            r#"{"cores":6,"hostname":"gordito-worker","memory":24576,"rootfs":"local-lvm:vm-122-disk-0,size=200G"}"#;
        assert_eq!(view(same, "[]").state, ContainerState::AsDefined);
        let changed = view(&same.replace("24576", "8192"), "[]");
        assert_eq!(changed.state, ContainerState::DiffersLive);
        assert_eq!(changed.differences, ["memory: 8192 -> 24576"]);
        assert_eq!(view(&same.replace("200G", "400G"), "[]").state, ContainerState::DiffersNew);
        assert_eq!(view("null", "null").state, ContainerState::Missing);
        let other = view(&same.replace("gordito-worker", "plex"), "[]");
        assert_eq!(
            (other.state, other.message.as_deref()),
            (ContainerState::Missing, Some("VMID 122 is the container plex"))
        );
    }

    #[test]
    fn compares_virtual_machines() {
        let text = "# host: box\n# vmid: 120\nmemory: 4096\nname: one\nscsi0: local-lvm:32,discard=on\n";
        let definition = Definition::parse(GuestKind::Vm, text).expect("it is valid");
        let view = |memory: u32| {
            let output = format!(
                "[{{\"vmid\":120,\"name\":\"one\",\"status\":\"running\"}}]\n{{\"memory\":\"{memory}\",\"name\":\"one\",\
                 \"scsi0\":\"local-lvm:vm-120-disk-1,discard=on,size=32G\"}}\n[]\n"
            );
            let guests = Guests::parse(&output, &[(GuestKind::Vm, 120)]).expect("it is complete");
            compare("one", "box", &definition, Ok(&guests))
        };
        assert_eq!(view(4096).state, ContainerState::AsDefined);
        assert_eq!(human(&[view(4096)], false), "virtual machines: 1 is as defined\n");
        assert_eq!(view(2048).state, ContainerState::DiffersRestart);
    }

    #[test]
    fn prints_what_differs() {
        let same =
            r#"{"cores":6,"hostname":"gordito-worker","memory":8192,"rootfs":"local-lvm:vm-122-disk-0,size=200G"}"#;
        let definition = Definition::parse(GuestKind::Container, DEFINITION).expect("it is valid");
        let views = [
            view(same, "[]"),
            compare("data-cp", "lenovo", &definition, Err("ssh could not reach lenovo")),
            ContainerView {
                state: ContainerState::AsDefined,
                node: "gordito-cp".to_owned(),
                differences: Vec::new(),
                ..view(same, "[]")
            },
        ];
        assert_eq!(
            human(&views, false),
            "containers\n\
             \x20 gordito-worker  on elitedesk: differs; can be changed while it runs\n\
             \x20                   memory: 8192 -> 24576\n\
             \x20                 fix: `homelab provision gordito-worker`\n\
             \x20 data-cp         on lenovo: not known: ssh could not reach lenovo\n"
        );
        assert_eq!(human(&views[2..], false), "containers: 1 is as defined\n");
        assert_eq!(human(&[], true), "");
    }

    #[test]
    fn rejects_other_output() {
        assert!(Guests::parse("pvesh: not found", &[(GuestKind::Container, 122)]).is_err());
        assert!(Guests::parse("[]", &[(GuestKind::Container, 122)]).is_err());
    }

    #[test]
    fn asks_for_all_containers_at_once() {
        let host = Machine { name: "lenovo".to_owned(), address: "192.168.10.11".to_owned() };
        let command = read_guests(&host, &[(GuestKind::Container, 121), (GuestKind::Vm, 120)]);
        assert!(
            command.words().last().is_some_and(|text| text.contains("for guest in lxc/121 qemu/120; do")),
            "{command}"
        );
    }
}
