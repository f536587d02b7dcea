//! Reading the state of clusters, and watching one until it is ready.

use super::super::Stop;
use super::super::base::git;
use super::Runner;
use model::{Cluster, Lab};
use operate::cluster::{
    Access, Cause, Git, NodeState, Reading, Service, Services, UnitState, Urgency, Verdict, View, known_kinds,
    list_kinds, machine, names, objects as cluster_objects, read_cluster, read_node, read_objects, read_warnings,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// The number of looks in a row at which a failure must exist, and nothing else may become ready, before the watch ends
/// with it. Flux and the services on nodes retry more often.
const PATIENCE: u32 = 12;

/// The time after which the watch repeats what it waits for, if nothing changes.
const SILENCE: Duration = Duration::from_secs(60);

/// The most names in a line of the watch.
const MOST_NAMES: usize = 6;

/// How a cluster is watched.
pub(in super::super) struct Watch<'a> {
    pub(in super::super) runner: &'a Runner,
    pub(in super::super) lab: &'a Lab,
    pub(in super::super) cluster: &'a Cluster,
    pub(in super::super) access: &'a Access,
    /// The time between looks.
    pub(in super::super) pause: Duration,
    /// The time after which the watch ends.
    pub(in super::super) limit: Duration,
}

/// How a watch ended.
pub(in super::super) enum End {
    /// The cluster is ready.
    Ready(View),
    /// Something has failed that does not go away by itself.
    Stuck(View),
    /// The limit is reached. There is no view if the cluster never answered.
    Late(Option<View>),
}

/// Watches a cluster through SSH until all of it is ready, and reports what changes.
///
/// # Errors
/// If something fails that does not go away by itself, or at the limit. The message says what it is.
pub(in super::super) fn until_ready(
    runner: &Runner,
    lab: &Lab,
    cluster: &Cluster,
    limit: Duration,
) -> Result<(), Stop> {
    let access = Access::servers(cluster);
    let watch = Watch { runner, lab, cluster, access: &access, pause: Duration::from_secs(5), limit };
    let again = format!("`homelab status {} --watch` goes on", cluster.name);
    match watch.run()? {
        End::Ready(_) => Ok(()),
        End::Stuck(view) => Err(Stop::Program(format!("{}\n{again}", view.human(false).trim_end()))),
        End::Late(view) => {
            let view = view.map(|view| view.human(false)).unwrap_or_default();
            let minutes = limit.as_secs() / 60;
            Err(Stop::Program(format!("{} is not ready after {minutes} minutes\n{view}{again}", cluster.name)))
        }
    }
}

/// Looks at a cluster once.
///
/// # Errors
/// The reason, if it cannot be asked.
pub(in super::super) fn look(runner: &Runner, lab: &Lab, cluster: &Cluster, access: &Access) -> Result<View, Stop> {
    let (reading, asked) = read(runner, access)?;
    let git = reading.fetched_commit().map(|commit| commits(runner.root(), lab.repository.branch.as_str(), commit));
    let view = |services: &Services| View::of(lab, cluster, &reading, services, git.unwrap_or_default());
    let first = view(&Services::new());
    let Some(asked) = asked else { return Ok(first) };
    let mut services = Services::new();
    if let Some(service) = &reading.service {
        services.insert(asked.clone(), Ok(service.clone()));
    }
    let is_down = |node: &&model::Node| {
        let state = first.nodes.iter().find(|seen| seen.name == node.name.as_str()).map(|seen| seen.state);
        node.name.as_str() != asked && matches!(state, Some(NodeState::NotReady | NodeState::Missing))
    };
    if reading.objects.is_ok() {
        for node in cluster.nodes.iter().filter(is_down) {
            let command = read_node(&machine(node));
            let answer = runner.ask(&command)?;
            let service = match answer.is_success() {
                true => Service::parse(&answer.out),
                false => Err(answer.reason(&command).replace("\n  ", ": ")),
            };
            services.insert(node.name.to_string(), service);
        }
    }
    Ok(view(&services))
}

/// Reads the state of a cluster. Returns it with the name of the server that answered, if it was asked through SSH.
fn read(runner: &Runner, access: &Access) -> Result<(Reading, Option<String>), Stop> {
    match access {
        Access::Servers(servers) => {
            let mut failures = Vec::new();
            for server in servers {
                let command = read_cluster(server);
                let answer = runner.ask(&command)?;
                if answer.is_lost(&command) {
                    failures.push(answer.reason(&command));
                    continue;
                }
                let mut reading = Reading::parse(&answer.out)
                    .map_err(|_| Stop::Program(format!("{}: {}", server.name, answer.reason(&command))))?;
                if !answer.is_success() {
                    reading.objects = Err(answer.messages.trim().to_owned());
                }
                return Ok((reading, Some(server.name.clone())));
            }
            Err(Stop::Program(failures.join("; ").replace("\n  ", ": ")))
        }
        Access::Kubectl { kubeconfig, context } => {
            let (kubeconfig, context) = (kubeconfig.as_deref(), context.as_deref());
            let kinds = known_kinds(&runner.read(&list_kinds(kubeconfig, context))?);
            let text = runner.read(&read_objects(kubeconfig, context, &kinds))?;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
            let now = i64::try_from(now).unwrap_or_default();
            let objects = cluster_objects(&text).map_err(Stop::Program)?;
            let warnings =
                cluster_objects(&runner.read(&read_warnings(kubeconfig, context))?).map_err(Stop::Program)?;
            Ok((Reading { now, service: None, objects: Ok(objects), warnings }, None))
        }
    }
}

/// Compares the commit that Flux has fetched with the branch here.
fn commits(root: &Path, branch: &str, fetched: &str) -> Git {
    let count = |range: String| {
        let printed = git(root, &[], &["rev-list", "--count", &range, "--"], &[]).ok()?;
        String::from_utf8_lossy(&printed).trim().parse().ok()
    };
    let local = format!("refs/heads/{branch}");
    let pushed = format!("{branch}@{{upstream}}");
    Git { unfetched: count(format!("{fetched}..{pushed}")), unpushed: count(format!("{pushed}..{local}")) }
}

impl Watch<'_> {
    /// Watches the cluster until it is ready, something has failed that does not go away, or the limit is reached.
    ///
    /// # Errors
    /// If a program that is needed to look at the cluster is missing.
    pub(in super::super) fn run(&self) -> Result<End, Stop> {
        let mut report = Report {
            watch: self,
            start: Instant::now(),
            last: Instant::now(),
            ready: BTreeSet::new(),
            waiting: String::new(),
        };
        let mut stuck_for = 0;
        let mut last = None;
        loop {
            match look(self.runner, self.lab, self.cluster, self.access) {
                Ok(view) => {
                    let has_changed = report.show(&view);
                    let is_stuck = view.causes.first().is_some_and(|cause| cause.urgency == Urgency::Stuck);
                    stuck_for = if is_stuck && !has_changed { stuck_for + 1 } else { 0 };
                    if view.verdict == Verdict::Ready {
                        return Ok(End::Ready(view));
                    }
                    if stuck_for >= PATIENCE {
                        return Ok(End::Stuck(view));
                    }
                    last = Some(view);
                }
                // A node that restarts does not answer for a while.
                Err(Stop::Program(reason)) => report.wait_for(&format!("{} to answer: {reason}", self.cluster.name)),
                Err(stop) => return Err(stop),
            }
            if report.start.elapsed() + self.pause > self.limit {
                return Ok(End::Late(last));
            }
            std::thread::sleep(self.pause);
        }
    }
}

/// What the watch has reported.
struct Report<'a> {
    watch: &'a Watch<'a>,
    start: Instant,
    /// When the last line was printed.
    last: Instant,
    /// The nodes and units that were ready at the last look.
    ready: BTreeSet<String>,
    /// What it waited for at the last look.
    waiting: String,
}

impl Report<'_> {
    /// Reports what has changed. Returns whether other nodes and units are ready than before.
    fn show(&mut self, view: &View) -> bool {
        let nodes = view.nodes.iter().filter(|node| node.state == NodeState::Ready);
        let units = view.wanted().filter(|unit| unit.state.is_ready());
        let ready: BTreeSet<_> =
            nodes.map(|node| format!("node {}", node.name)).chain(units.map(|unit| unit.name.clone())).collect();
        let is_new = |name: &&String| !self.ready.contains(*name);
        let (nodes, units): (Vec<_>, Vec<_>) = ready.iter().filter(is_new).partition(|name| name.starts_with("node "));
        let lost: Vec<_> = self.ready.difference(&ready).cloned().collect();
        let mut lines: Vec<_> = nodes.iter().map(|name| format!("{name} is ready")).collect();
        if !units.is_empty() {
            let all = view.wanted().count();
            let count = view.wanted().filter(|unit| unit.state.is_ready()).count();
            lines.push(format!("{count} of {all} units are ready, now also {}", names(&units, MOST_NAMES)));
        }
        if !lost.is_empty() {
            lines.push(format!("no longer ready: {}", names(&lost, MOST_NAMES)));
        }
        let has_changed = !lines.is_empty();
        self.ready = ready;
        for line in lines {
            self.print(&line);
        }
        match view.causes.iter().find(|cause| cause.urgency != Urgency::Note) {
            Some(cause) => self.wait_for(&waiting(cause, view)),
            None if view.verdict == Verdict::Ready => self.print(&view.headline()),
            None => {}
        }
        has_changed
    }

    /// Reports what the cluster waits for, if that is new or the last line is long ago.
    fn wait_for(&mut self, text: &str) {
        if self.waiting != text {
            self.print(&format!("waiting for {text}"));
            text.clone_into(&mut self.waiting);
        } else if self.last.elapsed() >= SILENCE {
            self.print(&format!("still waiting for {text}"));
        }
    }

    fn print(&mut self, text: &str) {
        self.last = Instant::now();
        let seconds = self.start.elapsed().as_secs();
        self.watch.runner.message(&format!("[{:>2}:{:02}] {text}\n", seconds / 60, seconds % 60));
    }
}

/// What a cluster waits for, in one line. Progress of many units is one line, too.
fn waiting(cause: &Cause, view: &View) -> String {
    let units: Vec<_> =
        view.wanted().filter(|unit| unit.state == UnitState::Progressing).map(|unit| unit.name.as_str()).collect();
    match cause.urgency {
        Urgency::Progressing if cause.unit.is_some() && !units.is_empty() => names(&units, MOST_NAMES),
        Urgency::Stuck | Urgency::Failing => {
            let blocks = match cause.blocks.len() {
                0 => String::new(),
                1 => " (1 unit waits for it)".to_owned(),
                count => format!(" ({count} units wait for it)"),
            };
            let verb = if cause.urgency == Urgency::Stuck { "failed" } else { "is retried" };
            format!("{}, which {verb}: {}{blocks}", cause.subject, cause.message)
        }
        _ => cause.line(),
    }
}
