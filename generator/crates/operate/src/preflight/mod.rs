//! Checks before the first boot, and whenever something does not work: hosts, the LAN, DNS, the router and the machine
//! that runs `homelab`. They change nothing.
//!
//! Each module has the commands that ask, and what their output means. `docs/preflight.md` explains every check.

mod dns;
mod facts;
mod finding;
mod here;
mod host;
mod lan;
mod report;
mod versions;

pub use dns::{Answers as DnsAnswers, Question, check as check_dns, port_questions, questions};
pub use facts::Facts;
pub use finding::{Check, Finding, State};
pub use here::{Here, Printed, check as check_here};
pub use host::{Asked, check as check_host, machine, question as ask_host, unreachable};
pub use lan::{Answers as LanAnswers, Planned, Port, check as check_lan, neighbours, planned, ports};
pub use report::{human, json, number_of, schema, summary};
pub use versions::{KNOWN_BAD, KnownBad};

use crate::{Command, Script};
use spec::types::Ipv4;

/// The operating system of the machine that runs `homelab`, as far as its programs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Linux.
    Linux,
    /// macOS.
    Mac,
}

/// The kernel modules that `prepare-host` loads.
pub fn modules() -> Vec<&'static str> {
    here_document(Script::PrepareHost, "MODULES").collect()
}

/// The kernel parameters that `prepare-host` sets, with their values.
pub fn sysctls() -> Vec<(&'static str, &'static str)> {
    let lines = here_document(Script::PrepareHost, "SYSCTLS");
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.trim(), value.trim())).collect()
}

/// The lines of a here-document in a script.
fn here_document(script: Script, end: &'static str) -> impl Iterator<Item = &'static str> {
    let start = format!("<<'{end}'");
    let lines = script.text().lines().skip_while(move |line| !line.ends_with(&start)).skip(1);
    lines.take_while(move |line| *line != end)
}

/// The command that finds out whether an address answers to ping, within a second.
pub fn ping(address: Ipv4, system: System) -> Command {
    let limit = match system {
        System::Linux => "1",
        System::Mac => "1000",
    };
    Command::here(["ping", "-n", "-c", "1", "-W", limit, &address.to_string()])
}

/// The command that finds out whether a TCP port is open, within two seconds.
pub fn connect(address: Ipv4, port: u16, system: System) -> Command {
    let limit = match system {
        System::Linux => "-w",
        System::Mac => "-G",
    };
    Command::here(["nc", "-z", limit, "2", &address.to_string(), &port.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_prepare_host_sets() {
        let modules = modules();
        assert!(modules.contains(&"overlay") && modules.contains(&"vxlan") && modules.len() >= 15, "{modules:?}");
        let sysctls = sysctls();
        assert!(sysctls.contains(&("vm.overcommit_memory", "1")) && sysctls.len() == 6, "{sysctls:?}");
    }

    #[test]
    fn names_of_checks_are_those_in_json() {
        for check in Check::ALL {
            assert_eq!(serde_json::json!(check), check.name());
        }
    }
}
