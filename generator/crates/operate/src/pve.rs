//! What Proxmox VE prints: the JSON of `pvesh get … --output-format json`.
//!
//! Numbers come as numbers or as texts, depending on the version and on the call, so every value is read as a text. Fields
//! that are not needed are ignored.

use crate::GuestKind;
use crate::container::Live;
use serde::Deserialize;
use serde_json::Value;

/// A guest of the Proxmox VE cluster: a container or a virtual machine. An entry of `/cluster/resources --type vm`, or of
/// `/nodes/NODE/lxc` or `/nodes/NODE/qemu`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Its VMID.
    pub vmid: u32,
    /// Its kind.
    pub kind: GuestKind,
    /// Its name. `/cluster/resources` learns it some seconds after the guest was created.
    pub name: Option<String>,
    /// The host, if the list has it.
    pub node: Option<String>,
    /// Whether it runs.
    pub is_running: bool,
    /// What locks it.
    pub lock: Option<String>,
}

/// Parses a list of guests.
///
/// # Errors
/// If it is no list.
pub fn guests(list: &Value) -> Result<Vec<Guest>, String> {
    let entries = list.as_array().ok_or("expected a list of guests")?;
    let guest = |entry: &Value| {
        let field = |name: &str| entry.get(name).and_then(text);
        let kind = if field("type").as_deref() == Some("qemu") { GuestKind::Vm } else { GuestKind::Container };
        Some(Guest {
            vmid: field("vmid")?.parse().ok()?,
            kind,
            name: field("name"),
            node: field("node"),
            is_running: field("status").as_deref() == Some("running"),
            lock: field("lock"),
        })
    };
    Ok(entries.iter().filter_map(guest).collect())
}

/// A storage, as a host sees it: an entry of `/nodes/NODE/storage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStorage {
    /// Its name.
    pub name: String,
    /// Its type, such as `lvmthin`.
    pub kind: String,
    /// What it may contain, such as `rootdir` or `vztmpl`.
    pub content: Vec<String>,
    /// Whether it works.
    pub is_active: bool,
    /// Its free space in bytes, if it is known.
    pub available: Option<u64>,
}

impl HostStorage {
    /// Whether it may contain something, such as `rootdir`.
    pub fn has(&self, content: &str) -> bool {
        self.content.iter().any(|other| other == content)
    }
}

/// Parses the storages of a host.
///
/// # Errors
/// If it is no list.
pub fn storages(list: &Value) -> Result<Vec<HostStorage>, String> {
    let entries = list.as_array().ok_or("expected a list of storages")?;
    let storage = |entry: &Value| {
        let field = |name: &str| entry.get(name).and_then(text);
        Some(HostStorage {
            name: field("storage")?,
            kind: field("type").unwrap_or_default(),
            content: field("content").unwrap_or_default().split(',').map(|part| part.trim().to_owned()).collect(),
            is_active: field("active").as_deref() == Some("1"),
            available: field("avail").and_then(|size| size.parse().ok()),
        })
    };
    Ok(entries.iter().filter_map(storage).collect())
}

/// An entry of `/nodes/NODE/lxc/VMID/pending`.
#[derive(Deserialize)]
struct Pending {
    key: String,
    pending: Option<Value>,
    delete: Option<Value>,
}

/// Parses a guest: `/nodes/NODE/lxc/VMID/config --current 1`, and `/nodes/NODE/lxc/VMID/pending`, or the same of `qemu`.
///
/// # Errors
/// If they have another form.
pub fn live(config: &Value, pending: &Value, is_running: bool) -> Result<Live, String> {
    let entries = config.as_object().ok_or("expected the configuration of a guest")?;
    let mut live = Live { is_running, ..Live::default() };
    for (key, value) in entries {
        match key.as_str() {
            "lxc" => live.raw = serde_json::from_value(value.clone()).map_err(|error| format!("lxc: {error}"))?,
            "digest" => {}
            "lock" => live.lock = text(value),
            _ => drop(text(value).map(|value| live.options.insert(key.clone(), value))),
        }
    }
    let changes: Vec<Pending> = serde_json::from_value(pending.clone()).map_err(|error| error.to_string())?;
    for change in changes {
        let is_deleted = change.delete.as_ref().and_then(text).is_some_and(|delete| delete != "0");
        match change.pending.as_ref().and_then(text) {
            Some(value) => drop(live.pending.insert(change.key, Some(value))),
            None if is_deleted => drop(live.pending.insert(change.key, None)),
            None => {}
        }
    }
    Ok(live)
}

/// A value as text; `None` for lists and objects.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_set) => Some(u8::from(*is_set).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
