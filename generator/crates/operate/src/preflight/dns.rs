//! Checks of DNS and of the router, as far as DNS shows it. `dig` asks.

use super::finding::{Check, Finding, Findings};
use super::{System, connect};
use crate::Command;
use model::Lab;
use spec::platform::ComponentId;
use spec::types::Ipv4;

/// A name server that answers with the address that asks, and its address. It is known from
/// <https://github.com/FarrowStrange/hetzner-api-dyndns/issues/6>.
const WHO_AM_I: (&str, &str) = ("o-o.myaddr.l.google.com", "216.239.32.10");

/// The certificate authority of the lab, as CAA records name it: <https://letsencrypt.org/docs/caa/>.
const AUTHORITY: &str = "letsencrypt.org";

/// How far from this machine the routers are that are asked for their addresses.
const HOPS: [u8; 2] = [2, 3];

/// The ports of the ingress that a router forwards.
const PORTS: [u16; 2] = [80, 443];

/// The name servers of DNS providers, by the start or the end of their names.
const NAME_SERVERS: &[(&str, &[&str])] = &[
    ("Cloudflare", &[".ns.cloudflare.com"]),
    ("deSEC", &["ns1.desec.io", "ns2.desec.org"]),
    ("DigitalOcean", &[".digitalocean.com"]),
    ("Google Cloud DNS", &[".googledomains.com"]),
    ("Hetzner", &[".ns.hetzner.com", ".ns.hetzner.de", ".first-ns.de", ".second-ns.de", ".second-ns.com"]),
    ("OVHcloud", &[".ovh.net", ".ovh.ca", ".ovh.us", ".anycast.me"]),
    ("Route 53", &[".awsdns-"]),
];

/// Why some checks need the LAN.
const OUTSIDE: &str = "this machine does not reach the router of the LAN";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Whether a DNS server of the LAN answers, by its position.
    Resolver(usize),
    /// The start of authority of the domain.
    Authority,
    /// The name servers of the domain.
    Delegation,
    /// The CAA records of the domain, or of its nth parent.
    Caa(usize),
    /// The address of the public host name.
    PublicName,
    /// The public address of this machine.
    WhoAmI,
    /// The address of a router on the way to the Internet, by its distance.
    Hop(u8),
    /// Whether a port of the public address is open.
    Port(u16),
}

/// The answers: what a command printed, with its exit code. `None`: the program does not exist.
pub type Answers = Vec<(Question, Option<(String, Option<i32>)>)>;

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    name: String,
    kind: String,
    data: String,
}

/// What a DNS server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reply {
    /// The status, such as `NOERROR` or `NXDOMAIN`.
    status: String,
    answer: Vec<Record>,
    authority: Vec<Record>,
}

impl Reply {
    /// Parses the output of `dig +noall +comments +answer +authority`. `None`: no server answered.
    fn parse(text: &str) -> Option<Self> {
        let (_, status) = text.lines().find_map(|line| line.strip_prefix(";; ->>HEADER<<-")?.split_once("status: "))?;
        let status = status.split(',').next()?.to_owned();
        let (mut answer, mut authority) = (Vec::new(), Vec::new());
        let mut is_answer = true;
        for line in text.lines() {
            match line {
                ";; ANSWER SECTION:" => is_answer = true,
                ";; AUTHORITY SECTION:" => is_answer = false,
                _ if line.starts_with(';') => {}
                _ => {
                    let section = if is_answer { &mut answer } else { &mut authority };
                    section.extend(record(line));
                }
            }
        }
        Some(Self { status, answer, authority })
    }

    /// The data of the records of a type in the answer.
    fn data(&self, kind: &str) -> Vec<&str> {
        self.answer.iter().filter(|record| record.kind == kind).map(|record| record.data.as_str()).collect()
    }
}

/// A line of `dig`: name, TTL, class, type, data.
fn record(line: &str) -> Option<Record> {
    let mut words = line.split_whitespace();
    let name = words.next()?.trim_end_matches('.').to_ascii_lowercase();
    let (_, _, kind) = (words.next()?, words.next()?, words.next()?);
    Some(Record { name, kind: kind.to_owned(), data: words.collect::<Vec<_>>().join(" ") })
}

/// The domain and its parents, without the top-level domain.
fn domains(lab: &Lab) -> Vec<&str> {
    let mut all = vec![lab.domain.as_str()];
    while let Some((_, parent)) = all[all.len() - 1].split_once('.').filter(|(_, parent)| parent.contains('.')) {
        all.push(parent);
    }
    all
}

/// What to ask for a lab, with the commands. What depends on the public address follows in [`ports`].
pub fn questions(lab: &Lab, system: System) -> Vec<(Question, Command)> {
    let dig = |server: Option<&str>, name: &str, kind: &str| {
        let options = ["dig", "+time=2", "+tries=1", "+noall", "+comments", "+answer", "+authority"];
        let words = options.into_iter().map(str::to_owned).chain(server.map(|server| format!("@{server}")));
        Command::here(words.chain([name.to_owned(), kind.to_owned()]))
    };
    let domain = lab.domain.as_str();
    let mut all = Vec::new();
    for (position, server) in lab.lan.dns.iter().enumerate() {
        all.push((Question::Resolver(position), dig(Some(&server.to_string()), domain, "SOA")));
    }
    if lab.dns.is_some() {
        all.push((Question::Authority, dig(None, domain, "SOA")));
        all.push((Question::Delegation, dig(None, domain, "NS")));
        for (position, name) in domains(lab).into_iter().enumerate() {
            all.push((Question::Caa(position), dig(None, name, "CAA")));
        }
    }
    if let Some(public) = &lab.public {
        if public.parse::<Ipv4>().is_err() {
            all.push((Question::PublicName, dig(None, public, "A")));
        }
        let (name, server) = WHO_AM_I;
        all.push((Question::WhoAmI, dig(Some(server), name, "TXT")));
        all.extend(HOPS.map(|distance| (Question::Hop(distance), hop(distance, system))));
    }
    all
}

/// The command that asks the router at a distance for its address: it drops the packet, and says so.
fn hop(distance: u8, system: System) -> Command {
    let (limit, distance_option) = match system {
        System::Linux => ("1", "-t"),
        System::Mac => ("1000", "-m"),
    };
    let (_, target) = WHO_AM_I;
    Command::here(["ping", "-n", "-c", "1", "-W", limit, distance_option, &distance.to_string(), target])
}

/// What to ask once the public address is known.
pub fn port_questions(lab: &Lab, answers: &Answers, system: System) -> Vec<(Question, Command)> {
    let address = lab.public.as_ref().and_then(|public| public.parse().ok()).or_else(|| Known { answers }.public());
    let Some(address) = address else { return Vec::new() };
    PORTS.map(|port| (Question::Port(port), connect(address, port, system))).to_vec()
}

struct Known<'a> {
    answers: &'a Answers,
}

/// How a question was answered.
enum Said {
    /// With this reply.
    Reply(Reply),
    /// Not at all.
    Nothing,
    /// There is no program to ask.
    NoProgram,
}

impl Known<'_> {
    fn said(&self, question: Question) -> Said {
        match self.answers.iter().find(|(asked, _)| *asked == question) {
            None => Said::Nothing,
            Some((_, None)) => Said::NoProgram,
            Some((_, Some((text, _)))) => Reply::parse(text).map_or(Said::Nothing, Said::Reply),
        }
    }

    /// The public address of this machine.
    fn public(&self) -> Option<Ipv4> {
        let Said::Reply(reply) = self.said(Question::WhoAmI) else { return None };
        reply.data("TXT").iter().find_map(|text| text.trim_matches('"').parse().ok())
    }

    /// The router at a distance.
    fn hop(&self, distance: u8) -> Option<Ipv4> {
        let (_, answer) = self.answers.iter().find(|(asked, _)| *asked == Question::Hop(distance))?;
        let (text, _) = answer.as_ref()?;
        // Linux: From 100.64.0.1 icmp_seq=1 Time to live exceeded. macOS: 36 bytes from 100.64.0.1: Time to live exceeded
        let line = text.lines().find(|line| line.ends_with("ime to live exceeded"))?;
        line.split([' ', ':']).find_map(|word| word.parse().ok())
    }
}

/// Checks DNS and the router.
///
/// From outside of the LAN, neither its DNS servers nor its router can be judged.
pub fn check(lab: &Lab, answers: &Answers, is_inside: bool) -> Vec<Finding> {
    let known = Known { answers };
    let mut found = Findings::of("DNS");
    if is_inside {
        resolvers(&mut found, lab, &known);
    } else {
        found.skipped(Check::Resolvers, OUTSIDE);
    }
    if let Some(provider) = lab.dns {
        zone(&mut found, lab, provider, &known);
        caa(&mut found, lab, &known);
    }
    let mut router = Findings::of("router");
    if let Some(public) = &lab.public {
        if is_inside {
            public_name(&mut found, lab, public, &known);
            public_address(&mut router, &known);
            ports(&mut router, public, &known);
        } else {
            found.skipped(Check::PublicName, OUTSIDE);
            router.skipped(Check::PublicAddress, OUTSIDE);
            router.skipped(Check::Ports, OUTSIDE);
        }
    }
    found.into_list().into_iter().chain(router.into_list()).collect()
}

/// Adds that a check needs `dig`.
fn no_dig(found: &mut Findings, check: Check) {
    found.skipped_with(check, "there is no program `dig`", "install it: the package is dnsutils, bind-utils or bind");
}

fn resolvers(found: &mut Findings, lab: &Lab, known: &Known<'_>) {
    for (position, server) in lab.lan.dns.iter().enumerate() {
        match known.said(Question::Resolver(position)) {
            Said::NoProgram => return no_dig(found, Check::Resolvers),
            Said::Reply(reply) if reply.status == "REFUSED" => found.error(
                Check::Resolvers,
                format!("the DNS server {server} refuses to answer"),
                "let the LAN ask it, or correct `network.lan.dns`",
            ),
            Said::Reply(_) => found.ok(Check::Resolvers, format!("{server} answers")),
            Said::Nothing => found.error(
                Check::Resolvers,
                format!("the DNS server {server} of the nodes does not answer"),
                "start it, or correct `network.lan.dns`",
            ),
        }
    }
}

fn zone(found: &mut Findings, lab: &Lab, provider: &str, known: &Known<'_>) {
    let domain = lab.domain.as_str();
    let reply = match known.said(Question::Authority) {
        Said::NoProgram => return no_dig(found, Check::Zone),
        Said::Nothing => return found.skipped(Check::Zone, "no DNS server of this machine answers"),
        Said::Reply(reply) => reply,
    };
    let add = format!("create the zone at {provider}, and set its name servers at the registrar of the domain");
    match reply.status.as_str() {
        "NXDOMAIN" => {
            let remedy = format!("register {domain}, or correct `lab.domain`; then {add}");
            return found.error(Check::Zone, format!("{domain} does not exist"), remedy);
        }
        "NOERROR" => {}
        status => {
            let detail = format!(
                "{domain} cannot be resolved ({status}): its name servers do not answer for it, or DNSSEC fails"
            );
            return found.error(Check::Zone, detail, add);
        }
    }
    let soa = reply.answer.iter().chain(&reply.authority).find(|record| record.kind == "SOA");
    let Some(zone) = soa.map(|record| record.name.as_str()) else {
        return found.skipped(Check::Zone, format!("no zone of {domain} was named in the answer"));
    };
    if zone != domain && !zone.contains('.') {
        return found.error(Check::Zone, format!("{domain} is not delegated: {zone} answers for it"), add);
    }
    let servers = match known.said(Question::Delegation) {
        Said::Reply(reply) => {
            let names = reply.data("NS").iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
            if zone == domain { names } else { Vec::new() }
        }
        _ => Vec::new(),
    };
    let expected = NAME_SERVERS.iter().find(|(name, _)| *name == provider).map_or(&[][..], |(_, names)| *names);
    let is_expected = |server: &String| expected.iter().any(|name| server.ends_with(name) || server.contains(name));
    if !servers.is_empty() && !expected.is_empty() && !servers.iter().any(is_expected) {
        return found.warning(
            Check::Zone,
            format!("{domain} is delegated to {}, which are no name servers of {provider}", servers.join(", ")),
            add,
        );
    }
    let place = if zone == domain { String::new() } else { format!(", in the zone {zone}") };
    let servers = if servers.is_empty() { String::new() } else { format!(", at {}", servers.join(", ")) };
    found.ok(Check::Zone, format!("{domain} exists{place}{servers}"));
}

/// Checks the CAA records of the domain, or of the next parent that has some: RFC 8659, section 3.
fn caa(found: &mut Findings, lab: &Lab, known: &Known<'_>) {
    for (position, name) in domains(lab).into_iter().enumerate() {
        let reply = match known.said(Question::Caa(position)) {
            Said::NoProgram => return no_dig(found, Check::Caa),
            Said::Nothing => return found.skipped(Check::Caa, "no DNS server of this machine answers"),
            Said::Reply(reply) => reply,
        };
        let records = reply.data("CAA");
        if records.is_empty() {
            continue;
        }
        let of = |property: &str| -> Vec<&str> {
            let mut values = records.iter().filter_map(|data| {
                let (_, rest) = data.split_once(' ')?;
                let (tag, value) = rest.split_once(' ')?;
                (tag == property).then(|| value.trim_matches('"').split(';').next().unwrap_or_default().trim())
            });
            values.by_ref().collect()
        };
        let is_forbidden = |values: &[&str]| !values.is_empty() && !values.contains(&AUTHORITY);
        let wildcards = of("issuewild");
        for (property, values) in [("issue", of("issue")), ("issuewild", wildcards)] {
            if is_forbidden(&values) {
                return found.problem(
                    property == "issue",
                    Check::Caa,
                    format!("a CAA record of {name} forbids certificates of Let's Encrypt ({property})"),
                    format!("add the record: {name}. CAA 0 {property} \"{AUTHORITY}\""),
                );
            }
        }
        return found.ok(Check::Caa, format!("the CAA records of {name} allow Let's Encrypt"));
    }
    found.ok(Check::Caa, "no CAA record restricts certificates");
}

fn public_name(found: &mut Findings, lab: &Lab, public: &str, known: &Known<'_>) {
    let actual = known.public();
    let (addresses, is_name) = match public.parse::<Ipv4>() {
        Ok(address) => (vec![address], false),
        Err(_) => match known.said(Question::PublicName) {
            Said::NoProgram => return no_dig(found, Check::PublicName),
            Said::Nothing => return found.skipped(Check::PublicName, "no DNS server of this machine answers"),
            Said::Reply(reply) => (reply.data("A").iter().filter_map(|address| address.parse().ok()).collect(), true),
        },
    };
    let is_dynamic =
        lab.clusters.iter().flat_map(|cluster| &cluster.parts).any(|part| part.component == ComponentId::DynamicDns);
    let remedy = match (is_name, is_dynamic) {
        (true, true) => "once its cluster runs, dynamic DNS updates it within minutes".to_owned(),
        (true, false) => format!("set the record at the DNS provider: {public}. A PUBLIC-ADDRESS"),
        (false, _) => "correct `network.public.address`; if the address changes, use `network.public.host`".to_owned(),
    };
    match (&addresses[..], actual) {
        ([], _) if is_dynamic => {
            found.ok(Check::PublicName, format!("{public} does not exist yet: dynamic DNS creates it"));
        }
        ([], _) => found.warning(Check::PublicName, format!("{public} has no address"), remedy),
        (addresses, Some(actual)) if addresses.contains(&actual) => {
            found.ok(Check::PublicName, format!("{public} leads to the public address {actual}"));
        }
        ([address, ..], Some(actual)) => found.warning(
            Check::PublicName,
            format!("{public} is {address}, but the public address of this machine is {actual}"),
            remedy,
        ),
        ([address, ..], None) => {
            found.skipped(Check::PublicName, format!("{public} is {address}; the public address is unknown"));
        }
    }
}

/// Whether an address is in 100.64.0.0/10, which carriers use between their customers and their NAT: RFC 6598.
fn is_carrier(address: Ipv4) -> bool {
    address.number() >> 22 == 0x6440_0000 >> 22
}

/// Whether an address is private: RFC 1918.
fn is_private(address: Ipv4) -> bool {
    let number = address.number();
    number >> 24 == 10 || number >> 20 == 0xac1 || number >> 16 == 0xc0a8
}

fn public_address(found: &mut Findings, known: &Known<'_>) {
    let check = Check::PublicAddress;
    let hops = HOPS.map(|distance| known.hop(distance));
    if let Some(hop) = hops.into_iter().flatten().find(|hop| is_carrier(*hop)) {
        return found.error(
            check,
            format!(
                "carrier-grade NAT: the router {hop} of the provider is in 100.64.0.0/10, so no port can be forwarded"
            ),
            "ask the provider for a public IPv4 address, or use a tunnel: docs/tunnel.md",
        );
    }
    let Some(actual) = known.public() else {
        return match known.said(Question::WhoAmI) {
            Said::NoProgram => no_dig(found, check),
            _ => found.skipped_with(
                check,
                format!("{} did not answer, so the public address is unknown", WHO_AM_I.1),
                "compare the WAN address in the router with what a website shows: they must be equal",
            ),
        };
    };
    if let [Some(hop), _] = hops
        && is_private(hop)
    {
        return found.warning(
            check,
            format!(
                "the public address is {actual}, and a second router {hop} is behind the first: it may translate too"
            ),
            "forward the ports on both, or set the router of the provider to bridge mode",
        );
    }
    found.ok(check, format!("{actual}; no carrier-grade NAT was seen. The WAN address in the router must be the same"));
}

fn ports(found: &mut Findings, public: &str, known: &Known<'_>) {
    let elsewhere = format!("from a phone without Wi-Fi, open http://{public} and https://{public}");
    let answer = |port: u16| known.answers.iter().find(|(asked, _)| *asked == Question::Port(port));
    let answers: Option<Vec<_>> =
        PORTS.into_iter().map(|port| answer(port).map(|(_, answer)| (port, answer))).collect();
    let Some(answers) = answers else {
        return found.skipped_with(Check::Ports, "the public address is unknown", elsewhere);
    };
    if answers.iter().any(|(_, answer)| answer.is_none()) {
        return found.skipped_with(Check::Ports, "there is no program `nc`", elsewhere);
    }
    let with = |wanted: bool| {
        let is_open = |answer: &Option<(String, Option<i32>)>| matches!(answer, Some((_, Some(0))));
        let ports = answers.iter().filter(|(_, answer)| is_open(answer) == wanted);
        ports.map(|(port, _)| port.to_string()).collect::<Vec<_>>().join(" and ")
    };
    let (open, closed) = (with(true), with(false));
    if !open.is_empty() {
        let detail = format!("the public address answers on {open}: the ingress, by hairpin NAT, or the router itself");
        found.ok(Check::Ports, detail);
    }
    if !closed.is_empty() {
        let detail = format!(
            "the public address does not answer on {closed} from here: not forwarded, nothing listens yet, or no hairpin NAT"
        );
        found.skipped_with(Check::Ports, detail, elsewhere);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_dig() {
        let text = "; <<>> DiG 9.20\n;; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n\
            ;; flags: qr rd ra; QUERY: 1, ANSWER: 1\n\n;; ANSWER SECTION:\n\
            example.com.\t\t300\tIN\tCAA\t0 issue \"letsencrypt.org; validationmethods=dns-01\"\n\n\
            ;; AUTHORITY SECTION:\nExample.com. 5 IN SOA ns1. root. 1 2 3 4 5\n";
        let reply = Reply::parse(text).expect("a server answered");
        assert_eq!(reply.status, "NOERROR");
        assert_eq!(reply.data("CAA"), ["0 issue \"letsencrypt.org; validationmethods=dns-01\""]);
        assert_eq!((&*reply.authority[0].name, &*reply.authority[0].kind), ("example.com", "SOA"));
        assert_eq!(Reply::parse(";; communications error to 192.168.10.1#53: timed out\n"), None);
    }

    #[test]
    fn reads_the_router_at_a_distance() {
        for text in [
            "PING 216.239.32.10\nFrom 100.64.0.1 icmp_seq=1 Time to live exceeded\n",
            "PING 216.239.32.10 (216.239.32.10): 56 data bytes\n36 bytes from 100.64.0.1: Time to live exceeded\n",
        ] {
            let answers = vec![(Question::Hop(2), Some((text.to_owned(), Some(1))))];
            let hop = Known { answers: &answers }.hop(2).expect("it answered");
            assert_eq!(hop.to_string(), "100.64.0.1");
            assert!(is_carrier(hop) && !is_private(hop));
        }
    }

    #[test]
    fn knows_the_networks_of_carriers_and_homes() {
        let is = |text: &str| text.parse().map(|address| (is_carrier(address), is_private(address)));
        for (text, expected) in [
            ("100.63.255.255", (false, false)),
            ("100.64.0.0", (true, false)),
            ("100.127.255.255", (true, false)),
            ("100.128.0.0", (false, false)),
            ("10.1.2.3", (false, true)),
            ("172.16.0.1", (false, true)),
            ("172.32.0.1", (false, false)),
            ("192.168.1.1", (false, true)),
            ("203.0.113.7", (false, false)),
        ] {
            assert_eq!(is(text), Ok(expected), "{text}");
        }
    }
}
