//! The pods of an app: its containers, what they mount, and where they run.

use super::super::app::{
    Claim, Container, Env, EnvText, Mount, Pod, PodVolume, Probe, SecretData, ServicePort, VolumeSource,
};
use super::super::placement::candidates;
use super::super::{RENDER_GROUP, unit::PodSecurity};
use super::defaults;
use super::images::ResolvedImage;
use crate::platform::{self, Context, DatabaseAccess};
use crate::spec::types::{EnvName, Name, PortNumber, Whole};
use crate::spec::{
    self, App, DatabaseField, Entries, Entry, EnvSource, EnvValue, Given as _, Parts, Protocol, Security, Spanned,
    Volume,
};

/// How often the startup probe asks, in seconds.
const STARTUP_PERIOD: u32 = 5;

/// What a container asks for of a GPU.
const GPU_RESOURCE: &str = "gpu.intel.com/i915";

/// What resolving the pods of an app looks at.
pub(super) struct Pods<'a> {
    pub(super) entry: &'a Entry<App>,
    pub(super) context: &'a Context<'a>,
    pub(super) access: Option<&'a DatabaseAccess>,
    pub(super) image: ResolvedImage,
}

impl Pods<'_> {
    fn app(&self) -> &App {
        &self.entry.value
    }

    fn name(&self) -> &str {
        self.entry.name.as_str()
    }

    /// The pod that runs all the time.
    pub(super) fn main(&self) -> Pod {
        let app = self.app();
        let mut main = self.main_container();
        if self.uses_gpu() {
            main.limits.push(super::super::app::Amount { name: GPU_RESOURCE, text: "1".to_owned() });
        }
        let sidecars = app.sidecars.iter().map(|sidecar| self.sidecar(sidecar));
        let init = app.init.iter().map(|step| self.helper(&step.parts()));
        let mut pod = self.pod(init.collect(), [main].into_iter().chain(sidecars).collect());
        pod.service_account = app.service_account.as_ref().map(|_| self.name().to_owned());
        pod
    }

    /// The pod of something that runs at set times.
    pub(super) fn job(&self, job: &Entry<spec::Job>) -> Pod {
        let mut pod = self.pod(Vec::new(), vec![self.helper(&job.parts())]);
        pod.ends = true;
        pod.backup = Vec::new();
        pod.host_network = false;
        pod.supplemental_groups = Vec::new();
        pod
    }

    fn pod(&self, init: Vec<Container>, containers: Vec<Container>) -> Pod {
        let app = self.app();
        let security = app.security.clone().unwrap_or_default();
        let used = |name: &str| {
            init.iter().chain(&containers).any(|container| container.mounts.iter().any(|mount| mount.volume == name))
        };
        let mut volumes: Vec<_> =
            app.storage.iter().map(|volume| self.volume(volume)).filter(|volume| used(&volume.name)).collect();
        if used(FILES) {
            volumes.push(PodVolume {
                name: FILES.to_owned(),
                source: VolumeSource::Files(format!("{}-files", self.name())),
            });
        }
        if used(TMP) {
            volumes.push(PodVolume { name: TMP.to_owned(), source: VolumeSource::Memory(true) });
        }
        let is_backed_up = app.backup.given() == Some(&spec::AppBackup::Volumes);
        let claims = volumes.iter().filter(|volume| matches!(volume.source, VolumeSource::Claim(_)));
        let backup = claims.filter(|_| is_backed_up).map(|volume| volume.name.clone()).collect();
        Pod {
            service_account: None,
            backup,
            host_network: app.host_network.given().copied().unwrap_or(false),
            node_selector: self.node_selector(),
            root: security.root.given().copied().unwrap_or(false),
            user: security.user.given().map(|id| id.get()),
            group: security.group.given().map(|id| id.get()),
            supplemental_groups: if self.uses_gpu() { vec![RENDER_GROUP] } else { Vec::new() },
            init,
            containers,
            volumes,
            ends: false,
        }
    }

    fn uses_gpu(&self) -> bool {
        self.app().gpu.given().copied().unwrap_or(false)
    }

    fn main_container(&self) -> Container {
        let app = self.app();
        let mut container = self.container(&app.parts());
        container.ports = self.ports();
        container.probe = self.probe(app.probe.as_ref(), &container.ports);
        let storage = app.storage.iter().filter_map(|volume| {
            let mount = volume.value.mount.as_ref().or(volume.value.device.as_ref())?;
            Some(self.mount(volume, mount.as_str()))
        });
        let files = app.files.iter().map(|file| Mount {
            volume: FILES.to_owned(),
            path: file.value.path.to_string(),
            part: Some(file.name.to_string()),
            read_only: true,
        });
        container.mounts.splice(0..0, storage.chain(files));
        container
    }

    fn sidecar(&self, sidecar: &Entry<spec::Sidecar>) -> Container {
        let value = &sidecar.value;
        let mut container = self.helper(&sidecar.parts());
        let port = |port: &Spanned<PortNumber>| ServicePort::tcp(port_name(&sidecar.name), port.get(), port.get());
        container.ports = value.port.iter().map(port).collect();
        container.probe = self.probe(value.probe.as_ref(), &container.ports);
        container
    }

    /// A container beside the app's own.
    fn helper(&self, parts: &Parts<'_>) -> Container {
        let mut container = self.container(parts);
        let seen = parts.mounts.into_iter().flat_map(|mounts| mounts.iter()).filter_map(|mount| {
            let volume = self.app().storage.get(mount.name.as_str())?;
            Some(self.mount(volume, mount.value.as_str()))
        });
        container.mounts.splice(0..0, seen);
        // What its pod says of users holds for it too, unless it says something itself.
        let own = parts.security.cloned().unwrap_or_default();
        let pod = self.app().security.as_ref().and_then(|security| security.root.given().copied()).unwrap_or(false);
        let root = own.root.given().copied().unwrap_or(pod && parts.security.is_none());
        container.root = (root != pod).then_some(root);
        container.user = own.user.given().map(|id| id.get());
        container.group = own.group.given().map(|id| id.get());
        container
    }

    fn container(&self, parts: &Parts<'_>) -> Container {
        // The app's image needs the same to run wherever it runs.
        let inherited = parts.name.filter(|_| parts.image.is_none()).map(|_| self.app());
        let security = parts.security.or(inherited.and_then(|app| app.security.as_ref())).cloned().unwrap_or_default();
        let amounts = parts.resources.cloned().unwrap_or_default().amounts(defaults::CONTAINER);
        let read_only = security.read_only.given().copied().unwrap_or(false);
        let tmp = Mount { volume: TMP.to_owned(), path: "/tmp".to_owned(), part: None, read_only: false };
        // What moves the app's image moves it wherever it runs.
        let own_image = parts.image.filter(|_| parts.name.is_some());
        let update = self.image.update.as_ref().filter(|_| own_image.is_none());
        let env = |helper: Option<&Name>, (name, value): (&EnvName, &EnvValue)| self.env(helper, name, value);
        let name = parts.name.map(|name| &name.value);
        let of_app = inherited.iter().flat_map(|app| &app.env).filter(|(name, _)| !parts.env.contains_key(name));
        Container {
            name: name.map_or(self.name(), Name::as_str).to_owned(),
            image: own_image.map_or_else(|| self.image.text.clone(), ToString::to_string),
            policy: update.map(|update| update.policy.clone()),
            command: parts.command.to_vec(),
            args: parts.args.to_vec(),
            env: of_app
                .filter_map(|variable| env(None, variable))
                .chain(parts.env.iter().filter_map(|variable| env(name, variable)))
                .collect(),
            ports: Vec::new(),
            probe: None,
            requests: amounts.requests,
            limits: amounts.limits,
            read_only,
            privileged: parts.security.and_then(|own| own.privileged.given().copied()).unwrap_or(false),
            root: None,
            user: None,
            group: None,
            capabilities: capabilities(&security),
            mounts: if read_only { vec![tmp] } else { Vec::new() },
        }
    }

    fn ports(&self) -> Vec<ServicePort> {
        let app = self.app();
        let http = app.port.iter().map(|port| ServicePort::tcp("http".to_owned(), port.get(), 80));
        http.chain(service_ports(&app.ports, |_| true)).collect()
    }

    /// Without a word about it, the first port is tried.
    fn probe(&self, probe: Option<&spec::Probe>, ports: &[ServicePort]) -> Option<Probe> {
        let startup_seconds = probe.and_then(|probe| probe.startup_seconds.given().copied());
        let command: Vec<_> = probe.iter().flat_map(|probe| &probe.command).map(|word| word.value.clone()).collect();
        let port = ports.iter().find(|port| port.protocol == "TCP");
        if port.is_none() && command.is_empty() {
            return None;
        }
        Some(Probe {
            path: probe.and_then(|probe| probe.path.given()).map(ToString::to_string),
            command,
            port: port.map(|port| port.name.clone()).unwrap_or_default(),
            startup_failures: startup_seconds.map_or(defaults::STARTUP_SECONDS, Whole::get).div_ceil(STARTUP_PERIOD),
        })
    }

    fn mount(&self, volume: &Entry<Volume>, path: &str) -> Mount {
        let read_only = volume.value.read_only.given().copied().unwrap_or(false);
        Mount { volume: volume.name.to_string(), path: path.to_owned(), part: None, read_only }
    }

    fn volume(&self, volume: &Entry<Volume>) -> PodVolume {
        let value = &volume.value;
        let source = if let Some(share) = &value.nfs {
            let storage = self.context.spec.storage.get(&share.storage);
            let exported = storage.and_then(|storage| storage.value.nfs.as_ref()).map(|path| path.as_str());
            VolumeSource::Nfs {
                server: storage.map(|storage| storage.value.address.to_string()).unwrap_or_default(),
                path: format!("{}/{}", exported.unwrap_or_default(), share.path),
                read_only: value.read_only.given().copied().unwrap_or(false),
            }
        } else if let Some(size) = &value.scratch {
            VolumeSource::Scratch(size.quantity())
        } else if let Some(device) = &value.device {
            VolumeSource::Device(device.to_string())
        } else {
            VolumeSource::Claim(format!("{}-{}", self.name(), volume.name.value))
        };
        PodVolume { name: volume.name.to_string(), source }
    }

    /// Storage of the app's own.
    pub(super) fn claims(&self) -> Vec<Claim> {
        let claim = |volume: &Entry<Volume>| {
            let size = volume.value.size.as_ref()?;
            Some(Claim {
                volume: volume.name.to_string(),
                name: format!("{}-{}", self.name(), volume.name.value),
                size: size.quantity(),
                class: volume
                    .value
                    .class
                    .as_ref()
                    .map_or_else(|| default_class(self.context), |class| class.to_string()),
                shared: volume.value.shared.given().copied().unwrap_or(false),
            })
        };
        self.app().storage.iter().filter_map(claim).collect()
    }

    /// The labels that the spec names; devices tie the app to a node that has all that it asks for.
    fn node_selector(&self) -> Vec<(String, String)> {
        let app = self.app();
        let mut labels: Vec<_> = app.nodes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let has_device = app.storage.iter().any(|volume| volume.value.device.is_some());
        if has_device
            && labels.iter().all(|(key, _)| key != HOSTNAME)
            && let Some(node) = candidates(app, self.context.cluster).first()
        {
            labels.push((HOSTNAME.to_owned(), node.name.to_string()));
        }
        labels
    }

    fn env(&self, helper: Option<&Name>, name: &EnvName, value: &EnvValue) -> Option<Env> {
        let key = || EnvText::Key(secret_key(helper, name));
        let value = match value {
            EnvValue::Text(text) => EnvText::Text(text.clone()),
            EnvValue::From(EnvSource::Secret(_)) => key(),
            EnvValue::From(EnvSource::Database(field)) if field.is_secret() => key(),
            EnvValue::From(EnvSource::Database(field)) => EnvText::Text(self.access?.text(field.value)?),
        };
        Some(Env { name: name.to_string(), value })
    }

    /// What the app's Secret holds: a key for each variable of each container.
    pub(super) fn secrets(&self) -> Vec<SecretData> {
        let of = |helper: Option<&Name>, name: &EnvName, value: &EnvValue| {
            let key = secret_key(helper, name);
            match value {
                EnvValue::From(EnvSource::Secret(secret)) => {
                    Some(SecretData { key, remote: self.context.remote(&secret.value), text: None })
                }
                EnvValue::From(EnvSource::Database(field)) if field.is_secret() => {
                    let access = self.access?;
                    let text = (field.value == DatabaseField::Url).then(|| access.url(&key));
                    Some(SecretData { key, remote: self.context.remote(&access.password), text })
                }
                _ => None,
            }
        };
        self.app()
            .containers()
            .flat_map(|parts| {
                let helper = parts.name.map(|name| &name.value);
                parts.env.iter().filter_map(move |(name, value)| of(helper, name, value))
            })
            .collect()
    }
}

/// The volume with the app's files.
const FILES: &str = "files";
/// The volume that a read-only root file system brings.
const TMP: &str = "tmp";
/// The label with a node's name.
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";

/// The key of a variable in the app's Secret. Containers beside the app's own may give one name
/// another value.
fn secret_key(helper: Option<&Name>, name: &EnvName) -> String {
    helper.map_or(name.to_string(), |helper| format!("{helper}.{name}"))
}

/// Names of ports have at most 15 characters.
pub(crate) fn port_name(name: &Name) -> String {
    name.as_str().chars().take(15).collect::<String>().trim_end_matches('-').to_owned()
}

/// The ports that satisfy a condition.
pub(super) fn service_ports(ports: &Entries<spec::Port>, wanted: impl Fn(&spec::Port) -> bool) -> Vec<ServicePort> {
    let service_port = |port: &Entry<spec::Port>| ServicePort {
        name: port_name(&port.name),
        port: port.value.port.get(),
        served: port.value.port.get(),
        protocol: match port.value.protocol.given().copied().unwrap_or_default() {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        },
    };
    ports.iter().filter(|port| wanted(&port.value)).map(service_port).collect()
}

/// The class of volumes that name none.
pub(super) fn default_class(context: &Context<'_>) -> String {
    context.storage().map_or(platform::LOCAL_CLASS.to_owned(), |storage| storage.default_class(context))
}

/// The level of the Pod Security Standards that admits all pods of an app.
pub(super) fn security_level(pods: &[&Pod]) -> PodSecurity {
    pods.iter().map(|pod| level(pod)).max().unwrap_or(PodSecurity::Restricted)
}

/// Capabilities that only the level `privileged` admits.
const ABOVE_BASELINE: [&str; 2] = ["NET_ADMIN", "NET_RAW"];

fn level(pod: &Pod) -> PodSecurity {
    let containers = || pod.init.iter().chain(&pod.containers);
    let has_device = pod.volumes.iter().any(|volume| matches!(volume.source, VolumeSource::Device(_)));
    let reaches_out =
        |container: &Container| container.capabilities.iter().any(|name| ABOVE_BASELINE.contains(&&**name));
    if pod.host_network || has_device || containers().any(|container| container.privileged || reaches_out(container)) {
        return PodSecurity::Privileged;
    }
    let mounts_nfs = pod.volumes.iter().any(|volume| matches!(volume.source, VolumeSource::Nfs { .. }));
    let is_root = |container: &Container| container.root.unwrap_or(pod.root);
    let keeps_more = |container: &Container| container.capabilities.iter().any(|name| name != "NET_BIND_SERVICE");
    if mounts_nfs || containers().any(|container| is_root(container) || keeps_more(container)) {
        return PodSecurity::Baseline;
    }
    PodSecurity::Restricted
}

fn capabilities(security: &Security) -> Vec<String> {
    let mut kept: Vec<_> = security.capabilities.iter().map(|capability| capability.value).collect();
    kept.sort_unstable();
    kept.dedup();
    let name = |capability| serde_json::to_value(capability).expect("capabilities are words");
    kept.into_iter().filter_map(|capability| name(capability).as_str().map(str::to_owned)).collect()
}
