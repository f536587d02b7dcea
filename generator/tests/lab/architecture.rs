//! Invariants of templates and generated files that no compiler checks.

use crate::output::cases;
use crate::support::{build, reference_spec, repository};
use homelab::model::contract::NODE_PORTS;
use homelab::render::MARKER;
use homelab::spec::Protocol;
use homelab::{app, platform, render, tree};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder, as paths from there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.expect("it can be listed"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.path().strip_prefix(folder).expect("it is below").to_owned()).collect()
}

/// The templates of pages and apps: their texts by the paths of their outputs.
fn page_templates() -> BTreeMap<String, String> {
    let pages = render::templates().iter().map(|template| (template.name.to_owned(), template.source.to_owned()));
    let apps = app::templates().into_iter().map(|template| {
        let file = template.name.strip_prefix("app/").expect("they are templates of apps");
        // Templates of pods are only included by others.
        let folder = if matches!(file, "pod.yaml" | "container.yaml") { "parts" } else { "k8s/CLUSTER/apps/APP" };
        (format!("{folder}/{file}"), template.source.to_owned())
    });
    pages.chain(apps).collect()
}

#[test]
fn every_template_file_is_registered() {
    let crates = repository().join("generator/crates");
    let templates = files(&crates).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "j2"));
    let found: BTreeSet<_> =
        templates.map(|path| fs::read_to_string(crates.join(path)).expect("templates are UTF-8")).collect();
    let registered = [platform::templates(), app::templates(), render::templates().to_vec()].concat();
    let registered: BTreeSet<_> = registered.iter().map(|template| template.source.to_owned()).collect();
    assert!(found == registered, "a template is not registered, or not in the folder of the crates");
}

/// Whether an output may come from a template: `UNIT` matches one or two folders, and other names in capitals match one.
/// The name of a file may have a suffix after that of its template.
fn comes_from(output: &str, template: &str) -> bool {
    let (folder, file) = output.rsplit_once('/').expect("outputs are in folders");
    let (template_folder, template_file) = template.rsplit_once('/').expect("templates are in folders");
    let (stem, extension) = template_file.rsplit_once('.').expect("templates have an ending");
    let name = file.strip_suffix(&format!(".{extension}"));
    let fits_file = name.is_some_and(|name| {
        stem.chars().all(char::is_uppercase)
            || name == stem
            || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'))
    });
    let fits = |folders: &[&str], templates: &[&str]| {
        folders.len() == templates.len()
            && folders
                .iter()
                .zip(templates)
                .all(|(folder, template)| template.chars().all(char::is_uppercase) || folder == template)
    };
    let folders: Vec<_> = folder.split('/').collect();
    let templates: Vec<_> = template_folder.split('/').collect();
    let wide: Vec<_> = template_folder.replace("UNIT", "UNIT/UNIT").leak().split('/').collect();
    fits_file && (fits(&folders, &templates) || fits(&folders, &wide))
}

#[test]
fn templates_mirror_the_folders_of_their_outputs() {
    let outputs: BTreeSet<_> = cases()
        .iter()
        .flat_map(|case| case.tree().files().iter().map(|file| file.path.clone()).collect::<Vec<_>>())
        .collect();
    // Templates in `parts/` are only included by others.
    for template in page_templates().keys().filter(|template| !template.starts_with("parts/")) {
        assert!(outputs.iter().any(|output| comes_from(output, template)), "no output comes from {template}");
    }
}

/// Templates choose layout. Values are computed before.
#[test]
fn templates_contain_no_logic() {
    for (path, text) in page_templates() {
        for word in ["default(", "set ", "macro ", "import ", "| safe", "|safe", "autoescape"] {
            assert!(!text.contains(&format!("% {word}")) && !text.contains(&format!("| {word}")), "{path} has {word}");
        }
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path} does not end in one newline");
        assert!(!text.contains('\t') && !text.contains('\r'), "{path} has tabs or carriage returns");
    }
}

#[test]
fn every_generated_file_has_the_marker_in_its_first_line() {
    let header = format!("# {MARKER} from spec/homelab.yaml. Do not edit.");
    for case in cases() {
        for file in case.tree().files() {
            let first = file.text.lines().next().unwrap_or_default();
            let is_schema = *file.owner == render::Owner::Schema;
            assert!(
                is_schema && file.text.contains(MARKER)
                    || first == header
                    || first == format!("<!-- {} -->", &header[2..])
                    || first.contains(&header[2..]),
                "{} of {}: {first}",
                file.path,
                case.name
            );
            assert!(
                file.text.ends_with('\n') && !file.text.ends_with("\n\n"),
                "{} of {} does not end in one newline",
                file.path,
                case.name
            );
            assert!(!file.text.contains('\r'), "{} of {} has carriage returns", file.path, case.name);
            let trailing = file.text.lines().find(|line| line.ends_with([' ', '\t']));
            assert!(
                trailing.is_none() || file.path.ends_with(".md"),
                "{} of {} has spaces at the end of {trailing:?}",
                file.path,
                case.name
            );
        }
    }
    let mut seen = 0;
    for folder in tree::OWNED.map(|folder| repository().join(folder)).iter().filter(|folder| folder.exists()) {
        for path in files(folder) {
            let text = fs::read_to_string(folder.join(&path)).expect("generated files are UTF-8");
            assert!(
                text.lines().next().is_some_and(|line| line.contains(MARKER)),
                "{} in {}",
                path.display(),
                folder.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 50);
}

#[test]
fn the_committed_files_are_up_to_date() {
    let tree = build(&reference_spec(), &repository()).tree.expect("the reference lab is valid");
    let plan = tree::compare(&tree, &repository()).expect("the repository is readable");
    let differ: Vec<_> = plan.changes.iter().map(|change| change.path.as_str()).collect();
    assert!(differ.is_empty(), "run `cargo run -- generate` and commit the result: {differ:?}");
    assert!(plan.foreign.is_empty(), "not generated, but in a folder that the generator owns: {:?}", plan.foreign);
}

/// Generated folders are collapsed in reviews, and their line endings are not converted.
#[test]
fn owned_folders_are_marked_for_git() {
    let attributes = fs::read_to_string(repository().join(".gitattributes"));
    let Ok(attributes) = attributes else {
        eprintln!("skipped: this copy of the repository has no .gitattributes");
        return;
    };
    for folder in tree::OWNED {
        assert!(attributes.contains(&format!("{folder}/** linguist-generated=true")), "{folder}");
    }
}

/// The rules of the firewall, and the table of ports that apps on the host network cannot use.
#[test]
fn the_firewall_opens_known_ports() {
    let module = fs::read_to_string(repository().join("nix/modules/firewall.nix")).expect("the module is UTF-8");
    let rule = Regex::new(r#"(?:protocol = "(udp)";\s+)?port = "(\d+)(?::(\d+))?";"#).expect("the pattern is valid");
    let mut seen = 0;
    for found in rule.captures_iter(&module) {
        let protocol = if found.get(1).is_some() { Protocol::Udp } else { Protocol::Tcp };
        let number = |group| found.get(group).map(|port| port.as_str().parse::<u16>().expect("a port"));
        let first = number(2).expect("the group is not optional");
        let last = number(3).unwrap_or(first);
        // Replies to searches arrive at ephemeral ports, which no app listens on.
        for port in (first..=last).take_while(|_| first < 32768) {
            assert!(
                NODE_PORTS.iter().any(|(known, kind, _)| (*known, *kind) == (port, protocol)),
                "{protocol:?} port {port} of firewall.nix is missing in NODE_PORTS"
            );
            seen += 1;
        }
    }
    assert!(seen > 6, "{seen} ports");
}
