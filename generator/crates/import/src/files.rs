//! The files of a repository, and places in them.

use std::collections::BTreeMap;
use std::fmt;

/// The largest file that is read, in bytes. A manifest with a dashboard has some hundred kilobytes.
pub const MAX_FILE: usize = 1 << 20;

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its text.
    Text(String),
    /// Why it has no text: it is not UTF-8, too large, or a symbolic link.
    Unread(String),
}

impl Content {
    /// The content of a file with these bytes.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        if bytes.len() > MAX_FILE {
            return Self::Unread(format!("it is larger than {} KiB", MAX_FILE >> 10));
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Self::Unread("it is not a text file".to_owned()),
            Ok(text) => Self::Text(normal(&text)),
            Err(_) => Self::Unread("it is not UTF-8".to_owned()),
        }
    }

    /// Its text, if it has one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unread(_) => None,
        }
    }
}

/// A text without a byte order mark and carriage returns.
fn normal(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n")
}

/// The files of a repository, by their path from its top, with forward slashes.
pub type Files = BTreeMap<String, Content>;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The path of the file from the top of the repository.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.path, self.line)
    }
}

/// Something about a file or a workload that a person should read, with the place that it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The place.
    pub at: Place,
    /// The text.
    pub text: String,
}

/// Joins a path to a folder, and resolves `.` and `..`. `None` if it leads out of the repository.
pub(crate) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder of a file.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths_inside_the_repository() {
        assert_eq!(join("a/b", "../c/./d.yaml").as_deref(), Some("a/c/d.yaml"));
        assert_eq!(join("", "./a").as_deref(), Some("a"));
        assert_eq!(join("a", "../.."), None);
    }

    #[test]
    fn reads_texts_and_says_why_others_are_not_read() {
        assert_eq!(Content::of_bytes(b"\xef\xbb\xbfa\r\nb".to_vec()), Content::Text("a\nb".to_owned()));
        assert!(matches!(Content::of_bytes(vec![0xff]), Content::Unread(_)));
        assert!(matches!(Content::of_bytes(vec![b' '; MAX_FILE + 1]), Content::Unread(_)));
    }
}
