//! Commands in fenced blocks. The words after `sh` say where they run:
//!
//! - `sh`: in a copy of this repository, with `origin` and a copy in `../lab`. Blocks of a page run one after the other.
//! - `sh empty`: the same, in an empty folder.
//! - `sh machine`: on machines, clusters or the Internet, which a test does not have; or commands of developers that would
//!   run the tests again. Only their syntax is checked.
//!
//! A line that ends in `# exits with N` must. A `console` block shows the output of commands after `$`; only the syntax of
//! these is checked.

use super::blocks::Block;
use super::{Page, pages, report};
use crate::support::{out, program, repository, run, temporary_folder, tool};
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// Programs that stand for those that build and run the generator.
const CARGO: &str = "#!/usr/bin/env bash\n[ \"$1\" = run ] || exit 97\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec homelab \"$@\"\n";
const NIX: &str = "#!/usr/bin/env bash\ncase \"$1 $2 $3\" in\n  'run . --') shift 3; exec homelab \"$@\" ;;\n  'run .#generate '*) shift 2; exec homelab generate \"$@\" ;;\nesac\nexit 97\n";

#[test]
fn every_block_of_commands_has_a_kind_and_parses() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for page in pages() {
        for block in page.blocks() {
            let text = match (block.language(), block.kind().as_slice()) {
                ("sh", [] | ["empty" | "machine"]) => block.text.clone(),
                ("console", []) => {
                    let commands = block.text.lines().filter_map(|line| line.strip_prefix("$ "));
                    commands.map(|command| format!("{command}\n")).collect()
                }
                ("sh" | "console", kind) => {
                    wrong.push(format!(
                        "{}: unknown kind `{}`: `sh` runs, `sh empty` runs in an empty folder, `sh machine` does \
                        not run",
                        page.place(&block),
                        kind.join(" ")
                    ));
                    continue;
                }
                _ => continue,
            };
            checked += 1;
            // Placeholders such as NAME are words to a shell, but `…` is not part of a command.
            let output = bash(&repository(), &["-n", "-c", &text], None);
            if !output.status.success() {
                wrong.push(format!("{}: {}", page.place(&block), String::from_utf8_lossy(&output.stderr)));
            }
        }
    }
    report(&wrong);
    assert!(checked > 30, "only {checked} blocks");
}

#[test]
fn commands_run_as_the_pages_say() {
    if tool("git").is_none() {
        return;
    }
    let (mut wrong, mut ran) = (Vec::new(), 0);
    for page in pages() {
        for kind in [&[][..], &["empty"]] {
            let blocks = page.blocks();
            let blocks: Vec<_> =
                blocks.iter().filter(|block| block.language() == "sh" && block.kind() == kind).collect();
            if blocks.is_empty() {
                continue;
            }
            ran += blocks.len();
            wrong.extend(run_in_a_copy(&page, &blocks, kind.is_empty()));
        }
    }
    report(&wrong);
    assert!(ran >= 3, "only {ran} blocks ran");
}

/// Commands in the text of pages exist, with the options that they are shown with.
#[test]
fn commands_in_the_text_exist() {
    let command = Regex::new(r"`homelab ([a-z]+)([^`]*)`").expect("it is valid");
    let option = Regex::new(r"--[a-z-]+").expect("it is valid");
    let mut help = BTreeMap::new();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for page in pages() {
        for (line, text) in super::blocks::prose(&page.text) {
            for found in command.captures_iter(text) {
                checked += 1;
                let name = found[1].to_owned();
                let help = help.entry(name.clone()).or_insert_with(|| run(&repository(), &[&name, "--help"]));
                let known = out(help);
                let missing = option.find_iter(&found[2]).map(|option| option.as_str());
                let missing: Vec<_> = missing
                    .filter(|option| !known.contains(&format!("{option} ")) && !known.contains(&format!("{option}\n")))
                    .collect();
                if !help.status.success() {
                    wrong.push(format!("{}:{line}: there is no command `homelab {name}`", page.path));
                } else if !missing.is_empty() {
                    wrong.push(format!("{}:{line}: `homelab {name}` has no {}", page.path, missing.join(", ")));
                }
            }
        }
    }
    report(&wrong);
    assert!(checked > 40, "only {checked} commands");
}

/// Runs blocks of a page one after the other, up to the first that fails.
fn run_in_a_copy(page: &Page, blocks: &[&Block], in_lab: bool) -> Option<String> {
    let folder = temporary_folder();
    let top = folder.path();
    let programs = top.join("bin");
    fs::create_dir(&programs).expect("the folder is new");
    for (name, text) in [("cargo", CARGO), ("nix", NIX)] {
        fs::write(programs.join(name), text).expect("the folder is writable");
        fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    std::os::unix::fs::symlink(program(), programs.join("homelab")).expect("the folder is writable");
    let here = top.join("here");
    fs::create_dir(&here).expect("the folder is new");
    let setup =
        if in_lab { copy_of_the_lab(&repository()) } else { "git init --quiet --initial-branch=main .".to_owned() };
    let output = bash(&here, &["-euo", "pipefail", "-c", &setup], Some(&programs));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for block in blocks {
        let output = bash(&here, &["-euo", "pipefail", "-c", &script(&block.text)], Some(&programs));
        if !output.status.success() {
            let (code, place) = (output.status.code(), page.place(block));
            return Some(format!("{place}: exits with {code:?}:\n{}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    None
}

/// Copies the reference lab into a repository with `origin` and a clone in `../lab`, and changes its spec.
fn copy_of_the_lab(from: &Path) -> String {
    let from = from.to_string_lossy();
    format!(
        "mkdir docs\n\
         for name in spec k8s nix docs/lab docs/spec README.md; do cp -r '{from}'/$name $name; done\n\
         chmod -R u+w .\n\
         git init --quiet --initial-branch=main .\ngit add --all\ngit commit --quiet --message lab\n\
         git init --quiet --bare --initial-branch=main ../origin.git\ngit remote add origin ../origin.git\n\
         git push --quiet --set-upstream origin main\ngit clone --quiet ../origin.git ../lab\n\
         echo '# Ours' >> spec/homelab.yaml\n"
    )
}

/// A block with the exit codes that its comments name.
fn script(text: &str) -> String {
    let exits = Regex::new(r"^(.*\S)\s+# exits with (\d)$").expect("it is valid");
    let line = |line: &str| match exits.captures(line) {
        Some(found) => format!("code=0; {} || code=$?; [ $code = {} ]\n", &found[1], &found[2]),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Runs bash in a folder, without the environment of the tests.
fn bash(folder: &Path, arguments: &[&str], programs: Option<&Path>) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = programs.map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    let mut command = Command::new("bash");
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::join_paths(all).expect("it was split"));
    for (name, value) in [("NAME", "Lab"), ("EMAIL", "lab@example.com")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1").output().expect("bash starts")
}
