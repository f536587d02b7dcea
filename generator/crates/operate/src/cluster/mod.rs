//! The state of a cluster, from what kubectl and systemd print.

mod access;
mod finding;
mod node;
mod object;
mod service;
mod state;
mod text;
mod unit;
mod view;

pub use crate::time::duration;
pub use access::{
    Access, KINDS, Reading, known_kinds, list_kinds, machine, objects, read_cluster, read_node, read_objects,
    read_warnings,
};
pub use node::{NodeState, NodeView, node_is_ready};
pub use service::{Service, Services};
pub use state::Urgency;
pub use text::names;
pub use unit::{UnitState, UnitView};
pub use view::{Cause, Git, SourceView, Verdict, View};
