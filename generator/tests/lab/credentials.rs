//! Credentials are refused wherever they are planted, and nothing else is.

use crate::support::{build, folder_with, repository};
use homelab::diagnostic::Code;
use serde_yaml::{Mapping, Value};
use std::fs;

const SPEC: &str = "version: 1
lab:
  name: homelab
  domain: example.com
  repository: https://github.com/example/homelab
  admin: { email: admin@example.com, ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC] }
network: { lan: { cidr: 192.168.10.0/24, gateway: 192.168.10.1 } }
hosts: { box: { memory: 16GiB, address: 192.168.10.11 } }
clusters:
  home:
    nodes: { home-1: { host: box, vmid: 100, address: 192.168.10.41 } }
    apps:
      app: { image: { repository: docker.io/vikunja/vikunja, tag: v1.11.0 } }
";

/// The spec with a planted text, and the messages about credentials that it has.
fn messages(place: &str, planted: &Value) -> Vec<String> {
    let folder = folder_with("");
    let mut spec: Value = serde_yaml::from_str(SPEC).expect("it is YAML");
    let mut comment = String::new();
    let cluster = &mut spec["clusters"]["home"];
    let text = || planted.as_str().expect("it is a text").to_owned();
    let file = |name: &str| {
        fs::write(folder.path().join("spec").join(name), text()).expect("the folder is writable");
        Value::from(vec![format!("spec/{name}")])
    };
    match place {
        "env" => cluster["apps"]["app"]["env"] = planted.clone(),
        "value" => {
            let helm = "{ chart: app, repository: https://charts.example.com, version: 1.0.0 }";
            let mut helm: Mapping = serde_yaml::from_str(helm).expect("it is YAML");
            helm.insert("values".into(), planted.clone());
            cluster["apps"]["app"] = Mapping::from_iter([("helm".into(), helm.into())]).into();
        }
        "k3s" => cluster["k3s"]["config"] = planted.clone(),
        "argument" => cluster["apps"]["app"]["args"] = vec![planted.clone()].into(),
        "file" => {
            cluster["apps"]["app"]["files"]["planted"] =
                Mapping::from_iter([("path".into(), "/planted".into()), ("text".into(), planted.clone())]).into();
        }
        "comment" => comment = format!("# {}\n", text()),
        "manifest" => cluster["apps"]["app"]["manifests"] = file("planted.yaml"),
        "module" => cluster["nodes"]["home-1"]["modules"] = file("planted.nix"),
        _ => panic!("unknown place {place}"),
    }
    let built = build(&(serde_yaml::to_string(&spec).expect("it is YAML") + &comment), folder.path());
    let diagnostics = built.diagnostics.sorted();
    diagnostics.into_iter().filter(|it| it.code == Code::CredentialInSpec).map(|it| it.message.clone()).collect()
}

fn planted(key: &str) -> Vec<(String, Value)> {
    let text = fs::read_to_string(repository().join("tests/credentials.yaml")).expect("it is committed");
    let data: Value = serde_yaml::from_str(&text).expect("it is YAML");
    let items = data[key].as_sequence().expect("it is a list").iter();
    let pair = |item: &Value| {
        let (place, text) = item.as_mapping().and_then(|item| item.iter().next()).expect("it has one key");
        (place.as_str().expect("it is a text").to_owned(), text.clone())
    };
    items.map(pair).collect()
}

#[test]
fn refuses_planted_credentials() {
    let missed: Vec<_> =
        planted("refused").into_iter().filter(|(place, text)| messages(place, text).is_empty()).collect();
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), planted("refused").len());
}

#[test]
fn accepts_what_only_looks_like_a_credential() {
    for (place, text) in planted("accepted") {
        assert_eq!(messages(&place, &text), [""; 0], "{place}: {text:?}");
    }
}
