//! The catalogue of apps: each entry fits the smallest lab with what it needs, and all of them fit one lab that has
//! everything. That lab is one of the cases, so all checks of generated files cover it.

use crate::output::documents;
use crate::support::{build, err, folder_with, out, repository, run, shown};
use homelab::catalogue::{self, Choices, Entry, Need};
use rayon::prelude::*;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;

/// The smallest useful lab, with holes for what entries need.
const SMALLEST: &str = "\
version: 1
lab:
  name: attic
  domain: attic.example.com
  repository: REPOSITORY
  admin:
    email: me@example.com
    ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC]
network:
  lan: { cidr: 192.168.1.0/24, gateway: 192.168.1.1 }
PUBLIC
hosts:
  nuc: { memory: 512GiB, address: 192.168.1.5GPU }
STORAGE
SECRETS
DNS
clusters:
  attic:
    load-balancer: 192.168.1.100-192.168.1.199
    nodes:
      attic-1: { host: nuc, vmid: 200, address: 192.168.1.21, memory: 256GiB, cores: 64, disk: 500GiBNODE }
PLATFORM
    apps:
";

/// What a lab offers beyond the smallest one.
#[derive(Default)]
struct Offer {
    database: bool,
    secrets: bool,
    storage: bool,
    https: bool,
    device: bool,
    /// Everything that apps use, also if none needs it: a GPU, backups, image updates, public names.
    all: bool,
}

impl Offer {
    fn of(needs: &BTreeSet<Need>) -> Self {
        let has = |need| needs.contains(&need);
        Self {
            database: has(Need::Database),
            secrets: [Need::Secrets, Need::Database, Need::Https].into_iter().any(has),
            storage: has(Need::Storage),
            https: has(Need::Https),
            device: has(Need::Device),
            all: false,
        }
    }

    const ALL: Self = Self { database: true, secrets: true, storage: true, https: true, device: true, all: true };

    /// The spec of a lab with apps. Each has its choices, which say what of the lab it takes.
    fn spec(&self, apps: &[(&Entry, Choices)]) -> String {
        let s3 = "{ endpoint: https://s3.example.com, bucket: apps, access-key-id: s3/id, secret-access-key: s3/key }";
        let mut entries = Vec::new();
        if self.https {
            entries.push("cloudflare: { keys: [api-token] }".to_owned());
        }
        if self.all {
            entries.push("s3: { keys: [id, key, repository] }".to_owned());
        }
        for (entry, choices) in apps {
            let keys: Vec<_> = entry.secrets(choices).into_iter().map(|key| key.name).collect();
            if !keys.is_empty() {
                entries.push(format!("{}: {{ keys: [{}] }}", choices.name, keys.join(", ")));
            }
        }
        let mut platform = Vec::new();
        if self.database && self.all {
            platform.push(format!("postgres: {{ size: 40GiB, backup: {{ s3: {s3} }} }}"));
        } else if self.database {
            platform.push("postgres: { backup: none }".to_owned());
        }
        if self.all {
            platform.push(format!("backups: {{ s3: {s3}, repository-password: s3/repository }}"));
            platform.extend(["gpu: { share: 64 }", "monitoring: { alerts: none }"].map(str::to_owned));
            platform.push("dynamic-dns: {}".to_owned());
        }
        let part = |given: bool, text: &str| if given { text.to_owned() } else { String::new() };
        let mapping = |title: &str, lines: &[String], indent: &str| {
            let lines: String = lines.iter().map(|line| format!("{indent}{line}\n")).collect();
            if lines.is_empty() { String::new() } else { format!("{title}\n{lines}") }
        };
        let store = "secrets:\n  store: { infisical: { project: apps, environment: prod } }";
        let of_entries = mapping("  entries:", &entries, "    ");
        let zone = "0123456789abcdef0123456789abcdef";
        let token = format!("dns:\n  cloudflare: {{ api-token: cloudflare/api-token, zone-id: {zone} }}");
        let node = part(self.all, ", gpu: true, privileged: true") + &part(self.device, ", devices: [/dev/ttyUSB0]");
        let repository = if self.all { "ssh://git@github.com/me/attic" } else { "https://github.com/me/attic" };
        let spec = SMALLEST
            .replace("REPOSITORY", repository)
            .replace("PUBLIC\n", &part(self.all, "  public: { host: home }\n"))
            .replace("GPU", &part(self.all, ", gpu: intel"))
            .replace(
                "STORAGE\n",
                &part(self.storage, "storage:\n  nas: { kind: nfs, address: 192.168.1.6, nfs: /tank }\n"),
            )
            .replace("SECRETS\n", &part(self.secrets, &format!("{store}\n{of_entries}")))
            .replace("DNS\n", &part(self.https, &format!("{token}\n")))
            .replace("NODE", &node)
            .replace("PLATFORM\n", &mapping("    platform:", &platform, "      "));
        apps.iter().fold(spec, |spec, (entry, choices)| {
            let fields: String = entry.fields(choices).lines().map(|line| format!("        {line}\n")).collect();
            format!("{spec}      {}:\n{fields}", choices.name)
        })
    }
}

/// An entry, and the entries of the apps that it needs.
fn with_apps(entry: &'static Entry) -> Vec<&'static Entry> {
    let others = entry.needs_apps.iter().map(|app| catalogue::find(app).expect("it is in the catalogue"));
    others.flat_map(with_apps).chain([entry]).collect()
}

/// What an app can take of a lab, as a user adds it: by the spec without it.
fn choices(spec: &str, entry: &Entry, address: usize) -> Choices {
    let parsed = homelab::spec::parse(spec.as_bytes()).unwrap_or_else(|problems| panic!("{}", shown(&problems, spec)));
    let address = entry.uses("address").then(|| format!("192.168.1.{}", 110 + address));
    Choices { address, ..Choices::of(&parsed.spec, "attic", entry.name) }
}

/// The lab that has everything, with all apps of the catalogue.
pub(crate) fn lab_with_all() -> String {
    let lab = format!("{}      []\n", Offer::ALL.spec(&[])).replace("    apps:\n      []\n", "");
    let names: Vec<_> = catalogue::all().iter().map(|entry| entry.name.to_owned()).collect();
    let all = catalogue::all().iter().enumerate().map(|(at, entry)| {
        let others = names.iter().filter(|name| *name != entry.name).cloned().collect();
        (entry, Choices { apps: others, ..choices(&lab, entry, at) })
    });
    Offer::ALL.spec(&all.collect::<Vec<_>>())
}

#[test]
fn each_entry_is_valid_in_the_smallest_lab_with_what_it_needs() {
    let wrong: Vec<String> = catalogue::all()
        .par_iter()
        .filter_map(|entry| {
            let entries = with_apps(entry);
            let needs = entries.iter().flat_map(|entry| entry.needs.iter().copied()).collect();
            let offer = Offer::of(&needs);
            let mut apps: Vec<(&Entry, Choices)> = Vec::new();
            for (at, entry) in entries.into_iter().enumerate() {
                let spec = offer.spec(&apps);
                let spec = if apps.is_empty() { spec.replace("    apps:\n", "") } else { spec };
                let choices = choices(&spec, entry, at);
                assert_eq!(entry.missing(&choices), [], "{}:\n{spec}", entry.name);
                assert_eq!(entry.missing_apps(&choices), [""; 0], "{}:\n{spec}", entry.name);
                apps.push((entry, choices));
            }
            let spec = offer.spec(&apps);
            let built = build(&spec, &repository());
            let problems = shown(&built.diagnostics, &spec);
            (!problems.is_empty() || built.tree.is_none()).then(|| format!("{}:\n{problems}\n{spec}", entry.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Public names, and another storage class.
#[test]
fn each_entry_can_be_public() {
    let lab = Offer::ALL.spec(&[]).replace("    apps:\n", "");
    let wrong: Vec<String> = catalogue::all()
        .par_iter()
        .filter_map(|entry| {
            let apps = with_apps(entry).into_iter().enumerate().map(|(at, entry)| {
                let all = catalogue::all().iter().map(|other| other.name.to_owned());
                let needed = all.filter(|other| entry.needs_apps.contains(other)).collect();
                let class = Some("local-path".to_owned());
                (entry, Choices { public: true, class, apps: needed, ..choices(&lab, entry, at) })
            });
            let spec = Offer::ALL.spec(&apps.collect::<Vec<_>>());
            let problems = shown(&build(&spec, &repository()).diagnostics, &spec);
            (!problems.is_empty()).then(|| format!("{}:\n{problems}", entry.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// An entry whose file is not listed would be missing in the program.
#[test]
fn each_file_is_an_entry() {
    let folder = repository().join("generator/crates/catalogue/apps");
    let files =
        fs::read_dir(folder).expect("the folder exists").map(|file| file.expect("it can be listed").file_name());
    let files: BTreeSet<_> = files.map(|file| file.to_string_lossy().into_owned()).collect();
    let entries: BTreeSet<_> = catalogue::all().iter().map(|entry| format!("{}.yaml", entry.name)).collect();
    assert_eq!(files, entries, "list each file in generator/crates/catalogue/src/list.rs");
    assert!(entries.len() >= 40, "{}", entries.len());
}

#[test]
fn the_page_of_the_catalogue_is_up_to_date() {
    let page = run(&repository(), &["apps", "--format", "markdown"]);
    let committed = fs::read_to_string(repository().join("docs/catalogue.md")).expect("it is committed");
    assert_eq!(out(&page), committed, "run `cargo run -q -- apps --format markdown > docs/catalogue.md`");
}

#[test]
fn lists_apps_by_category() {
    let folder = folder_with("version: 1\n");
    let list = run(folder.path(), &["apps"]);
    assert_eq!(list.status.code(), Some(0), "{}", err(&list));
    assert!(list.stderr.is_empty(), "{}", err(&list));
    for part in ["Media\n  audiobookshelf ", "\n\nHome automation\n  esphome ", "  memos            Notes\n"] {
        assert!(out(&list).contains(part), "no {part:?} in\n{}", out(&list));
    }
    let found = run(folder.path(), &["apps", "--search", "Zigbee"]);
    assert_eq!(out(&found), "Home automation\n  zigbee2mqtt  Zigbee devices over MQTT\n");
    let all: Json = serde_json::from_str(out(&run(folder.path(), &["apps", "--format", "json"]))).expect("it is JSON");
    assert_eq!(all.as_array().map(Vec::len), Some(catalogue::all().len()));
}

#[test]
fn reports_names_and_words_that_it_does_not_know() {
    let folder = folder_with(&Offer::default().spec(&[]).replace("    apps:\n", ""));
    for (arguments, message) in [
        (&["apps", "jelyfin"][..], "error: there is no app `jelyfin` in the catalogue; did you mean `jellyfin`?\n"),
        (&["apps", "xyzzy"], "error: there is no app `xyzzy` in the catalogue; `homelab apps` lists them\n"),
        (
            &["apps", "--search", "xyzzy"],
            "error: no app of the catalogue has the word `xyzzy`; `homelab apps` lists all\n",
        ),
        (&["apps", "memos", "--cluster", "home"], "error: there is no cluster `home`; clusters of the spec: attic\n"),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((output.status.code(), err(&output)), (Some(2), message), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// In the smallest lab, and in the reference lab, which has what it needs.
#[test]
fn shows_an_app_as_it_fits_the_lab() {
    let folder = folder_with(&Offer::default().spec(&[]).replace("    apps:\n", ""));
    insta::assert_snapshot!("smallest", out(&run(folder.path(), &["apps", "miniflux"])));
    insta::assert_snapshot!("reference", out(&run(&repository(), &["apps", "vaultwarden"])));
    let json = run(&repository(), &["apps", "vaultwarden", "--format", "json"]);
    let json: Json = serde_json::from_str(out(&json)).expect("it is JSON");
    assert_eq!(json["cluster"], "gordito");
    assert_eq!(json["missing"], Json::Array(Vec::new()));
    let fields = documents(json["spec"].as_str().expect("it is text")).remove(0);
    assert_eq!(fields["env"]["DOMAIN"], "https://vault.example.com");
    assert_eq!(fields["database"], "data/postgres");
    assert_eq!(json["secrets"][0]["key"], "database-password");
    assert!(json["evidence"]["user"]["source"].is_string(), "{json}");
}
