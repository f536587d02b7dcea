//! Volumes on network storage, by the driver that fits its kind: Synology CSI makes shared folders of a DiskStation,
//! csi-driver-nfs makes folders in an export of any NFS server.

mod csi_driver_nfs;
mod synology_csi;

use crate::component::{Component, Context};
use crate::network::Closed;
use crate::usage;
use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use model::contract::LOCAL_CLASS;
use model::{Template, Unit, Use};
use spec::platform::NetworkVolumes;
use spec::types::{Ipv4, MountPath, Name};
use spec::{DefaultClass, Dsm, Entry, Spec, Storage};

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[
    csi_driver_nfs::CLUSTER_ROLE,
    csi_driver_nfs::POST_RENDER,
    csi_driver_nfs::ROLE,
    csi_driver_nfs::STORAGE_CLASS,
    csi_driver_nfs::VALUES,
    synology_csi::POST_RENDER,
    synology_csi::VALUES,
];

/// Network storage on which a driver creates volumes.
struct Source<'a> {
    name: &'a Name,
    address: Ipv4,
    driver: Driver<'a>,
}

/// The driver of a [`Source`], with what it needs to know.
enum Driver<'a> {
    /// Synology CSI: the account, and the volume that holds the shared folders.
    Synology { dsm: &'a Dsm, location: &'a MountPath },
    /// csi-driver-nfs: the export that holds the folders.
    Nfs { share: &'a MountPath },
}

/// The kind of a [`Driver`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum DriverKind {
    Synology,
    Nfs,
}

impl<'a> Source<'a> {
    fn of(storage: &'a Entry<Storage>) -> Option<Self> {
        let driver = match &storage.value {
            Storage::Synology(nas) => Driver::Synology { dsm: nas.dsm.as_ref()?, location: &nas.nfs.as_ref()?.value },
            Storage::Nfs(server) => Driver::Nfs { share: &server.volumes.as_ref()?.value },
        };
        Some(Self { name: &storage.name.value, address: storage.value.address().value, driver })
    }

    fn kind(&self) -> DriverKind {
        match self.driver {
            Driver::Synology { .. } => DriverKind::Synology,
            Driver::Nfs { .. } => DriverKind::Nfs,
        }
    }

    /// Its storage classes: of volumes that are kept when their claim is deleted, and of those that are deleted with it.
    fn classes(&self) -> [Name; 2] {
        let prefix = match self.driver {
            Driver::Synology { .. } => "synology-csi-nfs-",
            Driver::Nfs { .. } => "nfs-",
        };
        ["-retain", "-delete"].map(|reclaim| self.name.between(prefix, reclaim))
    }
}

fn sources(spec: &Spec) -> impl Iterator<Item = Source<'_>> {
    spec.storage.iter().filter_map(Source::of)
}

/// The storage whose drivers a cluster has. If the lab has several kinds, those that it may use: a driver holds
/// credentials and permissions.
fn installed<'a>(context: &Context<'a>) -> Vec<Source<'a>> {
    let default = default_class(context);
    let is_used = |kind: DriverKind| {
        let classes: Vec<Name> =
            sources(context.spec).filter(|of| of.kind() == kind).flat_map(|of| of.classes()).collect();
        classes.contains(&default) || usage::has_volumes_of(&classes, context)
    };
    let used: Vec<_> = [DriverKind::Synology, DriverKind::Nfs].into_iter().filter(|kind| is_used(*kind)).collect();
    sources(context.spec).filter(|of| used.is_empty() || used.contains(&of.kind())).collect()
}

/// The storage classes of a cluster: `local-path` of k3s, and those of network storage.
pub fn classes(context: &Context<'_>) -> Vec<Name> {
    let sources = context.get::<NetworkVolumes>().into_iter().flat_map(|_| sources(context.spec));
    [local_class()].into_iter().chain(sources.flat_map(|of| of.classes())).collect()
}

/// The storage classes of all network storage.
pub(crate) fn network_classes(spec: &Spec) -> Vec<Name> {
    sources(spec).flat_map(|of| of.classes()).collect()
}

/// Whether volumes of a class are NFS shares of network storage.
pub fn is_nfs(class: &Name, context: &Context<'_>) -> bool {
    network_classes(context.spec).contains(class)
}

/// Whether a cluster has the ports of csi-driver-nfs on its nodes.
pub fn has_nfs_driver(context: &Context<'_>) -> bool {
    has_driver(DriverKind::Nfs, context)
}

/// The network storage that has the volumes of a class; none for the disks of nodes.
pub fn storage_of(class: &Name, context: &Context<'_>) -> Option<Name> {
    sources(context.spec).find(|of| of.classes().contains(class)).map(|of| of.name.clone())
}

/// Whether the driver of a cluster has a credential.
pub(crate) fn reads_secrets(context: &Context<'_>) -> bool {
    has_driver(DriverKind::Synology, context)
}

fn has_driver(kind: DriverKind, context: &Context<'_>) -> bool {
    context.get::<NetworkVolumes>().is_some() && installed(context).iter().any(|of| of.kind() == kind)
}

fn local_class() -> Name {
    Name::known(LOCAL_CLASS)
}

/// The storage class of volumes that set none.
pub fn default_class(context: &Context<'_>) -> Name {
    context.get::<NetworkVolumes>().map_or_else(local_class, |volumes| chosen_class(volumes, context))
}

fn chosen_class(volumes: &NetworkVolumes, context: &Context<'_>) -> Name {
    let is_chosen = |of: &Source<'_>| volumes.default_storage.as_ref().is_none_or(|chosen| chosen.value == *of.name);
    let first = sources(context.spec).find(is_chosen).map(|of| of.classes());
    match (volumes.default_class.get(), first) {
        (DefaultClass::NfsRetain, Some([retain, _])) => retain,
        (DefaultClass::NfsDelete, Some([_, delete])) => delete,
        (DefaultClass::LocalPath | DefaultClass::NfsRetain | DefaultClass::NfsDelete, _) => local_class(),
    }
}

/// Checks the storage of the default class: it has storage classes, and the default class is one of them.
fn check_default(volumes: &NetworkVolumes, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let Some(chosen) = &volumes.default_storage else { return };
    if *volumes.default_class.get() == DefaultClass::LocalPath {
        let message = "`default-storage` has no effect: the default class is `local-path`";
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, chosen.span, message);
        diagnostics.push(diagnostic.help("add `default-class: nfs-retain` or `nfs-delete`, or remove the field"));
    }
    if sources(context.spec).any(|of| *of.name == chosen.value) || !context.spec.storage.is_complete() {
        return;
    }
    let known: Vec<_> = sources(context.spec).map(|of| of.name.as_str()).collect();
    let message = format!("no `storage` with storage classes has the name `{}`", chosen.value);
    let help = match did_you_mean(chosen.as_str(), known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("available storage: {}", known.join(", ")),
    };
    diagnostics.push(Diagnostic::new(Code::UnknownReference, chosen.span, message).help(help));
}

/// Reports options for the chart of a driver that the cluster does not have.
fn check_options(volumes: &NetworkVolumes, installed: &[Source<'_>], span: Span, diagnostics: &mut Diagnostics) {
    let version = |given: &Option<spec::Spanned<spec::types::Version>>| given.as_ref().map(|version| version.span);
    let fields = [
        ("version", DriverKind::Synology, version(&volumes.version)),
        ("values", DriverKind::Synology, (!volumes.values.is_empty()).then_some(span)),
        ("nfs-version", DriverKind::Nfs, version(&volumes.nfs_version)),
        ("nfs-values", DriverKind::Nfs, (!volumes.nfs_values.is_empty()).then_some(span)),
    ];
    for (field, kind, place) in fields {
        let Some(place) = place.filter(|_| installed.iter().all(|of| of.kind() != kind)) else { continue };
        let (own, other) = match kind {
            DriverKind::Synology => ("Synology CSI", format!("`nfs-{field}` sets that of csi-driver-nfs")),
            DriverKind::Nfs => {
                ("csi-driver-nfs", format!("`{}` sets that of Synology CSI", field.trim_start_matches("nfs-")))
            }
        };
        let message = format!("`{field}` has no effect: the cluster does not have {own}");
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, place, message).of_absence();
        diagnostics.push(diagnostic.help(format!("remove `{field}`; {other}")));
    }
}

impl Component for NetworkVolumes {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = sources(context.spec).next().is_some();
        (!is_configured).then_some(
            "to an entry of `storage`, add `nfs: VOLUME` and `dsm: { username: ENTRY/KEY, password: ENTRY/KEY }` if its \
             kind is `synology`, or `volumes: EXPORT` if it is `nfs`",
        )
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::has_network_volumes(context)
    }

    fn uses(&self, context: &Context<'_>) -> Vec<Use> {
        let sources = installed(context).into_iter();
        sources.map(|of| Use::Storage { storage: of.name.clone(), classes: of.classes().to_vec() }).collect()
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        let installed = installed(context);
        check_default(self, context, diagnostics);
        check_options(self, &installed, span, diagnostics);
        let default = chosen_class(self, context);
        let mut units = synology_csi::units(self, &installed, &default, context, span);
        units.extend(csi_driver_nfs::unit(self, &installed, &default, context));
        units
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let installed = installed(context);
        let has = |kind: DriverKind| installed.iter().any(|of| of.kind() == kind);
        let namespaces =
            [(DriverKind::Synology, synology_csi::NAMESPACE), (DriverKind::Nfs, csi_driver_nfs::NAMESPACE)];
        namespaces.into_iter().filter(|(kind, _)| has(*kind)).map(|(_, name)| Closed::new(name, [])).collect()
    }
}
