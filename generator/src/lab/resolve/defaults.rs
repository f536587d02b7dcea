//! What a spec leaves open.

use crate::spec::Role;
use crate::spec::types::Size;

pub(crate) const CORES: u32 = 2;
pub(crate) const ROLE: Role = Role::Server;
pub(crate) const K3S_VERSION: &str = "1.35";
pub(crate) const STARTUP_SECONDS: u32 = 300;
pub(crate) const CPU: &str = "50m";
pub(crate) const REQUESTED_MEMORY: &str = "128Mi";
pub(crate) const MOST_MEMORY: &str = "512Mi";

pub(crate) fn memory() -> Size {
    Size::from_bytes(4 << 30)
}

pub(crate) fn disk() -> Size {
    Size::from_bytes(32 << 30)
}
