//! The volumes and files of an app.

use crate::context::{Context, Needs};
use crate::files::{Place, Remark};
use crate::kustomize::shown;
use crate::names::{label, unused};
use crate::piece::{Fields, Piece};
use crate::secrets;
use crate::workload::{Container, Mount, Pod, Source, Volume};
use yaml::Node;

/// Names of volumes that the generator uses itself.
const RESERVED: [&str; 3] = ["tmp", "files", "secret-files"];

/// The size that stands for one that the manifests do not have.
const UNKNOWN_SIZE: &str = "1GiB";

/// A volume or a file, and where containers mount it.
struct Slot {
    name: String,
    volume: String,
    sub_path: Option<String>,
    content: Content,
    /// The container and the path.
    mounts: Vec<(String, String)>,
    read_only: bool,
}

enum Content {
    /// Fields of a volume, with a comment at its first line.
    Volume(Fields, Option<String>),
    Text(String),
    Secret(String),
}

/// The volumes and files of an app.
pub(crate) struct Volumes<'a> {
    namespace: &'a str,
    workload: &'a str,
    context: &'a Context<'a>,
    main: Option<String>,
    slots: Vec<Slot>,
    pub(crate) gpu: bool,
    pub(crate) needs: Needs,
    pub(crate) remarks: Vec<Remark>,
    pub(crate) reasons: Vec<Remark>,
}

impl<'a> Volumes<'a> {
    pub(crate) fn new(namespace: &'a str, workload: &'a str, context: &'a Context<'a>) -> Self {
        Self {
            namespace,
            workload,
            context,
            main: None,
            slots: Vec::new(),
            gpu: false,
            needs: Needs::default(),
            remarks: Vec::new(),
            reasons: Vec::new(),
        }
    }

    /// Adds the volumes of a pod. `main` is the name of the main container of the app.
    pub(crate) fn add(&mut self, pod: &Pod, main: Option<&str>) {
        self.main = main.map(ToOwned::to_owned);
        for container in pod.containers.iter().chain(&pod.init) {
            for mount in &container.mounts {
                match pod.volumes.iter().find(|volume| volume.name == mount.volume) {
                    Some(volume) => self.mount(container, mount, volume),
                    None => self.reason(
                        &mount.at,
                        format!("it mounts the volume `{}`, which it does not have", shown(&mount.volume)),
                    ),
                }
            }
        }
    }

    fn remark(&mut self, at: &Place, text: impl Into<String>) {
        let remark = Remark { at: at.clone(), text: text.into() };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn reason(&mut self, at: &Place, text: impl Into<String>) {
        let reason = Remark { at: at.clone(), text: text.into() };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    fn mount(&mut self, container: &Container, mount: &Mount, volume: &Volume) {
        match &volume.source {
            Source::ConfigMap { name, items, texts, inline } => {
                let map = if *inline { None } else { self.context.objects.find("ConfigMap", self.namespace, name) };
                let data = map.and_then(|map| map.get(&["data"])).map_or(&[][..], Node::entries).iter();
                let data = data.filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned())));
                let texts: Vec<_> = if *inline { texts.clone() } else { data.collect() };
                if texts.is_empty() {
                    let text = format!("the files of the ConfigMap `{}` are not in the manifests", shown(name));
                    self.reason(&volume.at, text);
                }
                let chosen = chosen(texts.iter().map(|(key, _)| key.as_str()), items, mount);
                for (key, path) in chosen {
                    let text = texts.iter().find(|(other, _)| *other == key).map(|(_, text)| text.clone());
                    self.file(container, mount, volume, &key, &path, Content::Text(text.unwrap_or_default()));
                }
            }
            Source::Secret { name, items } => self.secret_files(container, mount, volume, name, items),
            Source::Scratch { .. } if mount.path == "/tmp" && container.security.read_only => {}
            Source::Scratch { .. } if mount.path.contains(' ') => {
                self.remark(
                    &mount.at,
                    format!("not carried over: the scratch space at `{}`, whose path has a space", shown(&mount.path)),
                );
            }
            Source::Host(path) if path.trim_end_matches('/') == "/dev/dri" => {
                self.gpu = true;
                self.remark(&volume.at, "it mounts the devices of a GPU: the spec has `gpu: true` instead");
            }
            Source::Host(path) if path == "/etc/localtime" || path == "/usr/share/zoneinfo" => {
                self.remark(&volume.at, format!("not carried over: `{path}`; the lab sets the time zone as `TZ`"));
            }
            _ => self.volume(container, mount, volume),
        }
    }

    fn secret_files(
        &mut self,
        container: &Container,
        mount: &Mount,
        volume: &Volume,
        name: &str,
        items: &[(String, String)],
    ) {
        let objects = self.context.objects;
        let keys = secrets::keys(objects, self.namespace, name);
        let of_mount = mount.sub_path.clone().filter(|_| items.is_empty()).into_iter().collect::<Vec<_>>();
        let of_items = items.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let keys = keys.unwrap_or(if items.is_empty() { of_mount } else { of_items });
        if keys.is_empty() {
            self.reason(&volume.at, format!("the manifests do not list the files of the Secret `{}`", shown(name)));
        }
        for (key, path) in chosen(keys.iter().map(String::as_str), items, mount) {
            let of_store = secrets::key(objects, self.namespace, name, &key);
            self.needs.secret(&of_store);
            self.file(container, mount, volume, &key, &path, Content::Secret(of_store.reference()));
        }
    }

    fn file(&mut self, container: &Container, mount: &Mount, volume: &Volume, key: &str, path: &str, content: Content) {
        if let Content::Text(text) = &content {
            if self.context.pipeline.is_credential(Some("text"), text) {
                let text = format!(
                    "its file `{}` contains what looks like a credential; move it to the secret store",
                    shown(key)
                );
                self.reason(&volume.at, text);
                return;
            }
            let names = crate::substitute::names(text);
            let shown_names: Vec<_> = names.iter().take(5).map(|name| format!("`${{{name}}}`")).collect();
            if !names.is_empty() {
                let more = if names.len() > 5 { " and others" } else { "" };
                let list = shown_names.join(", ");
                self.remark(
                    &volume.at,
                    format!("the file `{}` contains {list}{more}: set what Flux replaced", shown(key)),
                );
            }
        }
        let content = match content {
            Content::Text(text) => {
                let new = crate::names::with_new_addresses(&text, self.namespace, self.context.services, false);
                if new != text {
                    self.remark(
                        &volume.at,
                        format!("the addresses of Services in `{}` are those of the apps in the lab", shown(key)),
                    );
                }
                for address in crate::names::other_services(&new, self.context.services) {
                    let text = format!(
                        "the file `{}` names `{address}`, which is no app of the lab: set its address",
                        shown(key)
                    );
                    self.remark(&volume.at, text);
                }
                Content::Text(new)
            }
            other => other,
        };
        let name = label(key, 40, "file");
        self.insert(container, mount, volume, &name, Some(key.to_owned()), path, content);
    }

    fn volume(&mut self, container: &Container, mount: &Mount, volume: &Volume) {
        let Some((content, takes_sub_path)) = self.content(mount, volume) else { return };
        let sub_path = mount.sub_path.clone().filter(|_| takes_sub_path);
        let name = match &sub_path {
            Some(path) => label(&format!("{}-{path}", volume.name), 40, "data"),
            None => label(&volume.name, 40, "data"),
        };
        if sub_path.is_some() && !matches!(volume.source, Source::Scratch { .. } | Source::Nfs { .. }) {
            self.remark(&volume.at, "it mounts folders of one claim: each becomes a volume");
        }
        self.insert(container, mount, volume, &name, sub_path, &mount.path, content);
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of a mount")]
    fn insert(
        &mut self,
        container: &Container,
        mount: &Mount,
        volume: &Volume,
        name: &str,
        sub_path: Option<String>,
        path: &str,
        content: Content,
    ) {
        let path = path.trim_end_matches('/').to_owned();
        let is_same = |slot: &&mut Slot| slot.volume == volume.name && slot.sub_path == sub_path;
        let is_claim = matches!(volume.source, Source::Claim(_) | Source::NewClaim { .. });
        let mut same = self.slots.iter_mut().filter(is_same);
        let has_container = |slot: &Slot| slot.mounts.iter().any(|(name, _)| *name == container.name);
        match same.find(|slot| is_claim || !has_container(slot)) {
            Some(slot) if has_container(slot) => {
                if !slot.mounts.contains(&(container.name.clone(), path)) {
                    self.reason(
                        &mount.at,
                        format!("it mounts the claim `{}` at two paths of a container", shown(&volume.name)),
                    );
                }
            }
            Some(slot) => {
                slot.read_only &= mount.read_only;
                slot.mounts.push((container.name.clone(), path));
            }
            None => {
                let taken = |name: &str| RESERVED.contains(&name) || self.slots.iter().any(|slot| slot.name == name);
                let name = if RESERVED.contains(&name) { format!("{name}-data") } else { name.to_owned() };
                let slot = Slot {
                    name: unused(&name, taken),
                    volume: volume.name.clone(),
                    sub_path,
                    content,
                    mounts: vec![(container.name.clone(), path)],
                    read_only: mount.read_only,
                };
                self.slots.push(slot);
            }
        }
    }

    /// The fields of a volume, and whether a folder of it is another volume.
    fn content(&mut self, mount: &Mount, volume: &Volume) -> Option<(Content, bool)> {
        let mut fields = Fields::default();
        let mut comment = None;
        match &volume.source {
            Source::Claim(name) => return self.claim(name, mount, volume),
            Source::NewClaim { size, shared } => self.size(&mut fields, size.as_deref(), *shared, volume, &mut comment),
            Source::Nfs { server, path } => return self.nfs(server, path, mount, volume),
            Source::Scratch { size, memory } => {
                let size = size.as_deref().and_then(size_of);
                let text = size.as_deref().unwrap_or(if *memory { "16MiB" } else { UNKNOWN_SIZE });
                fields.add_noted("scratch", Piece::text(text), size.is_none().then(|| "set: its limit".to_owned()));
                if size.is_none() {
                    self.remark(
                        &volume.at,
                        format!("the scratch space `{}` has no limit: set one", shown(&volume.name)),
                    );
                }
                if *memory {
                    fields.add("medium", Piece::text("memory"));
                }
            }
            Source::Host(path) => return self.host(path, volume),
            Source::Other(kind) => {
                self.reason(
                    &volume.at,
                    format!("its volume `{}` is of the kind `{}`", shown(&volume.name), shown(kind)),
                );
                return None;
            }
            Source::ConfigMap { .. } | Source::Secret { .. } => return None,
        }
        Some((Content::Volume(fields, comment), true))
    }

    /// A claim: as the manifests describe it.
    fn claim(&mut self, name: &str, mount: &Mount, volume: &Volume) -> Option<(Content, bool)> {
        let mut fields = Fields::default();
        let mut comment = None;
        let claim = self.context.objects.find("PersistentVolumeClaim", self.namespace, name);
        let of_volume = claim.and_then(|claim| claim.text(&["spec", "volumeName"])).unwrap_or(name);
        let nfs = self
            .context
            .objects
            .find("PersistentVolume", "", of_volume)
            .and_then(|volume| volume.get(&["spec", "nfs"]));
        if let Some(nfs) = nfs {
            let text = |key| nfs.text_of(key).unwrap_or_default();
            return self.nfs(text("server"), text("path"), mount, volume);
        }
        let owner = self.context.claims.get(&(self.namespace.to_owned(), name.to_owned()));
        if let Some(owner) = owner.filter(|owner| *owner != self.workload) {
            let text = format!(
                "it mounts the claim `{}` of the workload `{}`, and apps cannot share a claim",
                shown(name),
                shown(owner)
            );
            self.reason(&volume.at, text);
        }
        match claim.and_then(|claim| claim.get(&["spec"])) {
            Some(spec) => {
                let size = spec.at(&["resources", "requests", "storage"]).and_then(Node::text);
                let modes = spec.get("accessModes").map_or(&[][..], Node::items);
                let shared = modes.iter().any(|mode| mode.text() == Some("ReadWriteMany"));
                self.size(&mut fields, size, shared, volume, &mut comment);
            }
            None => self.size(&mut fields, None, false, volume, &mut comment),
        }
        Some((Content::Volume(fields, comment), true))
    }

    fn size(
        &mut self,
        fields: &mut Fields,
        size: Option<&str>,
        shared: bool,
        volume: &Volume,
        comment: &mut Option<String>,
    ) {
        let known = size.and_then(size_of);
        fields.add("size", Piece::text(known.as_deref().unwrap_or(UNKNOWN_SIZE)));
        if known.is_none() {
            *comment = Some("set: its size".to_owned());
            self.remark(
                &volume.at,
                format!("the size of the volume `{}` is not in the manifests: set it", shown(&volume.name)),
            );
        }
        if shared {
            self.remark(&volume.at, format!("the volume `{}` was ReadWriteMany: set `shared` and a `class` on network storage if several pods use it", shown(&volume.name)));
        }
    }

    fn nfs(&mut self, server: &str, path: &str, mount: &Mount, volume: &Volume) -> Option<(Content, bool)> {
        let path = match &mount.sub_path {
            Some(sub_path) => format!("{path}/{sub_path}"),
            None => path.to_owned(),
        };
        let Some((storage, folder)) = self.context.storages.find(server, &path) else {
            let text = format!(
                "it mounts `{}` of an NFS server: in the spec, all mounts are folders below one exported folder",
                shown(&path)
            );
            self.reason(&volume.at, text);
            return None;
        };
        self.needs.storages.insert(storage.name.clone());
        let mut fields = Fields::default();
        fields.add("nfs", Piece::text(format!("{}/{folder}", storage.name)));
        Some((Content::Volume(fields, None), true))
    }

    fn host(&mut self, path: &str, volume: &Volume) -> Option<(Content, bool)> {
        let mut fields = Fields::default();
        let path = path.trim_end_matches('/');
        if path.starts_with("/dev/") {
            self.needs.devices.insert(path.to_owned());
            fields.add("device", Piece::text(path));
        } else {
            let name = label(path.rsplit('/').next().unwrap_or_default(), 40, "folder");
            self.needs.folders.insert(name.clone(), path.to_owned());
            fields.add("folder", Piece::text(name));
            self.remark(
                &volume.at,
                format!("it mounts `{}` of its node: add it to `folders` of a host and a node", shown(path)),
            );
        }
        Some((Content::Volume(fields, None), false))
    }

    /// Whether the app has its own volumes.
    pub(crate) fn has_claims(&self) -> bool {
        let is_claim = |slot: &Slot| matches!(&slot.content, Content::Volume(fields, _) if fields.0.iter().any(|entry| entry.key == "size"));
        self.slots.iter().any(is_claim)
    }

    fn own_path<'b>(&self, slot: &'b Slot) -> Option<&'b str> {
        let main = self.main.as_ref()?;
        slot.mounts.iter().find(|(name, _)| name == main).map(|(_, path)| path.as_str())
    }

    /// The files.
    pub(crate) fn files(&self) -> Piece {
        let mut files = Fields::default();
        for slot in &self.slots {
            let mut fields = Fields::default();
            if let Some(path) = self.own_path(slot) {
                fields.add("path", Piece::text(path));
            }
            match &slot.content {
                Content::Text(text) => fields.add("text", Piece::text(text)),
                Content::Secret(key) => fields.add("secret", Piece::text(key)),
                Content::Volume(..) => continue,
            };
            files.add(slot.name.clone(), fields.done());
        }
        files.done()
    }

    /// The volumes. An app that has only jobs mounts none itself.
    pub(crate) fn storage(&self, only_jobs: bool) -> Piece {
        let mut storage = Fields::default();
        for slot in &self.slots {
            let Content::Volume(fields, comment) = &slot.content else { continue };
            let mut fields = fields.clone();
            if let (Some(comment), Some(first)) = (comment, fields.0.first_mut()) {
                first.beside = Some(comment.clone());
            }
            if let Some(path) = self.own_path(slot).filter(|_| !only_jobs) {
                fields.add("mount", Piece::text(path));
            }
            if slot.read_only {
                fields.add("read-only", Piece::yes());
            }
            storage.add(slot.name.clone(), fields.done());
        }
        storage.done()
    }
}

/// The mounts of a container other than the main one.
pub(crate) fn of_sidecar(volumes: &Volumes<'_>, container: &Container) -> Piece {
    let mut fields = Fields::default();
    for slot in &volumes.slots {
        if let Some((_, path)) = slot.mounts.iter().find(|(name, _)| *name == container.name) {
            fields.add(slot.name.clone(), Piece::text(path));
        }
    }
    fields.done()
}

/// The files of a ConfigMap or Secret that a container mounts, each with its path.
fn chosen<'a>(keys: impl Iterator<Item = &'a str>, items: &[(String, String)], mount: &Mount) -> Vec<(String, String)> {
    let keys: Vec<_> = keys.collect();
    let files: Vec<(String, String)> = if items.is_empty() {
        keys.iter().map(|key| ((*key).to_owned(), (*key).to_owned())).collect()
    } else {
        items.iter().filter(|(key, _)| keys.contains(&key.as_str())).cloned().collect()
    };
    match &mount.sub_path {
        Some(sub_path) => {
            let only = files.into_iter().filter(|(_, file)| file == sub_path);
            only.map(|(key, _)| (key, mount.path.clone())).collect()
        }
        None => {
            let folder = mount.path.trim_end_matches('/');
            files.into_iter().map(|(key, file)| (key, format!("{folder}/{file}"))).collect()
        }
    }
}

/// A Kubernetes quantity as a size of the spec. Decimal units are rounded up.
fn size_of(text: &str) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().filter(|number| (1..=999_999).contains(number))?;
    match unit {
        "Ki" | "Mi" | "Gi" | "Ti" => Some(format!("{number}{unit}B")),
        "K" | "k" | "M" | "G" | "T" => {
            let power = match unit {
                "M" => 2,
                "G" => 3,
                "T" => 4,
                _ => 1,
            };
            let bytes = number.checked_mul(1000u64.checked_pow(power)?)?;
            let (size, unit) = if power >= 3 { (1u64 << 30, "GiB") } else { (1u64 << 20, "MiB") };
            Some(format!("{}{unit}", bytes.div_ceil(size)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_sizes() {
        for (text, size) in [
            ("5Gi", Some("5GiB")),
            ("500Mi", Some("500MiB")),
            ("10G", Some("10GiB")),
            ("100M", Some("96MiB")),
            ("${SIZE}", None),
            ("0Gi", None),
            ("1.5Gi", None),
        ] {
            assert_eq!(size_of(text).as_deref(), size, "{text}");
        }
    }
}
