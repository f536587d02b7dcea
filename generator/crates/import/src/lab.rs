//! The smallest lab with what proposed apps need, to check them in.

use crate::context::{Context, Needs};
use crate::piece::{Entry, Fields, Piece, print};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use yaml::Value;

/// A domain for labs whose own is not known.
pub(crate) const DOMAIN: &str = "example.com";

/// A spec, and the lines at which its apps start.
pub(crate) struct Lab {
    pub(crate) spec: String,
    /// The first line of each app, from 1.
    pub(crate) lines: Vec<usize>,
}

/// The lab of some apps, with what they need. `components` are turned on.
pub(crate) fn lab(apps: &[&Entry], needs: &Needs, context: &Context<'_>, components: &[&str]) -> Lab {
    let network = Network::of(&needs.addresses);
    let mut root = Fields::default();
    root.add("version", Piece::number(1));
    let domain = context.domain.filter(|domain| !domain.contains("${")).unwrap_or(DOMAIN);
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE";
    root.add(
        "lab",
        map([
            ("name", Piece::text("import")),
            ("domain", Piece::text(domain)),
            ("repository", Piece::text("https://github.com/example/homelab")),
            (
                "admin",
                map([("email", Piece::text("admin@example.com")), ("ssh-keys", Piece::texts(&[key.to_owned()]))]),
            ),
        ]),
    );
    let lan = map([("cidr", Piece::text(&network.cidr)), ("gateway", Piece::text(network.own(1)))]);
    root.add("network", map([("lan", lan)]));
    root.add("hosts", map([("pve", host(needs, &network))]));
    let mut storage = Fields::default();
    for (at, entry) in context.storages.iter().filter(|storage| needs.storages.contains(&storage.name)).enumerate() {
        let address = Piece::text(network.own(100 + u8::try_from(at).unwrap_or(99).min(99)));
        let fields = [("kind", Piece::text("nfs")), ("address", address), ("nfs", Piece::text(&entry.export))];
        storage.add(entry.name.clone(), map(fields));
    }
    root.add_some("storage", storage.done());
    if !needs.secrets.is_empty() {
        let store =
            map([("infisical", map([("project", Piece::text("import")), ("environment", Piece::text("prod"))]))]);
        let mut entries = Fields::default();
        for (name, keys) in &needs.secrets {
            let keys: Vec<_> = keys.keys().cloned().collect();
            entries.add(name.clone(), map([("keys", Piece::texts(&keys))]));
        }
        root.add("secrets", map([("store", store), ("entries", entries.done())]));
    }
    let mut cluster = Fields::default();
    cluster.add("load-balancer", Piece::text(&network.pool));
    cluster.add("nodes", map([("node", node(needs, &network))]));
    let mut platform = Fields::default();
    let needed = [("monitoring", needs.monitoring), ("postgres", needs.database)];
    let needed = needed.into_iter().filter(|(name, is_needed)| *is_needed && !components.contains(name));
    let components = components.iter().copied().chain(needed.map(|(name, _)| name));
    components.for_each(|component| platform.add(component, Piece::Map(Vec::new())));
    cluster.add_some("platform", platform.done());
    root.add("clusters", map([(context.cluster, cluster.done())]));
    let mut spec = print(&root.done(), 0);
    let mut lines = Vec::new();
    if !apps.is_empty() {
        spec.push_str("    apps:\n");
        let mut line = spec.lines().count() + 1;
        for app in apps {
            let text = print(&Piece::Map(vec![(*app).clone()]), 6);
            lines.push(line);
            line += text.lines().count();
            spec.push_str(&text);
        }
    }
    Lab { spec, lines }
}

fn map<const N: usize>(entries: [(&str, Piece); N]) -> Piece {
    let mut fields = Fields::default();
    entries.into_iter().for_each(|(key, piece)| fields.add(key, piece));
    fields.done()
}

fn host(needs: &Needs, network: &Network) -> Piece {
    let mut fields = Fields::default();
    fields.add("memory", Piece::text("16TiB"));
    fields.add("address", Piece::text(network.own(2)));
    if needs.gpu {
        fields.add("gpu", Piece::text("intel"));
    }
    let mut folders = Fields::default();
    needs.folders.iter().for_each(|(name, path)| folders.add(name.clone(), Piece::text(path)));
    fields.add_some("folders", folders.done());
    fields.done()
}

fn node(needs: &Needs, network: &Network) -> Piece {
    let mut fields = Fields::default();
    fields.add("host", Piece::text("pve"));
    fields.add("vmid", Piece::number(100));
    fields.add("address", Piece::text(network.own(3)));
    fields.add("cores", Piece::number(1024));
    fields.add("memory", Piece::text("8TiB"));
    if needs.gpu {
        fields.add("gpu", Piece::Leaf(Value::Bool(true)));
    }
    fields.add_some("devices", Piece::texts(&needs.devices.iter().cloned().collect::<Vec<_>>()));
    fields.add_some("folders", Piece::texts(&needs.folders.keys().cloned().collect::<Vec<_>>()));
    fields.done()
}

/// A LAN that contains the addresses of apps.
struct Network {
    cidr: String,
    pool: String,
    /// The first three numbers of the addresses of hosts and nodes.
    own: [u8; 3],
}

impl Network {
    fn of(addresses: &BTreeSet<Ipv4Addr>) -> Self {
        let Some(first) = addresses.first().map(Ipv4Addr::octets) else {
            return Self {
                cidr: "192.168.0.0/16".to_owned(),
                pool: "192.168.10.200-192.168.10.249".to_owned(),
                own: [192, 168, 200],
            };
        };
        let [a, b, ..] = first;
        let inside: Vec<_> = addresses.iter().filter(|address| address.octets()[..2] == [a, b]).collect();
        let (low, high) = (inside[0], inside[inside.len() - 1]);
        // The component ingress needs an address of the pool, too.
        let [_, _, c, _] = high.octets();
        let (low_of, high_of) = (low.octets(), high.octets());
        let high = Ipv4Addr::new(a, b, c, high_of[3].max(254));
        let low = Ipv4Addr::new(a, b, low_of[2], low_of[3].min(2));
        let own = (0..=255).rev().find(|part| *part < low_of[2] || *part > c).unwrap_or(255);
        Self { cidr: format!("{a}.{b}.0.0/16"), pool: format!("{low}-{high}"), own: [a, b, own] }
    }

    /// An address of a host or node.
    fn own(&self, last: u8) -> String {
        let [a, b, c] = self.own;
        Ipv4Addr::new(a, b, c, last).to_string()
    }
}
