//! Standard output, which takes results, and standard error, which takes messages.
//!
//! The reader may be gone and the disk full: neither makes the program panic. `print!` and its
//! siblings do, so `clippy.toml` forbids them.

use std::io::{self, ErrorKind, Write as _};
use tree::SyncError;

/// Prints a result, in as few writes as the system allows.
///
/// # Errors
///
/// The result could not be written. A reader that stopped early has read enough; that is no error.
pub(super) fn result(text: &str) -> Result<(), SyncError> {
    let mut out = io::stdout().lock();
    delivered(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints help, the version, or what is wrong with the arguments, where each belongs.
///
/// # Errors
///
/// As for [`result`].
pub(super) fn usage(error: &clap::Error) -> Result<(), SyncError> {
    let printed = error.print().and_then(|()| io::stdout().flush());
    if error.use_stderr() {
        return Ok(());
    }
    delivered(printed)
}

/// Prints a message. If it cannot be written there is no place left to say so, and the exit code
/// tells what the run came to.
pub(super) fn message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn delivered(written: io::Result<()>) -> Result<(), SyncError> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(SyncError { path: "standard output".into(), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}
