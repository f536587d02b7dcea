//! What `homelab provision` prints.

use operate::provision::{Action, Due, Node};
use operate::{Effect, GuestKind, Machine, Step, runbook};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What is due for nodes.
pub(super) struct Printed<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) due: &'a [Due],
    pub(super) preparation: &'a [(Machine, Step)],
    pub(super) notes: &'a [String],
}

/// What is done, in words.
pub(super) fn action(action: Action, kind: GuestKind) -> String {
    let kind = kind.text();
    match action {
        Action::Nothing => "nothing to do".to_owned(),
        Action::Create => format!("create its {kind}"),
        Action::Change => format!("bring its {kind} to its definition"),
        Action::Recreate => format!("destroy its {kind}, and create it again"),
    }
}

impl Printed<'_> {
    fn steps(&self) -> Vec<Step> {
        let of_hosts = self.preparation.iter().map(|(_, step)| step);
        of_hosts.chain(self.due.iter().flat_map(|due| &due.steps)).cloned().collect()
    }

    /// What happens to each node and why, for people.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        for (host, _) in self.preparation {
            let _ = writeln!(text, "{}: prepare it", host.name);
        }
        for (node, due) in self.nodes.iter().zip(self.due) {
            let (vmid, kind) = (node.definition.vmid, node.definition.kind);
            let _ = writeln!(
                text,
                "{} ({} {vmid} on {}): {}",
                node.machine.name,
                kind.text(),
                node.host.name,
                action(due.action, kind)
            );
            for difference in &due.differences {
                let note = if difference.is_pending { " (pending)" } else { "" };
                let _ = writeln!(text, "  {difference}{note}");
            }
            for reason in &due.withheld {
                let _ = writeln!(text, "  not done: {reason}");
            }
        }
        text
    }

    /// The steps, as a script.
    pub(super) fn runbook(&self) -> String {
        runbook(&self.steps())
    }

    /// What comes next.
    pub(super) fn end(&self, ran: bool) -> String {
        let mut text = String::new();
        for note in self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        if self.steps().is_empty() {
            text += if self.due.iter().any(|due| !due.withheld.is_empty()) {
                "nothing else is to be done\n"
            } else {
                "nothing is to be done: the nodes are as their definitions say\n"
            };
        } else if !ran {
            text += "nothing was changed: these are the commands that --yes runs\n";
        }
        text
    }

    /// The same as one object.
    pub(super) fn json(&self, ran: bool, is_done: bool) -> Value {
        let step = |step: &Step| {
            json!({
                "title": step.title,
                "command": step.command.to_string(),
                "effect": match step.effect {
                    Effect::Changes => "changes",
                    Effect::Interrupts => "interrupts",
                    Effect::Destroys => "destroys",
                },
            })
        };
        let node = |(node, due): (&Node, &Due)| {
            let difference = |difference: &operate::container::Difference| {
                json!({
                    "option": difference.option,
                    "live": difference.live,
                    "defined": difference.defined,
                    "pending": difference.is_pending,
                    "applied": match difference.applied {
                        operate::container::Applied::Live => "live",
                        operate::container::Applied::AtStart => "at-start",
                        operate::container::Applied::OnlyNew => "only-new",
                    },
                })
            };
            json!({
                "name": node.machine.name,
                "cluster": node.cluster,
                "host": node.host.name,
                "kind": node.definition.kind.id(),
                "vmid": node.definition.vmid,
                "action": match due.action {
                    Action::Nothing => "nothing",
                    Action::Create => "create",
                    Action::Change => "change",
                    Action::Recreate => "recreate",
                },
                "differences": due.differences.iter().map(difference).collect::<Vec<_>>(),
                "withheld": due.withheld,
                "steps": due.steps.iter().map(step).collect::<Vec<_>>(),
            })
        };
        let hosts = self.preparation.iter();
        let hosts = hosts.map(|(host, prepare)| json!({ "name": host.name, "steps": [step(prepare)] }));
        json!({
            "hosts": hosts.collect::<Vec<_>>(),
            "nodes": self.nodes.iter().zip(self.due).map(node).collect::<Vec<_>>(),
            "notes": self.notes,
            "ran": ran,
            "done": ran && is_done,
        })
    }
}
