//! What a node has of the secrets, as the script `list-secrets` prints it.

use std::collections::BTreeMap;

/// The owner and the mode of a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The user ID of the owner.
    pub owner: u32,
    /// The ID of the group.
    pub group: u32,
    /// The mode.
    pub mode: u32,
}

impl Access {
    /// Whether only root can read and change it. Everybody may read what is public.
    pub fn is_private(self, is_public: bool) -> bool {
        let forbidden = if is_public { 0o022 } else { 0o077 };
        self.owner == 0 && self.group == 0 && self.mode & forbidden == 0
    }
}

/// What is at the path of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Regular,
    /// A link to a file.
    Link,
    /// Something else, such as a folder or a link to nothing.
    Other,
}

/// A file that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Who can read and change it.
    pub access: Access,
    /// Its size in bytes.
    pub size: u64,
    /// A digest of its content, which can be compared with others of the same run.
    pub digest: String,
}

/// Whether the public part beside a private key belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It does.
    Matches,
    /// It does not, or is missing.
    Differs,
    /// The private key cannot be read.
    Invalid,
}

/// What a node has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The folders of the files, and `.` for that of all; `None` if one is missing.
    pub folders: BTreeMap<String, Option<Access>>,
    /// The files that exist, by path.
    pub files: BTreeMap<String, Found>,
    /// The private keys, by path.
    pub keys: BTreeMap<String, Key>,
    /// Whether k3s runs.
    pub is_running: bool,
    /// The digest of the token that k3s has used.
    pub token: Option<String>,
    /// Whether k3s has a datastore.
    pub has_datastore: bool,
    /// Whether k3s has joined a cluster as an agent. Servers do so too.
    pub has_joined: bool,
    /// Whether a backup has succeeded.
    pub has_backup: bool,
}

impl State {
    /// Reads the output of the script.
    ///
    /// # Errors
    /// The first line that the script does not print.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut state = Self::default();
        for line in text.lines() {
            state.add(line).ok_or_else(|| format!("`list-secrets` printed an unknown line: {line}"))?;
        }
        Ok(state)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["folder", path, "missing"] => {
                self.folders.insert(path.to_owned(), None);
            }
            ["folder", path, owner, group, mode] => {
                self.folders.insert(path.to_owned(), Some(access(owner, group, mode)?));
            }
            ["file", _, "missing"] => {}
            ["file", path, kind, owner, group, mode, size, digest] => {
                let kind = match kind {
                    "regular" => Kind::Regular,
                    "link" => Kind::Link,
                    "other" => Kind::Other,
                    _ => return None,
                };
                let access = access(owner, group, mode)?;
                let found = Found { kind, access, size: size.parse().ok()?, digest: digest.to_owned() };
                self.files.insert(path.to_owned(), found);
            }
            ["key", path, state] => {
                let key = match state {
                    "matches" => Key::Matches,
                    "differs" => Key::Differs,
                    "invalid" => Key::Invalid,
                    _ => return None,
                };
                self.keys.insert(path.to_owned(), key);
            }
            ["k3s", state] => self.is_running = state == "active",
            ["token", digest] => self.token = Some(digest.to_owned()),
            ["datastore"] => self.has_datastore = true,
            ["joined"] => self.has_joined = true,
            ["backup"] => self.has_backup = true,
            _ => return None,
        }
        Some(())
    }

    /// The file at a path, unless it is missing or empty.
    pub fn file(&self, path: &str) -> Option<&Found> {
        self.files.get(path).filter(|found| found.size > 0 || found.kind == Kind::Other)
    }
}

fn access(owner: &str, group: &str, mode: &str) -> Option<Access> {
    Some(Access { owner: owner.parse().ok()?, group: group.parse().ok()?, mode: u32::from_str_radix(mode, 8).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_script_prints() {
        let text = "folder . 0 0 700\nfolder infisical missing\nfile k3s-token regular 0 0 600 65 abc\n\
                    file infisical/client-id missing\nfile flux-git/identity link 0 100 4644 0 def\n\
                    key flux-git/identity differs\nk3s activating\ntoken abc\ndatastore\njoined\nbackup\n";
        let state = State::parse(text).expect("it is valid");
        assert_eq!(state.folders["infisical"], None);
        assert!(state.folders["."].is_some_and(|access| access.is_private(false)));
        assert_eq!(state.file("k3s-token").map(|found| found.size), Some(65));
        assert_eq!(state.file("infisical/client-id"), None);
        assert_eq!(state.file("flux-git/identity"), None, "it is empty");
        let access = state.files["flux-git/identity"].access;
        assert!(!access.is_private(true), "its group is not root's");
        assert!(Access { group: 0, ..access }.is_private(true) && !Access { group: 0, ..access }.is_private(false));
        assert_eq!(state.keys["flux-git/identity"], Key::Differs);
        assert!(!state.is_running && state.has_datastore && state.has_joined && state.has_backup);
        for wrong in ["file k3s-token regular 0 0 600 65", "key a b", "Welcome!", "folder . 0 0 rwx"] {
            assert!(State::parse(wrong).is_err_and(|error| error.contains(wrong)));
        }
    }
}
