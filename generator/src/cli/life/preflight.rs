//! `homelab preflight`: asks hosts, the LAN, DNS and this machine, and reports what is wrong.

use super::super::args::{Format, Global};
use super::super::{Outcome, Stop, build_alone, print};
use super::{Answer, Runner, unknown};
use crate::Built;
use clap::Args;
use model::{Host, Lab};
use operate::Command;
use operate::preflight::{self, Asked, Check, DnsAnswers, Facts, Finding, Here, LanAnswers, Printed, State, System};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// The most programs that run at the same time: most of them wait for an answer.
const AT_ONCE: usize = 16;

pub(in super::super) const EXAMPLES: &str = "Examples:
  homelab preflight            Everything; shows what is not ok
  homelab preflight lenovo     One host, not the network
  homelab preflight -v         Also what is ok, and each command that asks
  homelab preflight --format json | jq '.checks[] | select(.result == \"error\")'

Exit codes: 0 no check found an error, 3 a host could not be asked, 4 a check found an error.";

#[derive(Debug, Args)]
pub(in super::super) struct PreflightArguments {
    /// Hosts to check. Without any, checks all hosts, the LAN, DNS, the router and this machine
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
}

/// Checks hosts, the network and this machine.
pub(in super::super) fn run(arguments: &PreflightArguments, global: &Global) -> Result<Outcome, Stop> {
    let built = build_alone(global)?;
    let lab = &built.lab;
    let hosts = chosen(lab, &arguments.hosts)?;
    let runner = Runner::new(&global.root, global);
    let report = match arguments.hosts.is_empty() {
        true => everything(&runner, lab, &hosts, differing(&built, &global.root)),
        false => of_hosts(&runner, lab, &hosts),
    };
    let findings = report.findings;
    print(&match global.format {
        Format::Json => format!("{:#}\n", preflight::json(&findings)),
        _ => human(&findings, global),
    })?;
    Ok(match () {
        () if findings.iter().any(is_unreachable) => Outcome::Failed,
        () if preflight::number_of(&findings, State::Error) > 0 => Outcome::Dangerous,
        () => Outcome::Done,
    })
}

/// The findings as text, with a summary unless the run is quiet.
fn human(findings: &[Finding], global: &Global) -> String {
    let table = preflight::human(findings, global.verbose);
    match global.quiet {
        true => table,
        false if table.is_empty() => preflight::summary(findings),
        false => format!("{table}\n{}", preflight::summary(findings)),
    }
}

/// The hosts with these names, or all.
fn chosen<'a>(lab: &'a Lab, names: &[String]) -> Result<Vec<&'a Host>, Stop> {
    if names.is_empty() {
        return Ok(lab.hosts.iter().collect());
    }
    let of_name = |name: &String| lab.hosts.iter().find(|host| host.name.as_str() == name);
    let known = || lab.hosts.iter().map(|host| host.name.as_str());
    names.iter().map(|name| of_name(name).ok_or_else(|| unknown("host", name, known()))).collect()
}

fn is_unreachable(finding: &Finding) -> bool {
    finding.check == Check::Ssh && finding.result == State::Error
}

/// What was found, and what the hosts that could be asked reported.
struct Report {
    findings: Vec<Finding>,
    facts: BTreeMap<String, Facts>,
}

/// Checks hosts, all at the same time.
fn of_hosts(runner: &Runner, lab: &Lab, hosts: &[&Host]) -> Report {
    let names = hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ");
    runner.message(&format!("asking {names} ...\n"));
    let asked = at_once(hosts, |host| {
        let before = now();
        let answer = runner.ask(&preflight::ask_host(lab, host));
        (facts_of(answer), Asked { before, after: now() })
    });
    let mut report = Report { findings: Vec::new(), facts: BTreeMap::new() };
    for (host, (facts, asked)) in hosts.iter().zip(asked) {
        match facts {
            Ok(facts) => {
                report.findings.extend(preflight::check_host(lab, host, &facts, asked));
                report.facts.insert(host.name.to_string(), facts);
            }
            Err(reason) => report.findings.extend(preflight::unreachable(host, &reason)),
        }
    }
    report
}

fn facts_of(answer: Result<Answer, Stop>) -> Result<Facts, String> {
    let answer = answer.map_err(|stop| match stop {
        Stop::Program(reason) | Stop::Usage(reason) => reason,
        Stop::Io(error) => error.reason,
        Stop::Invalid { .. } => "the spec is invalid".to_owned(),
    })?;
    if answer.is_success() {
        return Facts::parse(&answer.out);
    }
    let last = answer.messages.lines().rfind(|line| !line.trim().is_empty());
    Err(last.map_or_else(|| format!("ssh ended with exit code {:?}", answer.code), |line| line.trim().to_owned()))
}

/// The number of files of nodes and clusters that differ from the spec.
fn differing(built: &Built, root: &Path) -> Option<usize> {
    let plan = tree::compare(&built.tree, root).ok()?;
    let is_applied = |path: &str| path.starts_with("k8s/") || path.starts_with("nix/");
    Some(plan.changes.iter().filter(|change| is_applied(&change.path)).count())
}

/// Checks hosts, the LAN, DNS, the router and this machine.
fn everything(runner: &Runner, lab: &Lab, hosts: &[&Host], differing: Option<usize>) -> Report {
    let system = if cfg!(target_os = "macos") { System::Mac } else { System::Linux };
    let mut report = of_hosts(runner, lab, hosts);
    runner.message("asking the LAN ...\n");
    let facts = std::mem::take(&mut report.facts);
    let lan = lan(runner, lab, facts, system);
    report.findings.extend(preflight::check_lan(lab, &lan));
    runner.message("asking DNS ...\n");
    let mut answers = ask_all(runner, &preflight::questions(lab, system));
    answers.extend(ask_all(runner, &preflight::port_questions(lab, &answers, system)));
    report.findings.extend(preflight::check_dns(lab, &answers, lan.is_inside(lab)));
    report.findings.extend(preflight::check_here(lab, &Here { differing, ..here(runner, lab) }));
    report
}

fn lan(runner: &Runner, lab: &Lab, hosts: BTreeMap<String, Facts>, system: System) -> LanAnswers {
    let addresses = preflight::planned(lab).into_iter().map(|planned| planned.address);
    let addresses: Vec<_> = addresses.chain([lab.lan.gateway]).collect();
    let pings = at_once(&addresses, |address| Some((*address, printed(runner, &preflight::ping(*address, system))?.1)));
    let pings: Option<Vec<_>> = pings.into_iter().collect();
    let ports = at_once(&preflight::ports(lab), |port| {
        Some(printed(runner, &preflight::connect(port.address, port.port, system))?.1)
    });
    LanAnswers {
        pings: pings
            .map(|pings| pings.into_iter().filter(|(_, answers)| *answers).map(|(address, _)| address).collect()),
        // The kernel asks for the MAC address of each address that is pinged.
        neighbours: printed(runner, &preflight::neighbours(system)).map(|(text, _)| text),
        ports,
        hosts,
    }
}

fn ask_all(runner: &Runner, questions: &[(preflight::Question, Command)]) -> DnsAnswers {
    at_once(questions, |(question, command)| {
        (*question, runner.ask(command).ok().map(|answer| (answer.out, answer.code)))
    })
}

fn here(runner: &Runner, lab: &Lab) -> Here {
    let ask = |command: Command| printed(runner, &command);
    let mut here = Here {
        version: ask(Here::version()),
        flakes: ask(Here::flakes()),
        settings: ask(Here::settings()),
        remotes: ask(Here::remotes()),
        changes: ask(Here::changes()),
        ..Here::default()
    };
    here.builders = here.builders().and_then(ask);
    here.unpushed = here.unpushed(lab).and_then(ask);
    here
}

/// What a command printed, and whether it succeeded. `None` if it could not be started.
fn printed(runner: &Runner, command: &Command) -> Printed {
    runner.ask(command).ok().map(|answer| {
        let succeeded = answer.is_success();
        (answer.out, succeeded)
    })
}

/// Calls a function for each item, for some at the same time. Returns the results in the order of the items.
fn at_once<T: Sync, R: Send>(items: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let call = &call;
    let mut results = Vec::new();
    for some in items.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|item| scope.spawn(move || call(item))).collect();
            results.extend(running.into_iter().map(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }));
        });
    }
    results
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
