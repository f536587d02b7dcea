//! The steps of a node, in the words of a runbook.

use super::Node;
use super::host::{CAT, FOLDER, HOST_KEY, ImageStorage};
use super::image::Image;
use super::key::{HostKey, KNOWN_HOSTS};
use super::members::MARK;
use crate::container::{Applied, Difference, Disk};
use crate::{Command, Effect, GuestKind, Input, Machine, Script, Step, Wait};
use std::time::Duration;

/// How long a guest has until it answers.
const BOOT: Wait = Wait { pause: Duration::from_secs(2), limit: Duration::from_secs(300) };

/// How long a node has until its cluster says that it is ready.
const READY: Wait = Wait { pause: Duration::from_secs(5), limit: Duration::from_secs(600) };

/// The time that pods have to leave a node.
const DRAIN_SECONDS: u32 = 300;

/// The step that prepares a host.
pub fn prepare(host: &Machine) -> Step {
    Step::new(title_of_host(host), Command::script(host, Script::PrepareHost, [""; 0]))
}

/// The title of the step that prepares a host.
pub fn title_of_host(host: &Machine) -> String {
    format!("prepare the host {}: kernel modules and sysctls", host.name)
}

/// Collects the steps of a node.
pub(super) struct Steps<'a> {
    node: &'a Node,
    steps: Vec<Step>,
    /// Whether the host has the definition.
    has_definition: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(node: &'a Node) -> Self {
        Self { node, steps: Vec::new(), has_definition: false }
    }

    pub(super) fn done(self) -> Vec<Step> {
        self.steps
    }

    fn add(&mut self, title: String, command: Command) -> &mut Step {
        self.steps.push(Step::new(title, command));
        self.steps.last_mut().expect("it was added")
    }

    fn on_host(&self, words: &[&str]) -> Command {
        Command::on(&self.node.host, words.iter().copied())
    }

    fn vmid(&self) -> String {
        self.node.vmid().to_string()
    }

    /// The path of the definition on the host, once it is there.
    fn definition(&mut self) -> String {
        let (name, host) = (self.node.name(), &self.node.host);
        let file = format!("{FOLDER}/{name}.conf");
        if !self.has_definition {
            let command = Command::shell(host, &format!("mkdir -p {FOLDER} && cat > {file}"));
            let command = command.reading(Input::File(self.node.path.clone()));
            let title = format!("copy the definition of {name} to {}", host.name);
            self.add(title, command);
            self.has_definition = true;
        }
        file
    }

    pub(super) fn copy_image(&mut self, image: &Image, storage: &ImageStorage) {
        self.steps.extend(image.copy(self.node, storage));
    }

    fn kind(&self) -> GuestKind {
        self.node.definition.kind
    }

    pub(super) fn create(&mut self, image: &str) {
        let file = self.definition();
        let (name, vmid, kind) = (self.node.name(), self.node.vmid(), self.kind());
        let command = Command::script(&self.node.host, kind.script(), [file.as_str(), image]);
        self.add(format!("create the {} {vmid} ({name})", kind.text()), command).is_long = true;
    }

    /// Changes options, and lets the disk grow.
    pub(super) fn set(&mut self, differences: &[Difference]) {
        let (name, vmid) = (self.node.name(), self.vmid());
        let (program, root_disk) = (self.kind().program(), self.kind().root_disk());
        self.grow(differences);
        // A root disk has settings that can be set if it has another value than in the definition.
        let is_option = |difference: &&Difference| {
            !difference.is_raw() && (difference.option != root_disk || difference.has_own_value())
        };
        let due = differences.iter().filter(is_option);
        let due: Vec<_> =
            due.filter(|difference| difference.applied != Applied::OnlyNew && !difference.is_pending).collect();
        if !due.is_empty() {
            let mut words = vec![program.to_owned(), "set".to_owned(), vmid.clone()];
            let mut deleted = Vec::new();
            for difference in &due {
                match difference.value() {
                    Some(value) => words.extend([format!("--{}", difference.option), value.to_owned()]),
                    None => deleted.push(difference.option.clone()),
                }
            }
            if !deleted.is_empty() {
                words.extend(["--delete".to_owned(), deleted.join(",")]);
            }
            let options: Vec<_> = due.iter().map(|difference| difference.option.as_str()).collect();
            let command = Command::on(&self.node.host, words);
            self.add(format!("change options of {name}: {}", options.join(", ")), command);
        }
    }

    /// Lets the root disk grow, if it is smaller than in the definition.
    fn grow(&mut self, differences: &[Difference]) {
        let root_disk = self.kind().root_disk();
        let difference = differences.iter().find(|difference| difference.option == root_disk);
        let Some(difference) = difference.filter(|difference| difference.applied != Applied::OnlyNew) else { return };
        let (live, defined) = (difference.live.as_deref().and_then(Disk::parse), self.node.definition.disk());
        let Some(disk) = defined.filter(|defined| live.is_some_and(|live| live.bytes < defined.bytes)) else { return };
        let size = disk.gibibytes();
        let vmid = self.vmid();
        let size_text = format!("{size}G");
        let resize: &[&str] = match self.kind() {
            GuestKind::Container => &["pct", "resize", &vmid, root_disk, &size_text],
            GuestKind::Vm => &["qm", "disk", "resize", &vmid, root_disk, &size_text],
        };
        let command = self.on_host(resize);
        self.add(format!("let the disk of {} grow to {size} GiB", self.node.name()), command).is_long = true;
    }

    pub(super) fn set_raw(&mut self) {
        let file = self.definition();
        let title = format!("replace the lines `lxc.` of {}", self.node.name());
        let command = Command::script(&self.node.host, Script::SetLxcLines, [file]);
        self.add(title, command);
    }

    /// Checks that Proxmox VE applied everything: it leaves what it cannot apply pending, without a message.
    pub(super) fn check_pending(&mut self) {
        let command = Command::shell(
            &self.node.host,
            &format!("! {} pending {} | grep -v ^cur", self.kind().program(), self.vmid()),
        );
        self.add(format!("check that no change of {} is pending", self.node.name()), command);
    }

    /// Moves the pods of the node elsewhere. It is marked, so that a run after a failure makes it schedulable again.
    pub(super) fn drain(&mut self, api: &Machine, was_cordoned: bool) {
        let name = self.node.name();
        let drain =
            format!("k3s kubectl drain {name} --ignore-daemonsets --delete-emptydir-data --timeout={DRAIN_SECONDS}s");
        let mark = format!("k3s kubectl annotate --overwrite node {name} {MARK}=provision");
        let text = if was_cordoned { drain } else { format!("{mark} && {drain}") };
        let step = self.add(format!("drain {name}"), Command::shell(api, &text));
        step.effect = Effect::Interrupts;
        step.is_long = true;
    }

    /// Waits until the node is ready, and makes it schedulable again.
    pub(super) fn back_in_service(&mut self, api: &Machine, is_marked: bool) {
        let name = self.node.name();
        let ready = format!("k3s kubectl wait --for=condition=Ready node/{name} --timeout=10s");
        self.add(format!("wait until {name} is ready"), Command::shell(api, &ready)).wait = Some(READY);
        if is_marked {
            let text = format!("k3s kubectl uncordon {name} && k3s kubectl annotate node {name} {MARK}-");
            self.add(format!("let pods run on {name} again"), Command::shell(api, &text));
        }
    }

    /// Deletes the node of a container that is gone from its cluster, with its password: k3s refuses another one.
    pub(super) fn leave(&mut self, api: &Machine) {
        let name = self.node.name();
        let text = format!(
            "k3s kubectl delete node {name} --ignore-not-found && \
             k3s kubectl --namespace kube-system delete secret {name}.node-password.k3s --ignore-not-found"
        );
        let title = format!("remove {name} from {}, with the password of its old container", self.node.cluster);
        self.add(title, Command::shell(api, &text)).effect = Effect::Interrupts;
    }

    pub(super) fn shut_down(&mut self) {
        let seconds = self.node.definition.shutdown_seconds().to_string();
        let command = self.on_host(&[self.kind().program(), "shutdown", &self.vmid(), "--timeout", &seconds]);
        let step = self.add(format!("shut down {}", self.node.name()), command);
        step.effect = Effect::Interrupts;
        step.is_long = true;
    }

    pub(super) fn back_up(&mut self) {
        let command = Command::on(&self.node.machine, ["systemctl", "start", "homelab-backup"]);
        self.add(format!("back up {}", self.node.name()), command).is_long = true;
    }

    /// Copies what identifies the node from its container.
    pub(super) fn save(&mut self) {
        let (name, vmid) = (self.node.name(), self.vmid());
        let datastore = self.node.is_alone().then_some("--datastore");
        let words = ["save"].into_iter().chain(datastore).chain([vmid.as_str(), name]);
        let title = if datastore.is_some() {
            format!("save the secrets, the host keys and the datastore of {name}")
        } else {
            format!("save the secrets and the host keys of {name}")
        };
        let command = Command::script(&self.node.host, Script::KeepIdentity, words);
        self.add(title, command);
    }

    /// Destroys the container, once what it had is saved.
    pub(super) fn destroy(&mut self) {
        let (name, vmid) = (self.node.name(), self.vmid());
        let text = format!("pct destroy {vmid} && mv {FOLDER}/{} {FOLDER}/{}", self.node.saved(), self.node.kept());
        let command = Command::shell(&self.node.host, &text);
        self.add(format!("destroy the container {vmid} ({name})"), command).effect = Effect::Destroys;
    }

    /// Destroys what is left of a guest whose creation was interrupted.
    pub(super) fn destroy_half(&mut self) {
        let (vmid, program) = (self.vmid(), self.kind().program());
        let command = Command::shell(&self.node.host, &format!("{program} unlock {vmid} && {program} destroy {vmid}"));
        self.add(format!("destroy what is left of the {} {vmid}", self.kind().text()), command).effect =
            Effect::Destroys;
    }

    /// Notes that the container that something was saved from is gone.
    pub(super) fn keep(&mut self) {
        let (saved, kept) = (self.node.saved(), self.node.kept());
        let command = self.on_host(&["mv", &format!("{FOLDER}/{saved}"), &format!("{FOLDER}/{kept}")]);
        self.add(format!("keep what was saved of {}", self.node.name()), command);
    }

    pub(super) fn restore(&mut self) {
        let (name, vmid) = (self.node.name(), self.vmid());
        let command = Command::script(&self.node.host, Script::KeepIdentity, ["restore", &vmid, name]);
        self.add(format!("put what was saved of {name} into its new container"), command);
    }

    /// Removes what was saved of a container that stays.
    pub(super) fn forget_saved(&mut self) {
        let command = self.on_host(&["rm", "-f", &format!("{FOLDER}/{}", self.node.saved())]);
        self.add(format!("remove the copy of what identifies {}", self.node.name()), command);
    }

    /// Starts the guest, and waits until it answers. A host key that is new is read through the host.
    pub(super) fn start(&mut self, is_new_key: bool, key: HostKey) {
        let (name, vmid) = (self.node.name(), self.vmid());
        let command = self.on_host(&[self.kind().program(), "start", &vmid]);
        self.add(format!("start {name}"), command);
        if is_new_key {
            let command = self.print_key();
            self.add(format!("wait until {name} has its SSH host key"), command).wait = Some(BOOT);
            self.trust(key);
        }
        self.wait_for_login();
    }

    /// Adds the host key of the node to those that SSH knows. It comes from the host, so nobody between can replace it.
    pub(super) fn trust(&mut self, key: HostKey) {
        let (name, address) = (self.node.name(), &self.node.machine.address);
        if key == HostKey::Other {
            let command = Command::here(["sh", "-c", &format!("ssh-keygen -R {address} -f {KNOWN_HOSTS}")]);
            self.add(format!("forget the SSH host key of the old {name}"), command);
        }
        // Words without quotes are easier to read within those of `sh -c`.
        let print = match self.kind() {
            GuestKind::Container => format!("ssh {} {}", self.node.host.destination(), self.key_text()),
            GuestKind::Vm => self.print_key().to_string(),
        };
        let text = format!("mkdir -p ~/.ssh && key=$({print}) && echo {address} $key >> {KNOWN_HOSTS}");
        let title = format!("trust the SSH host key of {name}, read through {}", self.node.host.name);
        self.add(title, Command::here(["sh", "-c", &text]));
    }

    /// The command that prints the public host key of the node, and fails if it has none yet.
    ///
    /// In a virtual machine, the guest agent reads it. `qm guest exec` prints an object, also if the program in the virtual
    /// machine failed (`PVE/CLI/qm.pm` of qemu-server), with the text that it printed (`PVE/QemuServer/Agent.pm`).
    fn print_key(&self) -> Command {
        Command::shell(&self.node.host, &self.key_text())
    }

    fn key_text(&self) -> String {
        let vmid = self.vmid();
        match self.kind() {
            GuestKind::Container => format!("pct exec {vmid} -- {CAT} {HOST_KEY}"),
            GuestKind::Vm => {
                format!("qm guest exec {vmid} -- {CAT} {HOST_KEY} | grep -o 'ssh-ed25519 [A-Za-z0-9+/=]*'")
            }
        }
    }

    pub(super) fn wait_for_login(&mut self) {
        let command = Command::on(&self.node.machine, ["true"]);
        self.add(format!("wait until {} answers", self.node.name()), command).wait = Some(BOOT);
    }
}
