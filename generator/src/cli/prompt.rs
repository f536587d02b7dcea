//! Questions on the terminal.

use dialoguer::{Input, Select};
use starter::{Asker, Draft, Seen};
use std::io;

/// Asks for what the draft does not answer yet.
pub(super) fn interview(draft: &mut Draft, seen: &Seen) -> io::Result<()> {
    starter::interview(&mut Terminal, draft, seen)
}

/// The terminal of the user. Questions go to standard error.
struct Terminal;

fn io_error(dialoguer::Error::IO(error): dialoguer::Error) -> io::Error {
    error
}

impl Asker for Terminal {
    fn say(&mut self, text: &str) -> io::Result<()> {
        super::output::message(&format!("{text}\n"));
        Ok(())
    }

    fn text(&mut self, question: &str, proposal: &str) -> io::Result<String> {
        let input = Input::<String>::new().with_prompt(question).allow_empty(true);
        let input = if proposal.is_empty() { input } else { input.default(proposal.to_owned()) };
        input.interact_text().map_err(io_error)
    }

    fn choose(&mut self, question: &str, choices: &[String], proposal: usize) -> io::Result<usize> {
        Select::new().with_prompt(question).items(choices).default(proposal).interact().map_err(io_error)
    }
}
