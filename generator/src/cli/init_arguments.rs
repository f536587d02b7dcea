//! The arguments of `homelab init`: an argument for each answer.

use clap::{Args, ValueHint};
use spec::types::{AddressRange, DomainName, Email, Ipv4, Ipv4Cidr, Name, RepositoryUrl, SshKey, Text, TimeZone};
use starter::{Draft, Kind};
use std::path::PathBuf;
use yaml::Value;

/// The arguments of `homelab init`.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// Folder of the lab, which is created if necessary; the root if omitted
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "root")]
    pub(super) folder: Option<PathBuf>,
    /// Read the answers from a YAML file; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["defaults", "detect", "answers"])]
    pub(super) from: Option<PathBuf>,
    /// Print an answers file to fill in, and exit
    #[arg(long)]
    pub(super) print_answers: bool,
    /// Ask nothing
    #[arg(long)]
    pub(super) defaults: bool,
    /// With --defaults: accept the proposals instead of using examples
    ///
    /// Those are the LAN, the time zone and the public SSH keys in ~/.ssh of this machine, the Git remote, and the email
    /// address of your commits.
    #[arg(long)]
    pub(super) detect: bool,
    #[command(flatten)]
    pub(super) answers: InitAnswers,
}

/// Answers as arguments.
#[derive(Debug, Args)]
#[group(id = "answers", multiple = true)]
#[command(next_help_heading = "Answers")]
pub(super) struct InitAnswers {
    /// Name of the lab, for display only
    #[arg(long, value_parser = text::<Name>)]
    pub(super) name: Option<String>,
    /// DNS domain of the lab
    #[arg(long, value_parser = text::<DomainName>)]
    pub(super) domain: Option<String>,
    /// URL of the Git repository
    #[arg(long, value_name = "URL", value_parser = text::<RepositoryUrl>)]
    pub(super) repository: Option<String>,
    /// Email address of the administrator
    #[arg(long, value_parser = text::<Email>)]
    pub(super) email: Option<String>,
    /// Public SSH key that can log in to the nodes; can be repeated
    #[arg(long = "ssh-key", value_name = "KEY", value_parser = text::<SshKey>)]
    pub(super) ssh_keys: Vec<String>,
    /// Time zone of the nodes
    #[arg(long, value_name = "ZONE", value_parser = text::<TimeZone>)]
    pub(super) timezone: Option<String>,
    /// The local network, such as 192.168.1.0/24
    #[arg(long, value_name = "CIDR", requires = "gateway", value_parser = text::<Ipv4Cidr>)]
    pub(super) lan: Option<String>,
    /// Address of the router
    #[arg(long, value_name = "ADDRESS", requires = "lan", value_parser = text::<Ipv4>)]
    pub(super) gateway: Option<String>,
    /// DHCP range of the router, such as 192.168.1.100-192.168.1.199
    #[arg(long, value_name = "RANGE", requires = "lan", value_parser = text::<AddressRange>)]
    pub(super) dhcp: Option<String>,
    /// Host: NAME[,address=…][,memory=…][,gpu=intel][,model=…]; can be repeated
    #[arg(long = "host", value_name = "HOST", value_parser = Composite::parse)]
    pub(super) hosts: Vec<Composite>,
    /// Network storage: synology or nfs [,address=…][,nfs=FOLDER][,model=…]
    #[arg(long, value_name = "NAS", value_parser = Composite::parse)]
    pub(super) nas: Option<Composite>,
    /// Cluster: NAME[,nodes=…][,load-balancer=RANGE]; can be repeated
    #[arg(long = "cluster", value_name = "CLUSTER", value_parser = Composite::parse)]
    pub(super) clusters: Vec<Composite>,
    /// DNS provider: NAME[,FIELD=VALUE…], with the fields that `homelab explain dns.NAME` shows
    #[arg(long, value_name = "PROVIDER", value_parser = |text: &str| Composite::of(text, Kind::Dns))]
    pub(super) dns: Option<Composite>,
    /// Secret store: NAME[,FIELD=VALUE…], with the fields that `homelab explain secrets.store.NAME` shows
    #[arg(long, value_name = "STORE", value_parser = |text: &str| Composite::of(text, Kind::SecretStore))]
    pub(super) secrets: Option<Composite>,
}

/// Checks a text by its type in the spec.
fn text<T: Text>(text: &str) -> Result<String, String> {
    T::parse(text).map(|_| text.to_owned()).map_err(|reason| format!("expected {}: {reason}", T::EXPECTED))
}

/// A name with fields: `NAME,FIELD=VALUE,…`. A dot in the name of a field leads into a mapping.
#[derive(Debug, Clone)]
pub(super) struct Composite {
    pub(super) name: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Composite {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        if name.is_empty() || name.contains('=') {
            return Err("it must start with a name: NAME,FIELD=VALUE".to_owned());
        }
        let fields = parts.map(|part| match part.split_once('=') {
            Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
            _ => Err(format!("`{part}` is not FIELD=VALUE")),
        });
        Ok(Self { name: name.to_owned(), fields: fields.collect::<Result<_, _>>()? })
    }

    fn of(text: &str, kind: Kind) -> Result<Self, String> {
        let given = Self::parse(text)?;
        let known: Vec<_> = starter::providers(kind).into_iter().map(|provider| provider.name).collect();
        if known.contains(&given.name) { Ok(given) } else { Err(format!("valid names: {}", known.join(", "))) }
    }
}

impl InitArguments {
    /// The answers of the arguments.
    pub(super) fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        let given = &self.answers;
        let texts = [
            (&["name"][..], &given.name),
            (&["domain"], &given.domain),
            (&["timezone"], &given.timezone),
            (&["repository"], &given.repository),
            (&["email"], &given.email),
            (&["lan", "cidr"], &given.lan),
            (&["lan", "gateway"], &given.gateway),
            (&["lan", "dhcp"], &given.dhcp),
        ];
        for (path, value) in texts {
            value.iter().for_each(|value| draft.set(path, value.as_str()));
        }
        if !given.ssh_keys.is_empty() {
            draft.set(&["ssh-keys"], Value::Seq(given.ssh_keys.iter().map(|key| Value::from(key.as_str())).collect()));
        }
        let named = |draft: &mut Draft, answer: &str, composite: &Composite| {
            let name = composite.name.as_str();
            draft.set(&[answer, name], Value::map());
            for (field, value) in &composite.fields {
                let path: Vec<_> = [answer, name].into_iter().chain(field.split('.')).collect();
                draft.set(&path, typed(field, value));
            }
        };
        given.hosts.iter().for_each(|host| named(&mut draft, "hosts", host));
        given.clusters.iter().for_each(|cluster| named(&mut draft, "clusters", cluster));
        given.dns.iter().for_each(|dns| named(&mut draft, "dns", dns));
        given.secrets.iter().for_each(|store| named(&mut draft, "secrets", store));
        if let Some(nas) = &given.nas {
            draft.set(&["nas", "kind"], nas.name.as_str());
            nas.fields.iter().for_each(|(field, value)| draft.set(&["nas", field], value.as_str()));
        }
        draft
    }
}

/// The value of a field: a number if the field holds one.
fn typed(field: &str, value: &str) -> Value {
    match value.parse() {
        Ok(number) if matches!(field, "nodes" | "port") => Value::Int(number),
        _ => Value::from(value),
    }
}
