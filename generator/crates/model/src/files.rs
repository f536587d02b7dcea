//! Files of the repository that a spec refers to. The caller reads them, so that the stages do no I/O.

use std::collections::BTreeMap;

/// The files that a spec refers to, by path.
pub type Files = BTreeMap<String, File>;

/// The content of a file, or why it could not be read.
pub type File = Result<Vec<u8>, Problem>;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The file does not exist or is not readable. Contains the message of the operating system.
    Unreadable(String),
    /// The path is a symbolic link to outside the repository.
    OutsideRoot,
}
