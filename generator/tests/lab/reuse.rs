//! What other repositories use of this one: the flake, its modules, and the recipes that the documentation has for them.

use crate::nix::{evaluate, evaluate_with_warnings, evaluator};
use crate::support::{repository, temporary_folder, tree_of};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository made from `nix/template`, with its generated files.
fn consumer() -> tempfile::TempDir {
    let folder = temporary_folder();
    let template = repository().join("nix/template");
    for entry in walkdir::WalkDir::new(&template).into_iter().map(|entry| entry.expect("it can be listed")) {
        let path = entry.path().strip_prefix(&template).expect("it is below");
        if entry.file_type().is_file() {
            write(folder.path(), &path.to_string_lossy(), &fs::read_to_string(entry.path()).expect("it is text"));
        }
    }
    let spec = fs::read_to_string(template.join("spec/homelab.yaml")).expect("it is committed");
    for file in tree_of(&spec).files() {
        write(folder.path(), &file.path, &file.text);
    }
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("files are in folders")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

/// The command that evaluates a file of `tests/nix` with arguments that are Nix expressions.
fn evaluator_of(file: &str, arguments: &[(&str, String)]) -> Option<Command> {
    let mut command = evaluator()?;
    command.arg(repository().join("tests/nix").join(file));
    for (name, value) in arguments {
        command.args(["--arg", name, value]);
    }
    Some(command)
}

/// A path as a Nix expression.
fn path(path: &Path) -> String {
    path.to_str().expect("paths are UTF-8").to_owned()
}

#[test]
fn another_repository_gets_nodes_and_tools() {
    let folder = consumer();
    let Some(command) = evaluator_of("consumer.nix", &[("consumer", path(folder.path()))]) else { return };
    let found = evaluate(command);
    let node = |etc: &str, tags: &[&str]| {
        let tags = [&["proxmox", "lxc"], tags].concat();
        json!({ "home-1": { "address": "192.168.10.41", "failedAssertions": [], "etc": etc, "tags": tags } })
    };
    let expected = json!({ "flake": node("", &[]), "custom": node("here", &["theirs"]), "modules": node("", &[]) });
    assert_eq!(found["nodes"], expected);

    let outputs = &found["outputs"];
    let systems = |of: &Json| of.as_object().expect("it is a set").keys().cloned().collect::<Vec<_>>();
    for output in ["apps", "checks", "devShells", "formatter", "packages"] {
        for flake in ["flake", "homelab"] {
            let expected = ["aarch64-darwin", "aarch64-linux", "x86_64-linux"];
            assert_eq!(systems(&outputs[flake][output]), expected, "{output} of {flake}");
        }
        assert_eq!(systems(&outputs["custom"][output]), ["x86_64-linux"], "{output}");
    }
    let names = |flake: &str, system: &str, output: &str| systems(&outputs[flake][output][system]);
    for system in ["aarch64-darwin", "x86_64-linux"] {
        assert_eq!(names("flake", system, "apps"), ["default", "generate"]);
        assert_eq!(names("flake", system, "checks"), ["generated-files-match-the-spec"]);
        assert_eq!(names("flake", system, "devShells"), ["default"]);
        assert_eq!(names("flake", system, "packages"), ["default", "homelab"]);
        let homelab = outputs["flake"]["packages"][system]["homelab"].as_str().expect("it is a name");
        assert!(homelab.starts_with("homelab-"), "{homelab}");
        assert!(names("homelab", system, "packages").contains(&"option-docs".to_owned()));
        assert!(names("homelab", system, "checks").contains(&"option-docs-are-current".to_owned()));
    }
    // The tests of the generator run scripts of nodes, which are Linux.
    let is_tested = |system: &str| names("homelab", system, "checks").contains(&"tests-pass".to_owned());
    assert_eq!((is_tested("aarch64-darwin"), is_tested("x86_64-linux")), (false, true));
    let hello = outputs["custom"]["packages"]["x86_64-linux"]["homelab"].as_str().expect("it is a name");
    assert!(hello.starts_with("hello-"), "{hello}");
    let shell =
        json!(["age", "bind", "fluxcd", "homelab", "kubectl", "libressl", "nixos-rebuild-ng", "openssl", "sops"]);
    assert_eq!(found["shell"], shell);
}

#[test]
fn the_documentation_of_the_options_is_current() {
    let expression = "(import ./flakes.nix).homelab.packages.x86_64-linux.option-docs.text";
    let Some(mut command) = evaluator() else { return };
    command.args(["--expr", &expression.replace("./flakes.nix", &path(&repository().join("tests/nix/flakes.nix")))]);
    let expected = evaluate(command);
    let found = fs::read_to_string(repository().join("docs/options.md")).expect("it is committed");
    assert_eq!(
        found,
        expected.as_str().expect("it is text"),
        "run `nix eval --raw .#option-docs.text >docs/options.md`"
    );
}

/// Every option has a description and an example, and either a default or a reason to have none.
#[test]
fn every_option_is_explained() {
    let text = fs::read_to_string(repository().join("docs/options.md")).expect("it is committed");
    let options: Vec<_> = text.split("\n### ").skip(1).collect();
    assert!(options.len() > 30, "only {} options", options.len());
    for option in options {
        let (name, rest) = option.split_once("\n\n").expect("a heading has text");
        let (description, facts) = rest.split_once("\n\n- Type: ").unwrap_or_else(|| panic!("{name} has no type"));
        assert!(description.trim_end().ends_with('.') && description.len() > 10, "{name}: {description}");
        assert!(facts.contains("\n- Default:") != facts.contains("\n- Required"), "{name}");
        assert!(facts.contains("\n- Example:"), "{name} has no example");
    }
}

/// The flakes in a page of the documentation.
fn flakes_in(page: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join("docs").join(page)).expect("it is committed");
    let blocks = text.split("\n```nix\n").skip(1).map(|rest| rest.split_once("\n```\n").expect("a block ends").0);
    blocks.filter(|block| block.contains("outputs")).map(|block| format!("{block}\n")).collect()
}

/// Lines with code.
fn lines_of(flake: &str) -> usize {
    flake.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).count()
}

#[test]
fn a_flake_that_uses_this_one_has_at_most_ten_lines() {
    let template = fs::read_to_string(repository().join("nix/template/flake.nix")).expect("it is committed");
    for flake in [&template, &flakes_in("reuse.md")[0]] {
        assert!(flake.contains("mkLab") && lines_of(flake) <= 10, "{} lines: {flake}", lines_of(flake));
    }
}

#[test]
fn flakes_in_the_documentation_are_formatted() {
    for flake in ["reuse.md", "deploy.md"].into_iter().flat_map(flakes_in) {
        let formatted = nixfmt_rs::format(&flake).unwrap_or_else(|error| panic!("{error}: {flake}"));
        assert!(flake == formatted, "not formatted:\n{flake}\nformatted:\n{formatted}");
    }
}

/// The folder with the repositories of flakes that recipes use, or `None` with the reason printed.
fn libraries() -> Option<PathBuf> {
    let folder = std::env::var_os("HOMELAB_FLAKES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: flakes with libraries, since HOMELAB_FLAKES is not set");
    }
    folder
}

/// Evaluates a flake of the documentation. Returns `None` if it needs libraries that are missing.
fn evaluate_recipe(flake: &str) -> Option<Json> {
    let needs_libraries = ["colmena", "comin", "deploy-rs", "flake-parts"].iter().any(|name| flake.contains(name));
    let libraries = if needs_libraries { path(&libraries()?) } else { "null".to_owned() };
    let folder = consumer();
    write(folder.path(), "flake.nix", flake);
    let command = evaluator_of("recipe.nix", &[("libraries", libraries), ("recipe", path(folder.path()))])?;
    // Warnings of the nodes are in what is returned.
    let (found, warnings) = evaluate_with_warnings(command);
    assert!(warnings.is_empty() || needs_libraries, "{warnings}");
    Some(found)
}

/// The only node of the lab in `nix/template`, with services that a recipe adds.
fn check_node(found: &Json, services: &[&str]) {
    assert_eq!(found["address"], "192.168.10.41", "{found:#}");
    assert_eq!((&found["failedAssertions"], &found["warnings"]), (&json!([]), &json!([])));
    assert!(found["system"].as_str().is_some_and(|name| name.starts_with("nixos-system-home-1-")), "{found:#}");
    assert_eq!(found["services"], json!(services));
}

#[test]
fn flakes_in_reuse_md_evaluate() {
    let flakes = flakes_in("reuse.md");
    assert_eq!(flakes.len(), 4);
    for flake in flakes {
        let Some(found) = evaluate_recipe(&flake) else { continue };
        check_node(&found["nodes"]["home-1"], &[]);
        if flake.contains("flake-parts") {
            check_node(&found["modules"]["home-1"], &[]);
            assert_eq!(found["isAsMkLab"], true);
        }
    }
}

#[test]
fn flakes_in_deploy_md_evaluate_with_the_libraries_that_they_use() {
    let flakes = flakes_in("deploy.md");
    assert_eq!(flakes.len(), 3);
    for flake in flakes {
        let Some(found) = evaluate_recipe(&flake) else { continue };
        let uses = |name: &str| flake.contains(&format!("inputs.{name}.")) || flake.contains(&format!("{name}.url"));
        check_node(&found["nodes"]["home-1"], if uses("comin") { &["comin"] } else { &[] });
        if uses("colmena") {
            let node = &found["colmena"]["home-1"];
            check_node(&node["node"], &[]);
            let deployment = (&node["targetHost"], &node["targetUser"], &node["tags"]);
            assert_eq!(deployment, (&json!("192.168.10.41"), &json!("root"), &json!(["server"])));
        } else if uses("deploy-rs") {
            let node = &found["deploy"]["home-1"];
            assert_eq!((&node["hostname"], &node["sshUser"]), (&json!("192.168.10.41"), &json!("root")));
            let profile = node["profiles"]["system"].as_str().expect("it is a name");
            assert!(profile.starts_with("activatable-nixos-system-home-1-"), "{profile}");
            let checks = found["checks"].as_object().expect("it is a set").keys().collect::<Vec<_>>();
            assert_eq!(checks, ["deploy-activate", "deploy-schema", "generated-files-match-the-spec"]);
        } else {
            assert!(uses("comin"), "{flake}");
        }
    }
}
