//! Writing results to standard output and messages to standard error.
//!
//! The program must not panic if the reader is gone or the disk is full. `print!` and its siblings do,
//! so `clippy.toml` forbids them.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write as _};
use tree::SyncError;

/// Prints a result in as few writes as the system allows. Names on the disk and the text of files can contain anything:
/// what a terminal would act on is escaped.
///
/// # Errors
///
/// If the result cannot be written. A reader that stops early, as `head` does, is not an error.
pub(super) fn result(text: &str) -> Result<(), SyncError> {
    let mut out = io::stdout().lock();
    ignore_closed_pipe(out.write_all(diagnostic::visible(text).as_bytes()).and_then(|()| out.flush()))
}

/// Prints the help or the version to standard output, or a usage error to standard error.
///
/// # Errors
///
/// Those of [`result`].
pub(super) fn usage(error: &clap::Error) -> Result<(), SyncError> {
    let plain = error.render().to_string();
    if error.use_stderr() && matches!(diagnostic::visible(&plain), Cow::Owned(_)) {
        message(&plain);
        return Ok(());
    }
    let printed = error.print().and_then(|()| io::stdout().flush());
    if error.use_stderr() {
        return Ok(());
    }
    ignore_closed_pipe(printed)
}

/// Prints a message, and escapes what a terminal would act on.
pub(super) fn message(text: &str) {
    styled_message(&diagnostic::visible(text));
}

/// Prints a message that contains commands of the terminal. A failure to write it is ignored: there is nowhere to report it, and the exit code
/// still shows how the run ended.
pub(super) fn styled_message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Turns the error of a closed pipe into success, and any other into a [`SyncError`].
fn ignore_closed_pipe(written: io::Result<()>) -> Result<(), SyncError> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(SyncError { path: "standard output".into(), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}
