//! Pictures: what they show is readable, and apps do not change what they share.

use crate::edit::Edited;
use crate::output::cases;
use crate::support::{build, err, folder_with, lab_of, out, reference_spec, repository, run, tool, tree_of};
use homelab::model::Lab;
use homelab::render::pictures::{Labels, all_units, architecture, pictures};
use homelab::spec::Language;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Checks the layout and the XML of every picture of a lab.
fn check(lab: &Lab, name: &str) -> usize {
    let labels = Labels::of(lab.language);
    let on_demand = [("lab", architecture(lab, labels, true)), ("units", all_units(lab, None, labels))];
    let on_demand = on_demand.into_iter().map(|(name, picture)| (name.to_owned(), picture));
    let mut seen = 0;
    for (path, picture) in pictures(lab).into_iter().chain(on_demand) {
        assert_eq!(picture.problems(), [""; 0], "{path} of {name}");
        let svg = picture.svg("made of {} -- & <b>");
        let document = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{path} of {name}: {error}"));
        let texts = document.descendants().filter(|node| node.has_tag_name("text")).count();
        assert!(texts > 1, "{path} of {name} has {texts} texts");
        seen += 1;
    }
    seen
}

#[test]
fn no_texts_or_boxes_overlap_in_any_lab() {
    let mut seen = 0;
    for case in cases() {
        seen += check(&lab_of(&case.spec, &case.root), &case.name);
    }
    assert!(seen > 200, "{seen} pictures");
}

#[test]
fn values_of_any_length_and_kind_fit() {
    let texts = [
        "A very long description that goes on and on, ".repeat(8),
        "Wörter-mit-Bindestrichen-und-ohne-Ende".repeat(4),
        "</text><script>alert(1)</script> & \\\" ]]>".to_owned(),
        "名前の長い説明文です。".repeat(9),
        "مرحبا abc".repeat(6),
    ];
    for text in texts {
        let mut spec = reference_spec();
        for old in ["Films and series", "Databases and stateful services", "Lenovo ThinkCentre neo 50q", "Bookmarks"] {
            assert!(spec.contains(old));
            spec = spec.replace(old, &format!("\"{text}\""));
        }
        let spec = spec.replace("jellyfin", "an-app-whose-name-is-nearly-as-long-as-a-label-can-be");
        let spec = spec.replace("example.com", &format!("{}.example.com", ["a-rather-long-label"; 5].join(".")));
        for language in ["en", "es"] {
            let spec = spec.replace("  timezone: ", &format!("  language: {language}\n  timezone: "));
            check(&lab_of(&spec, &repository()), &text);
        }
    }
}

/// A large lab: many clusters that ship to each other, hosts and apps.
#[test]
fn a_large_lab_stays_readable() {
    for clusters in 1..=7 {
        let mut spec = reference_spec();
        let at = spec.find("clusters:\n").expect("there are clusters") + "clusters:\n".len();
        let mut more = String::new();
        for number in 0..clusters {
            more += &format!(
                "  extra-{number}:
    pods: 10.{}.0.0/16
    services: 10.{}.0.0/16
    load-balancer: 192.168.10.{}-192.168.10.{}
    nodes:
      extra-{number}: {{ host: elitedesk, vmid: {}, address: 192.168.10.{}, memory: 1GiB, cores: 1 }}
    platform:
      storage: {{}}
      monitoring: {{ ship-to: gordito }}
      logging: {{ ship-to: gordito }}
",
                100 + number,
                120 + number,
                200 + 4 * number,
                203 + 4 * number,
                200 + number,
                50 + number,
            );
        }
        spec.insert_str(at, &more);
        check(&lab_of(&spec, &repository()), &format!("{clusters} more clusters"));
    }
}

/// The shared pictures contain no app, so that two people who add apps change no line of the same file.
#[test]
fn a_new_app_changes_no_picture_of_others() {
    let app = "{ image: { repository: docker.io/library/alpha, tag: \"1.0\" }, port: 80, expose: { host: alpha }, \
               database: data/postgres, storage: { data: { size: 1GiB, mount: /data } }, security: { user: 1000 }, \
               env: { KEY: { secret: memos/database-password }, URL: { database: host } } }";
    let spec = Edited::reference().add("clusters.gordito.apps.alpha", app).text();
    let spec = Edited::of(&spec).add("secrets.entries.alpha", "{ keys: [database-password] }").text();
    let pictures = |spec: &str| -> BTreeMap<String, String> {
        let tree = tree_of(spec);
        let pictures = tree.files().iter().filter(|file| file.path.ends_with(".svg"));
        pictures.map(|file| (file.path.clone(), file.text.clone())).collect()
    };
    let (before, mut after) = (pictures(&reference_spec()), pictures(&spec));
    let added = after.remove("docs/lab/apps/gordito/alpha.svg").expect("the app has a picture");
    assert!(added.contains("PostgreSQL in data") && added.contains("alpha.example.com"), "{added}");
    assert!(before.len() >= 6, "{:?}", before.keys());
    assert_eq!(before, after);
}

#[test]
fn both_languages_have_all_texts() {
    let spec = reference_spec().replace("  timezone: ", "  language: es\n  timezone: ");
    let tree = tree_of(&spec);
    let text = |path: &str| tree.get(path).expect("it is generated").text.as_str();
    assert!(text("docs/lab/architecture.svg").contains("Arquitectura de homelab"));
    assert!(text("docs/lab/apps/gordito/memos.svg").contains("lang=\"es\""));
    assert!(text("docs/lab/clusters/data.svg").contains("Orden de las unidades de data"));
    assert_eq!(lab_of(&spec, &repository()).language, Language::Es);
}

/// A picture of each app is one of tens of thousands of files in a large lab.
#[test]
fn pictures_of_apps_are_small() {
    let tree = tree_of(&reference_spec());
    let apps =
        tree.files().iter().filter(|file| file.path.starts_with("docs/lab/apps/") && file.path.ends_with(".svg"));
    let sizes: Vec<_> = apps.map(|file| file.text.len()).collect();
    assert!(sizes.len() == 3 && sizes.iter().all(|size| *size < 4096), "{sizes:?}");
}

#[test]
fn graph_prints_every_subject() {
    let folder = folder_with(&reference_spec());
    let graph = |arguments: &[&str]| {
        let output = run(folder.path(), &[&["graph", "--quiet"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", err(&output));
        out(&output).to_owned()
    };
    for (arguments, expected) in [
        (&["--of", "lab"][..], "links.example.com"),
        (&["--of", "gordito/memos"], "memos in gordito"),
        (&["--of", "data", "--format", "svg"], "database-memos"),
        (&["--format", "svg"], "Order of all units"),
    ] {
        let svg = graph(arguments);
        assert!(svg.contains(expected), "{arguments:?}: {svg}");
        roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }
    assert_eq!(graph(&["--format", "mermaid"]), graph(&[]));
    let one = graph(&["--of", "data"]);
    assert!(one.contains("subgraph data") && !one.contains("gordito"), "{one}");
}

#[test]
fn graph_rejects_what_it_cannot_show() {
    let folder = folder_with(&reference_spec());
    for (arguments, message) in [
        (&["graph", "--of", "gordit"][..], "there is no cluster `gordit`; did you mean `gordito`?"),
        (&["graph", "--of", "gordito/memo"], "the cluster `gordito` has no app `memo`; did you mean `memos`?"),
        (&["graph", "--of", "lab", "--format", "dot"], "only the order of units has this format"),
        (&["graph", "--of", "gordito/memos", "--format", "json"], "only the order of units has this format"),
        (&["validate", "--format", "svg"], "only `homelab graph` can print diagrams"),
        (&["graph", "--format", "markdown"], "only `homelab plan` and `homelab apps` can print Markdown"),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains(message), "{arguments:?}: {}", err(&output));
    }
}

/// Graphviz accepts the graph, and has the same nodes and edges as the JSON.
#[test]
fn graphviz_reads_the_graph() {
    let folder = folder_with(&reference_spec());
    let dot = run(folder.path(), &["graph", "--quiet", "--format", "dot"]);
    let json = run(folder.path(), &["graph", "--quiet", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    let count = |key: &str| json[key].as_array().map_or(0, Vec::len);
    let lines = |part: &str| out(&dot).lines().filter(|line| line.contains(part)).count();
    assert_eq!((lines("[label="), lines(" -> ")), (count("nodes"), count("edges")));
    let Some(program) = tool("dot") else { return };
    let mut child = Command::new(program)
        .arg("-Tplain")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dot starts");
    child.stdin.take().expect("it is piped").write_all(&dot.stdout).expect("dot reads it");
    let output = child.wait_with_output().expect("dot exits");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", err(&output));
    let lines = |kind: &str| out(&output).lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((lines("node "), lines("edge ")), (count("nodes"), count("edges")));
}

/// The text of the spec's path is part of a comment in the first line.
#[test]
fn any_path_of_the_spec_is_valid_in_the_comment() {
    let built = build(&reference_spec(), &repository());
    let lab = built.lab.expect("the reference lab is valid");
    for path in ["a--b.yaml", "-", "--", "---.yaml-", "a&b<c>.yaml"] {
        let svg = architecture(&lab, Labels::of(lab.language), false).svg(path);
        roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}
