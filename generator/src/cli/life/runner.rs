//! Running commands on this machine and, through SSH, on others.

use super::super::args::{Format, Global};
use super::super::{Stop, output};
use operate::bootstrap::VARIABLE;
use operate::{Command, ExposeSecret, Input, Place, SecretString, Step};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The exit code of `ssh` if it could not reach the machine, or lost the connection. `pct` uses it too if a task failed.
const SSH_FAILED: i32 = 255;

/// How the last message of `ssh` begins if it could not reach the machine, or lost the connection.
const SSH_MESSAGES: [&str; 9] = [
    "ssh: ",
    "ssh_dispatch_run_fatal: ",
    "client_loop: ",
    "kex_exchange_identification: ",
    "Connection ",
    "Host key verification failed",
    "Received disconnect",
    "Timeout, server ",
    "root@",
];

/// The most lines of a program's output that a message has. The last ones say what is wrong.
const MOST_LINES: usize = 20;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(in super::super) struct Answer {
    /// What it wrote to its standard output.
    pub(in super::super) out: String,
    /// What it wrote to its standard error.
    pub(in super::super) messages: String,
    /// Its exit code; `None` if a signal ended it.
    pub(in super::super) code: Option<i32>,
}

impl Answer {
    /// Whether it succeeded.
    pub(in super::super) fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Whether the machine could not be reached, or the connection was lost: nobody knows whether the command ran.
    pub(in super::super) fn is_lost(&self, command: &Command) -> bool {
        self.is_code_of_ssh(command)
            && self.last_message().is_none_or(|line| SSH_MESSAGES.iter().any(|message| line.starts_with(message)))
    }

    fn is_code_of_ssh(&self, command: &Command) -> bool {
        matches!(command.place(), Place::On(_)) && self.code == Some(SSH_FAILED)
    }

    /// The last line that it wrote to its standard error, if that was captured.
    fn last_message(&self) -> Option<&str> {
        self.messages.lines().rev().map(str::trim).find(|line| !line.is_empty())
    }

    /// Why the command failed, with the last lines of its output.
    pub(in super::super) fn reason(&self, command: &Command) -> String {
        let how = match (self.code, command.place()) {
            (_, Place::On(machine)) if self.is_code_of_ssh(command) && self.last_message().is_none() => format!(
                "exit code 255: ssh could not reach {} ({}), lost the connection, or the command there failed",
                machine.name, machine.address
            ),
            (_, Place::On(machine)) if self.is_lost(command) => {
                format!("ssh could not reach {} ({}), or lost the connection", machine.name, machine.address)
            }
            (Some(code), _) => format!("exit code {code}"),
            (None, _) => "it was stopped by a signal".to_owned(),
        };
        let text = if self.messages.trim().is_empty() { &self.out } else { &self.messages };
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(MOST_LINES)..];
        last.iter().fold(how, |text, line| text + "\n  " + line)
    }
}

/// Runs commands for a subcommand of `homelab`.
pub(in super::super) struct Runner {
    root: PathBuf,
    is_quiet: bool,
    is_verbose: bool,
}

impl Runner {
    /// A runner of commands in the root of the repository.
    pub(in super::super) fn new(root: &Path, global: &Global) -> Self {
        // Programs that read JSON expect nothing else.
        let is_quiet = global.quiet || global.format == Format::Json;
        Self { root: root.to_owned(), is_quiet, is_verbose: global.verbose && !is_quiet }
    }

    /// The root of the repository.
    pub(in super::super) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a command that changes nothing, and returns its output, also if it failed.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(in super::super) fn ask(&self, command: &Command) -> Result<Answer, Stop> {
        if self.is_verbose {
            output::message(&format!("$ {command}\n"));
        }
        self.start(command, Stdio::piped())
    }

    /// Runs a command that changes nothing, and returns what it wrote to its standard output.
    ///
    /// # Errors
    /// If it cannot be started, or fails.
    pub(in super::super) fn read(&self, command: &Command) -> Result<String, Stop> {
        let answer = self.ask(command)?;
        if answer.is_success() {
            return Ok(answer.out);
        }
        Err(Stop::Program(format!("`{command}` failed: {}", answer.reason(command))))
    }

    /// Runs steps in order, and reports each. Stops at the first one that fails.
    ///
    /// # Errors
    /// If a step fails. The message says which steps are done and which are not.
    pub(in super::super) fn run(&self, steps: &[Step]) -> Result<(), Stop> {
        for (index, step) in steps.iter().enumerate() {
            let start = Instant::now();
            self.message(&format!("[{}/{}] {} ...\n", index + 1, steps.len(), step.title));
            if self.is_verbose {
                output::message(&format!("$ {}\n", step.command));
            }
            let answer = self.attempt(step)?;
            if !answer.is_success() {
                return Err(Stop::Program(stopped(steps, index, &answer)));
            }
            if start.elapsed() >= Duration::from_secs(2) {
                self.message(&format!("      done in {} s\n", start.elapsed().as_secs()));
            }
        }
        Ok(())
    }

    /// Runs the command of a step, again and again if it waits.
    fn attempt(&self, step: &Step) -> Result<Answer, Stop> {
        let output = || if step.is_long && !self.is_quiet { Stdio::inherit() } else { Stdio::piped() };
        let Some(wait) = step.wait else { return self.start(&step.command, output()) };
        let start = Instant::now();
        loop {
            let answer = self.start(&step.command, output())?;
            let is_final = answer.is_success() || step.hopeless.is_some() && answer.code == step.hopeless;
            if is_final || start.elapsed() + wait.pause > wait.limit {
                return Ok(answer);
            }
            std::thread::sleep(wait.pause);
        }
    }

    /// Runs a command until it ends, after the one that it reads from. Its messages are captured if they are piped.
    fn start(&self, command: &Command, messages: Stdio) -> Result<Answer, Stop> {
        let Input::Output(source) = command.input() else { return self.start_alone(command, messages) };
        let answer = self.start(source, Stdio::piped())?;
        if !answer.is_success() {
            let messages = format!("`{source}` failed: {}", answer.reason(source));
            return Ok(Answer { out: String::new(), messages, code: Some(1) });
        }
        let value = SecretString::from(answer.out);
        self.start_alone(&command.clone().reading(Input::Secret { what: String::new(), value }), messages)
    }

    /// Runs a command that does not read from another one.
    fn start_alone(&self, command: &Command, messages: Stdio) -> Result<Answer, Stop> {
        let failed = |reason: String| Stop::Program(format!("cannot run `{command}`: {reason}"));
        let [program, arguments @ ..] = command.words() else { return Err(failed("it is empty".to_owned())) };
        let input = match command.input() {
            Input::Nothing => Stdio::null(),
            Input::File(path) => {
                Stdio::from(File::open(self.root.join(path)).map_err(|error| failed(format!("{path}: {error}")))?)
            }
            Input::Script(_) | Input::Secret { .. } | Input::Given { .. } | Input::Text(_) => Stdio::piped(),
            Input::Output(_) => return Err(failed("its input is another command".to_owned())),
        };
        let mut process = Process::new(found(program));
        process.args(arguments).current_dir(&self.root).stdin(input).stdout(Stdio::piped()).stderr(messages);
        // Other programs must not see secrets that this one gets through its environment.
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with(VARIABLE)) {
            process.env_remove(name);
        }
        let mut child = process.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => failed(format!("there is no program `{program}` on PATH")),
            _ => failed(error.to_string()),
        })?;
        let text = match command.input() {
            Input::Script(script) => script.text(),
            Input::Secret { value, .. } | Input::Given { value, .. } => value.expose_secret(),
            Input::Text(text) => text,
            Input::Nothing | Input::File(_) | Input::Output(_) => "",
        };
        feed(&mut child, text).map_err(|error| failed(error.to_string()))?;
        let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if let (Some(path), true) = (command.output(), output.status.success()) {
            save(&self.root.join(path), &output.stdout).map_err(|error| failed(format!("{path}: {error}")))?;
            return Ok(Answer { out: String::new(), messages: String::new(), code: Some(0) });
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer { out: text(&output.stdout), messages: text(&output.stderr), code: code(output.status) })
    }

    /// Reports progress, unless the run is quiet.
    pub(in super::super) fn message(&self, text: &str) {
        if !self.is_quiet {
            output::message(text);
        }
    }
}

fn code(status: ExitStatus) -> Option<i32> {
    status.code()
}

/// Writes the standard input of a process. One that does not read it all is no error: its exit code says what happened.
fn feed(child: &mut Child, text: &str) -> io::Result<()> {
    let Some(mut input) = child.stdin.take() else { return Ok(()) };
    match input.write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The program of a command. A step that is another command of `homelab` works also where it is not on PATH, as with `nix run`.
fn found(program: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_found = || std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    match std::env::current_exe() {
        Ok(own) if program == "homelab" && !is_found() => own,
        _ => PathBuf::from(program),
    }
}

/// Writes a file that only its owner can read. It must not exist with another content.
fn save(path: &Path, content: &[u8]) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(content),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && fs::read(path)? == content => Ok(()),
        Err(error) => Err(error),
    }
}

/// The message for a step that failed: what is done, what is not, and how to go on.
fn stopped(steps: &[Step], failed: usize, answer: &Answer) -> String {
    let step = &steps[failed];
    let list = |steps: &[Step]| steps.iter().map(|step| format!("\n  {}", step.title)).collect::<String>();
    let mut text = format!("could not {}: {}", step.title, answer.reason(&step.command));
    if answer.is_lost(&step.command) {
        text += "\nthe command may have run, or may still be running";
    }
    if failed > 0 {
        text += &format!("\ndone:{}", list(&steps[..failed]));
    }
    text += &format!(
        "\nnot done:{}\nrun the same command again: it goes on from the state that it finds",
        list(&steps[failed..])
    );
    text
}
