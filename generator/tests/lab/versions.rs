//! Renovate finds every version that is updated in the source or in a spec, and none in generated files.

use crate::edit::Edited;
use crate::output::{cases, documents, walk};
use crate::support::{everything_spec, reference_spec, repository, tree_of};
use homelab::catalogue::{self, Choices};
use homelab::tree::{OWNED, Tree};
use regex::Regex;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A pinned version: the datasource that lists newer ones, the name of the package there, and the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pin {
    datasource: String,
    package: String,
    registry: Option<String>,
    version: String,
}

impl Pin {
    fn new(datasource: &str, package: &str, version: &str) -> Self {
        Self {
            datasource: datasource.to_owned(),
            package: package.to_owned(),
            registry: None,
            version: version.to_owned(),
        }
    }

    /// The pin of an image, with its tag and maybe a digest.
    fn of_image(image: &str) -> Self {
        let image = image.split('@').next().unwrap_or_default();
        let (package, version) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        Self::new("docker", package, version)
    }
}

/// A manager of `renovate.json`. The `regex` crate has neither look-around nor backreferences, as RE2 has none, so RE2
/// accepts every expression that it accepts.
struct Manager {
    files: Vec<Regex>,
    finds: Vec<Regex>,
    templates: BTreeMap<String, String>,
}

impl Manager {
    fn of(settings: &Json) -> Self {
        assert_eq!(settings["customType"], "regex");
        let expressions = |field: &str, strip: bool| -> Vec<Regex> {
            let list = settings[field].as_array().unwrap_or_else(|| panic!("a manager without {field}"));
            let expression = |text: &Json| {
                let text = text.as_str().expect("expressions are text");
                let bare = text.strip_prefix('/').and_then(|text| text.strip_suffix('/')).filter(|_| strip);
                Regex::new(if strip { bare.expect("patterns of files are expressions between slashes") } else { text })
            };
            list.iter().map(|text| expression(text).expect("RE2 accepts it")).collect()
        };
        let fields = settings.as_object().expect("a manager has fields");
        let templates = fields
            .iter()
            .filter_map(|(key, value)| Some((key.strip_suffix("Template")?.to_owned(), value.as_str()?.to_owned())));
        Self {
            files: expressions("managerFilePatterns", true),
            finds: expressions("matchStrings", false),
            templates: templates.collect(),
        }
    }

    fn find(&self, text: &str) -> Vec<Pin> {
        let found = self.finds.iter().flat_map(|find| find.captures_iter(text)).map(|found| {
            let group = |name: &str| found.name(name).map(|group| group.as_str().to_owned());
            // In a template, names in braces refer to capture groups.
            let fill = |template: &String| {
                let names = ["chart", "registry"].map(|name| (format!("{{{{{{{name}}}}}}}"), group(name)));
                let fill = |text: String, (hole, group): (String, Option<String>)| match group {
                    Some(group) => text.replace(&hole, &group),
                    None => text,
                };
                names.into_iter().fold(template.clone(), fill)
            };
            let field = |name: &str| group(name).or_else(|| self.templates.get(name).map(fill));
            Pin {
                datasource: field("datasource").expect("a manager sets a datasource"),
                package: field("depName").expect("a manager sets a name"),
                registry: field("registryUrl"),
                version: field("currentValue").expect("a manager sets a version"),
            }
        });
        found.collect()
    }
}

struct Renovate {
    managers: Vec<Manager>,
    ignored: Vec<String>,
}

/// The settings of Renovate in a file of the repository.
fn settings(path: &str) -> Json {
    let text = std::fs::read_to_string(repository().join(path)).expect("it is committed");
    serde_json::from_str(&text).expect("it is JSON")
}

/// The settings for repositories that use this one.
const FOR_LABS: &str = ".github/renovate/lab.json";

impl Renovate {
    fn read() -> Self {
        let settings = settings("renovate.json");
        let ignored = settings["ignorePaths"].as_array().expect("it has ignored paths").iter().map(|pattern| {
            let pattern = pattern.as_str().expect("patterns are text");
            let path = pattern.strip_suffix("**").unwrap_or(pattern);
            assert!(!path.contains('*'), "only files and whole folders are ignored, not {pattern}");
            path.to_owned()
        });
        let managers = settings["customManagers"].as_array().expect("it has managers");
        Self { managers: managers.iter().map(Manager::of).collect(), ignored: ignored.collect() }
    }

    /// The versions that it finds in a file.
    fn find(&self, path: &str, text: &str) -> Vec<Pin> {
        let is_ignored = self.ignored.iter().any(|folder| path.starts_with(folder));
        let managers = self.managers.iter().filter(|manager| manager.files.iter().any(|file| file.is_match(path)));
        managers.filter(|_| !is_ignored).flat_map(|manager| manager.find(text)).collect()
    }
}

/// The versions that Renovate finds in the repository, each with the path of its file.
fn found() -> Vec<(String, Pin)> {
    let (renovate, root) = (Renovate::read(), repository());
    let is_source = |entry: &walkdir::DirEntry| {
        entry.depth() != 1 || ![".git", "target"].iter().any(|name| entry.file_name() == *name)
    };
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(&root).into_iter().filter_entry(is_source) {
        let entry = entry.expect("the folder can be listed");
        let path = entry.path().strip_prefix(&root).expect("it is in the repository").to_string_lossy().into_owned();
        if entry.file_type().is_file()
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            found.extend(renovate.find(&path, &text).into_iter().map(|pin| (path.clone(), pin)));
        }
    }
    found.sort();
    found
}

/// The versions in the files that are generated from a spec.
fn pinned(spec: &str) -> BTreeSet<Pin> {
    pinned_in(&tree_of(spec))
}

/// The versions in generated files.
fn pinned_in(tree: &Tree) -> BTreeSet<Pin> {
    let files = tree.files().iter().filter(|file| file.path.starts_with("k8s/") && file.path.ends_with(".yaml"));
    let objects: Vec<Json> = files.flat_map(|file| documents(&file.text)).collect();
    let text = |value: &Json| value.as_str().unwrap_or_else(|| panic!("{value} is not text")).to_owned();
    let oci = |url: &Json| text(url).strip_prefix("oci://").expect("it is in an OCI registry").to_owned();
    let repositories: BTreeMap<String, String> = objects
        .iter()
        .filter(|object| object["kind"] == "HelmRepository")
        .map(|object| (text(&object["metadata"]["name"]), text(&object["spec"]["url"])))
        .collect();
    let mut pins = BTreeSet::new();
    for object in &objects {
        let spec = &object["spec"];
        match object["kind"].as_str().expect("objects have a kind") {
            "OCIRepository" => {
                pins.insert(Pin::new("docker", &oci(&spec["url"]), &text(&spec["ref"]["tag"])));
            }
            "HelmRelease" => {
                let chart = &spec["chart"]["spec"];
                if !chart.is_null() {
                    let registry = Some(repositories[&text(&chart["sourceRef"]["name"])].clone());
                    pins.insert(Pin { registry, ..Pin::new("helm", &text(&chart["chart"]), &text(&chart["version"])) });
                }
                let values = &spec["values"];
                for image in [&values["image"], &values["provider"]["webhook"]["image"]] {
                    if !image["tag"].is_null() {
                        pins.insert(Pin::new("docker", &text(&image["repository"]), &text(&image["tag"])));
                    }
                }
            }
            "HelmChart" => {
                pins.insert(Pin::new("docker", &oci(&spec["chart"]), &text(&spec["version"])));
            }
            "FluxInstance" => {
                pins.insert(Pin::new("github-releases", "fluxcd/flux2", &text(&spec["distribution"]["version"])));
            }
            "Cluster" => {
                pins.insert(Pin::of_image(&text(&spec["imageName"])));
            }
            _ => {}
        }
        walk(object, &mut Vec::new(), &mut |path, value| {
            if let [.., "containers" | "initContainers", "image"] = path {
                pins.insert(Pin::of_image(&text(value)));
            }
        });
    }
    pins
}

/// The images and charts of apps in a spec.
fn of_apps(spec: &str) -> BTreeSet<Pin> {
    let spec = documents(spec).remove(0);
    let mut pins = BTreeSet::new();
    walk(&spec["clusters"], &mut Vec::new(), &mut |_, value| {
        let part = |field: &str| value[field].as_str();
        let (repository, tag, chart, version) = (part("repository"), part("tag"), part("chart"), part("version"));
        match (repository, tag, chart, version) {
            (Some(repository), Some(tag), ..) => pins.insert(Pin::new("docker", repository, tag)),
            (Some(repository), _, Some(chart), Some(version)) => pins.insert(match repository.strip_prefix("oci://") {
                Some(folder) => Pin::new("docker", &format!("{folder}/{chart}"), version),
                None => Pin { registry: Some(repository.to_owned()), ..Pin::new("helm", chart, version) },
            }),
            _ => false,
        };
    });
    pins
}

/// For all components, with each of the two ingress controllers and log collectors, and for all DNS providers and DNS
/// servers of the LAN.
#[test]
fn each_version_is_found_exactly_once() {
    let everything = everything_spec();
    let other = Edited::everything()
        .add("clusters.home.platform.ingress.implementation", "ingress-nginx")
        .add("clusters.home.platform.logging.collector", "promtail");
    let mut known: BTreeSet<Pin> = pinned(&everything).union(&pinned(&other.text())).cloned().collect();
    let mut in_spec = of_apps(&everything);
    for case in cases().iter().filter(|case| ["dns-", "lan-dns-"].iter().any(|prefix| case.name.starts_with(prefix))) {
        known.extend(pinned_in(case.tree()));
        in_spec.extend(of_apps(&case.spec));
    }
    let in_code = known.difference(&in_spec).cloned();
    let expected: BTreeSet<Pin> = in_code.chain(of_apps(&reference_spec())).collect();
    assert!(expected.len() > 14, "{expected:?}");
    let (tools, found): (Vec<_>, Vec<_>) = found().into_iter().partition(|(path, _)| path == ".ci/run");
    let tools: Vec<_> = tools.iter().map(|(_, pin)| (pin.datasource.as_str(), pin.package.as_str())).collect();
    assert_eq!(
        tools,
        [("crate", "cargo-deny"), ("go", "github.com/getsops/sops/v3"), ("go", "github.com/restic/restic")]
    );
    // The same image is in several entries of the catalogue.
    let found = found.into_iter().filter(|(path, _)| !path.starts_with(CATALOGUE));
    let mut found: Vec<Pin> = found.map(|(_, pin)| pin).collect();
    found.sort();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
}

/// The files of the catalogue.
const CATALOGUE: &str = "generator/crates/catalogue/apps/";

#[test]
fn each_version_of_the_catalogue_is_found() {
    let found = found();
    for entry in catalogue::all() {
        let path = format!("{CATALOGUE}{}.yaml", entry.name);
        let found: BTreeSet<_> = found.iter().filter(|(file, _)| *file == path).map(|(_, pin)| pin.clone()).collect();
        let fields = entry.fields(&Choices::everything(entry.name));
        let spec = format!("clusters:\n{}", fields.lines().map(|line| format!("  {line}\n")).collect::<String>());
        let expected = of_apps(&spec);
        assert!(!expected.is_empty(), "{}", entry.name);
        assert_eq!(found, expected, "{}", entry.name);
    }
}

#[test]
fn nothing_is_found_in_generated_files() {
    let stray: Vec<_> =
        found().into_iter().filter(|(path, _)| OWNED.iter().any(|folder| path.starts_with(folder))).collect();
    assert!(stray.is_empty(), "{stray:?}");
    let ignored = Renovate::read().ignored;
    assert!(OWNED.iter().all(|folder| ignored.contains(&format!("{folder}/"))), "{ignored:?}");
}

/// In block and flow style, with quotes and without.
#[test]
fn images_and_charts_of_specs_are_found() {
    let renovate = Renovate::read();
    for spec in [everything_spec(), reference_spec()] {
        let found: BTreeSet<Pin> = renovate.find("spec/homelab.yaml", &spec).into_iter().collect();
        assert_eq!(found, of_apps(&spec));
    }
    for text in [
        "image:\n  repository: \"a.example.com:5000/b\"\n  tag: '1.2'\n",
        "image: { repository: a.example.com:5000/b, tag: '1.2' }",
        "image: {repository: 'a.example.com:5000/b', tag: 1.2}",
        "image:\n  repository: a.example.com:5000/b\n  tag: \"1.2\"\n  digest: sha256:0123\n",
    ] {
        assert_eq!(
            renovate.find("spec/homelab.yaml", text),
            [Pin::new("docker", "a.example.com:5000/b", "1.2")],
            "{text}"
        );
    }
    let text = "helm: { chart: a, repository: https://charts.example.com/b, version: 1.2.3 }";
    let chart = Pin { registry: Some("https://charts.example.com/b".to_owned()), ..Pin::new("helm", "a", "1.2.3") };
    assert_eq!(renovate.find("spec/homelab.yaml", text), [chart]);
    // A `repository` without a tag is not an image.
    assert_eq!(renovate.find("spec/homelab.yaml", "repository: https://example.com/a\nbranch: main\n"), []);
}

/// The tag of an image that Flux updates has the `update` of the image as its type, which rules of Renovate refer to.
#[test]
fn images_that_flux_updates_are_told_apart() {
    let managers = settings("renovate.json")["customManagers"].as_array().expect("it has managers").clone();
    let is_of_specs = |manager: &&Json| {
        manager["datasourceTemplate"] == "docker"
            && manager["managerFilePatterns"][0].as_str().is_some_and(|files| files.starts_with("/^spec/"))
    };
    let managers: Vec<_> = managers.iter().filter(is_of_specs).collect();
    let finds = managers.iter().flat_map(|manager| Manager::of(manager).finds);
    let finds: Vec<_> = finds.filter(|find| find.as_str().contains("repository: ")).collect();
    let found = |text: &str| -> Vec<(String, Option<String>)> {
        let captures = finds.iter().flat_map(|find| find.captures_iter(text));
        let found = captures.map(|found| {
            let kind = found.name("depType").map(|kind| kind.as_str().to_owned());
            (format!("{}:{}", &found["depName"], &found["currentValue"]), kind)
        });
        found.collect()
    };
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (text, kind) in [
        ("image: { repository: a/b, tag: '1.2' }\nupdate: minor\n".to_owned(), None),
        ("image:\n  repository: a/b\n  tag: \"1.2\"\nport: 80\n".to_owned(), None),
        ("image:\n  # From a.\n  repository: a/b # here\n  tag: \"1.2\" # released\n\nuser: 1\n".to_owned(), None),
        (format!("image:\n  repository: a/b\n  tag: 1.2\n  digest: {digest}\ndescription: b\n"), None),
        ("image:\n  repository: a/b\n  tag: 1.2".to_owned(), None),
        ("image: { repository: a/b, tag: '1.2', update: minor }".to_owned(), Some("minor")),
        (
            "image:\n  repository: a/b\n  tag: \"1.2\" # released\n  # Always the newest.\n  update: major\n"
                .to_owned(),
            Some("major"),
        ),
        (format!("image:\n  repository: a/b\n  tag: 1.2\n  digest: {digest}\n  update: digest\n"), Some("digest")),
        ("image:\n  update: 'patch'\n  repository: a/b\n  tag: 1.2\nport: 80\n".to_owned(), Some("patch")),
        ("image: { repository: a/b, update: patch, tag: 1.2 }".to_owned(), Some("patch")),
    ] {
        assert_eq!(found(&text), [("a/b:1.2".to_owned(), kind.map(str::to_owned))], "{text}");
    }
}

/// Other repositories use the same settings for their specs.
#[test]
fn labs_have_the_managers_and_rules_of_specs() {
    let (ours, labs) = (settings("renovate.json"), settings(FOR_LABS));
    let is_of_spec =
        |manager: &&Json| manager["managerFilePatterns"][0].as_str().is_some_and(|files| files.starts_with("/^spec/"));
    let list = |settings: &Json, field: &str| settings[field].as_array().expect("it is a list").clone();
    let of_spec: Vec<_> = list(&ours, "customManagers").iter().filter(is_of_spec).cloned().collect();
    assert_eq!((list(&labs, "customManagers"), of_spec.len()), (of_spec, 5));
    let rules: Vec<_> =
        list(&ours, "packageRules").iter().filter(|rule| !rule["matchDepTypes"].is_null()).cloned().collect();
    assert_eq!((list(&labs, "packageRules"), rules.len()), (rules, 5));
    for field in ["extends", "gitIgnoredAuthors", "lockFileMaintenance", "nix"] {
        assert_eq!(labs[field], ours[field], "{field}");
    }
    let owned = OWNED.iter().map(|folder| format!("{folder}/**")).chain(["spec/images.yaml".to_owned()]);
    assert_eq!(labs["ignorePaths"], Json::from(owned.collect::<Vec<_>>()));
}

/// A spec that pins versions, each with a comment for Renovate.
const PINNED: &str = r#"
version: 1
lab:
  name: homelab
  domain: example.com
  repository: https://github.com/example/homelab
  admin: { email: admin@example.com, ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC] }
network:
  lan: { cidr: 192.168.10.0/24, gateway: 192.168.10.1 }
  public: { host: home }
hosts:
  box: { memory: 16GiB, address: 192.168.10.11 }
secrets:
  store: { infisical: { project: homelab, environment: prod } }
  entries:
    cloudflare: { keys: [api-token] }
dns:
  cloudflare: { api-token: cloudflare/api-token, zone-id: 0123456789abcdef0123456789abcdef }
clusters:
  home:
    flux:
      version: "2.9.1" # renovate: datasource=github-releases depName=fluxcd/flux2 extractVersion=^v(?<version>.+)$
      operator: 0.58.0 # renovate: datasource=docker depName=ghcr.io/controlplaneio-fluxcd/charts/flux-operator
    load-balancer: 192.168.10.240-192.168.10.249
    nodes:
      home-1: { host: box, vmid: 100, address: 192.168.10.41 }
    platform:
      dynamic-dns:
        version: v2.9.0 # renovate: datasource=docker depName=ghcr.io/qdm12/ddns-updater
      dns:
        version: 1.20.0 # renovate: datasource=helm depName=external-dns registryUrl=https://kubernetes-sigs.github.io/external-dns/
      certificates:
        version: "v1.20.0" # renovate: datasource=docker depName=quay.io/jetstack/charts/cert-manager
"#;

/// The same versions are in the generated files.
#[test]
fn versions_in_specs_are_found_by_their_comments() {
    let found: BTreeSet<Pin> = Renovate::read().find("spec/homelab.yaml", PINNED).into_iter().collect();
    assert_eq!(found.len(), 5, "{found:?}");
    let missing: Vec<_> = found.difference(&pinned(PINNED)).cloned().collect();
    assert!(missing.is_empty(), "{missing:?} are not generated");
}

/// A newer chart can install a newer Velero than the pinned image.
#[test]
fn a_chart_in_the_spec_determines_the_version_of_velero() {
    let images = |spec: &str| -> Vec<String> {
        let found = pinned(spec).into_iter().filter(|pin| pin.package == "docker.io/velero/velero");
        found.map(|pin| pin.version).collect()
    };
    let with = |chart: &str| Edited::everything().add("clusters.home.platform.backups.version", chart).text();
    let default = images(&everything_spec());
    assert_eq!(default.len(), 1);
    let pinned = pinned(&everything_spec());
    let chart = pinned.iter().find(|pin| pin.package == "ghcr.io/vmware-tanzu/charts/velero").expect("it is pinned");
    assert_eq!(images(&with(&chart.version)), default);
    assert_eq!(images(&with("99.0.0")), [""; 0]);
}

/// The tags of its chart start with a `v`, but users write the version with or without it.
#[test]
fn the_version_of_cert_manager_may_start_with_a_v() {
    let files = |version: &str| {
        let tree = tree_of(&Edited::everything().add("clusters.home.platform.certificates.version", version).text());
        tree.files().iter().map(|file| (file.path.clone(), file.text.clone())).collect::<Vec<_>>()
    };
    let written = files("1.20.3");
    assert!(written.iter().any(|(path, text)| path.contains("cert-manager") && text.contains("v1.20.3")));
    assert_eq!(written, files("v1.20.3"));
}
