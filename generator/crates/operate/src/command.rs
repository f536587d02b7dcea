//! Commands: what runs, and where.

use crate::Script;
use secrecy::SecretString;
use std::fmt::{self, Display, Formatter};

/// A machine that is reached through SSH, as root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine {
    /// Its name, for messages.
    pub name: String,
    /// Its address, or a name that the user's SSH configuration knows.
    pub address: String,
}

impl Machine {
    /// The destination that `ssh` is given.
    pub fn destination(&self) -> String {
        format!("root@{}", self.address)
    }
}

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the machine that runs `homelab`, in the root of the repository.
    Here,
    /// On another machine, through SSH.
    On(Machine),
}

/// What a command reads from its standard input.
#[derive(Debug, Clone)]
pub enum Input {
    /// Nothing: it is empty.
    Nothing,
    /// A file, as a path from the root of the repository.
    File(String),
    /// One of the scripts that run on hosts.
    Script(Script),
    /// A secret, which is never printed.
    Secret {
        /// What it is, in words.
        what: String,
        /// The value.
        value: SecretString,
    },
    /// A secret from a source that a shell can read too. The value is never printed.
    Given {
        /// Where it comes from.
        source: Source,
        /// The value.
        value: SecretString,
    },
    /// A public text, which is printed.
    Text(String),
    /// What another command writes to its standard output, which is never printed or written to a disk here.
    Output(Box<Command>),
}

/// A source of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File {
        /// Its path.
        path: String,
        /// Whether it ends with the end of a line, as what reads it expects.
        ends_line: bool,
    },
    /// A variable of the environment.
    Variable(String),
}

/// A command, which can be printed as a line for a shell, or run. Both come from the same words.
#[derive(Debug, Clone)]
pub struct Command {
    place: Place,
    words: Vec<String>,
    input: Input,
    output: Option<String>,
}

impl Command {
    /// A program on the machine that runs `homelab`, with its arguments.
    pub fn here<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self {
            place: Place::Here,
            words: words.into_iter().map(Into::into).collect(),
            input: Input::Nothing,
            output: None,
        }
    }

    /// A program on another machine, with its arguments. They reach it as they are: the shell there expands nothing.
    pub fn on<T: Into<String>>(machine: &Machine, words: impl IntoIterator<Item = T>) -> Self {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        Self::shell(machine, &quoted(&words))
    }

    /// Text that the shell of another machine runs.
    pub fn shell(machine: &Machine, text: &str) -> Self {
        let words = vec!["ssh".to_owned(), machine.destination(), text.to_owned()];
        Self { place: Place::On(machine.clone()), words, input: Input::Nothing, output: None }
    }

    /// A script on another machine, with its arguments.
    pub fn script<T: Into<String>>(machine: &Machine, script: Script, arguments: impl IntoIterator<Item = T>) -> Self {
        let words = ["bash", "-s", "--"].map(str::to_owned).into_iter();
        Self::on(machine, words.chain(arguments.into_iter().map(Into::into))).reading(Input::Script(script))
    }

    /// The command with another standard input.
    #[must_use]
    pub fn reading(self, input: Input) -> Self {
        Self { input, ..self }
    }

    /// The command with a file for its standard output, as a path from the root of the repository. Only its owner can
    /// read the file, which must not exist with another content.
    #[must_use]
    pub fn saving(self, path: &str) -> Self {
        Self { output: Some(path.to_owned()), ..self }
    }

    /// The command with a limit on the time that connecting to its machine takes, for those that find out whether it
    /// answers.
    #[must_use]
    pub fn connecting_within(mut self, seconds: u32) -> Self {
        if matches!(self.place, Place::On(_)) {
            self.words.splice(1..1, ["-o".to_owned(), format!("ConnectTimeout={seconds}")]);
        }
        self
    }

    /// Where it runs.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The program to start here, with its arguments: `ssh`, if the command runs on another machine.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What it reads from its standard input.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// The file for its standard output.
    pub fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }
}

impl Display for Command {
    /// A line for a shell in the root of the repository. Secrets are shown as a comment.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let path = |path: &String| quoted(std::slice::from_ref(path));
        let line = match &self.output {
            None => quoted(&self.words),
            Some(output) => format!("(umask 077; {} > {})", quoted(&self.words), path(output)),
        };
        match &self.input {
            Input::Nothing => formatter.write_str(&line),
            Input::File(file) | Input::Given { source: Source::File { path: file, ends_line: true }, .. } => {
                write!(formatter, "{line} < {}", path(file))
            }
            Input::Given { source: Source::File { path: file, ends_line: false }, .. } => {
                write!(formatter, "{{ cat {}; echo; }} | {line}", path(file))
            }
            Input::Given { source: Source::Variable(name), .. } => write!(formatter, "printenv {name} | {line}"),
            Input::Text(text) => write!(formatter, "printf %s {} | {line}", path(text)),
            Input::Output(command) => write!(formatter, "{command} | {line}"),
            Input::Script(script) => write!(formatter, "homelab script {script} | {line}"),
            Input::Secret { what, .. } => write!(formatter, "{line}    # reads {what}"),
        }
    }
}

/// Quotes words for a POSIX shell.
fn quoted(words: &[String]) -> String {
    let safe = |word: &String| shlex::try_quote(&word.replace('\0', "")).map(std::borrow::Cow::into_owned);
    words.iter().map(|word| safe(word).unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Machine {
        Machine { name: "lenovo".to_owned(), address: "192.168.10.11".to_owned() }
    }

    #[test]
    fn prints_the_words_that_run() {
        let command = Command::on(&host(), ["pct", "set", "121", "--description", "it's $HOME; a"]);
        assert_eq!(shlex::split(&command.to_string()).as_deref(), Some(command.words()));
        assert_eq!(command.words()[..2], ["ssh", "root@192.168.10.11"]);
        let remote = shlex::split(&command.words()[2]).expect("it is quoted");
        assert_eq!(remote, ["pct", "set", "121", "--description", "it's $HOME; a"]);
    }

    #[test]
    fn shows_where_the_input_comes_from() {
        let command = Command::shell(&host(), "cat > /etc/a.conf");
        let file = command.clone().reading(Input::File("nix/nodes/a b/container.conf".to_owned()));
        assert_eq!(file.to_string(), "ssh root@192.168.10.11 'cat > /etc/a.conf' < 'nix/nodes/a b/container.conf'");
        let script = Command::script(&host(), Script::PrepareHost, ["--dry-run"]);
        assert_eq!(script.to_string(), "homelab script prepare-host | ssh root@192.168.10.11 'bash -s -- --dry-run'");
        let value = SecretString::from("hunter2");
        let secret = command.clone().reading(Input::Secret { what: "the token".to_owned(), value: value.clone() });
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
        let source = Source::Variable("TOKEN".to_owned());
        let given = command.clone().reading(Input::Given { source, value: value.clone() });
        assert_eq!(given.to_string(), "printenv TOKEN | ssh root@192.168.10.11 'cat > /etc/a.conf'");
        assert!(!format!("{given:?}").contains("hunter2"));
        for (ends_line, start) in [(true, "ssh"), (false, "{ cat 'a b'; echo; } | ssh")] {
            let source = Source::File { path: "a b".to_owned(), ends_line };
            let given = command.clone().reading(Input::Given { source, value: value.clone() }).to_string();
            assert!(given.starts_with(start) && given.ends_with("< 'a b'") == ends_line, "{given}");
        }
        let copy = command.reading(Input::Output(Box::new(Command::on(&host(), ["cat", "/etc/b"]))));
        assert_eq!(
            copy.to_string(),
            "ssh root@192.168.10.11 'cat /etc/b' | ssh root@192.168.10.11 'cat > /etc/a.conf'"
        );
        let saved = Command::on(&host(), ["cat", "/etc/b"]).saving("kept/b");
        assert_eq!(saved.to_string(), "(umask 077; ssh root@192.168.10.11 'cat /etc/b' > kept/b)");
    }
}
