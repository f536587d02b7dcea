//! Any text survives the round trip through every field of the spec that accepts free text, and through both printers.
//! Third-party parsers check the output.

use crate::support::{build, temporary_folder, tool, tree_of};
use homelab::tree::Tree;
use homelab::yaml::{self, Limits, Node, NodeKind, Value};
use homelab::{nix, yaml::Scalar};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use rnix::{SyntaxKind, SyntaxNode};
use serde_json::{Map, Value as Json, json};
use std::process::Command;

/// Texts that some parser reads as something else than text.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", " ", "\n", "\t", "~", "null", "NULL", "yes", "No", "on", "OFF", "y", "N", "true", "False", "0", "-0", "007",
    "0755", "0o17", "0x1F", "0b101", "1_000", "+12", "1:30", "1:30:45.5", "190:20:30", "1.10", "1.", ".5", "1e3",
    "1E+3", "-1.5e-7", ".inf", "-.Inf", ".NaN", "2026-01-01", "2026-1-1", "2026-01-01T10:00:00Z",
    "2026-01-01 10:00:00 +1:00", "9223372036854775808", "<<", "=", "-", "--", "---", "--- a", "...", "?", "? a",
    ":", ": ", "a:", "a: b", "#", "a #b", "# a", "*a", "&a", "!a", "!!str a", "|", ">", "|-\n a", "%YAML 1.1", "@a",
    "`a", "[a]", "{a: b}", "]", "}", ",", "'", "\"", "''", "\"\"", "''${a}", "${a}", "$${a}", "\\${a}", "$", "$(A)",
    "{{ a }}", "{% a %}", "{# a #}", "\\", "\\n", "\\x41", "a\nb", "a\nb\n", "a\n\nb\n\n", "\na\nb", " a\nb",
    "a \nb", "a\n b", "a\n\tb", "a\n# b\n", "---\na\n", "a\n---\nb", "...\na\n", "a\r\nb", "\r", "a\u{85}b",
    "a\u{2028}b", "\u{feff}a", "\u{feff}a\nb", "ñ", "日本\n語", "🦀", "\u{e000}",
    "\u{fffd}", "\u{10ffff}", "null\n", "yes\nno", "/* a */", "''\n''",
];

/// Pieces with a meaning in YAML, Nix, the shell or the template engine.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "${", "}", "$", "''", "'", "\"", "\\", "#", " #", ": ", ":", "\n", "\n\n", "\t", " ", "  ", "\r", "{{ ", " }}",
    "{% ", " %}", "---", "...", "- ", "-", "|", ">", "&", "*", "!", "%", "@", "`", "[", "]", "{", ",", "<", "=",
    "~", "a", "b c", "yes", "0755", "1:30", "2026-01-01", "ñ", "日本", "🦀", "\u{a0}", "\u{2028}", "\u{feff}",
    "\u{7f}", "\u{1b}",
];

fn text() -> impl Strategy<Value = String> {
    let character = any::<char>().prop_filter("Kubernetes and Nix have no NUL", |c| *c != '\0');
    let piece = prop_oneof![8 => select(PIECES).prop_map(str::to_owned), 1 => character.prop_map(String::from)];
    let mix = vec(piece, 0..7).prop_map(|pieces| pieces.concat());
    prop_oneof![1 => select(WORDS).prop_map(str::to_owned), 3 => mix]
}

/// Whether Kustomize, and so Flux, can build a manifest with a character, even if it is escaped there. Between its steps,
/// Kustomize writes YAML itself without escaping some characters. It then rejects its own text or, for U+0085, reads it
/// as a line break. The spec also refuses characters that change the direction of text.
fn is_buildable(c: char) -> bool {
    !(diagnostic::is_bidi_control(c)
        || c.is_control() && !matches!(c, '\t' | '\n' | '\r')
        || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// Text that a spec may contain.
fn free_text() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().filter(|c| is_buildable(*c)).collect())
}

/// The same texts on each run, for tests that pass all of them to a program at once.
fn texts(count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let random = std::iter::repeat_with(|| text().new_tree(&mut runner).expect("texts can be generated").current());
    WORDS.iter().map(|word| (*word).to_owned()).chain(random.take(count)).collect()
}

/// A text as a value in the spec: quoted, with everything but printable ASCII escaped.
fn in_spec(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out + "\""
}

/// A list of texts as a value in the spec.
fn list_in_spec(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| in_spec(text)).collect::<Vec<_>>().join(", "))
}

/// A lab with texts in every field that accepts free text. Fields that accept only some characters have words that YAML
/// 1.1 reads as something else.
fn spec_with(texts: &[String]) -> String {
    let at = |place: usize| in_spec(&texts[place % texts.len()]);
    let env: String =
        texts.iter().enumerate().map(|(at, text)| format!("          E{at}: {}\n", in_spec(text))).collect();
    let comment = texts[8 % texts.len()].replace(['\n', '\r'], " ");
    format!(
        r#"version: 1
lab:
  name: "1e3"
  domain: example.com
  repository: https://github.com/example/homelab
  admin:
    email: admin@example.com
    ssh-keys: [{key}]
network:
  lan: {{ cidr: 192.168.10.0/24, gateway: 192.168.10.1 }}
hosts:
  "on": {{ memory: 64GiB, address: 192.168.10.11, model: {model}, cpu: {cpu} }}
storage:
  "no": {{ kind: synology, address: 192.168.10.20, model: {storage}, nfs: /volume1 }}
secrets:
  store: {{ infisical: {{ project: "0755", environment: "on" }} }}
  entries:
    "null": {{ description: {secret}, keys: ["1e3"] }}
clusters:
  "yes":
    description: {cluster}
    load-balancer: 192.168.10.240-192.168.10.249
    k3s:
      config:
        odd: {{ {config_key}: {config}, list: {all} }}
    nodes:
      "0":
        host: "on"
        vmid: 100
        address: 192.168.10.41
        description: {node}
        labels: {{ a: "on", b: "1.10", c: "", d: "0755" }}
    platform:
      load-balancer:
        values: {{ odd: {{ {value_key}: {value}, list: {all} }} }}
        patches:
          - target: {{ kind: IPAddressPool }}
            merge: {{ metadata: {{ annotations: {{ {patch_key}: {patch}, second: {second} }} }} }}
    apps:
      "no":
        description: {app}
        image: {{ repository: docker.io/traefik/whoami, tag: "1.10" }}
        command: {all}
        args: {all}
        port: 80
        expose: {{ host: "on" }}
        storage: {{ "off": {{ size: 1GiB, mount: /data }} }}
        env:
          SECRET: {{ secret: "null/1e3" }}
          on: "x"
{env}"#,
        key = in_spec(&format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC {comment}"
        )),
        model = at(0),
        cpu = at(1),
        storage = at(2),
        secret = at(3),
        cluster = at(4),
        config = at(5),
        config_key = at(6),
        node = at(7),
        value = at(9),
        value_key = at(10),
        patch = at(11),
        patch_key = at(12),
        second = at(13),
        app = at(14),
        all = list_in_spec(texts),
    )
}

/// A file of the tree as libyaml reads it.
fn read(tree: &Tree, path: &str) -> Json {
    let file = tree.get(path).unwrap_or_else(|| panic!("{path} is not generated"));
    json_of(&file.text).unwrap_or_else(|error| panic!("{path}: {error}\n{}", file.text))
}

fn json_of(text: &str) -> Result<Json, String> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    serde_json::to_value(value).map_err(|error| error.to_string())
}

proptest! {
    #![proptest_config(Config { cases: 192, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_text_survives_in_every_field_of_free_text(texts in vec(free_text(), 15..40)) {
        let tree = tree_of(&spec_with(&texts));
        let at = |place: usize| texts[place % texts.len()].as_str();

        let node = nix_value(&tree.get("nix/nodes/0/default.nix").expect("each node has a module").text);
        let described = &node["homelab"]["node"]["description"];
        prop_assert_eq!(described.as_str().unwrap_or_default(), at(7));
        let comment = at(8).replace(['\n', '\r'], " ");
        let key = node["homelab"]["node"]["sshKeys"][0].as_str().and_then(|key| key.splitn(3, ' ').nth(2));
        prop_assert_eq!(key, Some(comment.as_str()));

        let k3s = read(&tree, "nix/nodes/0/k3s.yaml");
        prop_assert_eq!(&k3s["node-name"], "0");
        prop_assert_eq!(&k3s["node-label"], &json!(["a=on", "b=1.10", "c=", "d=0755"]));
        let odd = |key: &str, value: &str| Json::Object(Map::from_iter([(key.to_owned(), json!(value)), ("list".to_owned(), json!(texts))]));
        prop_assert_eq!(&k3s["odd"], &odd(at(6), at(5)));

        let release = read(&tree, "k8s/yes/platform/metallb/helmrelease.yaml");
        prop_assert_eq!(&release["spec"]["values"]["odd"], &odd(at(10), at(9)));

        let kustomization = read(&tree, "k8s/yes/platform/metallb-config/kustomization.yaml");
        let patch = json_of(kustomization["patches"][0]["patch"].as_str().unwrap_or_default()).expect("a patch is YAML");
        let merged = Map::from_iter([(at(12).to_owned(), json!(at(11))), ("second".to_owned(), json!(at(13)))]);
        prop_assert_eq!(&patch["metadata"]["annotations"], &Json::Object(merged));

        check_deployment(&read(&tree, "k8s/yes/apps/no/deployment.yaml"), at(14), &texts)?;

        let claim = read(&tree, "k8s/yes/apps/no/persistentvolumeclaim-off.yaml");
        prop_assert_eq!(&claim["metadata"]["namespace"], "no");
        let store = read(&tree, "k8s/yes/platform/external-secrets-store/clustersecretstore.yaml");
        prop_assert_eq!(&store["spec"]["provider"]["infisical"]["secretsScope"]["projectSlug"], "0755");
        let secret = read(&tree, "k8s/yes/secrets/no/externalsecret-no.yaml");
        prop_assert_eq!(&secret["spec"]["data"], &json!([{ "secretKey": "SECRET", "remoteRef": { "key": "/null/1e3" } }]));

        for file in tree.files().iter().filter(|file| file.path.ends_with(".yaml")) {
            let (documents, problems) = yaml::documents(&file.text, Limits::default());
            prop_assert!(problems.is_empty(), "{}: {problems:?}", file.path);
            for document in &documents {
                prop_assert!(misread(document).is_empty(), "{}: {:?} would be misread", file.path, misread(document));
            }
        }
    }

    #[test]
    fn documents_survive_a_round_trip(value in value()) {
        let text = yaml::document(&value);
        prop_assert_eq!(ours(&text), Ok(value.clone()), "our own parser, of\n{}", text);
        prop_assert_eq!(json_of(&text), Ok(as_json(&value)), "libyaml, of\n{}", text);
        let (documents, _) = yaml::documents(&text, Limits::default());
        prop_assert!(misread(&documents[0]).is_empty(), "{:?} would be misread", misread(&documents[0]));
    }

    #[test]
    fn blocks_survive_a_round_trip_at_every_depth(value in value(), depth in 0_usize..8) {
        let mut text = String::new();
        for level in 0..depth {
            text.push_str(&format!("{}key:\n", "  ".repeat(level)));
        }
        text.push_str(&format!("{}key:{}\n", "  ".repeat(depth), yaml::block(&value, depth * 2)));
        text.push_str(&format!("{}next: 1\n", "  ".repeat(depth)));
        let mut expected = json!({ "key": as_json(&value), "next": 1 });
        for _ in 0..depth {
            expected = json!({ "key": expected });
        }
        prop_assert_eq!(json_of(&text), Ok(expected), "{}", text);
    }

    #[test]
    fn the_formatter_leaves_nix_literals_unchanged(value in value()) {
        let text = format!("{{\n  name = {};\n}}\n", nix::literal(&value, 2, "name = ".len()));
        let parsed = rnix::Root::parse(&text);
        prop_assert!(parsed.errors().is_empty(), "{:?}\n{}", parsed.errors(), text);
        prop_assert_eq!(&nix_value(&text)["name"], &as_json(&value), "{}", text);
        prop_assert_eq!(nixfmt_rs::format(&text).map_err(|error| error.to_string()), Ok(text));
    }
}

fn check_deployment(deployment: &Json, description: &str, texts: &[String]) -> Result<(), TestCaseError> {
    prop_assert_eq!(&deployment["metadata"]["name"], "no");
    prop_assert_eq!(&deployment["metadata"]["annotations"]["kubernetes.io/description"], description);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    prop_assert_eq!(&container["image"], "docker.io/traefik/whoami:1.10");
    prop_assert_eq!(&container["command"], &json!(texts));
    prop_assert_eq!(&container["args"], &json!(texts));
    let env = container["env"].as_array().map_or(&[][..], Vec::as_slice);
    prop_assert_eq!(env.len(), texts.len() + 2);
    let value = |name: &str| env.iter().find(|variable| variable["name"] == name).map(|variable| &variable["value"]);
    prop_assert_eq!(value("on"), Some(&json!("x")));
    for (at, text) in texts.iter().enumerate() {
        prop_assert_eq!(value(&format!("E{at}")), Some(&json!(text)));
    }
    Ok(())
}

/// Any value, nested a few levels. Every parser represents the numbers exactly.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::Str),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => (-(1_i64 << 53)..1 << 53).prop_map(Value::Int),
        1 => (-1_000_000_i32..1_000_000).prop_map(|number| Value::Float(f64::from(number) / 64.0)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Seq),
            btree_map(text(), inner, 0..6).prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

fn as_json(value: &Value) -> Json {
    serde_json::to_value(value).expect("keys are text")
}

fn ours(text: &str) -> Result<Value, String> {
    match yaml::documents(text, Limits::default()) {
        (documents, problems) if problems.is_empty() && documents.len() == 1 => Ok(documents[0].to_value()),
        (_, problems) => Err(format!("{problems:?}")),
    }
}

/// The scalars of a tree that our parser reads as text, but a YAML 1.1 parser as something else.
fn misread(node: &Node) -> Vec<String> {
    match &node.kind {
        NodeKind::Scalar { text, plain: true } if matches!(Scalar::of_plain(text), Scalar::Str(_)) => {
            if is_more_than_text_in_1_1(text) {
                vec![text.to_string()]
            } else {
                Vec::new()
            }
        }
        NodeKind::Scalar { .. } => Vec::new(),
        NodeKind::Sequence(items) => items.iter().flat_map(misread).collect(),
        NodeKind::Mapping(entries) => {
            entries.iter().flat_map(|(key, value)| [misread(key), misread(value)].concat()).collect()
        }
    }
}

/// Whether YAML 1.1 (yaml.org/type) has another type for a text, as PyYAML, users of libyaml, or Go's yaml parse it.
fn is_more_than_text_in_1_1(text: &str) -> bool {
    let words = [
        "", "~", "null", "y", "n", "yes", "no", "true", "false", "on", "off", "<<", "=", ".inf", "+.inf", "-.inf",
        ".nan",
    ];
    words.contains(&text.to_lowercase().as_str()) || is_number_in_1_1(text) || is_date_in_1_1(text)
}

fn is_number_in_1_1(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all = |text: &str, allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(|c| c == '_' || allowed(c));
    let decimal = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && all(text, |c| c.is_ascii_digit());
    let radix = |prefix: &str, allowed| digits.strip_prefix(prefix).is_some_and(|rest| all(rest, allowed));
    let sixty = |text: &str| text.contains(':') && text.split(':').all(|part| !part.is_empty() && decimal(part));
    let (mantissa, exponent) =
        digits.split_once(['e', 'E']).map_or((digits, None), |(mantissa, rest)| (mantissa, Some(rest)));
    let has_exponent = exponent.is_none_or(|rest| decimal(rest.strip_prefix(['+', '-']).unwrap_or(rest)));
    let fraction = |text: &str| match text.split_once('.') {
        None => decimal(text),
        Some((whole, part)) => {
            (whole.is_empty() || decimal(whole))
                && (part.is_empty() || all(part, |c| c.is_ascii_digit()))
                && text != "."
        }
    };
    decimal(digits)
        || radix("0b", |c| matches!(c, '0' | '1'))
        || radix("0o", |c| c.is_digit(8))
        || radix("0x", |c| c.is_ascii_hexdigit())
        || sixty(digits.split_once('.').map_or(digits, |(whole, part)| if is_digits(part) { whole } else { "" }))
        || has_exponent && fraction(mantissa)
}

fn is_date_in_1_1(text: &str) -> bool {
    let (date, time) = text.split_at(text.find(['T', 't', ' ', '\t']).unwrap_or(text.len()));
    let parts: Vec<_> = date.split('-').collect();
    let is_part = |part: &str, sizes: &[usize]| sizes.contains(&part.len()) && is_digits(part);
    let is_date = matches!(parts[..], [year, month, day] if is_part(year, &[4]) && is_part(month, &[1, 2]) && is_part(day, &[1, 2]));
    // Errs on the safe side: any text with only the characters of a time.
    let is_time =
        time.contains(':') && time[1..].bytes().all(|byte| byte.is_ascii_digit() || b":.+- \tZz".contains(&byte));
    is_date && (time.is_empty() || is_time)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// Converts a Nix expression of literals to JSON, and other expressions to their text. Written from the grammar of Nix,
/// independently of the printer.
fn nix_value(text: &str) -> Json {
    rnix::Root::parse(text).syntax().first_child().map_or(Json::Null, |expression| evaluated(&expression))
}

fn evaluated(node: &SyntaxNode) -> Json {
    let text = node.text().to_string();
    let inner = || evaluated(&node.first_child().expect("it contains an expression"));
    match node.kind() {
        SyntaxKind::NODE_STRING => Json::String(unescaped(&text)),
        SyntaxKind::NODE_LITERAL => {
            text.parse::<i64>().map_or_else(|_| json!(text.parse::<f64>().expect("a number")), Json::from)
        }
        SyntaxKind::NODE_IDENT if text == "null" => Json::Null,
        SyntaxKind::NODE_IDENT if text == "true" || text == "false" => json!(text == "true"),
        SyntaxKind::NODE_UNARY_OP => match inner() {
            Json::Number(number) if number.is_i64() => json!(-number.as_i64().expect("just seen")),
            number => json!(-number.as_f64().expect("only numbers are negated")),
        },
        SyntaxKind::NODE_PAREN => inner(),
        SyntaxKind::NODE_LIST => node.children().map(|item| evaluated(&item)).collect(),
        SyntaxKind::NODE_ATTR_SET => Json::Object(node.children().map(|entry| attribute(&entry)).collect()),
        _ => Json::String(text),
    }
}

fn attribute(entry: &SyntaxNode) -> (String, Json) {
    let (path, value) = (entry.first_child().expect("a name"), entry.last_child().expect("a value"));
    let name = path.text().to_string();
    (if name.starts_with('"') { unescaped(&name) } else { name }, evaluated(&value))
}

/// The value of a string literal.
fn unescaped(literal: &str) -> String {
    let inner = literal.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("a string in plain quotes");
    let mut out = String::new();
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(match characters.next().expect("an escape has a character") {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            // `$$` is two dollar signs, even before a brace.
            '$' if characters.peek() == Some(&'$') => {
                characters.next();
                out.push_str("$$");
            }
            '$' => {
                assert_ne!(characters.peek(), Some(&'{'), "{literal} contains an interpolation");
                out.push('$');
            }
            c => out.push(c),
        }
    }
    out
}

#[test]
fn nix_reads_the_original_values() {
    let Some(evaluator) = tool("nix-instantiate") else { return };
    let mut runner = TestRunner::deterministic();
    let random = (0..200).map(|_| value().new_tree(&mut runner).expect("values can be generated").current());
    let values: Vec<_> = texts(600).into_iter().map(Value::Str).chain(random.filter(is_plain_data)).collect();
    let folder = temporary_folder();
    let file = folder.path().join("values.nix");
    let literals: String = values.iter().map(|value| format!("({})\n", nix::literal(value, 0, 0))).collect();
    std::fs::write(&file, format!("[\n{literals}]\n")).expect("the folder is writable");
    let output = Command::new(evaluator).args(["--eval", "--strict", "--json"]).arg(&file).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Vec<Json> = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert_eq!(read.len(), values.len());
    for (value, read) in values.iter().zip(read) {
        assert_eq!(read, as_json(value), "{}", nix::literal(value, 0, 0));
    }
}

/// Whether Nix prints a value as the same JSON.
fn is_plain_data(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries.iter().all(|(_, value)| is_plain_data(value)),
        Value::Seq(items) => items.iter().all(is_plain_data),
        // Nix prints 1.0 as 1.
        Value::Float(number) => number.fract() != 0.0,
        _ => true,
    }
}

#[test]
fn kubernetes_reads_the_original_texts() {
    let Some(kubectl) = tool("kubectl") else { return };
    let texts: Vec<String> =
        texts(500).iter().map(|text| text.chars().filter(|c| is_buildable(*c)).collect()).collect();
    for texts in texts.chunks(60) {
        let tree = tree_of(&spec_with(texts));
        let folder = temporary_folder();
        for file in tree.files().iter().filter(|file| file.path.starts_with("k8s/yes/apps/no/")) {
            let name = file.path.rsplit('/').next().expect("a path has a last part");
            std::fs::write(folder.path().join(name), &file.text).expect("the folder is writable");
        }
        let output = Command::new(&kubectl).arg("kustomize").arg(folder.path()).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
        let documents: Vec<Json> = text.split("\n---\n").map(|text| json_of(text).expect("it prints YAML")).collect();
        let deployment = documents.iter().find(|object| object["kind"] == "Deployment").expect("it is listed");
        check_deployment(deployment, &texts[14 % texts.len()], texts).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// PyYAML is a widespread YAML 1.1 parser.
#[test]
fn python_reads_the_original_texts() {
    let Some(python) = tool("python3") else { return };
    let texts = texts(600);
    let list = Value::Seq(texts.iter().map(|text| Value::Str(text.clone())).collect());
    let set = Value::Map(
        texts.iter().enumerate().map(|(at, text)| (format!("{text}{at}"), Value::Str(text.clone()))).collect(),
    );
    let folder = temporary_folder();
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, yaml::document(&Value::Seq(vec![list.clone(), set.clone()])))
        .expect("the folder is writable");
    let program = "import json, sys\ntry:\n  import yaml\nexcept ImportError:\n  sys.exit(9)\nprint(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))";
    let output = Command::new(python).args(["-c", program]).arg(&file).output().expect("it starts");
    if output.status.code() == Some(9) {
        eprintln!("skipped: python3 has no yaml");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Json = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert_eq!(read, json!([as_json(&list), as_json(&set)]));
}

/// Flux could not build such a manifest, so the spec must reject the text in every field.
#[test]
fn rejects_text_that_kubernetes_tools_cannot_read() {
    let harmless: Vec<String> = (0..15).map(|at| format!("text {at}")).collect();
    let mut accepted = Vec::new();
    for c in ['\0', '\u{7f}', '\u{80}', '\u{85}', '\u{9f}', '\u{fffe}', '\u{ffff}'] {
        // Places of `spec_with` that are written to a manifest or a node's configuration.
        for (place, field) in
            [(7, "node description"), (9, "Helm value"), (11, "patch"), (14, "app description and env")]
        {
            let mut texts = harmless.clone();
            texts[place] = format!("a{c}b");
            // Only this field, not also the lists of all texts.
            let spec = spec_with(&texts).replace(&list_in_spec(&texts), "[a]");
            if build(&spec, std::path::Path::new(".")).tree.is_some() {
                accepted.push(format!("{c:?} in {field}"));
            }
        }
    }
    assert!(accepted.is_empty(), "accepted: {}", accepted.join(", "));
}
