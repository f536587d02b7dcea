//! The questions that `homelab init` asks on a terminal.

use crate::addresses::Free;
use crate::draft::Draft;
use crate::plan::{HOSTS_FROM, NAS_FROM};
use crate::providers::{Kind, Provider, providers};
use crate::seen::Seen;
use crate::spec_file::{CLUSTER, LAB};
use spec::types::{
    AddressRange, DomainName, Email, Ipv4, Ipv4Cidr, MountPath, Name, RepositoryUrl, Size, SshKey, Text, TimeZone,
};
use std::io;
use yaml::Value;

/// Something that can answer questions: a terminal, or a list of answers in tests.
pub trait Asker {
    /// Shows a line.
    ///
    /// # Errors
    /// If it cannot be shown.
    fn say(&mut self, text: &str) -> io::Result<()>;

    /// Asks for a line of text. An empty answer accepts the proposal, if there is one.
    ///
    /// # Errors
    /// If there is no answer.
    fn text(&mut self, question: &str, proposal: &str) -> io::Result<String>;

    /// Asks for one of several choices, and returns its index.
    ///
    /// # Errors
    /// If there is no answer.
    fn choose(&mut self, question: &str, choices: &[String], proposal: usize) -> io::Result<usize>;
}

/// Takes everything that a machine shows as an answer, unless the draft has one.
pub fn accept(draft: &mut Draft, seen: &Seen) {
    let mut set = |path: &[&str], value: Option<String>| {
        if let Some(value) = value.filter(|_| draft.get(path).is_none()) {
            draft.set(path, value.as_str());
        }
    };
    set(&["name"], seen.name.as_ref().map(ToString::to_string));
    set(&["timezone"], seen.timezone.as_ref().map(ToString::to_string));
    set(&["repository"], seen.repository.as_ref().map(ToString::to_string));
    set(&["email"], seen.email.as_ref().map(ToString::to_string));
    if let Some(lan) = seen.lan.filter(|_| draft.get(&["lan"]).is_none()) {
        draft.set(&["lan", "cidr"], lan.cidr.to_string().as_str());
        draft.set(&["lan", "gateway"], lan.gateway.to_string().as_str());
    }
    if !seen.ssh_keys.is_empty() && draft.get(&["ssh-keys"]).is_none() {
        draft.set(&["ssh-keys"], list(&seen.ssh_keys));
    }
}

fn list(keys: &[SshKey]) -> Value {
    Value::Seq(keys.iter().map(|key| Value::from(key.as_str())).collect())
}

/// Asks for everything that the draft does not answer yet, and proposes what the machine shows.
///
/// # Errors
/// Those of the asker.
pub fn interview(asker: &mut dyn Asker, draft: &mut Draft, seen: &Seen) -> io::Result<()> {
    asker.say("Every answer can be changed later, in the spec. Return accepts the proposal in brackets.\n")?;
    if draft.get(&["name"]).is_none() {
        let name = seen.name.as_ref().map_or(LAB, Name::as_str);
        draft.set(&["name"], name);
    }
    let mut session = Session { asker, draft };
    session.ask_for::<DomainName>(
        &["domain"],
        "DNS domain",
        "Apps get names below it, such as hello.example.com.",
        "",
    )?;
    let lan = session.lan(seen)?;
    let mut free = lan.free(session.draft, seen);
    session.hosts(&lan, &mut free)?;
    session.nas(&lan, &mut free)?;
    session.clusters()?;
    let needs_store = session.provider(Kind::Dns)?;
    session.store(needs_store)?;
    let zone = seen.timezone.as_ref().map_or("UTC".to_owned(), ToString::to_string);
    session.ask_for::<TimeZone>(
        &["timezone"],
        "Time zone",
        "Of the nodes, and of the schedules of jobs and backups.",
        &zone,
    )?;
    let email = seen.email.as_ref().map_or(String::new(), ToString::to_string);
    session.ask_for::<Email>(&["email"], "Email address", "Let's Encrypt knows the lab by it.", &email)?;
    session.ssh_keys(seen)?;
    let repository = seen.repository.as_ref().map_or(String::new(), ToString::to_string);
    let about = "Flux and the nodes follow it, such as https://github.com/you/homelab.";
    session.ask_for::<RepositoryUrl>(&["repository"], "URL of the Git repository", about, &repository)
}

/// The local network, once it is known.
struct Network {
    cidr: Ipv4Cidr,
    gateway: Ipv4,
    dhcp: Option<AddressRange>,
}

impl Network {
    /// The free addresses, without those of the draft and those that something answered at.
    fn free(&self, draft: &Draft, seen: &Seen) -> Free {
        let named = draft
            .names(&["hosts"])
            .into_iter()
            .filter_map(|host| draft.text_of(&["hosts", &host, "address"]).map(str::to_owned));
        let nas = draft.text_of(&["nas", "address"]).map(str::to_owned);
        let named: Vec<_> = named.chain(nas).filter_map(|text| Ipv4::parse(&text).ok()).collect();
        Free::new(self.cidr, self.dhcp, named.into_iter().chain([self.gateway]).chain(seen.neighbours.iter().copied()))
    }

    /// Checks the static address of a machine.
    fn check(&self, address: Ipv4) -> Result<(), String> {
        if !self.cidr.contains(address) {
            return Err(format!("it is not in the LAN, {}", self.cidr));
        }
        match self.dhcp.filter(|dhcp| dhcp.contains(address)) {
            Some(dhcp) => Err(format!("it is in the DHCP range {dhcp}: another device may get it")),
            None => Ok(()),
        }
    }
}

struct Session<'a> {
    asker: &'a mut dyn Asker,
    draft: &'a mut Draft,
}

impl Session<'_> {
    /// Asks until the answer is valid. An empty answer to a question without a proposal is `None`.
    fn ask<T>(
        &mut self,
        question: &str,
        proposal: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> io::Result<Option<T>> {
        loop {
            let answer = self.asker.text(question, proposal)?;
            let answer = answer.trim();
            if answer.is_empty() {
                return Ok(None);
            }
            match check(answer) {
                Ok(value) => return Ok(Some(value)),
                Err(reason) => self.asker.say(&format!("`{answer}` is not possible: {reason}"))?,
            }
        }
    }

    fn explain(&mut self, about: &str) -> io::Result<()> {
        self.asker.say(&format!("  {about}"))
    }

    /// Asks for a text of the spec, unless it is answered already. Without an answer, it stays an example.
    fn ask_for<T: Text + ToString>(
        &mut self,
        path: &[&str],
        question: &str,
        about: &str,
        proposal: &str,
    ) -> io::Result<()> {
        if self.draft.get(path).is_some() {
            return Ok(());
        }
        let about =
            if proposal.is_empty() { format!("{about} Leave it empty to fill it in later.") } else { about.to_owned() };
        self.explain(&about)?;
        if let Some(value) = self.ask(question, proposal, typed::<T>)? {
            self.draft.set(path, value.to_string().as_str());
        }
        Ok(())
    }

    fn lan(&mut self, seen: &Seen) -> io::Result<Network> {
        let given = |draft: &Draft, name: &str| draft.text_of(&["lan", name]).map(str::to_owned);
        let required = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let cidr = match given(self.draft, "cidr").and_then(|text| Ipv4Cidr::parse(&text).ok()) {
            Some(cidr) => cidr,
            None => {
                self.explain("The network of the hosts, in CIDR notation.")?;
                let proposal = seen.lan.map_or("192.168.1.0/24".to_owned(), |lan| lan.cidr.to_string());
                self.ask("LAN", &proposal, typed::<Ipv4Cidr>)?.ok_or_else(required)?
            }
        };
        let gateway = match given(self.draft, "gateway").and_then(|text| Ipv4::parse(&text).ok()) {
            Some(gateway) => gateway,
            None => {
                self.explain("The router, which is also the DNS server of the nodes.")?;
                let seen = seen.lan.filter(|lan| lan.cidr == cidr).map(|lan| lan.gateway);
                let proposal = seen.unwrap_or(Ipv4::from_number(cidr.first().number() + 1)).to_string();
                let check = |text: &str| {
                    let address = typed::<Ipv4>(text)?;
                    if cidr.contains(address) { Ok(address) } else { Err(format!("it is not in the LAN, {cidr}")) }
                };
                self.ask("Gateway", &proposal, check)?.ok_or_else(required)?
            }
        };
        self.draft.set(&["lan", "cidr"], cidr.to_string().as_str());
        self.draft.set(&["lan", "gateway"], gateway.to_string().as_str());
        let dhcp = match given(self.draft, "dhcp").and_then(|text| AddressRange::parse(&text).ok()) {
            Some(dhcp) => Some(dhcp),
            None => {
                self.explain("The addresses that the router assigns by DHCP, FIRST-LAST: the lab uses none of them. Leave it empty if you do not know.")?;
                self.ask("DHCP range", "", typed::<AddressRange>)?
            }
        };
        if let Some(dhcp) = dhcp {
            self.draft.set(&["lan", "dhcp"], dhcp.to_string().as_str());
        }
        Ok(Network { cidr, gateway, dhcp })
    }

    /// Asks for a static address, and proposes a free one.
    fn address(&mut self, question: &str, path: &[&str], lan: &Network, free: &mut Free, from: u32) -> io::Result<()> {
        if self.draft.get(path).is_some() {
            return Ok(());
        }
        let proposal = free.next(from).map_or(String::new(), |address| address.to_string());
        let check = |text: &str| typed::<Ipv4>(text).and_then(|address| lan.check(address).map(|()| address));
        if let Some(address) = self.ask(question, &proposal, check)? {
            free.take(address);
            self.draft.set(path, address.to_string().as_str());
        }
        Ok(())
    }

    fn hosts(&mut self, lan: &Network, free: &mut Free) -> io::Result<()> {
        if self.draft.get(&["hosts"]).is_some() {
            return Ok(());
        }
        self.explain(
            "Hosts are the machines that run Proxmox VE. Describe one after the other; an empty name ends the list.",
        )?;
        loop {
            let count = self.draft.names(&["hosts"]).len();
            let proposal = if count == 0 { "pve" } else { "" };
            let question = format!("Name of host {}", count + 1);
            let Some(name) = self.ask(&question, proposal, typed::<Name>)? else { break };
            let name = name.as_str();
            if self.draft.get(&["hosts", name]).is_some() {
                self.asker.say(&format!("`{name}` is in the list already."))?;
                continue;
            }
            self.address("  Address", &["hosts", name, "address"], lan, free, HOSTS_FROM)?;
            if let Some(memory) = self.ask("  Memory", "16GiB", typed::<Size>)? {
                self.draft.set(&["hosts", name, "memory"], memory.to_string().as_str());
            }
            let gpus = ["none, or not for apps", "Intel"].map(str::to_owned);
            if self.asker.choose("  GPU", &gpus, 0)? == 1 {
                self.draft.set(&["hosts", name, "gpu"], "intel");
            }
            if let Some(model) = self.ask("  Make and model (for the documentation)", "", |text| Ok(text.to_owned()))? {
                self.draft.set(&["hosts", name, "model"], model.as_str());
            }
        }
        Ok(())
    }

    fn nas(&mut self, lan: &Network, free: &mut Free) -> io::Result<()> {
        if self.draft.get(&["nas"]).is_some() {
            return Ok(());
        }
        self.explain("Network storage: apps can keep their data there, or use files that are there already.")?;
        let kinds = ["none", "Synology DiskStation", "another NFS server, such as TrueNAS"].map(str::to_owned);
        let (kind, folder) = match self.asker.choose("NAS", &kinds, 0)? {
            1 => ("synology", "/volume1"),
            2 => ("nfs", "/mnt/tank"),
            _ => return Ok(()),
        };
        self.draft.set(&["nas", "kind"], kind);
        self.address("  Address", &["nas", "address"], lan, free, NAS_FROM)?;
        if let Some(folder) = self.ask("  Folder whose subfolders are exported by NFS", folder, typed::<MountPath>)? {
            self.draft.set(&["nas", "nfs"], folder.to_string().as_str());
        }
        Ok(())
    }

    fn clusters(&mut self) -> io::Result<()> {
        if self.draft.get(&["clusters"]).is_some() {
            return Ok(());
        }
        self.explain("Clusters of k3s. One is enough to start with; separate several names by spaces.")?;
        let check = |text: &str| {
            let names = text.split([' ', ',']).filter(|name| !name.is_empty());
            names.map(typed::<Name>).collect::<Result<Vec<_>, _>>()
        };
        let names = self.ask("Clusters", CLUSTER, check)?.unwrap_or_default();
        let hosts = self.draft.names(&["hosts"]).len().max(1);
        for name in names {
            let question = format!("  Nodes of {name} (containers, spread over the hosts)");
            let check = |text: &str| match text.parse::<u32>() {
                Ok(number) if (1..=50).contains(&number) => Ok(number),
                _ => Err("expected a number from 1 to 50".to_owned()),
            };
            let nodes = self.ask(&question, &hosts.min(50).to_string(), check)?.unwrap_or(1);
            self.draft.set(&["clusters", name.as_str(), "nodes"], Value::Int(nodes.into()));
        }
        Ok(())
    }

    /// Asks for the DNS provider. Returns whether there is one.
    fn provider(&mut self, kind: Kind) -> io::Result<bool> {
        if self.draft.get(&[kind.answer()]).is_none() {
            self.explain(
                "The provider that hosts the domain: for certificates of Let's Encrypt, and the names of public apps.",
            )?;
            let known = providers(kind);
            let names = known.iter().map(|provider| format!("{} ({})", provider.name, provider.about));
            let choices: Vec<_> = ["none for now".to_owned()].into_iter().chain(names).collect();
            let Some(at) = self.asker.choose("DNS provider", &choices, 0)?.checked_sub(1) else { return Ok(false) };
            self.fields(kind, &known[at])?;
        }
        Ok(true)
    }

    fn store(&mut self, is_needed: bool) -> io::Result<()> {
        let kind = Kind::SecretStore;
        if self.draft.get(&[kind.answer()]).is_some() {
            return Ok(());
        }
        self.explain(match is_needed {
            true => "Where secrets are: no secret is ever in the spec. The DNS provider's credential needs one.",
            false => "Where secrets are: no secret is ever in the spec. Most apps need one sooner or later.",
        })?;
        let known = providers(kind);
        let none = (!is_needed).then(|| "none for now".to_owned());
        let offset = usize::from(none.is_some());
        let names = known.iter().map(|provider| format!("{} ({})", provider.name, provider.about));
        let choices: Vec<_> = none.into_iter().chain(names).collect();
        match self.asker.choose("Secret store", &choices, 0)?.checked_sub(offset) {
            Some(at) => self.fields(kind, &known[at]),
            None => Ok(()),
        }
    }

    /// Asks for the fields of a product that only the user knows. The others follow from its name.
    fn fields(&mut self, kind: Kind, provider: &Provider) -> io::Result<()> {
        let name = provider.name.as_str();
        self.draft.set(&[kind.answer(), name], Value::map());
        for field in provider.fields.iter().filter(|field| !field.is_secret() && !field.is_mapping) {
            let check = |text: &str| field.check(text).map(|()| text.to_owned());
            let about = format!("{}. Leave it empty to fill it in later.", field.about);
            self.explain(&about)?;
            if let Some(value) = self.ask(&format!("  {}", field.name), "", check)? {
                self.draft.set(&[kind.answer(), name, &field.name], value.as_str());
            }
        }
        Ok(())
    }

    fn ssh_keys(&mut self, seen: &Seen) -> io::Result<()> {
        if self.draft.get(&["ssh-keys"]).is_some() {
            return Ok(());
        }
        if seen.ssh_keys.is_empty() {
            self.explain("The public key that can log in to every node as root. Leave it empty to fill it in later.")?;
            if let Some(key) = self.ask("Public SSH key", "", typed::<SshKey>)? {
                self.draft.set(&["ssh-keys"], list(&[key]));
            }
            return Ok(());
        }
        self.explain("Public keys that can log in to every node as root.")?;
        let shown = |key: &SshKey| {
            let (kind, rest) = key.as_str().split_once(' ').unwrap_or_default();
            let (key, comment) = rest.split_once(' ').unwrap_or((rest, ""));
            format!("{kind} …{} {comment}", &key[key.len().saturating_sub(8)..]).trim_end().to_owned()
        };
        let all = (seen.ssh_keys.len() > 1).then(|| "all of these".to_owned());
        let choices: Vec<_> = seen.ssh_keys.iter().map(shown).chain(all).chain(["another one".to_owned()]).collect();
        let chosen = self.asker.choose("SSH keys", &choices, 0)?;
        if let Some(key) = seen.ssh_keys.get(chosen) {
            self.draft.set(&["ssh-keys"], list(std::slice::from_ref(key)));
        } else if chosen + 1 < choices.len() {
            self.draft.set(&["ssh-keys"], list(&seen.ssh_keys));
        } else if let Some(key) = self.ask("Public SSH key", "", typed::<SshKey>)? {
            self.draft.set(&["ssh-keys"], list(&[key]));
        }
        Ok(())
    }
}

/// Parses a text by its type in the spec.
fn typed<T: Text>(text: &str) -> Result<T, String> {
    T::parse(text).map_err(|reason| format!("expected {}: {reason}", T::EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::Lan;
    use crate::{Answers, spec_file};
    use std::collections::VecDeque;

    /// Answers questions from a list, and keeps what a terminal would show.
    struct Script {
        answers: VecDeque<&'static str>,
        shown: String,
    }

    impl Script {
        fn next(&mut self, question: &str, proposal: &str) -> String {
            let answer = self.answers.pop_front().unwrap_or_else(|| panic!("no answer to {question}:\n{}", self.shown));
            self.shown += &format!("{question} [{proposal}]: {answer}\n");
            if answer.is_empty() { proposal.to_owned() } else { answer.to_owned() }
        }
    }

    impl Asker for Script {
        fn say(&mut self, text: &str) -> io::Result<()> {
            self.shown += &format!("{text}\n");
            Ok(())
        }

        fn text(&mut self, question: &str, proposal: &str) -> io::Result<String> {
            Ok(self.next(question, proposal))
        }

        fn choose(&mut self, question: &str, choices: &[String], proposal: usize) -> io::Result<usize> {
            let answer = self.next(question, &choices[proposal]);
            let found = choices.iter().position(|choice| choice.starts_with(&answer));
            Ok(found.unwrap_or_else(|| panic!("{answer} is none of {choices:?}")))
        }
    }

    fn run(draft: &mut Draft, seen: &Seen, answers: &[&'static str]) -> String {
        let mut script = Script { answers: answers.iter().copied().collect(), shown: String::new() };
        interview(&mut script, draft, seen).expect("there are answers");
        assert!(script.answers.is_empty(), "not asked for {:?}:\n{}", script.answers, script.shown);
        script.shown
    }

    fn parse<T: Text>(text: &str) -> T {
        T::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"))
    }

    fn seen() -> Seen {
        Seen {
            name: Some(parse("attic")),
            lan: Some(Lan { cidr: parse("10.0.0.0/24"), gateway: parse("10.0.0.1") }),
            neighbours: vec![parse("10.0.0.11")],
            timezone: Some(parse("Europe/Madrid")),
            ssh_keys: vec![parse(
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC me",
            )],
            repository: Some(parse("https://example.com/me/attic")),
            email: Some(parse("me@example.com")),
        }
    }

    #[test]
    fn return_accepts_what_the_machine_shows() {
        let mut draft = Draft::default();
        // The DHCP range, the model of the host and the name of a second host have no proposal.
        let shown = run(&mut draft, &seen(), &[""; 19]);
        let text = draft.text();
        assert_eq!(
            text,
            "name: attic\nlan:\n  cidr: 10.0.0.0/24\n  gateway: 10.0.0.1\nhosts:\n  pve:\n    address: 10.0.0.12\n    \
             memory: 16GiB\nclusters:\n  home:\n    nodes: 1\ntimezone: Europe/Madrid\nemail: me@example.com\nssh-keys:\n  \
             - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC me\nrepository: \
             https://example.com/me/attic\n"
        );
        assert!(shown.contains("ssh-ed25519 …eCqtSnsC me"), "{shown}");
        let answers = Answers::of(&draft).expect("they are valid");
        // Only the domain is not known.
        assert_eq!(spec_file(&answers).expect("there are addresses").examples.len(), 1);
    }

    #[test]
    fn invalid_answers_are_refused_with_the_reason_and_asked_again() {
        let mut draft = Draft::default();
        let shown = run(
            &mut draft,
            &Seen::default(),
            &[
                "example",
                "lab.example.com",
                "192.168.1.7/24",
                "192.168.1.0/24",
                "10.0.0.1",
                "",
                "192.168.1.100",
                "192.168.1.100-192.168.1.199",
                "Box",
                "box",
                "192.168.1.150",
                "10.0.0.2",
                "",
                "16",
                "32GiB",
                "Intel",
                "Lenovo",
                "box",
                "",
                "Syn",
                "",
                "volume1",
                "/volume2",
                "apps data",
                "none",
                "2",
                "60",
                "1",
                "route53",
                "Z0123",
                "Z0123456789ABC",
                "1password",
                "attic",
                "Madrid",
                "",
                "me",
                "me@example.com",
                "key",
                "",
                "homelab",
                "",
            ],
        );
        for reason in [
            "`example` is not possible: expected a domain name such as example.com: it has no dot",
            "the network of this address is 192.168.1.0/24",
            "`10.0.0.1` is not possible: it is not in the LAN, 192.168.1.0/24",
            "`192.168.1.150` is not possible: it is in the DHCP range",
            "`16` is not possible: expected a size",
            "`box` is in the list already.",
            "`none` is not possible: expected a number from 1 to 50",
            "`Madrid` is not possible: expected a time zone",
        ] {
            assert!(shown.contains(reason), "{reason}:\n{shown}");
        }
        draft.complete();
        assert_eq!(draft.text_of(&["nas", "nfs"]), Some("/volume2"));
        assert_eq!(draft.text_of(&["dns", "route53", "secret-access-key"]), Some("route53/secret-access-key"));
        let answers = Answers::of(&draft).expect("they are valid");
        let spec = spec_file(&answers).expect("there are addresses");
        let examples: Vec<_> = spec.examples.iter().map(|example| example.text.as_str()).collect();
        assert_eq!(examples.len(), 2, "{examples:?}");
    }

    #[test]
    fn asks_only_for_what_is_not_answered() {
        let mut draft = Draft::default();
        for (path, value) in [
            (&["domain"][..], "example.com"),
            (&["lan", "cidr"], "10.0.0.0/24"),
            (&["lan", "gateway"], "10.0.0.1"),
            (&["lan", "dhcp"], "10.0.0.100-10.0.0.199"),
            (&["hosts", "pve", "address"], "10.0.0.5"),
            (&["nas", "kind"], "nfs"),
            (&["timezone"], "UTC"),
            (&["email"], "me@example.com"),
            (&["repository"], "https://example.com/lab"),
        ] {
            draft.set(path, value);
        }
        draft.set(&["clusters", "home"], Value::map());
        draft.set(&["dns", "cloudflare"], Value::map());
        // The credential of the DNS provider needs a store: there is no way to have none.
        run(&mut draft, &seen(), &["infisical", "", "", ""]);
        assert!(draft.get(&["secrets", "infisical"]).is_some());
    }
}
