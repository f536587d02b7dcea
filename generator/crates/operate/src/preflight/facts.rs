//! Facts about a host, as the script `inspect-host` prints them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the output of `inspect-host`.
const FORMAT: &str = "1";

/// Facts about a host.
#[derive(Debug)]
pub struct Facts {
    values: BTreeMap<String, String>,
    /// Its storages, if Proxmox VE listed them.
    pub storages: Option<Vec<Storage>>,
    /// The guests of its Proxmox VE cluster, if Proxmox VE listed them.
    pub guests: Option<Vec<Guest>>,
}

/// A storage of a host, from `GET /nodes/{node}/storage`. Fields as in `PVE/API2/Storage/Status.pm` of pve-storage.
#[derive(Debug, Deserialize)]
pub struct Storage {
    /// Its ID.
    pub storage: String,
    /// Its type, such as `lvmthin`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The content types that it may hold, separated by commas.
    #[serde(default)]
    pub content: String,
    /// Whether it is accessible.
    #[serde(default, deserialize_with = "truth")]
    pub active: bool,
    /// Whether it is enabled.
    #[serde(default, deserialize_with = "truth")]
    pub enabled: bool,
    /// Its free space in bytes.
    #[serde(default, deserialize_with = "number")]
    pub avail: u64,
    /// Its size in bytes.
    #[serde(default, deserialize_with = "number")]
    pub total: u64,
}

impl Storage {
    /// Whether it may hold a type of content.
    pub fn holds(&self, content: &str) -> bool {
        self.content.split(',').any(|one| one == content)
    }
}

/// A container or VM, from `GET /cluster/resources`. Fields as in `PVE/API2/Cluster.pm` of pve-manager.
#[derive(Debug, Deserialize)]
pub struct Guest {
    /// Its VMID.
    #[serde(deserialize_with = "number")]
    pub vmid: u64,
    /// `lxc` or `qemu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name; empty if its host is offline.
    #[serde(default)]
    pub name: String,
    /// The host that it is on, by its name in Proxmox VE.
    #[serde(default)]
    pub node: String,
    /// `running` or `stopped`, or `unknown` if its host is offline.
    #[serde(default)]
    pub status: String,
    /// Its memory in bytes.
    #[serde(default, deserialize_with = "number")]
    pub maxmem: u64,
}

/// A boolean of the API: `true`, `1` or `"1"`.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(value) => value,
        Value::Number(number) => number.as_u64() != Some(0),
        Value::String(text) => text == "1",
        _ => false,
    })
}

/// A number of the API: `5` or `"5"`, or 0 for anything else.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64().unwrap_or_default(),
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => 0,
    })
}

impl Facts {
    /// Parses the output of `inspect-host`. What the login shell prints before it is ignored.
    ///
    /// # Errors
    /// If it is not the output of this version of the script.
    pub fn parse(text: &str) -> Result<Self, String> {
        let facts = text.lines().filter_map(|line| line.split_once(": "));
        let values: BTreeMap<_, _> = facts
            .skip_while(|(key, _)| *key != "format")
            .map(|(key, value)| (key.to_owned(), value.trim_end().to_owned()))
            .collect();
        if values.get("format").map(String::as_str) != Some(FORMAT) {
            return Err("the output of the script inspect-host could not be read".to_owned());
        }
        let storages = values.get("storages").and_then(|text| serde_json::from_str(text).ok());
        let guests = values.get("guests").and_then(|text| serde_json::from_str(text).ok());
        Ok(Self { values, storages, guests })
    }

    /// A fact.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A fact about something, such as a module.
    pub fn of(&self, kind: &str, name: &str) -> Option<&str> {
        self.get(&format!("{kind} {name}"))
    }

    /// The names of all things of a kind, such as interfaces, with what is known of each.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let values = self.values.iter();
        values.filter_map(move |(key, value)| Some((key.strip_prefix(kind)?.strip_prefix(' ')?, value.as_str())))
    }

    /// A number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// An amount of memory in bytes.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        Some(self.number(key)?.saturating_mul(1024))
    }

    /// The version of Proxmox VE, such as `9.0.11`, from `pve-manager/9.0.11/3bf5476b8a4699e2 (running kernel: …)`.
    pub fn proxmox(&self) -> Option<&str> {
        self.get("proxmox")?.strip_prefix("pve-manager/")?.split(['/', ' ']).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_output_of_the_script() {
        let text = "Welcome: to the host\nformat: 1\nnode: pve\n\
            proxmox: pve-manager/9.0.11/3bf5476b8a4699e2 (running kernel: 6.14.11-4-pve)\n\
            module nf_conntrack: loaded\nfolder /tank/a b: marked\nmemory: 1024\nnoise\n\
            storages: [{\"storage\":\"local\",\"type\":\"dir\",\"content\":\"vztmpl,iso\",\"active\":1,\"avail\":\"7\"}]\n";
        let facts = Facts::parse(text).expect("it is valid");
        assert_eq!(facts.proxmox(), Some("9.0.11"));
        assert_eq!(facts.of("folder", "/tank/a b"), Some("marked"));
        assert_eq!(facts.bytes("memory"), Some(1 << 20));
        assert_eq!(facts.all("module").collect::<Vec<_>>(), [("nf_conntrack", "loaded")]);
        let [storage] = &facts.storages.as_ref().expect("it is valid")[..] else { panic!("it is one") };
        assert!(
            storage.active && !storage.enabled && storage.holds("iso") && !storage.holds("is") && storage.avail == 7
        );
        assert!(facts.guests.is_none());
    }

    #[test]
    fn rejects_other_output() {
        for text in ["", "bash: command not found", "format: 2\nnode: pve\n"] {
            assert!(Facts::parse(text).is_err(), "{text}");
        }
    }
}
