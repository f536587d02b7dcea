//! The rules about the code that no compiler checks. What they say stands in ARCHITECTURE.md.

use crate::output::cases;
use crate::support::{build, reference_spec, repository};
use homelab::render::MARKER;
use homelab::tree;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library, and what each may use of the others: a stage those left of it, and
/// all of them what the stages share.
const MAY_USE: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("yaml", &["diagnostic"]),
    ("nix", &["yaml"]),
    ("spec", &["diagnostic", "yaml", "nix", "platform"]),
    ("lab", &["diagnostic", "yaml", "nix", "spec", "platform"]),
    ("platform", &["diagnostic", "yaml", "nix", "spec", "lab"]),
    ("render", &["diagnostic", "yaml", "nix", "spec", "lab", "platform"]),
    ("tree", &["diagnostic", "yaml", "nix", "spec", "lab", "platform", "render"]),
    ("cli", &["diagnostic", "yaml", "nix", "spec", "lab", "platform", "render", "tree"]),
];

/// Every file below a folder, as paths from there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.expect("it can be listed"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.path().strip_prefix(folder).expect("it is below").to_owned()).collect()
}

/// The Rust files of the generator: path from `src`, and text without comments and unit tests.
fn sources() -> Vec<(String, String)> {
    let src = repository().join("generator/src");
    let paths = files(&src).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths
        .map(|path| {
            let text = fs::read_to_string(src.join(&path)).expect("sources are UTF-8");
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            (path.to_str().expect("sources have plain names").to_owned(), code)
        })
        .collect()
}

/// The first names behind each `crate::`, those of a list in braces included.
fn used(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut starts = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && !c.is_whitespace() => {
                    names.insert(word(&list[at..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn uses_are_read_from_every_form_of_path() {
    let code = "use crate::{a::{b, c}, d,\n e};\nuse crate::f;\nfn g() -> crate::h::I { crate::j() }";
    assert_eq!(used(code), ["a", "d", "e", "f", "h", "j"].map(str::to_owned).into());
}

#[test]
fn a_stage_uses_only_the_stages_left_of_it() {
    let rules: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let modules: BTreeSet<_> =
        sources().iter().filter_map(|(path, _)| Some(path.split_once('/')?.0.to_owned())).collect();
    assert!(modules.iter().map(String::as_str).eq(rules.keys().copied()), "{modules:?} are not the modules with rules");
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let Some((module, _)) = path.split_once('/') else { continue };
        let allowed = rules[module];
        for name in used(&code).iter().filter(|name| rules.contains_key(name.as_str())) {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{path} uses crate::{name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The platform is written against spec and lab; the spec knows of it only that it has options.
#[test]
fn the_spec_knows_only_the_options_of_the_platform() {
    for (path, code) in sources().iter().filter(|(path, _)| path.starts_with("spec/")) {
        for (at, _) in code.match_indices("crate::platform") {
            let rest = &code[at..];
            let end = rest.find([';', ',', '\n', ' ', '>']).unwrap_or(rest.len());
            assert_eq!(&rest[..end], "crate::platform::Platform", "{path}");
        }
    }
}

/// Components do not know each other: what one needs and another gives is a capability.
#[test]
fn components_do_not_use_each_other() {
    let component = |path: &str| {
        path.strip_prefix("platform/").and_then(|path| path.split_once('/')).map(|(name, _)| name.to_owned())
    };
    let components: BTreeSet<_> = sources().iter().filter_map(|(path, _)| component(path)).collect();
    assert!(components.len() > 3);
    for (path, code) in sources() {
        let Some(own) = component(&path) else { continue };
        for other in components.iter().filter(|other| **other != own) {
            assert!(!code.contains(&format!("{other}::")), "{path} uses {other}");
        }
    }
}

/// Reading and writing sit at the rim; what is between has no clock, environment or chance.
#[test]
fn only_the_rim_touches_the_world() {
    let rim = ["cli/", "tree/sync.rs", "tree/write.rs", "main.rs"];
    let world = [
        "std::fs",
        "std::env",
        "env::var",
        "std::process",
        "TcpStream",
        "ToSocketAddrs",
        "std::time",
        "SystemTime",
        "Instant",
        "println!",
        "print!",
        "RandomState",
        "thread::",
    ];
    for (path, code) in sources().iter().filter(|(path, _)| !rim.iter().any(|rim| path.starts_with(rim))) {
        for word in world {
            assert!(!code.contains(word), "{path} uses {word}");
        }
    }
}

/// Maps without an order would put chance into the output. Rules may ask them for clashes.
#[test]
fn stages_that_make_output_keep_no_unordered_collections() {
    let makes_output = |path: &str| {
        ["lab/", "render/", "platform/"].iter().any(|stage| path.starts_with(stage)) && !path.starts_with("lab/rules/")
    };
    for (path, code) in sources().iter().filter(|(path, _)| makes_output(path)) {
        assert!(!code.contains("HashMap") && !code.contains("HashSet"), "{path}");
    }
}

#[test]
fn nothing_is_unwrapped_or_left_to_do() {
    for (path, code) in sources() {
        for word in [".unwrap()", "todo!", "unimplemented!", "dbg!", "unsafe "] {
            assert!(!code.contains(word), "{path} has {word}");
        }
    }
}

/// Templates below `generator/templates`, as the paths of their outputs, and their texts.
fn page_templates() -> BTreeMap<String, String> {
    let top = repository().join("generator/templates");
    let path =
        |path: &Path| path.to_str().and_then(|path| path.strip_suffix(".j2")).expect("templates end in .j2").to_owned();
    files(&top).iter().map(|file| (path(file), fs::read_to_string(top.join(file)).expect("it is UTF-8"))).collect()
}

#[test]
fn every_template_is_registered_and_every_registered_one_is_there() {
    let engine = fs::read_to_string(repository().join("generator/src/render/engine.rs")).expect("it is there");
    let table =
        engine.split("\ntemplates! {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("engine.rs has a table");
    let registered: BTreeSet<_> = table.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let there: BTreeSet<_> = page_templates().into_keys().collect();
    assert_eq!(registered, there);

    let platform = repository().join("generator/src/platform");
    let templates =
        files(&platform).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "j2"));
    let texts: BTreeSet<_> =
        templates.map(|path| fs::read_to_string(platform.join(path)).expect("it is UTF-8")).collect();
    let registered: BTreeSet<_> =
        homelab::platform::templates().iter().map(|template| template.source.to_owned()).collect();
    assert!(texts == registered, "a template of a component is not in its list, or the other way round");
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
