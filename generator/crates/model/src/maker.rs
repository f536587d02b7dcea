//! Makers of units: components of the platform, apps, and the manifests of a cluster.

use crate::exposure::Exposure;
use crate::flow::Flow;
use crate::image::ImageUpdate;
use crate::unit::{Origin, Unit};
use diagnostic::{Diagnostics, Span};
use spec::types::{ImageRepository, Ipv4, Name, RepoPath};
use spec::{Patch, Protocol, Spanned};

/// A maker of units.
pub trait Maker {
    /// Returns what kind of maker it is.
    fn origin(&self) -> Origin;

    /// Returns the place of the spec that describes it.
    fn place(&self) -> Span;

    /// Returns what it adds to its cluster.
    fn make(&self, diagnostics: &mut Diagnostics) -> Contribution;

    /// Returns manifests of the user, which are added to its last unit.
    fn manifests(&self) -> &[Spanned<RepoPath>];

    /// Returns patches of the user to its objects.
    fn patches(&self) -> &[Patch];
}

/// What a maker adds to its cluster.
#[derive(Debug, Default)]
pub struct Contribution {
    /// Its units, in the order in which they are applied.
    pub units: Vec<Unit>,
    /// What people use of it, with host names.
    pub interfaces: Vec<Interface>,
    /// How Flux's image automation updates its images.
    pub updates: Vec<ImageUpdate>,
}

/// A port that the LAN reaches, for display.
#[derive(Debug)]
pub struct LanPort {
    /// Its load-balancer address. `None` if it is a port of the node on which the app runs.
    pub address: Option<Ipv4>,
    /// Its number.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// Something that people use: an app, or the interface of a component.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: Name,
    /// The name of its objects, if it has another one in the cluster.
    pub object_name: Option<Name>,
    /// What it is for.
    pub description: Option<String>,
    /// How it is exposed outside the cluster.
    pub exposure: Option<Exposure>,
    /// The ports that the LAN reaches, for display.
    pub lan: Vec<LanPort>,
    /// The images that it runs.
    pub images: Vec<ImageRepository>,
    /// The chart that installs it, with its version.
    pub chart: Option<String>,
    /// How requests reach it, and what it uses; only apps have it.
    pub flow: Option<Box<Flow>>,
}
