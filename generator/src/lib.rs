//! One typed spec file says what a homelab is; this library writes all that follows from it.
//!
//! Data goes one way, and the modules are the stages it goes through:
//!
//! ```text
//! text ──spec──► Spec ──lab──► Lab ──render──► pages ──tree──► Tree ──tree::sync──► disk
//! ```
//!
//! [`diagnostic`], [`yaml`] and [`nix`] are what the stages share: faults with places, and the
//! readers and printers of the two languages. [`platform`] holds a folder per platform component.
//! ARCHITECTURE.md in the repository tells the rest.

pub use {diagnostic, nix, yaml};

pub mod cli;
pub mod lab;
pub mod platform;
pub mod render;
pub mod spec;
pub mod tree;
