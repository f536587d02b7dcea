//! SOPS accepts the commands that the program prints, and they do what the message promises.

use crate::support::{homelab, out, run, temporary_folder, tool};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A lab with a file that is encrypted for these people, and for the key of the cluster.
fn spec(people: &[(&str, &str)], cluster: &str, keys: &str) -> String {
    let people: Vec<_> = people.iter().map(|(name, key)| format!("{name}: {key}")).collect();
    let variables: Vec<_> =
        keys.split(", ").map(|key| format!("{}: {{ secret: wiki/{key} }}", key.to_uppercase())).collect();
    format!(
        r"version: 1
lab:
  name: homelab
  domain: example.com
  repository: https://github.com/example/homelab
  admin: {{ email: admin@example.com, ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC] }}
network:
  lan: {{ cidr: 192.168.10.0/24, gateway: 192.168.10.1 }}
hosts:
  box: {{ memory: 16GiB, address: 192.168.10.11 }}
secrets:
  store: {{ sops: {{ people: {{ {} }}, clusters: {{ home: {cluster} }} }} }}
  entries:
    wiki: {{ keys: [{keys}], path: /apps/wiki }}
clusters:
  home:
    nodes:
      home-1: {{ host: box, vmid: 100, address: 192.168.10.41 }}
    apps:
      wiki:
        image: {{ repository: docker.io/vikunja/vikunja, tag: v1.11.0 }}
        env: {{ {} }}
",
        people.join(", "),
        variables.join(", ")
    )
}

/// A repository, and the private key of a person on their machine.
struct Lab<'a> {
    root: &'a Path,
}

impl Lab<'_> {
    fn write(&self, spec: &str) {
        fs::write(self.root.join("spec/homelab.yaml"), spec).expect("the folder is writable");
    }

    /// The codes of the diagnostics, and their help.
    fn diagnostics(&self) -> Vec<(String, String)> {
        let output = run(self.root, &["validate", "--format", "json"]);
        let text = if output.stderr.is_empty() { b"[]".to_vec() } else { output.stderr };
        let reports: Vec<Json> = serde_json::from_slice(&text).expect("it prints JSON");
        let text = |value: &Json| value.as_str().expect("it is text").to_owned();
        reports.iter().map(|report| (text(&report["code"]), text(&report["help"]))).collect()
    }

    /// Runs the last command of the only message, which must have this code, and returns what is reported then.
    fn follow(&self, code: &str) -> Vec<(String, String)> {
        let diagnostics = self.diagnostics();
        let [(found, help)] = &diagnostics[..] else { panic!("{diagnostics:?}") };
        assert_eq!(found, code, "{help}");
        let command = help.split('`').rfind(|part| part.starts_with("sops ") || part.contains(" | sops "));
        self.sh(command.expect("the help has a command"));
        self.diagnostics()
    }

    fn sh(&self, command: &str) -> String {
        // An editor that replaces empty values.
        let editor = r#"sed -i 's/: ""$/: "from-the-editor"/'"#;
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.root)
            .env("SOPS_AGE_KEY_FILE", self.root.join("alice.agekey"))
            .env("EDITOR", editor)
            .output()
            .expect("sh starts");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        out(&output).to_owned()
    }

    fn change(&self, change: impl Fn(&str) -> String) {
        let file = self.root.join("spec/secrets/apps/wiki.yaml");
        let text = fs::read_to_string(&file).expect("the file exists");
        assert_ne!(change(&text), text);
        fs::write(file, change(&text)).expect("the file is writable");
    }

    /// Creates a key, and returns its public key.
    fn key(&self, name: &str) -> String {
        self.sh(&format!("age-keygen -o {name}.agekey 2>/dev/null && age-keygen -y {name}.agekey")).trim().to_owned()
    }
}

/// The text with another value of a key.
fn with_value(text: &str, key: &str, value: &str) -> String {
    let line = |line: &str| {
        let is_it = line.trim_start().starts_with(&format!("{key}: "));
        if is_it { format!("    {key}: {value}\n") } else { format!("{line}\n") }
    };
    text.lines().map(line).collect()
}

#[test]
fn the_printed_commands_fix_what_is_reported() {
    if tool("sops").is_none() || tool("age-keygen").is_none() {
        return;
    }
    let folder = temporary_folder();
    fs::create_dir(folder.path().join("spec")).expect("the folder is new");
    let lab = Lab { root: folder.path() };
    let (alice, bob, home) = (lab.key("alice"), lab.key("bob"), lab.key("home"));
    let file = "spec/secrets/apps/wiki.yaml";

    // A missing file: it is created, and filled in an editor.
    lab.write(&spec(&[("alice", &alice)], &home, "one, two"));
    assert_eq!(lab.follow("file-missing"), []);
    let decrypted = lab.sh(&format!("sops decrypt {file}"));
    assert_eq!(decrypted.matches("from-the-editor").count(), 2, "{decrypted}");
    let text = fs::read_to_string(folder.path().join(file)).expect("the file exists");
    assert!(!text.contains("from-the-editor"), "{text}");

    // One value replaced by plain text. SOPS itself refuses the file until the value is empty.
    lab.change(|text| with_value(text, "one", "plain"));
    assert_eq!(lab.diagnostics()[0].0, "secret-unencrypted");
    lab.change(|text| with_value(text, "one", "\"\""));
    // The message is now that of an empty value, whose command checks the signature.
    let again = "openssl rand -hex 32 | sed 's/.*/\"&\"/' | sops set --ignore-mac --value-stdin";
    lab.sh(&format!("{again} {file} '[\"stringData\"][\"one\"]'"));
    assert_eq!(lab.diagnostics(), []);

    // A key that is missing.
    lab.write(&spec(&[("alice", &alice)], &home, "one, two, three"));
    assert_eq!(lab.follow("unknown-reference"), []);

    // A recipient that is missing, and one too many.
    lab.write(&spec(&[("alice", &alice), ("bob", &bob)], &home, "one, two, three"));
    assert_eq!(lab.follow("recipient-missing"), []);
    lab.sh(&format!("SOPS_AGE_KEY_FILE=bob.agekey sops decrypt {file}"));
    lab.write(&spec(&[("alice", &alice)], &home, "one, two, three"));
    assert_eq!(lab.follow("recipient-unknown"), []);

    // The same by `.sops.yaml`.
    lab.write(&spec(&[("alice", &alice), ("bob", &bob)], &home, "one, two, three"));
    let output = homelab(folder.path()).args(["secrets", "--format", "json"]).output().expect("it starts");
    let listed: Json = serde_json::from_slice(&output.stdout).expect("it prints JSON, although a recipient is missing");
    fs::write(folder.path().join(".sops.yaml"), listed["sops"]["config"].as_str().expect("it has the configuration"))
        .expect("the folder is writable");
    lab.sh(&format!("sops updatekeys --yes {file}"));
    assert_eq!(lab.diagnostics(), []);

    // The wrong namespace.
    lab.change(|text| text.replace("namespace: secrets", "namespace: default"));
    assert_eq!(lab.follow("file-invalid"), []);

    // A whole file in clear text.
    let plain = lab.sh(&format!("sops decrypt {file}"));
    fs::write(folder.path().join(file), plain).expect("the file is writable");
    assert_eq!(lab.follow("secret-unencrypted"), []);
    let listed = run(folder.path(), &["secrets"]);
    assert!(out(&listed).contains(file), "{}", out(&listed));
}
