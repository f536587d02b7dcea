//! Questions on the terminal.

use dialoguer::{Confirm, Input, Password, Select};
use operate::SecretString;
use starter::{Asker, Draft, Seen};
use std::io::{self, IsTerminal as _};

/// Asks for what the draft does not answer yet.
pub(super) fn interview(draft: &mut Draft, seen: &Seen) -> io::Result<()> {
    starter::interview(&mut Terminal, draft, seen)
}

/// Whether somebody can answer.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a secret, which the terminal does not show.
pub(super) fn hidden(question: &str) -> io::Result<SecretString> {
    Password::new().with_prompt(question).interact().map(SecretString::from).map_err(io_error)
}

/// Asks for a line of text.
pub(super) fn line(question: &str) -> io::Result<String> {
    Input::<String>::new().with_prompt(question).interact_text().map_err(io_error)
}

/// Asks a question whose answer is no unless it is yes.
pub(super) fn confirm(question: &str) -> io::Result<bool> {
    Confirm::new().with_prompt(question).default(false).interact().map_err(io_error)
}

/// Waits for the return key.
pub(super) fn pause(text: &str) -> io::Result<()> {
    let input = Input::<String>::new().with_prompt(text).allow_empty(true);
    input.interact_text().map(drop).map_err(io_error)
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
