//! Words of Docker, Kubernetes and other tools for what the spec calls by another name.

/// Fields, each with those of the spec that may be meant. In lower case, without separators.
const FIELDS: [(&str, &[&str]); 59] = [
    ("capacity", &["size"]),
    ("configmaps", &["files"]),
    ("configs", &["files"]),
    ("containers", &["sidecars"]),
    ("controller", &["implementation"]),
    ("cpus", &["cores", "threads", "cpu"]),
    ("cron", &["schedule"]),
    ("cronjobs", &["jobs"]),
    ("dnsservers", &["dns"]),
    ("domain", &["host"]),
    ("earliername", &["moved-from"]),
    ("entrypoint", &["command"]),
    ("environment", &["env"]),
    ("export", &["nfs"]),
    ("extracontainers", &["sidecars"]),
    ("fqdn", &["host"]),
    ("gid", &["group"]),
    ("health", &["probe"]),
    ("healthcheck", &["probe"]),
    ("hostname", &["host"]),
    ("id", &["vmid", "access-key-id"]),
    ("ingress", &["expose"]),
    ("initcontainers", &["init"]),
    ("ip", &["address"]),
    ("kind", &["implementation"]),
    ("livenessprobe", &["probe"]),
    ("mail", &["email"]),
    ("mem", &["memory"]),
    ("mountpath", &["mount"]),
    ("moved", &["moved-from"]),
    ("name", &["repository", "username"]),
    ("nameservers", &["dns"]),
    ("node", &["host"]),
    ("nodeselector", &["nodes"]),
    ("oldname", &["moved-from"]),
    ("persistence", &["storage"]),
    ("previousname", &["moved-from"]),
    ("provider", &["store"]),
    ("proxmox", &["hosts"]),
    ("ram", &["memory"]),
    ("rbac", &["service-account"]),
    ("readinessprobe", &["probe"]),
    ("renamedfrom", &["moved-from"]),
    ("router", &["gateway"]),
    ("runasgroup", &["group"]),
    ("runasuser", &["user"]),
    ("securitycontext", &["security"]),
    ("startupprobe", &["probe"]),
    ("storageclass", &["class"]),
    ("storageclassname", &["class"]),
    ("subnet", &["cidr"]),
    ("terminationgraceperiodseconds", &["stop-seconds"]),
    ("type", &["role", "kind", "implementation"]),
    ("tz", &["timezone"]),
    ("uid", &["user"]),
    ("variables", &["env"]),
    ("vcpus", &["cores"]),
    ("version", &["tag"]),
    ("volumes", &["storage"]),
];

/// Values, each with the one of the spec.
const VALUES: [(&str, &str); 10] = [
    ("controller", "server"),
    ("controlplane", "server"),
    ("master", "server"),
    ("omv", "nfs"),
    ("rollingupdate", "rolling"),
    ("truenas", "nfs"),
    ("unraid", "nfs"),
    ("velero", "volumes"),
    ("worker", "agent"),
    ("yes", "volumes"),
];

fn letters(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The field that is meant by another name.
pub(super) fn field<'a>(word: &str, known: &(impl Iterator<Item = &'a str> + Clone)) -> Option<&'a str> {
    let word = letters(word);
    let (_, meant) = FIELDS.iter().find(|(name, _)| *name == word)?;
    meant.iter().find_map(|name| known.clone().find(|known| known == name))
}

/// The value that is meant by another name.
pub(super) fn value<'a>(word: &str, mut known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = letters(word);
    let (_, meant) = VALUES.iter().find(|(name, _)| *name == word)?;
    known.find(|known| known == meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_have_no_separators() {
        assert!(FIELDS.is_sorted_by_key(|(word, _)| *word) && VALUES.is_sorted());
        for word in FIELDS.iter().map(|(word, _)| *word).chain(VALUES.iter().map(|(word, _)| *word)) {
            assert_eq!(letters(word), word);
        }
    }

    #[test]
    fn finds_the_field_of_the_spec() {
        let known = || ["cpu", "host", "memory", "threads"].into_iter();
        assert_eq!(field("RAM", &known()), Some("memory"));
        assert_eq!(field("cpus", &known()), Some("threads"));
        assert_eq!(field("volumes", &known()), None);
        assert_eq!(value("control-plane", ["server", "agent"].into_iter()), Some("server"));
    }
}
