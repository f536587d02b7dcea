//! Steps: what is done, in order.

use crate::Command;
use std::fmt::Write as _;
use std::time::Duration;

/// What a step does to what exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It creates or changes something; what runs continues.
    Changes,
    /// It stops something for a while, such as a node that restarts.
    Interrupts,
    /// It deletes something that cannot be created again from the repository.
    Destroys,
}

/// How often, and how long, a step is repeated until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The time between attempts.
    pub pause: Duration,
    /// The time after which the step has failed.
    pub limit: Duration,
}

/// A step: one command, with its reason.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does, in words: an imperative sentence without a full stop.
    pub title: String,
    /// What runs.
    pub command: Command,
    /// What it does to what exists.
    pub effect: Effect,
    /// If set, the command is repeated until it succeeds.
    pub wait: Option<Wait>,
    /// With a wait, the exit code that says that it will not succeed any more.
    pub hopeless: Option<i32>,
    /// Whether it can take minutes: its output is shown while it runs.
    pub is_long: bool,
}

impl Step {
    /// A step that changes something.
    pub fn new(title: impl Into<String>, command: Command) -> Self {
        Self { title: title.into(), command, effect: Effect::Changes, wait: None, hopeless: None, is_long: false }
    }

    /// The step with another effect.
    #[must_use]
    pub fn with_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// The step as one that can take minutes.
    #[must_use]
    pub fn long(self) -> Self {
        Self { is_long: true, ..self }
    }

    /// The step, repeated until it succeeds.
    #[must_use]
    pub fn until(self, wait: Wait) -> Self {
        Self { wait: Some(wait), ..self }
    }

    /// The step, repeated until it succeeds, or ends with an exit code that says that it will not.
    #[must_use]
    pub fn until_or(self, wait: Wait, hopeless: i32) -> Self {
        Self { wait: Some(wait), hopeless: Some(hopeless), ..self }
    }
}

/// Prints steps as a script for a shell in the root of the repository: a comment and a command for each.
pub fn runbook(steps: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let separator = if index == 0 { "" } else { "\n" };
        let note = match step.effect {
            Effect::Changes => "",
            Effect::Interrupts => " (interrupts what runs there)",
            Effect::Destroys => " (destroys data)",
        };
        let _ = writeln!(text, "{separator}# {}. {}{note}", index + 1, step.title);
        let _ = match step.wait {
            None => writeln!(text, "{}", step.command),
            Some(wait) => {
                let hopeless = step.hopeless.map(|code| format!("[ $? -ne {code} ] || exit 1; ")).unwrap_or_default();
                writeln!(text, "until {}; do {hopeless}sleep {}; done", step.command, wait.pause.as_secs().max(1))
            }
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;

    #[test]
    fn prints_a_script() {
        let node = Machine { name: "one".to_owned(), address: "192.168.10.42".to_owned() };
        let wait = Wait { pause: Duration::from_secs(5), limit: Duration::from_secs(60) };
        let steps = [
            Step::new("build", Command::here(["nix", "build"])).long(),
            Step::new("wait", Command::on(&node, ["true"])).until(wait),
            Step::new("stop", Command::on(&node, ["reboot"])).with_effect(Effect::Interrupts),
        ];
        assert_eq!(
            runbook(&steps),
            "# 1. build\nnix build\n\n# 2. wait\nuntil ssh root@192.168.10.42 true; do sleep 5; done\n\n\
             # 3. stop (interrupts what runs there)\nssh root@192.168.10.42 reboot\n"
        );
    }
}
