//! What a spec leaves open.

use super::super::app::DefaultAmounts;
use crate::spec::Role;
use crate::spec::types::Size;

pub(crate) const CORES: u32 = 2;
pub(crate) const ROLE: Role = Role::Server;
pub(crate) const K3S_VERSION: &str = "1.35";
pub(crate) const STARTUP_SECONDS: u32 = 300;
/// What each container of an app is given.
pub(crate) const CONTAINER: DefaultAmounts = DefaultAmounts { cpu: "50m", memory: "128Mi", most_memory: "512Mi" };

pub(crate) fn memory() -> Size {
    Size::from_bytes(4 << 30)
}

pub(crate) fn disk() -> Size {
    Size::from_bytes(32 << 30)
}
