//! The image of a node: where it comes from, and how it reaches its host.

use super::host::ImageStorage;
use crate::{Command, Input, Machine, Step};

/// The image that a container is created from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// A file on this machine, and whether Nix builds it.
    File {
        /// Its path.
        path: String,
        /// What identifies its content: the hash of its store path, or one of the file.
        hash: String,
        /// Whether it is built first.
        is_built: bool,
    },
    /// A template that the host has, as STORAGE:vztmpl/NAME.
    Template(String),
}

/// The extensions of archives that Proxmox VE takes as templates (`$VZTMPL_EXT_RE` in `PVE/Storage.pm`).
const EXTENSIONS: [&str; 4] = [".tar.xz", ".tar.zst", ".tar.gz", ".tar.bz2"];

impl Image {
    /// The image that Nix builds for a node, from the path that `evaluate` printed.
    ///
    /// # Errors
    /// If that is no store path.
    pub fn of_store(path: &str) -> Result<Self, String> {
        let path = path.trim();
        let hash = store_hash(path).ok_or_else(|| format!("`nix eval` printed no store path: {path}"))?;
        Ok(Self::File { path: path.to_owned(), hash: hash.to_owned(), is_built: true })
    }

    /// The command that prints the path of a node's image, without building it.
    pub fn evaluate(node: &str) -> Command {
        let attribute = format!(".#nixosConfigurations.{node}.config");
        let path = "c: \"${c.system.build.tarball}/${c.image.filePath}\"";
        Command::here(["nix", "eval", "--raw", &attribute, "--apply", path])
    }

    /// The volume ID that it has on a host.
    pub(super) fn volume(&self, node: &str, storage: &ImageStorage) -> String {
        match self {
            Self::Template(volume) => volume.clone(),
            Self::File { path, hash, .. } => format!("{}:vztmpl/{}", storage.name, name(node, hash, path)),
        }
    }

    /// The command that shows whether a host has it; `None` if it is a template there.
    pub(super) fn find(&self, node: &str, host: &Machine, storage: &ImageStorage) -> Option<Command> {
        let Self::File { path, hash, .. } = self else { return None };
        let file = format!("{}/{}", storage.folder, name(node, hash, path));
        Some(Command::on(host, ["test", "-s", &file]).connecting_within(10))
    }

    /// The steps that bring it to a host.
    ///
    /// The file has its name only once it is complete: `cat` cannot tell the end of the file from that of a connection. Every
    /// archive has checksums, so listing it finds what is damaged.
    pub(super) fn copy(&self, node: &str, host: &Machine, storage: &ImageStorage) -> Vec<Step> {
        let Self::File { path, hash, is_built } = self else { return Vec::new() };
        let mut steps = Vec::new();
        if *is_built {
            let attribute = format!(".#nixosConfigurations.{node}.config.system.build.tarball");
            let build = Command::here(["nix", "build", "--no-link", &attribute]);
            steps.push(Step::new(format!("build the image of {node}"), build).long());
        }
        let (folder, file) = (&storage.folder, name(node, hash, path));
        let send = Command::shell(host, &format!("cd {folder} && cat > {file}.partial"));
        let send = send.reading(Input::File(path.clone()));
        steps.push(Step::new(format!("copy the image of {node} to {}", host.name), send).long());
        let check = format!(
            "cd {folder} && tar --list --file {file}.partial > /dev/null && mv {file}.partial {file} && \
             find . -name homelab-{node}.\\* -not -name {file} -delete"
        );
        let title = format!("check the copy, and remove earlier images of {node} from {}", host.name);
        steps.push(Step::new(title, Command::shell(host, &check)));
        steps
    }
}

/// The name of an image on a host. Node names have no dots.
fn name(node: &str, hash: &str, path: &str) -> String {
    let extension = EXTENSIONS.iter().find(|extension| path.ends_with(**extension)).unwrap_or(&EXTENSIONS[0]);
    format!("homelab-{node}.{hash}{extension}")
}

/// The hash in a store path: 32 letters and digits before the name.
pub fn store_hash(path: &str) -> Option<&str> {
    path.split('/').find_map(|part| {
        let (hash, _) = part.split_at_checked(32).filter(|(_, name)| name.starts_with('-'))?;
        hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).then_some(hash)
    })
}
