//! The names of temporary files and folders.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The start and the end of temporary names.
const TEMPORARY: &str = ".homelab-";
const TEMPORARY_END: &str = ".tmp";

/// A temporary path next to `path` that does not exist yet.
pub(super) fn temporary(path: &Path) -> PathBuf {
    static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!("{TEMPORARY}{}-{number}{TEMPORARY_END}", *PROCESS))
}

/// Whether [`temporary`] can have returned this path.
pub(super) fn is_leftover(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let numbers = name.strip_prefix(TEMPORARY).and_then(|rest| rest.strip_suffix(TEMPORARY_END));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers
        .and_then(|numbers| numbers.split_once('-'))
        .is_some_and(|(process, count)| is_number(process) && is_number(count))
}
