//! The pods of an app: its containers, what they mount, and where they run.

use crate::images::ResolvedImage;
use crate::objects::files_of;
use crate::placement::{candidates, gpu_driver};
use crate::pod::{
    Check, Claim, Container, Env, EnvText, Folder, Mount, Pod, PodVolume, Probe, ServicePort, VolumeSource,
};
use model::contract::{
    FOLDER_LABEL, HOSTNAME_LABEL, READY_FOLDERS, RENDER_GROUP, gpu_resource, is_block_device, is_device_folder,
};
use model::{Amount, DataKey, LanPort, ObjectName, PartName, PortName, WithDefaults as _};
use platform::{Context, DatabaseAccess, default_class};
use spec::defaults::{CONTAINER, DriverOfGpu, StartupSeconds};
use spec::types::{EnvName, LabelKey, LabelValue, MountPath, Name, Quantity};
use spec::{
    AppBackup, AppFile, ContainerApp, DatabaseField, DefaultValue as _, Entry, EnvSource, EnvValue, Given as _,
    GpuDriver, Job, LinuxCapability, Medium, Metrics, Parts, PodSecurity, Port, Protocol, Security, Sidecar,
    SidecarStart, Volume,
};
use std::collections::BTreeMap;

/// The input for the pods of an app.
pub(crate) struct Pods<'a> {
    pub(crate) name: &'a Name,
    pub(crate) app: &'a ContainerApp,
    pub(crate) context: &'a Context<'a>,
    pub(crate) access: Option<&'a DatabaseAccess>,
    /// Its images, by the name of their container; the main container is `None`.
    pub(crate) images: &'a BTreeMap<Option<&'a Name>, ResolvedImage>,
}

impl Pods<'_> {
    /// The pod of the Deployment; none if the app has only jobs.
    pub(crate) fn service(&self) -> Option<Pod> {
        let app = self.app;
        let mut main = self.main_container(&app.parts()?);
        if app.gpu.is_on() {
            main.limits.push(Amount { name: gpu_resource(self.gpu_driver()), quantity: Quantity::known("1") });
        }
        let steps = app.init.iter().map(|step| self.helper(&step.into()));
        let init = self.sidecars(SidecarStart::BeforeInit).chain(steps).chain(self.sidecars(SidecarStart::BeforeApp));
        let containers = [main].into_iter().chain(self.sidecars(SidecarStart::WithApp)).collect();
        let pod = self.pod(init.collect(), containers, false);
        let is_backed_up = app.backup.given() == Some(&AppBackup::Volumes);
        let wanted = app.storage.iter().filter(|volume| volume.value.claim().is_some_and(|own| own.backup.is_on()));
        let wanted: Vec<PartName> = wanted.map(|volume| (&volume.name.value).into()).collect();
        let claims = pod.volumes.iter().filter(|volume| wanted.contains(&volume.name));
        Some(Pod {
            service_account: app.service_account.as_ref().map(|_| self.name.into()),
            backup: claims.filter(|_| is_backed_up).map(|volume| volume.name.clone()).collect(),
            stop_seconds: app.stop_seconds.given().map(|seconds| seconds.get()),
            host_network: app.host_network.is_on(),
            supplemental_groups: if app.gpu.is_on() { vec![RENDER_GROUP] } else { Vec::new() },
            spread: (app.replicas.get().get() > 1).then(|| self.name.into()),
            ..pod
        })
    }

    /// The driver of the GPUs of the nodes that may run the app. They have the same; a rule checks it.
    fn gpu_driver(&self) -> GpuDriver {
        let nodes = candidates(self.app, self.context.cluster);
        let driver = nodes.iter().find_map(|node| gpu_driver(&node.value, self.context.spec));
        driver.unwrap_or_else(|| *DriverOfGpu::value())
    }

    /// The pod of a CronJob.
    pub(crate) fn job(&self, job: &Entry<Job>) -> Pod {
        self.pod(Vec::new(), vec![self.helper(&job.into())], true)
    }

    fn pod(&self, init: Vec<Container>, containers: Vec<Container>, ends: bool) -> Pod {
        let app = self.app;
        let security = app.security.given().cloned().unwrap_or_default();
        let is_mounted = |name: &PartName| {
            init.iter().chain(&containers).any(|container| container.mounts.iter().any(|mount| mount.volume == *name))
        };
        let files = PodVolume { name: FILES.into(), source: VolumeSource::Files(files_of(self.name)) };
        let secrets = PodVolume { name: SECRETS.into(), source: VolumeSource::Secret(files_of(self.name)) };
        let tmp = PodVolume { name: TMP.into(), source: VolumeSource::Memory(true) };
        let volumes = app.storage.iter().filter_map(|volume| self.volume(volume)).chain([files, secrets, tmp]);
        Pod {
            service_account: None,
            backup: Vec::new(),
            stop_seconds: None,
            host_network: false,
            node_selector: self.node_selector(),
            root: security.root.is_on(),
            user: security.user.given().map(|id| id.get()),
            group: security.group.given().map(|id| id.get()),
            supplemental_groups: Vec::new(),
            spread: None,
            volumes: volumes.filter(|volume| is_mounted(&volume.name)).collect(),
            init,
            containers,
            ends,
        }
    }

    fn main_container(&self, parts: &Parts<'_>) -> Container {
        let app = self.app;
        let mut container = self.container(parts);
        container.ports = ports(app);
        container.probes = probes(app.probe.as_ref(), &container.ports, app.https.is_on());
        let storage = app.storage.iter().filter_map(|volume| Some(mount(volume, &app.mount(volume)?.value)));
        let files = app.files.iter().filter_map(|file| Some(mount_file(file, &file.value.path()?.value)));
        container.mounts.splice(0..0, storage.chain(files));
        container
    }

    /// The sidecars that start at a point.
    fn sidecars(&self, start: SidecarStart) -> impl Iterator<Item = Container> {
        let sidecars = self.app.sidecars.iter().filter(move |sidecar| *sidecar.value.start.get() == start);
        sidecars.map(move |sidecar| self.sidecar(sidecar, start != SidecarStart::WithApp))
    }

    fn sidecar(&self, sidecar: &Entry<Sidecar>, is_native: bool) -> Container {
        let mut container = self.helper(&sidecar.into());
        let port = sidecar.value.port.as_ref();
        let own = port.iter().map(|port| ServicePort::tcp(port_name(&sidecar.name), port.get(), port.get()));
        container.restarts = is_native;
        container.ports = own.chain(service_ports(&sidecar.value.ports)).collect();
        container.probes = probes(sidecar.value.probe.as_ref(), &container.ports, false);
        container
    }

    /// An init container, a sidecar, or the container of a job.
    fn helper(&self, parts: &Parts<'_>) -> Container {
        let mut container = self.container(parts);
        let mounted = parts.mounts.into_iter().flat_map(|mounts| mounts.iter()).filter_map(|entry| {
            let (name, path) = (entry.name.as_str(), &entry.value.value);
            let volume = self.app.storage.get(name).map(|volume| mount(volume, path));
            volume.or_else(|| Some(mount_file(self.app.files.get(name)?, path)))
        });
        container.mounts.splice(0..0, mounted);
        // Users and groups are those of its pod, unless it sets its own.
        let own = parts.security.map(|own| own.value.clone()).unwrap_or_default();
        let pod = self.app.security.as_ref().is_some_and(|security| security.root.is_on());
        let root = own.root.given().copied().unwrap_or(pod && parts.security.is_none());
        container.root = (root != pod).then_some(root);
        // A user or group of the pod would also apply to a container that starts as root.
        let of_pod = self.app.security.given().filter(|_| root && !pod);
        let instead = |is_set: bool| is_set.then_some(ROOT);
        let user = own.user.given().map(|id| id.get());
        let group = own.group.given().map(|id| id.get());
        container.user = user.or_else(|| instead(of_pod?.user.is_some()));
        container.group = group.or_else(|| instead(of_pod?.group.is_some()));
        container
    }

    fn container(&self, parts: &Parts<'_>) -> Container {
        // The app's image needs the same environment and rights in every container.
        let inherited = parts.name.filter(|_| parts.image.is_none()).map(|_| self.app);
        let security = parts.security.or(inherited.and_then(|app| app.security.as_ref()));
        let security = security.map(|security| security.value.clone()).unwrap_or_default();
        let amounts = parts.resources.cloned().unwrap_or_default().amounts(&CONTAINER);
        let read_only = security.read_only.is_on();
        let tmp = Mount { volume: TMP.into(), path: MountPath::known("/tmp"), part: None, read_only: false };
        let name = parts.name.map(|name| &name.value);
        let image = &self.images[&name.filter(|_| parts.image.is_some())];
        let of_app = inherited.iter().flat_map(|app| &app.env).filter(|(name, _)| !parts.env.contains_key(name));
        Container {
            name: name.unwrap_or(self.name).into(),
            image: image.text.clone(),
            policy: image.update.as_ref().map(|update| update.policy.clone()),
            restarts: false,
            command: parts.command.to_vec(),
            args: parts.args.to_vec(),
            env: of_app
                .filter_map(|(name, value)| self.env(None, name, value))
                .chain(parts.env.iter().filter_map(|(variable, value)| self.env(name, variable, value)))
                .chain(self.time_zone(parts, inherited))
                .collect(),
            ports: Vec::new(),
            probes: Vec::new(),
            requests: amounts.requests,
            limits: amounts.limits,
            read_only,
            privileged: parts.security.is_some_and(|own| own.privileged.is_on()),
            root: None,
            user: None,
            group: None,
            capabilities: capabilities(&security),
            mounts: if read_only { vec![tmp] } else { Vec::new() },
        }
    }

    /// The time zone of the lab, unless the container sets its own.
    fn time_zone(&self, parts: &Parts<'_>, inherited: Option<&ContainerApp>) -> Option<Env> {
        let zone = self.context.spec.lab.timezone.given()?;
        let name = EnvName::known(TIME_ZONE);
        let is_set = parts.env.contains_key(&name) || inherited.is_some_and(|app| app.env.contains_key(&name));
        (!is_set).then(|| Env { name, value: EnvText::Text(zone.to_string()) })
    }

    /// A volume; none if it is on unknown storage, which is reported elsewhere.
    fn volume(&self, volume: &Entry<Volume>) -> Option<PodVolume> {
        let source = match &volume.value {
            Volume::Claim(_) => VolumeSource::Claim(self.claim_name(volume)),
            Volume::Nfs(share) => {
                let share_ref = &share.nfs.value;
                let storage = &self.context.spec.storage.get(share_ref.storage.as_str())?.value;
                let exported = storage.export()?;
                VolumeSource::Nfs {
                    server: storage.address().value,
                    path: format!("{}/{}", exported.value, share_ref.path).into(),
                    read_only: share.read_only.is_on(),
                }
            }
            Volume::Folder(folder) => VolumeSource::Folder {
                claim: folder_claim(self.name, &folder.folder.value),
                read_only: folder.read_only.is_on(),
            },
            Volume::Scratch(scratch) => VolumeSource::Scratch {
                size: scratch.scratch.quantity(),
                in_memory: *scratch.medium.get() == Medium::Memory,
            },
            Volume::Device(device) => {
                VolumeSource::Device { path: device.device.value.clone(), kind: device_kind(device.device.as_str()) }
            }
        };
        Some(PodVolume { name: (&volume.name.value).into(), source })
    }

    fn claim_name(&self, volume: &Entry<Volume>) -> ObjectName {
        format!("{}-{}", self.name, volume.claim_name().value).into()
    }

    /// The app's PersistentVolumeClaims.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let claim = |volume: &Entry<Volume>| {
            let own = volume.value.claim()?;
            Some(Claim {
                volume: (&volume.name.value).into(),
                name: self.claim_name(volume),
                size: own.size.quantity(),
                class: own.class.as_ref().map_or_else(|| default_class(self.context), |class| class.value.clone()),
                shared: own.shared.is_on(),
                place: volume.name.span,
            })
        };
        self.app.storage.iter().filter_map(claim).collect()
    }

    /// The folders of hosts that the app mounts.
    pub(crate) fn folders(&self) -> BTreeMap<&Name, Folder> {
        let volumes = self.app.storage.iter().filter_map(|volume| Some((volume, volume.value.folder()?)));
        let folder = |(volume, own): (&Entry<Volume>, &spec::FolderVolume)| Folder {
            claim: folder_claim(self.name, &own.folder.value),
            path: format!("{READY_FOLDERS}/{}", own.folder.value).into(),
            label: format!("{FOLDER_LABEL}{}", own.folder.value),
            place: volume.name.span,
        };
        volumes.map(|(volume, own)| (&own.folder.value, folder((volume, own)))).collect()
    }

    /// The node labels of the spec. An app with devices is also bound to the first node that meets its constraints.
    fn node_selector(&self) -> Vec<(LabelKey, LabelValue)> {
        let app = self.app;
        let mut labels: Vec<_> = app.nodes.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect();
        let has_device = app.storage.iter().any(|volume| volume.value.device().is_some());
        if has_device
            && labels.iter().all(|(key, _)| key.as_str() != HOSTNAME_LABEL)
            && let Some(node) = candidates(app, self.context.cluster).first()
        {
            labels.push((LabelKey::known(HOSTNAME_LABEL), LabelValue::from(&node.name.value)));
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
        Some(Env { name: name.clone(), value })
    }
}

/// The name of the app's main port.
pub(crate) const MAIN_PORT: &str = "http";
/// The number of the app's main port in its Service.
pub(crate) const SERVED_PORT: u16 = 80;
/// The variable with the time zone.
const TIME_ZONE: &str = "TZ";
/// The ID of the user and of the group root.
const ROOT: u32 = 0;
/// The volume with the app's files.
const FILES: &str = "files";
/// The volume with the app's files that are secrets.
const SECRETS: &str = "secret-files";
/// The volume at `/tmp` of containers with a read-only root file system.
const TMP: &str = "tmp";

/// The names of volumes that the generator adds.
pub(crate) const OWN_VOLUMES: [&str; 3] = [TMP, FILES, SECRETS];

/// The name of the claim of a folder, and of its volume. No claim of another volume has a dot in its name.
fn folder_claim(app: &Name, folder: &Name) -> ObjectName {
    format!("{app}.{folder}").into()
}

/// The key of a variable in the app's Secret. Init containers, sidecars and jobs may set a variable of the same
/// name to another value.
pub(crate) fn secret_key(helper: Option<&Name>, name: &EnvName) -> DataKey {
    helper.map_or_else(|| name.into(), |helper| format!("{helper}.{name}").into())
}

/// Shortens a name to the 15 characters that a port name may have.
pub(crate) fn port_name(name: &Name) -> PortName {
    name.as_str().chars().take(15).collect::<String>().trim_end_matches('-').to_owned().into()
}

fn ports(app: &ContainerApp) -> Vec<ServicePort> {
    let http = app.port.iter().map(|port| ServicePort::tcp(MAIN_PORT, port.get(), SERVED_PORT));
    http.chain(service_ports(app.ports.iter().filter(|port| !app.is_main_port(&port.value)))).collect()
}

/// Returns the ports of a Service for ports of the spec.
pub(crate) fn service_ports<'a>(ports: impl IntoIterator<Item = &'a Entry<Port>>) -> impl Iterator<Item = ServicePort> {
    ports.into_iter().map(|port| ServicePort {
        name: port_name(&port.name),
        target: port_name(&port.name),
        port: port.value.port.get(),
        served: port.value.port.get(),
        protocol: *port.value.protocol.get(),
    })
}

/// Returns the ports at the address of an app on the LAN.
pub(crate) fn lan_ports(app: &ContainerApp) -> Vec<ServicePort> {
    let of_lan: Vec<_> = app.other_ports().filter(|port| port.value.lan.is_some()).collect();
    let ports = service_ports(of_lan.iter().copied()).zip(&of_lan).map(|(port, of_spec)| ServicePort {
        served: of_spec.value.number_on_lan().get(),
        target: if app.is_main_port(&of_spec.value) { MAIN_PORT.into() } else { port.target },
        ..port
    });
    ports.collect()
}

/// The port of an app's pod that serves its metrics; none if it has no such port for TCP.
pub(crate) fn metrics_port(app: &ContainerApp, metrics: &Metrics) -> Option<PortName> {
    let Some(name) = &metrics.port else { return app.port.as_ref().map(|_| MAIN_PORT.into()) };
    let mut ports = app.other_ports().filter(|port| *port.value.protocol.get() == Protocol::Tcp);
    if let Some(port) = ports.find(|port| port.name.as_str() == name.as_str()) {
        return Some(if app.is_main_port(&port.value) { MAIN_PORT.into() } else { port_name(&port.name) });
    }
    let sidecar = app.sidecars.get(name.as_str()).filter(|sidecar| sidecar.value.port.is_some())?;
    Some(port_name(&sidecar.name))
}

/// The ports of an app that the LAN reaches directly, as text.
pub(crate) fn shown_ports(app: &ContainerApp) -> Vec<LanPort> {
    let address = app.other_ports().find_map(|port| port.value.lan.as_ref());
    let of_lan = lan_ports(app).into_iter().zip(std::iter::repeat(address));
    let of_lan = of_lan.filter_map(|(port, address)| {
        Some(LanPort { address: Some(address?.value), port: port.served, protocol: port.protocol })
    });
    let of_node = ports(app).into_iter().filter(|_| app.host_network.is_on());
    let of_node = of_node.map(|port| LanPort { address: None, port: port.port, protocol: port.protocol });
    of_lan.chain(of_node).collect()
}

/// The probes of a container. By default, they connect to its first TCP port.
fn probes(probe: Option<&spec::Probe>, ports: &[ServicePort], https: bool) -> Vec<Probe> {
    let port = ports.iter().find(|port| port.protocol == Protocol::Tcp).map(|port| port.name.clone());
    let check = match probe {
        Some(spec::Probe::Command(probe)) => {
            Some(Check::Command(probe.command.iter().map(|word| word.value.clone()).collect()))
        }
        Some(spec::Probe::Http(probe)) => port.map(|port| Check::Http { path: probe.path.value.clone(), port, https }),
        Some(spec::Probe::Tcp(_)) | None => port.map(Check::Tcp),
    };
    let seconds = probe.map_or_else(|| StartupSeconds::value().get(), spec::Probe::startup_seconds);
    check.map(|check| Probe::all(&check, seconds)).unwrap_or_default()
}

/// The type of a `hostPath` volume for a device: the kubelet starts no pod if the file is of another.
fn device_kind(path: &str) -> &'static str {
    if is_device_folder(path) {
        "Directory"
    } else if is_block_device(path) {
        "BlockDevice"
    } else {
        "CharDevice"
    }
}

fn mount(volume: &Entry<Volume>, path: &MountPath) -> Mount {
    let read_only = volume.value.is_read_only();
    Mount { volume: (&volume.name.value).into(), path: path.clone(), part: None, read_only }
}

fn mount_file(file: &Entry<AppFile>, path: &MountPath) -> Mount {
    let volume = if file.value.secret().is_some() { SECRETS } else { FILES };
    Mount { volume: volume.into(), path: path.clone(), part: Some((&file.name.value).into()), read_only: true }
}

/// Returns the strictest level of the Pod Security Standards that admits all pods of an app.
pub(crate) fn security_level<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> PodSecurity {
    pods.into_iter().map(level).max().unwrap_or(PodSecurity::Restricted)
}

fn level(pod: &Pod) -> PodSecurity {
    let containers = || pod.init.iter().chain(&pod.containers);
    let has_device = pod.volumes.iter().any(|volume| matches!(volume.source, VolumeSource::Device { .. }));
    let is_privileged = |container: &Container| container.privileged;
    if pod.host_network || has_device || containers().any(is_privileged) {
        return PodSecurity::Privileged;
    }
    let mounts_nfs = pod.volumes.iter().any(|volume| matches!(volume.source, VolumeSource::Nfs { .. }));
    let is_root = |container: &Container| container.root.unwrap_or(pod.root);
    let base = if mounts_nfs || containers().any(is_root) { PodSecurity::Baseline } else { PodSecurity::Restricted };
    let kept = containers().flat_map(|container| &container.capabilities).map(|capability| capability.pod_security());
    kept.max().map_or(base, |kept| kept.max(base))
}

fn capabilities(security: &Security) -> Vec<LinuxCapability> {
    let mut kept: Vec<_> = security.capabilities.iter().map(|capability| capability.value).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// A value of the app's Secret, which has one for each secret variable of each container.
pub(crate) struct SecretValue {
    /// The key.
    pub(crate) key: DataKey,
    /// The key of the store that holds its value.
    pub(crate) stored: model::StoreKey,
    /// If the value is part of a longer text: that text, as a Go template over the keys.
    pub(crate) text: Option<String>,
}

impl SecretValue {
    /// Returns the value that a variable reads from the store, if any.
    pub(crate) fn of(
        helper: Option<&Name>,
        name: &EnvName,
        value: &EnvValue,
        context: &Context<'_>,
        access: Option<&DatabaseAccess>,
    ) -> Option<Self> {
        let key = secret_key(helper, name);
        match value {
            EnvValue::From(EnvSource::Secret(secret)) => {
                Some(Self { key, stored: context.stored(&secret.value), text: None })
            }
            EnvValue::From(EnvSource::Database(field)) if field.is_secret() => {
                let access = access?;
                let text = (field.value == DatabaseField::Url).then(|| access.url(key.as_str()));
                Some(Self { key, stored: context.stored(&access.password), text })
            }
            EnvValue::From(EnvSource::Database(_)) | EnvValue::Text(_) => None,
        }
    }
}
