//! `homelab init`: makes a lab of one's own in an empty or existing repository.

use super::args::{Format, Global};
use super::init_arguments::InitArguments;
use super::input::Input;
use super::{Outcome, Stop, build, output, print, prompt, report, report_diagnostics, surroundings};
use diagnostic::Diagnostics;
use starter::{Answers, Example, File, Seen, SpecFile};
use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use tree::{Plan, SyncError};

/// Answers, and where they come from, for messages about them.
struct Answered {
    answers: Answers,
    /// The answers file, or the text of the answers that were given otherwise.
    source: Input,
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    Arguments,
    Questions,
}

pub(super) fn run(arguments: &InitArguments, global: &Global) -> Result<Outcome, Stop> {
    if arguments.print_answers {
        return print(starter::template());
    }
    let folder = arguments.folder.as_ref().unwrap_or(&global.root);
    let root = root(folder)?;
    let in_repository = spec_path(global)?;
    if fs::symlink_metadata(root.join(&in_repository)).is_ok() {
        return Err(Stop::Usage(format!(
            "{} exists already; `homelab add` adds apps, nodes and hosts to it, `homelab generate` updates the \
             generated files",
            folder.join(&in_repository).display()
        )));
    }
    let answered = answers(arguments, &root)?;
    let spec = starter::spec_file(&answered.answers).map_err(|found| invalid(found, &answered))?;
    let shown = format!("{in_repository} (not written)");
    let input = Input {
        root: root.clone(),
        shown,
        in_repository: in_repository.clone(),
        bytes: spec.text.clone().into_bytes(),
    };
    let (built, input) = match build(input.clone(), None) {
        Ok(built) => built,
        Err(stop) => {
            if answered.origin == Origin::Questions {
                // Nobody wants to answer again.
                output::message(&format!(
                    "Your answers, for `homelab init --from answers.yaml`:\n\n{}\n",
                    answered.source.text()
                ));
            }
            return Err(translated(stop, input, &spec, &answered));
        }
    };

    // Everything is checked before anything is written.
    let files: Vec<File> = starter::files(&spec)
        .into_iter()
        .map(|file| if file.path == starter::SPEC_NAME { File { path: in_repository.clone(), ..file } } else { file })
        .collect();
    let kept = tree::existing(files.iter().map(|file| file.path.as_str()), &root)?;
    let generated = tree::compare(&built.tree, &root)?;
    if !global.quiet {
        report_diagnostics(&built.diagnostics, Some(&input), global);
    }
    let new: Vec<&File> = files.iter().filter(|file| !kept.contains(&file.path.as_str())).collect();
    fs::create_dir_all(&root).map_err(|error| failed(&root, &error))?;
    let _lock = tree::lock(&root)?;
    // The spec is last: if something fails before it, the command can be run again, and after it, `homelab generate`.
    let (spec_files, others): (Vec<&File>, Vec<&File>) = new.iter().partition(|file| file.path == in_repository);
    for file in others.into_iter().chain(spec_files) {
        tree::create(&file.path, &file.text, &root)?;
    }
    tree::write(&generated, &root)?;
    let created = Created {
        folder,
        spec: &in_repository,
        examples: &spec.examples,
        new: &new,
        kept: &kept,
        generated: &generated,
    };
    print(&created.print(global))
}

/// The absolute path of the root, which need not exist yet.
fn root(folder: &Path) -> Result<PathBuf, Stop> {
    match fs::canonicalize(folder) {
        Ok(root) if root.is_dir() => Ok(root),
        Ok(root) => Err(Stop::Io(SyncError { path: root, reason: "the root is not a folder".to_owned() })),
        Err(_) if fs::symlink_metadata(folder).is_err() => {
            std::path::absolute(folder).map_err(|error| failed(folder, &error))
        }
        Err(error) => Err(failed(folder, &error)),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Stop {
    Stop::Io(SyncError { path: path.to_owned(), reason: error.to_string() })
}

/// The path of the spec in the new repository.
fn spec_path(global: &Global) -> Result<String, Stop> {
    let path = global.spec.to_str().filter(|path| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-/".contains(c);
        path.chars().all(is_plain) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
    });
    path.map(str::to_owned).ok_or_else(|| {
        Stop::Usage("--spec must be a relative path below the root, of letters, digits and '._+-/'".to_owned())
    })
}

/// The answers of a file; or those of the arguments, completed by questions if a person can answer them.
fn answers(arguments: &InitArguments, root: &Path) -> Result<Answered, Stop> {
    if let Some(path) = &arguments.from {
        let bytes = read(path)?;
        let shown = if path == Path::new("-") { "standard input".into() } else { path.to_string_lossy().into_owned() };
        let file = Input { root: root.to_owned(), in_repository: shown.clone(), shown, bytes };
        return match Answers::parse(&file.bytes) {
            Ok(answers) => Ok(Answered { answers, source: file, origin: Origin::File }),
            Err(diagnostics) => Err(Stop::Invalid { diagnostics, input: Some(file) }),
        };
    }
    let mut draft = arguments.draft();
    let asks = !arguments.defaults && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let sees = asks || arguments.detect;
    let seen = if sees { surroundings::look(root) } else { Seen::default() };
    if asks {
        prompt::interview(&mut draft, &seen).map_err(|error| failed(Path::new("the terminal"), &error))?;
    } else {
        starter::accept(&mut draft, &seen);
    }
    draft.complete();
    if draft.get(&["dns"]).is_some() && draft.get(&["secrets"]).is_none() {
        return Err(Stop::Usage(
            "the DNS provider needs a secret store for its credential: add --secrets, for example --secrets infisical"
                .to_owned(),
        ));
    }
    let shown = "the answers".to_owned();
    let bytes = draft.text().into_bytes();
    let source = Input { root: root.to_owned(), in_repository: shown.clone(), shown, bytes };
    match Answers::of(&draft) {
        Ok(answers) => {
            Ok(Answered { answers, source, origin: if asks { Origin::Questions } else { Origin::Arguments } })
        }
        Err(diagnostics) => Err(Stop::Invalid { diagnostics, input: Some(source) }),
    }
}

/// Reads an answers file; `-` is standard input.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    let limit = spec::MAX_BYTES + 1;
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map(|_| bytes).map_err(|error| failed(path, &error))
}

/// Errors about the answers as a whole.
fn invalid(diagnostics: Diagnostics, answered: &Answered) -> Stop {
    Stop::Invalid { diagnostics, input: Some(answered.source.clone()) }
}

/// Errors about the new spec, as errors about the answers file if all of them are about answers in it.
fn translated(stop: Stop, input: Input, spec: &SpecFile, answered: &Answered) -> Stop {
    match stop {
        Stop::Invalid { diagnostics, .. } if answered.origin == Origin::File => match spec.translate(&diagnostics) {
            Some(diagnostics) => Stop::Invalid { diagnostics, input: Some(answered.source.clone()) },
            None => Stop::Invalid { diagnostics, input: Some(input) },
        },
        stop => stop,
    }
}

/// What was created.
struct Created<'a> {
    folder: &'a Path,
    spec: &'a str,
    examples: &'a [Example],
    new: &'a [&'a File],
    kept: &'a [&'a str],
    generated: &'a Plan<'a>,
}

impl Created<'_> {
    fn print(&self, global: &Global) -> String {
        let generated: Vec<&str> = self.generated.changes.iter().map(|change| change.path.as_str()).collect();
        if global.format == Format::Json {
            let examples = self.examples.iter();
            let report = serde_json::json!({
                "created": self.new.iter().map(|file| &file.path).collect::<Vec<_>>(),
                "kept": self.kept,
                "generated": generated,
                "foreign": self.generated.foreign,
                "examples": examples.map(|example| serde_json::json!({ "line": example.line, "text": example.text })).collect::<Vec<_>>(),
            });
            return format!("{report:#}\n");
        }
        if global.quiet {
            return String::new();
        }
        let mut text = String::new();
        let mut line = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        self.new.iter().for_each(|file| line(&format!("new      {}", file.path)));
        self.kept.iter().for_each(|path| line(&format!("kept     {path} (it existed before)")));
        line(&format!("new      {} generated files; `homelab generate` updates them", generated.len()));
        self.generated.foreign.iter().for_each(|path| {
            line(&format!("skipped  {path} (not generated; move it out of the generated folder)"));
        });
        if !self.examples.is_empty() {
            line(&format!("\nReplace these examples in {}:", self.spec));
            self.examples.iter().for_each(|example| line(&format!("  line {:<3} {}", example.line, example.text)));
        }
        line("\nNext:");
        self.steps().iter().zip(1..).for_each(|(step, number)| line(&format!("  {number}. {step}")));
        text
    }

    fn steps(&self) -> Vec<String> {
        let mut steps = Vec::new();
        let is_here = self.folder == Path::new(".");
        if !is_here {
            steps.push(format!("cd {}", report::quoted(self.folder)));
        }
        let edit = if self.examples.is_empty() { "read" } else { "edit" };
        steps.push(format!("{edit} {}, then run `homelab generate`", self.spec));
        steps.push("add apps: `homelab add app NAME`".to_owned());
        steps.push("see which secrets the lab needs: `homelab secrets`".to_owned());
        let is_in_git = self.folder.ancestors().chain([Path::new(".")]).any(|folder| folder.join(".git").exists())
            || std::path::absolute(self.folder)
                .is_ok_and(|path| path.ancestors().any(|folder| folder.join(".git").exists()));
        let init = if is_in_git { "" } else { "git init && " };
        steps.push(format!(
            "commit everything: `{init}git add --all && git commit` (flakes ignore files that Git does not track)"
        ));
        steps.push(format!("install the nodes: {}", starter::BOOTSTRAP));
        steps
    }
}
