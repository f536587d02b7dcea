//! What people read or install about the program: completion scripts and man pages, from the definition of the command
//! line, as `--help` is, and the reference of the spec, from its schema.

use super::args::Arguments;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::path::Path;
use tree::SyncError;

/// The completion script of a shell.
pub(super) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "homelab", &mut script);
    String::from_utf8(script).expect("the names and the help of commands are text")
}

/// A page: its file and its text.
pub(super) struct Page {
    /// Name of its file, such as `homelab-plan.1`.
    pub(super) file: String,
    pub(super) text: String,
}

/// The pages of the spec reference.
pub(super) fn reference() -> Vec<Page> {
    spec::reference::reference().into_iter().map(|page| Page { file: page.file, text: page.text }).collect()
}

/// The man page of the program, then those of its commands.
pub(super) fn man() -> Vec<Page> {
    // The command `help` has no help of its own.
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let source = program.render_version();
    let commands: Vec<_> = program.get_subcommands().cloned().collect();
    [program].into_iter().chain(commands).map(|command| page(command, source.trim_end())).collect()
}

fn page(command: Command, source: &str) -> Page {
    let page = Man::new(command).source(source).manual("User Commands");
    let mut text = Vec::new();
    page.render(&mut text).expect("memory can be written");
    Page { file: page.get_filename(), text: String::from_utf8(text).expect("the help is text") }
}

/// Writes pages to a folder, and creates it if necessary.
pub(super) fn write(pages: &[Page], folder: &Path) -> Result<(), SyncError> {
    let failure = |path: &Path, error: &std::io::Error| SyncError { path: path.to_owned(), reason: error.to_string() };
    fs::create_dir_all(folder).map_err(|error| failure(folder, &error))?;
    for page in pages {
        let path = folder.join(&page.file);
        fs::write(&path, &page.text).map_err(|error| failure(&path, &error))?;
    }
    Ok(())
}
