//! What this machine shows of the network and of its user, to propose as answers. Whatever is missing is no error.

use super::base::git;
use spec::types::{Email, Name, Text as _, TimeZone};
use starter::Seen;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// A public key has some hundred bytes.
const MAX_KEY: u64 = 16 << 10;

/// Looks at this machine, for a lab in the folder `root`.
pub(super) fn look(root: &Path) -> Seen {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    // Git also prints settings of the user outside of a repository.
    let here = root.ancestors().find(|folder| folder.is_dir()).unwrap_or(root);
    let setting = |name: &str| {
        let output = git(here, &[], &["config", "--get", name], &[]).ok()?;
        Some(String::from_utf8_lossy(&output).trim().to_owned())
    };
    let name = root.file_name().and_then(|name| name.to_str());
    Seen {
        name: name.and_then(|name| Name::parse(&name.to_lowercase()).ok()),
        lan: starter::lan_of_routes(&text("/proc/net/route")),
        neighbours: starter::neighbours(&text("/proc/net/arp")),
        timezone: iana_time_zone::get_timezone().ok().and_then(|zone| TimeZone::parse(&zone).ok()),
        ssh_keys: std::env::home_dir().map(|home| public_keys(&home.join(".ssh"))).unwrap_or_default(),
        repository: setting("remote.origin.url").and_then(|remote| starter::repository_url(&remote)),
        email: setting("user.email").and_then(|email| Email::parse(&email).ok()),
    }
}

/// The keys in the files of a folder that end in `.pub`, by name. No other file is opened.
fn public_keys(folder: &Path) -> Vec<spec::types::SshKey> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pub") && path.is_file());
    paths.sort();
    let key = |path: &Path| {
        let mut text = String::new();
        fs::File::open(path).ok()?.take(MAX_KEY).read_to_string(&mut text).ok()?;
        starter::public_key(&text)
    };
    paths.iter().filter_map(|path| key(path)).collect()
}
