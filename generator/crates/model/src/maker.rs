//! What makes units: a component of the platform, an app, the manifests of a cluster.

use crate::exposure::Exposure;
use crate::image::ImageUpdate;
use crate::unit::{Origin, Unit};
use diagnostic::Diagnostics;
use spec::types::{ImageRepository, Name, RepoPath};
use spec::{Patch, Spanned};

/// A maker of units.
pub trait Maker {
    /// What it is.
    fn origin(&self) -> Origin;

    /// What it adds to its cluster.
    fn make(&self, faults: &mut Diagnostics) -> Contribution;

    /// Files of the user's that go to its last unit.
    fn manifests(&self) -> &[Spanned<RepoPath>];

    /// Changes that the user makes to its objects.
    fn patches(&self) -> &[Patch];
}

/// What a maker adds to its cluster.
#[derive(Debug, Default)]
pub struct Contribution {
    /// Its units, in the order in which they are applied.
    pub units: Vec<Unit>,
    /// What people use of it.
    pub interfaces: Vec<Interface>,
    /// How Flux's image automation moves its image.
    pub update: Option<ImageUpdate>,
}

/// Something that people use: an app, or a part of the platform.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// How it is reached from outside the cluster.
    pub exposure: Option<Exposure>,
    /// The images that it runs.
    pub images: Vec<ImageRepository>,
    /// The chart that installs it, with its version.
    pub chart: Option<String>,
}
