//! The data model of a lab: its nodes, its clusters, and the units that Flux applies.
//!
//! Components of the platform and apps make *units*, `resolve` puts them in order, and `render` prints them.

pub mod contract;

mod amounts;
mod capability;
mod disk;
mod exposure;
mod files;
mod fingerprint;
mod flow;
mod health;
mod image;
mod lab;
mod maker;
mod names;
mod network;
mod object;
mod secret;
mod unit;

pub use amounts::{Amount, Amounts, WithDefaults};
pub use capability::{Capability, Need, Strength};
pub use disk::{DiskFile, DiskReader, DiskSecret, DiskValue};
pub use exposure::{AccessPolicy, Admitted, Annotation, Exposure, Guard, Guarded, SignInContent, SignInObject, Tls};
pub use files::{File, Files, Problem};
pub use fingerprint::fingerprint;
pub use flow::{DatabaseUse, Flow, Part, Service, Use, VolumePlace, VolumeUse};
pub use health::HealthExpression;
pub use image::ImageUpdate;
pub use lab::*;
pub use maker::{Contribution, Interface, LanPort, Maker};
pub use names::*;
pub use network::{Label, NetworkPolicy, Passage, Peer, PolicyPort, PortOfPod};
pub use object::{
    Chart, ChartSource, Content, Context, Copied, Manifest, ObjectId, PodContainers, Release, Source, Template,
    Variables,
};
pub use secret::{ExternalSecret, RemoteRef, StoreKey};
pub use unit::{Bound, Encrypted, Namespace, Origin, Patch, Unit};
