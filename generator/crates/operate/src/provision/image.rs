//! The image of a node: where it comes from, and how it reaches its host.

use super::Node;
use super::host::ImageStorage;
use crate::{Command, GuestKind, Input, Step};

/// The image that a guest is created from.
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
    /// A template for containers that the host has, as STORAGE:vztmpl/NAME.
    Template(String),
}

/// The extensions of archives that Proxmox VE takes as templates (`$VZTMPL_EXT_RE` in `PVE/Storage.pm`).
const ARCHIVES: [&str; 4] = [".tar.xz", ".tar.zst", ".tar.gz", ".tar.bz2"];

/// The extensions of disk images that `qm create` imports.
const DISKS: [&str; 3] = [".qcow2", ".raw", ".vmdk"];

/// The option with the image of a node.
fn attribute(kind: GuestKind) -> &'static str {
    match kind {
        GuestKind::Container => "system.build.tarball",
        GuestKind::Vm => "system.build.images.homelab-vm",
    }
}

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
    pub fn evaluate(node: &Node) -> Command {
        let kind = node.definition.kind;
        let file = match kind {
            GuestKind::Container => "${c.image.filePath}",
            // The file of an image that is a variant of the system is not an option of that system.
            GuestKind::Vm => "${c.networking.hostName}.qcow2",
        };
        let path = format!("c: \"${{c.{}}}/{file}\"", attribute(kind));
        let attribute = format!(".#nixosConfigurations.{}.config", node.name());
        Command::here(["nix", "eval", "--raw", &attribute, "--apply", &path])
    }

    /// The volume ID or path that it has on a host.
    pub(super) fn volume(&self, node: &Node, storage: &ImageStorage) -> String {
        match self {
            Self::Template(volume) => volume.clone(),
            Self::File { path, hash, .. } => {
                let file = name(node, hash, path);
                match &storage.name {
                    Some(storage) => format!("{storage}:vztmpl/{file}"),
                    None => format!("{}/{file}", storage.folder),
                }
            }
        }
    }

    /// The command that shows whether a host has it; `None` if it is a template there.
    pub(super) fn find(&self, node: &Node, storage: &ImageStorage) -> Option<Command> {
        let Self::File { path, hash, .. } = self else { return None };
        let file = format!("{}/{}", storage.folder, name(node, hash, path));
        Some(Command::on(&node.host, ["test", "-s", &file]).connecting_within(10))
    }

    /// The steps that bring it to a host.
    ///
    /// The file has its name only once it is complete: `cat` cannot tell the end of the file from that of a connection.
    pub(super) fn copy(&self, node: &Node, storage: &ImageStorage) -> Vec<Step> {
        let Self::File { path, hash, is_built } = self else { return Vec::new() };
        let (kind, host, file) = (node.definition.kind, &node.host, name(node, hash, path));
        let node = node.name();
        let mut steps = Vec::new();
        if *is_built {
            let attribute = format!(".#nixosConfigurations.{node}.config.{}", attribute(kind));
            let build = Command::here(["nix", "build", "--no-link", &attribute]);
            steps.push(Step::new(format!("build the image of {node}"), build).long());
        }
        let folder = &storage.folder;
        let send = Command::shell(host, &format!("cd {folder} && cat > {file}.partial"));
        let send = send.reading(Input::File(path.clone()));
        steps.push(Step::new(format!("copy the image of {node} to {}", host.name), send).long());
        let check = match kind {
            // Every archive has checksums, so listing it finds what is damaged.
            GuestKind::Container => Command::shell(
                host,
                &format!(
                    "cd {folder} && tar --list --file {file}.partial > /dev/null && mv {file}.partial {file} && \
                     find . -name homelab-{node}.\\* -not -name {file} -delete"
                ),
            ),
            // Disk images have none. `cksum` is on every system, and prints a checksum and the size.
            GuestKind::Vm => {
                let sum = Command::here(["cksum"]).reading(Input::File(path.clone()));
                let check = format!(
                    "cd {folder} && test \"$(cksum < {file}.partial)\" = \"$(cat)\" && mv {file}.partial {file} && \
                     find . -maxdepth 1 -name homelab-{node}.\\* -not -name {file} -delete"
                );
                Command::shell(host, &check).reading(Input::Output(Box::new(sum)))
            }
        };
        let title = format!("check the copy, and remove earlier images of {node} from {}", host.name);
        steps.push(Step::new(title, check));
        steps
    }
}

/// The name of an image on a host. Node names have no dots.
fn name(node: &Node, hash: &str, path: &str) -> String {
    let extensions: &[&str] = match node.definition.kind {
        GuestKind::Container => &ARCHIVES,
        GuestKind::Vm => &DISKS,
    };
    let extension = extensions.iter().find(|extension| path.ends_with(**extension)).unwrap_or(&extensions[0]);
    format!("homelab-{}.{hash}{extension}", node.name())
}

/// The hash in a store path: 32 letters and digits before the name.
pub fn store_hash(path: &str) -> Option<&str> {
    path.split('/').find_map(|part| {
        let (hash, _) = part.split_at_checked(32).filter(|(_, name)| name.starts_with('-'))?;
        hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).then_some(hash)
    })
}
