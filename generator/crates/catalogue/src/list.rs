//! The files of the entries.

/// Embeds `apps/NAME.yaml` for each name.
macro_rules! files {
    ($($name:literal,)+) => {
        /// The names of the entries, each with the text of its file.
        pub(crate) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../apps/", $name, ".yaml")))),+];
    };
}

files! {
    "jellyfin",
    "linkding",
    "memos",
}
