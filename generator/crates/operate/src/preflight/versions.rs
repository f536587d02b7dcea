//! Versions of Debian packages, and those that are known to break nodes.

use std::cmp::Ordering;

/// Which nodes a known problem concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// Nodes that are containers.
    Containers,
    /// Nodes that are containers whose disk is on ZFS.
    ContainersOnZfs,
    /// Nodes with the GPU of the host.
    Gpu,
}

/// Versions of a package or of the kernel that are known to break nodes.
#[derive(Debug)]
pub struct KnownBad {
    /// The Debian package, `kernel` for the running kernel, or `zfs` for the loaded module.
    pub package: &'static str,
    /// The first version with the problem. `None`: all versions before `fixed`.
    pub since: Option<&'static str>,
    /// The first version without it.
    pub fixed: &'static str,
    /// The nodes that it concerns.
    pub concerns: Concerns,
    /// Whether nodes do not work at all.
    pub breaks: bool,
    /// What happens.
    pub effect: &'static str,
    /// Where that is documented.
    pub source: &'static str,
}

/// The known-bad versions.
pub const KNOWN_BAD: &[KnownBad] = &[
    KnownBad {
        package: "lxc-pve",
        since: None,
        fixed: "6.0.5-2",
        concerns: Concerns::Containers,
        breaks: true,
        effect: "pods do not start: AppArmor denies runc 1.3.3 and later the sysctls of a pod",
        source: "https://github.com/opencontainers/runc/issues/4968",
    },
    KnownBad {
        package: "pve-container",
        since: None,
        fixed: "5.0.7",
        concerns: Concerns::Containers,
        breaks: true,
        effect: "it has no options for device files (dev0), which nodes need for /dev/kmsg and GPUs",
        source: "https://github.com/proxmox/pve-container/blob/master/debian/changelog",
    },
    KnownBad {
        package: "zfs",
        since: None,
        fixed: "2.2.0",
        concerns: Concerns::ContainersOnZfs,
        breaks: true,
        effect: "containerd's overlayfs does not work on ZFS before 2.2",
        source: "https://github.com/containers/storage/pull/1432",
    },
    KnownBad {
        package: "kernel",
        since: Some("6.6.26"),
        fixed: "6.6.31",
        concerns: Concerns::Gpu,
        breaks: false,
        effect: "the driver i915 has a regression: hardware transcoding hangs",
        source: "https://github.com/jellyfin/jellyfin/issues/11626",
    },
    KnownBad {
        package: "kernel",
        since: Some("6.8.5"),
        fixed: "6.8.10",
        concerns: Concerns::Gpu,
        breaks: false,
        effect: "the driver i915 has a regression: hardware transcoding hangs",
        source: "https://github.com/jellyfin/jellyfin/issues/11626",
    },
];

impl KnownBad {
    /// Whether a version has the problem.
    pub fn contains(&self, version: &str) -> bool {
        self.since.is_none_or(|since| compare(version, since).is_ge()) && compare(version, self.fixed).is_lt()
    }
}

/// Compares two versions as dpkg does: epoch, upstream version, revision. `~` sorts before everything, even the end.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    let epochs = one.epoch.cmp(&other.epoch);
    epochs
        .then_with(|| compare_part(one.upstream, other.upstream))
        .then_with(|| compare_part(one.revision, other.revision))
}

struct Parts<'a> {
    epoch: u64,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch: epoch.parse().unwrap_or(0), upstream, revision }
    }
}

/// Compares upstream versions or revisions: texts and numbers alternate.
fn compare_part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let texts = compare_texts(take(&mut one, |c| !c.is_ascii_digit()), take(&mut other, |c| !c.is_ascii_digit()));
        let number = |digits: &str| digits.parse::<u64>().unwrap_or(0);
        let numbers =
            number(take(&mut one, |c| c.is_ascii_digit())).cmp(&number(take(&mut other, |c| c.is_ascii_digit())));
        let order = texts.then(numbers);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Removes the start of a text whose characters fulfil a condition, and returns it.
fn take<'a>(text: &mut &'a str, is_part: impl Fn(char) -> bool) -> &'a str {
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (start, rest) = text.split_at(end);
    *text = rest;
    start
}

/// Compares texts without digits: `~`, then the end, then letters, then all other characters.
fn compare_texts(one: &str, other: &str) -> Ordering {
    let rank = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        Some(c) => i64::from(u32::from(c)) + 256,
    };
    let (mut one, mut other) = (one.chars(), other.chars());
    loop {
        let (a, b) = (one.next(), other.next());
        let order = rank(a).cmp(&rank(b));
        if order.is_ne() || (a.is_none() && b.is_none()) {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Script;

    #[test]
    fn compares_as_dpkg_does() {
        for (lower, higher) in [
            ("6.0.4-2", "6.0.5-1"),
            ("6.0.5-1", "6.0.5-2"),
            ("6.0.5-2~bpo12+1", "6.0.5-2"),
            ("6.0.9", "6.0.10"),
            ("5.0.2-4", "6.0.0-1"),
            ("9.9", "1:0.1"),
            ("1.0", "1.0+b1"),
            ("1.0a", "1.0+"),
            ("6.8.4-3-pve", "6.8.12-1-pve"),
        ] {
            assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(compare(higher, lower), Ordering::Greater, "{higher} {lower}");
            assert_eq!(compare(lower, lower), Ordering::Equal, "{lower}");
        }
    }

    #[test]
    fn agrees_with_prepare_host() {
        let bad = KNOWN_BAD.iter().find(|bad| bad.package == "lxc-pve").expect("it is in the table");
        assert!(Script::PrepareHost.text().contains(&format!("required_lxc_pve={}\n", bad.fixed)));
    }

    #[test]
    fn knows_ranges() {
        let kernels: Vec<_> =
            ["6.6.25-1-pve", "6.6.30-1-pve", "6.8.4-3-pve", "6.8.8-2-pve", "6.8.12-4-pve", "6.14.11-4-pve"]
                .into_iter()
                .filter(|version| KNOWN_BAD.iter().any(|bad| bad.package == "kernel" && bad.contains(version)))
                .collect();
        assert_eq!(kernels, ["6.6.30-1-pve", "6.8.8-2-pve"]);
    }
}
