//! Files of the repository that a spec names. They are read at the I/O boundary and given to the stages.

use std::collections::BTreeMap;

/// The files that a spec names, by path.
pub type Files = BTreeMap<String, File>;

/// A file's content, or why there is none.
pub type File = Result<Vec<u8>, Problem>;

/// Why a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no such file, or it cannot be read; with the system's reason.
    Unreadable(String),
    /// A symbolic link leads out of the repository.
    OutsideRoot,
}
