//! The workflows of this repository, and the action that others use.

use crate::support::{homelab, program, repository, run, temporary_folder, tool};
use regex::Regex;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the action.
fn action() -> PathBuf {
    repository().join(".github/actions/homelab")
}

fn read(path: &Path) -> Json {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each workflow and action, with its steps.
fn steps() -> Vec<(String, Vec<Json>)> {
    let list = |value: &Json| value.as_array().expect("steps are a list").clone();
    let mut found = vec![("homelab".to_owned(), list(&read(&action().join("action.yml"))["runs"]["steps"]))];
    let folders = [".github/workflows", "nix/template/.github/workflows"].map(|folder| repository().join(folder));
    for entry in folders.iter().filter(|folder| folder.exists()).flat_map(walkdir::WalkDir::new) {
        let entry = entry.expect("it can be listed");
        if entry.file_type().is_file() {
            let workflow = read(entry.path());
            let jobs = workflow["jobs"].as_object().expect("it has jobs").values();
            found.push((entry.path().display().to_string(), jobs.flat_map(|job| list(&job["steps"])).collect()));
        }
    }
    assert!(found.len() >= 3);
    found
}

#[test]
fn steps_use_pinned_actions_and_run_no_expressions() {
    let pinned = Regex::new("^[a-z-]+/[a-z-]+@[0-9a-f]{40}$").expect("it is an expression");
    for (name, step) in steps().iter().flat_map(|(name, steps)| steps.iter().map(move |step| (name, step))) {
        if let Some(uses) = step["uses"].as_str() {
            let is_ours = uses.starts_with("./") || uses.starts_with("example/homelab/");
            assert!(is_ours || pinned.is_match(uses), "{name}: {uses} is not pinned");
        }
        // The text of an expression would become a part of the script.
        assert!(!step["run"].as_str().is_some_and(|run| run.contains("${{")), "{name}: {step:#}");
        assert!(step["uses"].is_string() != step["run"].is_string(), "{name}: {step:#}");
    }
    let text = fs::read_to_string(action().join("action.yml")).expect("it is committed");
    let versioned = text.lines().filter(|line| line.contains("uses: ")).all(|line| line.contains(" # v"));
    assert!(versioned, "Renovate needs the version of each digest");
}

#[test]
fn workflows_may_do_no_more_than_they_need() {
    for name in ["checks.yml", "nodes.yml", "plan.yml"] {
        let workflow = read(&repository().join(".github/workflows").join(name));
        let mut expected = json!({ "contents": "read" });
        if name == "plan.yml" {
            expected["pull-requests"] = json!("write");
        }
        assert_eq!(workflow["permissions"], expected, "{name}");
        let triggers = workflow["on"].as_object().expect("it has triggers");
        // It would run the code of forks with the permissions of the repository.
        assert!(!triggers.contains_key("pull_request_target"), "{name}");
    }
}

#[test]
fn inputs_and_outputs_of_the_action_are_described_and_used() {
    let action = read(&action().join("action.yml"));
    let steps = action["runs"]["steps"].to_string();
    let ids: Vec<_> =
        action["runs"]["steps"].as_array().into_iter().flatten().filter_map(|step| step["id"].as_str()).collect();
    for (name, input) in action["inputs"].as_object().expect("it has inputs") {
        assert!(input["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        assert!(input["default"].is_string(), "{name} has no default");
        assert!(steps.contains(&format!("inputs.{name}")), "{name} is not used");
    }
    for (name, output) in action["outputs"].as_object().expect("it has outputs") {
        assert!(output["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
    }
    let used = Regex::new(r"steps\.([a-z]+)\.").expect("it is an expression");
    let used: Vec<_> = used.captures_iter(&action.to_string()).map(|found| found[1].to_owned()).collect();
    assert!(used.len() > 5 && used.iter().all(|id| ids.contains(&id.as_str())), "{used:?} {ids:?}");
}

/// The workflows in the documentation use inputs that exist, and have no permission that they do not need.
#[test]
fn workflows_in_the_documentation_use_the_action_as_it_is() {
    let text = fs::read_to_string(repository().join("docs/reuse.md")).expect("it is committed");
    let inputs = read(&action().join("action.yml"))["inputs"].as_object().expect("it has inputs").clone();
    let table = text.split_once("| input | default | |\n").expect("inputs have a table").1;
    let table: Vec<_> = table.lines().skip(1).map_while(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(table, inputs.keys().collect::<Vec<_>>());

    let blocks =
        text.split("\n```yaml other\n").skip(1).filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block));
    let workflows: Vec<Json> = blocks
        .filter(|block| block.contains("jobs:"))
        .map(|block| serde_yaml::from_str(block).expect("it is YAML"))
        .collect();
    let permissions: Vec<_> = workflows.iter().map(|workflow| workflow["permissions"].clone()).collect();
    assert_eq!(permissions, [json!({ "contents": "read", "pull-requests": "write" }), json!({ "contents": "read" })]);
    for step in workflows.iter().flat_map(|workflow| workflow["jobs"]["lab"]["steps"].as_array().expect("it has steps"))
    {
        let uses = step["uses"].as_str().expect("it uses an action");
        if uses.starts_with("example/homelab/") {
            assert_eq!(uses, "example/homelab/.github/actions/homelab@main");
            let with = step["with"].as_object().into_iter().flatten();
            assert!(with.into_iter().all(|(name, _)| inputs.contains_key(name)), "{step:#}");
        }
    }
}

/// A program that other programs find on PATH.
fn install(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}")).expect("the folder is writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// A script of the action, with programs in a folder before those on PATH.
fn script(name: &str, programs: &Path) -> Command {
    let mut command = Command::new("bash");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [programs.to_owned()].into_iter().chain(std::env::split_paths(&path));
    command.arg(action().join(name)).env("PATH", std::env::join_paths(path).expect("paths have no colon"));
    command
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Comments of earlier runs are replaced; those of people are not, whatever they start with.
#[test]
fn the_plan_replaces_the_comment_of_an_earlier_run() {
    if tool("jq").is_none() {
        return;
    }
    let folder = temporary_folder();
    let root = folder.path();
    install(
        root,
        "gh",
        "case \"$*\" in\n*paginate*) cat \"$COMMENTS\" ;;\n*) printf '%s\\n' \"$@\" >\"$CALLS\"; for it; do case $it in body=@*) cat \"${it#body=@}\" ;; esac; done ;;\nesac\n",
    );
    fs::write(root.join("plan.md"), "### Nothing changes\n").expect("the folder is writable");
    let comment = |id: u64, kind: &str, body: &str| json!({ "id": id, "user": { "type": kind }, "body": body });
    let ours = "<!-- homelab plan of . -->\n### Changes";
    let calls = |pages: &[Json]| {
        let pages: String = pages.iter().map(Json::to_string).collect();
        fs::write(root.join("comments"), pages).expect("the folder is writable");
        let mut command = script("comment", root);
        command.args(["example/lab", "7", "."]).arg(root.join("plan.md"));
        command.env("COMMENTS", root.join("comments")).env("CALLS", root.join("calls"));
        let body = succeeds(&command.output().expect("it starts"));
        assert_eq!(body, "<!-- homelab plan of . -->\n### Nothing changes\n");
        let called = fs::read_to_string(root.join("calls")).expect("it was called");
        called.lines().take(5).skip(3).map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let others = [
        comment(1, "Bot", "### Changes\n<!-- homelab plan of . -->"),
        comment(2, "User", ours),
        comment(3, "Bot", "<!-- homelab plan of other -->\n### Changes"),
    ];
    assert_eq!(calls(&[json!([])]), "POST repos/example/lab/issues/7/comments");
    assert_eq!(calls(&[json!(others)]), "POST repos/example/lab/issues/7/comments");
    assert_eq!(
        calls(&[json!(others), json!([comment(4, "Bot", ours), comment(5, "Bot", ours)])]),
        "PATCH repos/example/lab/issues/comments/4"
    );
}

/// Runs Git in a folder, and returns what it prints.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]);
    succeeds(&command.args(arguments).current_dir(folder).output().expect("it starts"))
}

/// A repository with a generated lab and a copy of it to push to, or `None` with the reason printed.
fn lab() -> Option<(tempfile::TempDir, PathBuf)> {
    tool("git")?;
    let folder = temporary_folder();
    let (lab, remote) = (folder.path().join("lab"), folder.path().join("remote"));
    fs::create_dir_all(lab.join("spec")).expect("the folder is writable");
    let spec = fs::read_to_string(repository().join("nix/template/spec/homelab.yaml")).expect("it is committed");
    fs::write(lab.join("spec/homelab.yaml"), spec).expect("the folder is writable");
    succeeds(&run(&lab, &["generate", "--quiet"]));
    git(&lab, &["init", "--quiet"]);
    git(&lab, &["add", "--all"]);
    git(&lab, &["commit", "--quiet", "--message", "lab: add it"]);
    git(&lab, &["clone", "--quiet", "--bare", ".", remote.to_str().expect("it is UTF-8")]);
    git(&lab, &["remote", "add", "origin", remote.to_str().expect("it is UTF-8")]);
    git(&lab, &["fetch", "--quiet"]);
    Some((folder, lab))
}

/// Changes the tag of an image, which changes a Deployment.
fn change(lab: &Path) {
    let path = lab.join("spec/homelab.yaml");
    let spec = fs::read_to_string(&path).expect("it is there");
    let changed = spec.replacen("tag: v1.11.0", "tag: v1.11.1", 1);
    assert_ne!(spec, changed);
    fs::write(&path, changed).expect("the folder is writable");
}

#[test]
fn regenerated_files_are_pushed_once() {
    let Some((folder, lab)) = lab() else { return };
    let regenerate = || {
        let mut command = script("regenerate", folder.path());
        command.arg(program()).args([".", "refs/heads/renovate/all"]).current_dir(&lab);
        succeeds(&command.output().expect("it starts"))
    };
    assert!(regenerate().ends_with("the generated files are up to date\n"));
    change(&lab);
    git(&lab, &["commit", "--quiet", "--all", "--message", "spec: change it"]);
    fs::write(lab.join("stray"), "").expect("the folder is writable");
    regenerate();
    let log = git(&lab, &["log", "--format=%an <%ae> %s", "--max-count=1", "--name-only", "origin/renovate/all"]);
    let (about, files) = log.split_once("\n\n").expect("a commit has files");
    let bot = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>";
    assert_eq!(about, format!("{bot} Generate the files of the spec"));
    assert!(files.lines().any(|file| file == "k8s/home/apps/hello/deployment.yaml"), "{files}");
    assert!(files.lines().all(|file| file.starts_with("k8s/") || file.starts_with("docs/lab/")), "{files}");
    assert!(regenerate().ends_with("the generated files are up to date\n"));
    let ref_of_a_pull_request = script("regenerate", folder.path())
        .arg(program())
        .args([".", "refs/pull/7/merge"])
        .current_dir(&lab)
        .output()
        .expect("it starts");
    assert_eq!(ref_of_a_pull_request.status.code(), Some(2));
}

/// Runs the steps of the action that are scripts, as GitHub does. `inputs` are those that differ from their defaults, and
/// values of other expressions.
fn run_steps(lab: &Path, folder: &Path, names: &[&str], inputs: &[(&str, &str)]) -> Vec<Output> {
    let action = read(&action().join("action.yml"));
    let expression = Regex::new(r"^\$\{\{ (.+) \}\}$").expect("it is an expression");
    let mut outputs: BTreeMap<String, String> = BTreeMap::new();
    let steps = action["runs"]["steps"].as_array().expect("it has steps").iter();
    let run = |step: &Json| {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().expect("it is a script")]);
        command.current_dir(lab).env("RUNNER_TEMP", folder).env("GITHUB_BASE_REF", "main");
        command.env("GITHUB_REF", "refs/heads/renovate/all");
        let file = folder.join("output");
        fs::write(&file, "").expect("the folder is writable");
        command.env("GITHUB_OUTPUT", &file).env("GITHUB_STEP_SUMMARY", folder.join("summary"));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            let value = value.as_str().expect("it is text");
            let of = &expression.captures(value).unwrap_or_else(|| panic!("{name}: {value}"))[1];
            let default = || of.strip_prefix("inputs.").and_then(|input| action["inputs"][input]["default"].as_str());
            let given = inputs.iter().find(|(name, _)| *name == of).map(|(_, value)| *value);
            let value = given.or_else(|| outputs.get(of).map(String::as_str)).or_else(default);
            command.env(name, value.unwrap_or_else(|| panic!("{of} has no value")));
        }
        let output = command.output().expect("bash starts");
        for line in fs::read_to_string(file).expect("it was written").lines() {
            let (name, value) = line.split_once('=').expect("outputs have a value");
            let id = step["id"].as_str().expect("a step with outputs has an ID");
            outputs.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
        }
        output
    };
    steps.filter(|step| step["name"].as_str().is_some_and(|name| names.contains(&name))).map(run).collect()
}

#[test]
fn steps_of_the_action_do_what_their_names_say() {
    let Some((folder, lab)) = lab() else { return };
    let (top, scripts) = (folder.path(), action());
    let program = program();
    let inputs = [
        ("github.action_path", scripts.to_str().expect("it is UTF-8")),
        ("inputs.program", program.to_str().expect("it is UTF-8")),
    ];
    let checks = ["Find the program", "Validate the spec", "Compare the generated files with the spec", "Plan"];
    let codes = |outputs: &[Output]| outputs.iter().map(|output| output.status.code()).collect::<Vec<_>>();
    let outputs = run_steps(&lab, top, &checks, &inputs);
    assert_eq!(codes(&outputs), [Some(0); 4], "{outputs:?}");
    change(&lab);
    let outputs = run_steps(&lab, top, &checks, &inputs);
    assert_eq!(codes(&outputs), [Some(0), Some(0), Some(1), Some(0)], "{outputs:?}");
    let outputs = run_steps(&lab, top, &[checks[0], "Generate the files, and push what changes"], &inputs);
    assert_eq!(codes(&outputs), [Some(0); 2], "{outputs:?}");
    assert!(
        git(&lab, &["diff", "--name-only", "origin/main", "origin/renovate/all"])
            .contains("k8s/home/apps/hello/deployment.yaml")
    );
    // All of it was committed, the spec too.
    assert_eq!(codes(&run_steps(&lab, top, &checks, &inputs)), [Some(0); 4]);
}

#[test]
fn the_plan_is_shown_before_its_dangers_fail_the_job() {
    let Some((folder, lab)) = lab() else { return };
    let plan = |base: &str, fail_on: &str| {
        let mut command = script("plan", folder.path());
        command.arg(program()).args([lab.to_str().expect("it is UTF-8"), base, fail_on]);
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("the folder is writable");
            command.env(name, path);
        }
        let output = command.env("RUNNER_TEMP", folder.path()).output().expect("it starts");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it was written");
        (output, read("GITHUB_OUTPUT"), read("GITHUB_STEP_SUMMARY"))
    };
    let (output, set, summary) = plan("origin/main", "");
    assert_eq!(succeeds(&output), "");
    assert!(set.contains("danger=false\n") && summary.contains("Nothing changes"), "{set}{summary}");

    // An app is removed, with its volume.
    let path = lab.join("spec/homelab.yaml");
    let spec = fs::read_to_string(&path).expect("it is there");
    let (before, _) = spec.split_once("    apps:\n").expect("it has apps");
    fs::write(&path, before).expect("the folder is writable");
    let removed = homelab(&lab).args(["plan", "--fail-on", "danger"]).output().expect("it starts");
    let (output, set, summary) = plan("origin/main", "danger");
    assert!(output.status.success());
    assert_eq!(set.contains("danger=true\n"), removed.status.code() == Some(4), "{set}");
    assert!(summary.contains("| unit | change |"), "{summary}");
    let file = set.lines().find_map(|line| line.strip_prefix("file=")).expect("it is set");
    assert_eq!(fs::read_to_string(file).expect("it was written"), summary);

    let (output, set, _) = plan("origin/missing", "");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && stderr.contains("`fetch-depth: 0`"), "{stderr}");
    assert_eq!(set, "");
}
