//! What holds for templates and generated files, and no compiler checks.

use crate::output::cases;
use crate::support::{build, reference_spec, repository};
use homelab::render::MARKER;
use homelab::{app, platform, render, tree};
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

/// The templates of pages and of apps, as the paths of their outputs, and their texts.
fn page_templates() -> BTreeMap<String, String> {
    let pages = render::templates().iter().map(|template| (template.name.to_owned(), template.source.to_owned()));
    let apps = app::templates().into_iter().map(|template| {
        let file = template.name.strip_prefix("app/").expect("they are templates of apps");
        // Those of pods are only included by others.
        let folder = if matches!(file, "pod.yaml" | "container.yaml") { "parts" } else { "k8s/CLUSTER/apps/APP" };
        (format!("{folder}/{file}"), template.source.to_owned())
    });
    pages.chain(apps).collect()
}

#[test]
fn every_template_is_registered_and_every_registered_one_is_there() {
    let crates = repository().join("generator/crates");
    let templates = files(&crates).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "j2"));
    let there: BTreeSet<_> =
        templates.map(|path| fs::read_to_string(crates.join(path)).expect("templates are UTF-8")).collect();
    let registered = [platform::templates(), app::templates(), render::templates().to_vec()].concat();
    let registered: BTreeSet<_> = registered.iter().map(|template| template.source.to_owned()).collect();
    assert!(there == registered, "a template is not registered, or not where the others are");
}

/// Whether an output may come from a template: `UNIT` stands for one or two folders, other names in
/// capitals for one, and a file may have a name of its own behind that of its template.
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
fn templates_stand_where_their_output_goes() {
    let outputs: BTreeSet<_> = cases()
        .iter()
        .flat_map(|case| case.tree().files().iter().map(|file| file.path.clone()).collect::<Vec<_>>())
        .collect();
    // What stands in `parts/` is only included by others.
    for template in page_templates().keys().filter(|template| !template.starts_with("parts/")) {
        assert!(outputs.iter().any(|output| comes_from(output, template)), "no output stands where {template} does");
    }
}

/// A template chooses layout: what a value is, is decided before.
#[test]
fn templates_hold_no_logic() {
    for (path, text) in page_templates() {
        for word in ["default(", "set ", "macro ", "import ", "| safe", "|safe", "autoescape"] {
            assert!(!text.contains(&format!("% {word}")) && !text.contains(&format!("| {word}")), "{path} has {word}");
        }
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path} does not end in one newline");
        assert!(!text.contains('\t') && !text.contains('\r'), "{path} has tabs or carriage returns");
    }
}

#[test]
fn every_file_of_ours_says_so_in_its_first_line() {
    let header = format!("# {MARKER} from spec/homelab.yaml. Do not edit.");
    for case in cases() {
        for file in case.tree().files() {
            let first = file.text.lines().next().unwrap_or_default();
            assert!(
                first == header || first == format!("<!-- {} -->", &header[2..]) || first.contains(&header[2..]),
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
                "{} of {} has blanks at the end of {trailing:?}",
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
fn what_is_committed_is_what_the_spec_says() {
    let tree = build(&reference_spec(), &repository()).tree.expect("the reference lab is valid");
    let plan = tree::compare(&tree, &repository()).expect("the repository is readable");
    let differ: Vec<_> = plan.changes.iter().map(|change| change.path.as_str()).collect();
    assert!(differ.is_empty(), "run `cargo run -- generate` and commit the result: {differ:?}");
    assert!(plan.foreign.is_empty(), "not generated, but in a folder that the generator owns: {:?}", plan.foreign);
}

/// Generated folders are folded in reviews, and leave line ends as they are.
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
