//! What a machine shows of its surroundings, to propose as answers.

use spec::types::{Email, Ipv4, Ipv4Cidr, Name, RepositoryUrl, SshKey, Text as _, TimeZone};
use std::net::Ipv4Addr;

/// What this machine shows. Nothing of it is an answer until somebody accepts it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The name of the folder of the lab, if a lab can have it.
    pub name: Option<Name>,
    /// The network of the default route.
    pub lan: Option<Lan>,
    /// Addresses of the LAN that something answered at.
    pub neighbours: Vec<Ipv4>,
    /// The time zone.
    pub timezone: Option<TimeZone>,
    /// The public SSH keys of the user.
    pub ssh_keys: Vec<SshKey>,
    /// The URL of the Git remote.
    pub repository: Option<RepositoryUrl>,
    /// The email address of the user's commits.
    pub email: Option<Email>,
}

/// The network of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lan {
    /// The network.
    pub cidr: Ipv4Cidr,
    /// Its router.
    pub gateway: Ipv4,
}

/// Finds the network of the default route in the text of `/proc/net/route`: the network of the same interface that
/// contains the gateway. Of several default routes, the one with the lowest metric.
pub fn lan_of_routes(routes: &str) -> Option<Lan> {
    struct Route<'a> {
        interface: &'a str,
        destination: Ipv4Addr,
        gateway: Ipv4Addr,
        metric: u32,
        mask: Ipv4Addr,
    }
    // The kernel prints addresses as hexadecimal numbers in the order of the machine's bytes.
    let address = |text: &str| u32::from_str_radix(text, 16).ok().map(|number| Ipv4Addr::from(number.to_ne_bytes()));
    let routes: Vec<Route<'_>> = routes
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            Some(Route {
                interface: fields.first()?,
                destination: address(fields.get(1)?)?,
                gateway: address(fields.get(2)?)?,
                metric: fields.get(6)?.parse().ok()?,
                mask: address(fields.get(7)?)?,
            })
        })
        .collect();
    let is_default = |route: &&Route<'_>| route.mask.is_unspecified() && !route.gateway.is_unspecified();
    let default = routes.iter().filter(is_default).min_by_key(|route| route.metric)?;
    let gateway = Ipv4::parse(&default.gateway.to_string()).ok()?;
    routes.iter().filter(|route| route.interface == default.interface && route.gateway.is_unspecified()).find_map(
        |route| {
            let text = format!("{}/{}", route.destination, u32::from(route.mask).leading_ones());
            let cidr = Ipv4Cidr::parse(&text).ok().filter(|cidr| cidr.contains(gateway))?;
            Some(Lan { cidr, gateway })
        },
    )
}

/// The addresses in the text of `/proc/net/arp` that something answered at.
pub fn neighbours(table: &str) -> Vec<Ipv4> {
    let known = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        (*fields.get(3)? != "00:00:00:00:00:00").then_some(())?;
        Ipv4::parse(fields.first()?).ok()
    };
    table.lines().skip(1).filter_map(known).collect()
}

/// The key in the text of a file such as `id_ed25519.pub`. A certificate, a private key or anything else is none. A
/// comment that no spec may contain is dropped.
pub fn public_key(text: &str) -> Option<SshKey> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let is_plain = !line.chars().any(|c| c.is_control() || diagnostic::is_bidi_control(c));
    let key = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    SshKey::parse(if is_plain { line } else { &key }).ok()
}

/// The URL of a Git remote as the spec writes it: `git@HOST:PATH` becomes `ssh://git@HOST/PATH`, and the ending `.git`
/// stays.
pub fn repository_url(remote: &str) -> Option<RepositoryUrl> {
    let remote = remote.trim();
    let scp = || {
        let (host, path) = remote.split_once(':').filter(|_| !remote.contains("://"))?;
        Some(format!("ssh://{host}/{}", path.trim_start_matches('/')))
    };
    RepositoryUrl::parse(remote).ok().or_else(|| RepositoryUrl::parse(&scp()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    /// A line of `/proc/net/route`.
    fn route(interface: &str, destination: [u8; 4], gateway: [u8; 4], metric: u32, mask: [u8; 4]) -> String {
        let hex = |address| format!("{:08X}", u32::from_ne_bytes(address));
        let (destination, gateway, mask) = (hex(destination), hex(gateway), hex(mask));
        format!("{interface}\t{destination}\t{gateway}\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n")
    }

    #[test]
    fn finds_the_network_of_the_default_route() {
        let any = [0; 4];
        let routes = [
            ROUTES.to_owned(),
            route("docker0", [172, 17, 0, 0], any, 0, [255, 255, 0, 0]),
            route("wlan0", any, [192, 168, 7, 1], 600, any),
            route("eth0", any, [192, 168, 1, 1], 100, any),
            route("eth0", [192, 168, 1, 0], any, 100, [255, 255, 255, 0]),
            route("wlan0", [192, 168, 7, 0], any, 600, [255, 255, 255, 0]),
        ];
        let lan = lan_of_routes(&routes.concat()).expect("there is a default route");
        assert_eq!(
            (lan.cidr.to_string().as_str(), lan.gateway.to_string().as_str()),
            ("192.168.1.0/24", "192.168.1.1")
        );
        assert_eq!(lan_of_routes(&routes[..2].concat()), None);
        // The tunnel of a VPN has no network that the gateway is in.
        let tunnel = [ROUTES.to_owned(), route("tun0", any, [10, 8, 0, 1], 0, any)].concat();
        assert_eq!(lan_of_routes(&tunnel), None);
        assert_eq!(lan_of_routes("something else\nand more"), None);
    }

    #[test]
    fn finds_neighbours() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     192.168.1.1      0x1         0x2         02:00:00:00:00:01     *        eth0\n\
                     192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        eth0\n";
        assert_eq!(neighbours(table).iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.168.1.1"]);
    }

    #[test]
    fn takes_public_keys_only() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC me@example.com";
        assert_eq!(public_key(&format!("{key}\n")).map(|key| key.to_string()).as_deref(), Some(key));
        let hostile = format!("{key}\u{1b}[31m\n");
        assert_eq!(public_key(&hostile).map(|key| key.to_string()).as_deref(), key.strip_suffix(" me@example.com"));
        assert_eq!(public_key("-----BEGIN OPENSSH PRIVATE KEY-----\n"), None);
        assert_eq!(public_key(""), None);
    }

    #[test]
    fn remotes_become_urls() {
        for (remote, url) in [
            ("git@github.com:example/homelab.git\n", Some("ssh://git@github.com/example/homelab.git")),
            ("https://github.com/example/homelab", Some("https://github.com/example/homelab")),
            ("ssh://git@example.com:2222/lab", Some("ssh://git@example.com:2222/lab")),
            ("/srv/git/homelab", None),
            ("", None),
        ] {
            assert_eq!(repository_url(remote).map(|url| url.to_string()).as_deref(), url, "{remote}");
        }
    }
}
