//! Apps with containers: from a workload to the fields of an app.

use crate::app_template::effective;
use crate::context::{Context, Needs};
use crate::env::Environment;
use crate::files::{Place, Remark};
use crate::kustomize::shown;
use crate::names::label;
use crate::native::not_carried_over;
use crate::piece::{Fields, Piece};
use crate::ports::Ports;
use crate::volumes::{Volumes, of_sidecar};
use crate::workload::{Amounts, Check, Container, Controller, Image, Pod, Probe, Runs, Security, Source, Workload};
use std::collections::BTreeSet;

/// Fields of an app, as proposed.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) fields: Fields,
    pub(crate) needs: Needs,
    pub(crate) remarks: Vec<Remark>,
    pub(crate) at: Place,
}

/// The controllers of a workload that become one app.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The name of the app.
    pub(crate) name: String,
    main: Option<usize>,
    jobs: Vec<usize>,
}

/// A workload whose containers all have different names. Controllers that mount a claim of the main one run in its pod.
pub(crate) fn normalised(mut workload: Workload) -> Workload {
    let running: Vec<_> = of(&workload.controllers, |runs| matches!(runs, Runs::Always | Runs::InOrder));
    let Some(main) = main_of(&workload, &running) else { return workload };
    for (_, controller) in workload.controllers.iter_mut().enumerate().filter(|(at, _)| *at != main) {
        let name = controller.name.clone();
        for container in controller.pod.containers.iter_mut().chain(&mut controller.pod.init) {
            let is_main = matches!(container.name.as_str(), "app" | "main") || container.name == name;
            container.name = if is_main { name.clone() } else { format!("{name}-{}", container.name) };
        }
    }
    let claims = |controller: &Controller| -> BTreeSet<String> {
        let names = controller.pod.volumes.iter().filter_map(|volume| match &volume.source {
            Source::Claim(name) => Some(name.clone()),
            Source::NewClaim { .. } if controller.runs == Runs::Always => Some(volume.name.clone()),
            _ => None,
        });
        names.collect()
    };
    let of_main = claims(&workload.controllers[main]);
    let shares = |at: &usize| *at != main && !claims(&workload.controllers[*at]).is_disjoint(&of_main);
    let sharing: Vec<_> = running.iter().copied().filter(shares).collect();
    let main_name = workload.controllers[main].name.clone();
    for at in sharing.iter().rev() {
        let controller = workload.controllers.remove(*at);
        for service in &mut workload.services {
            if service.controller.as_ref() == Some(&controller.name) {
                service.controller = Some(main_name.clone());
            }
        }
        let text = format!(
            "its controller `{}` mounts the same claim as `{}`, so it is a sidecar",
            shown(&controller.name),
            shown(&main_name)
        );
        workload.remarks.push(Remark { at: controller.at.clone(), text });
        let main = main - sharing.iter().filter(|other| *other >= at && **other < main).count();
        let Some(into) = workload.controllers.get_mut(main) else { continue };
        into.pod.containers.extend(controller.pod.containers);
        into.pod.init.extend(controller.pod.init);
        for volume in controller.pod.volumes {
            if !into.pod.volumes.iter().any(|own| own.name == volume.name) {
                into.pod.volumes.push(volume);
            }
        }
    }
    workload
}

/// The main controller of a workload.
fn main_of(workload: &Workload, running: &[usize]) -> Option<usize> {
    let is_main = |at: &&usize| {
        let name = &workload.controllers[**at].name;
        *name == workload.name || name == "main"
    };
    running.iter().find(is_main).or(running.first()).copied()
}

/// Divides a workload into apps: one for each controller whose pods keep running, with all jobs in the first.
pub(crate) fn parts(workload: &Workload) -> Result<Vec<Part>, Remark> {
    let controllers = &workload.controllers;
    let base = label(&workload.name, 50, "app");
    if let Some(daemon) = controllers.iter().find(|controller| controller.runs == Runs::OnEachNode) {
        let text = "it runs a pod on each node (DaemonSet), which apps of a spec cannot".to_owned();
        return Err(Remark { at: daemon.at.clone(), text });
    }
    let running: Vec<_> = of(controllers, |runs| matches!(runs, Runs::Always | Runs::InOrder));
    let jobs: Vec<_> = of(controllers, |runs| runs == Runs::OnSchedule);
    let Some(main) = main_of(workload, &running) else {
        if jobs.is_empty() {
            let at =
                controllers.first().map_or_else(|| Place { path: String::new(), line: 1 }, |first| first.at.clone());
            return Err(Remark { at, text: "its pods run once (Job), which apps of a spec cannot".to_owned() });
        }
        return Ok(vec![Part { name: base, main: None, jobs }]);
    };
    check_shared_claims(controllers, &running)?;
    let others = running.iter().filter(|at| **at != main).map(|at| Part {
        name: label(&format!("{base}-{}", controllers[*at].name), 60, "app"),
        main: Some(*at),
        jobs: Vec::new(),
    });
    Ok([Part { name: base.clone(), main: Some(main), jobs }].into_iter().chain(others).collect())
}

fn of(controllers: &[Controller], test: impl Fn(Runs) -> bool) -> Vec<usize> {
    controllers.iter().enumerate().filter(|(_, controller)| test(controller.runs)).map(|(at, _)| at).collect()
}

/// Checks that no two controllers that become apps mount a claim: apps cannot share one.
fn check_shared_claims(controllers: &[Controller], running: &[usize]) -> Result<(), Remark> {
    let mut seen = BTreeSet::new();
    for controller in running.iter().map(|at| &controllers[*at]) {
        for volume in &controller.pod.volumes {
            let name = match &volume.source {
                Source::Claim(name) => name.clone(),
                Source::NewClaim { .. } if controller.runs == Runs::Always => volume.name.clone(),
                _ => continue,
            };
            if !seen.insert(name) {
                let text = format!(
                    "two of its controllers mount the claim of `{}`, and apps cannot share one",
                    shown(&volume.name)
                );
                return Err(Remark { at: volume.at.clone(), text });
            }
        }
    }
    Ok(())
}

/// The Services of a part of a workload.
pub(crate) fn services_of<'a>(workload: &'a Workload, part: &Part) -> Vec<&'a crate::workload::Service> {
    let Some(main) = part.main else { return Vec::new() };
    let name = &workload.controllers[main].name;
    let is_only = workload
        .controllers
        .iter()
        .filter(|controller| matches!(controller.runs, Runs::Always | Runs::InOrder))
        .count()
        == 1;
    let is_of = |service: &&crate::workload::Service| {
        service
            .controller
            .as_ref()
            .map_or(is_only || service.name.ends_with(name.as_str()), |controller| controller == name)
    };
    workload.services.iter().filter(is_of).collect()
}

/// The ports of a part of a workload.
pub(crate) fn ports_of(workload: &Workload, part: &Part) -> Ports {
    let containers = part.main.map_or(&[][..], |main| &workload.controllers[main].pod.containers);
    let at = main_container(containers, workload, part);
    let services = services_of(workload, part);
    let names: BTreeSet<_> = services.iter().map(|service| service.name.as_str()).collect();
    let is_first = part.main == parts(workload).ok().and_then(|parts| parts.first()?.main);
    let routes = workload.routes.iter().filter(|route| match &route.service {
        Some(service) => names.contains(service.as_str()),
        None => is_first,
    });
    Ports::of(&services, &routes.collect::<Vec<_>>(), containers, at)
}

/// The position of the main container.
fn main_container(containers: &[Container], workload: &Workload, part: &Part) -> usize {
    let controller = part.main.map_or("", |main| workload.controllers[main].name.as_str());
    let names = ["app", "main", controller, workload.name.as_str()];
    let found = names.iter().find_map(|name| containers.iter().position(|container| container.name == *name));
    found.unwrap_or(0)
}

/// Proposes an app for a part of a workload. The error lists why it cannot be one.
pub(crate) fn draft(workload: &Workload, part: &Part, context: &Context<'_>) -> Result<Draft, Vec<Remark>> {
    let mut builder = Builder {
        workload,
        part,
        context,
        needs: Needs::default(),
        remarks: workload.remarks.clone(),
        reasons: Vec::new(),
    };
    let fields = builder.fields();
    if !builder.reasons.is_empty() {
        return Err(builder.reasons);
    }
    let at = part.main.or(part.jobs.first().copied()).map(|at| workload.controllers[at].at.clone());
    Ok(Draft {
        name: part.name.clone(),
        fields,
        needs: builder.needs,
        remarks: builder.remarks,
        at: at.unwrap_or(Place { path: String::new(), line: 1 }),
    })
}

struct Builder<'a> {
    workload: &'a Workload,
    part: &'a Part,
    context: &'a Context<'a>,
    needs: Needs,
    remarks: Vec<Remark>,
    reasons: Vec<Remark>,
}

impl Builder<'_> {
    fn remark(&mut self, at: &Place, text: impl Into<String>) {
        self.remarks.push(Remark { at: at.clone(), text: text.into() });
    }

    fn reason(&mut self, at: &Place, text: impl Into<String>) {
        self.reasons.push(Remark { at: at.clone(), text: text.into() });
    }

    fn fields(&mut self) -> Fields {
        let mut fields = Fields::default();
        let workload = self.workload;
        let main = self.part.main.map(|at| &workload.controllers[at]);
        let jobs: Vec<_> = self.part.jobs.iter().map(|at| &workload.controllers[*at]).collect();
        let at = main.map_or(0, |main| main_container(&main.pod.containers, workload, self.part));
        let own = main.and_then(|main| main.pod.containers.get(at));
        if let (Some(main), None) = (main, own) {
            self.reason(&main.at, "it has no container");
            return fields;
        }
        let mut volumes = Volumes::new(&workload.namespace, &workload.name, self.context);
        let pods = main.iter().chain(&jobs).map(|controller| &controller.pod);
        pods.for_each(|pod| volumes.add(pod, own.map(|own| own.name.as_str())));
        let ports = ports_of(workload, self.part);
        if let (Some(main), Some(own)) = (main, own) {
            self.main(&mut fields, main, own, &ports, &volumes);
        }
        self.take(&mut volumes);
        fields.add_some("files", volumes.files());
        let storage = volumes.storage(main.is_none());
        if volumes.has_claims() && main.is_some() {
            fields.add_some("storage", storage);
            fields.comment("set: `backup: volumes`, or `backup: none`");
        } else {
            fields.add_some("storage", storage);
        }
        if let (Some(main), Some(own)) = (main, own) {
            self.rest(&mut fields, main, own, &ports, &volumes);
        }
        let mut entries = Fields::default();
        for job in jobs {
            if let Some(piece) = self.job(job, &volumes) {
                let name = self.helper_name(&job.name, "job");
                entries.add(name, piece);
            }
        }
        fields.add_some("jobs", entries.done());
        if let Some(main) = main {
            self.pod(&mut fields, main, &ports);
        }
        if self.needs.database {
            let mut database = Fields::default();
            database.add("database", Piece::text(format!("{}/postgres", self.context.cluster)));
            let at =
                fields.0.iter().position(|entry| matches!(entry.key.as_str(), "env" | "files" | "storage" | "jobs"));
            let at = at.unwrap_or(fields.0.len());
            fields.0.splice(at..at, database.0);
        }
        fields
    }

    /// Takes over what the volumes need and report.
    fn take(&mut self, volumes: &mut Volumes<'_>) {
        self.needs.extend(&volumes.needs);
        self.remarks.append(&mut volumes.remarks);
        self.reasons.append(&mut volumes.reasons);
    }

    fn main(&mut self, fields: &mut Fields, main: &Controller, own: &Container, ports: &Ports, volumes: &Volumes<'_>) {
        self.image(fields, own);
        self.command(fields, own);
        if let Some(port) = ports.main {
            fields.add("port", Piece::number(u32::from(port)));
        }
        if ports.https {
            fields.add("https", Piece::yes());
        }
        let (piece, addresses) = ports.piece(self.context, own);
        self.needs.addresses.extend(addresses);
        self.remarks.extend(ports.remarks.iter().cloned());
        fields.add_some("ports", piece);
        let env = self.env(own);
        fields.add_some("env", env);
        if matches!(main.runs, Runs::InOrder) && main.replicas.is_some_and(|replicas| replicas > 1) {
            self.reason(
                &main.at,
                "it has several replicas with volumes of their own (StatefulSet), which apps of a spec cannot",
            );
        }
        if volumes.gpu || own.gpu {
            self.needs.gpu = true;
        }
    }

    fn rest(&mut self, fields: &mut Fields, main: &Controller, own: &Container, ports: &Ports, volumes: &Volumes<'_>) {
        if let Some(probe) = self.probe(own, ports.main, ports) {
            fields.add("probe", probe);
        }
        self.metrics(fields, ports);
        fields.add_some("resources", resources(own));
        if volumes.gpu || own.gpu {
            fields.add("gpu", Piece::yes());
        }
        self.security(fields, own, &main.pod, None);
        if let Some(replicas) = main.replicas.filter(|replicas| *replicas != 1) {
            fields.add("replicas", Piece::number(replicas));
        }
        if let Some(seconds) = main.pod.stop_seconds.filter(|seconds| *seconds != 30 && *seconds > 0) {
            fields.add("stop-seconds", Piece::number(seconds.min(3600)));
        }
        let mut init = Vec::new();
        let last_step = main.pod.init.iter().rposition(|container| !container.keeps_running);
        for container in main.pod.init.iter().filter(|container| !container.keeps_running) {
            let mut step = Fields::default();
            step.add("name", Piece::text(self.helper_name(&container.name, "init")));
            self.helper(&mut step, container, &main.pod, own, volumes);
            init.push(step.done());
        }
        fields.add_some("init", Piece::List(init));
        let mut sidecars = Fields::default();
        for (at, container) in main.pod.init.iter().enumerate().filter(|(_, container)| container.keeps_running) {
            let start = if last_step.is_some_and(|last| at < last) { "before-init" } else { "before-app" };
            let piece = self.sidecar(container, main, own, ports, volumes, Some(start));
            sidecars.add(self.helper_name(&container.name, "sidecar"), piece);
        }
        for container in main.pod.containers.iter().filter(|container| container.name != own.name) {
            let piece = self.sidecar(container, main, own, ports, volumes, None);
            sidecars.add(self.helper_name(&container.name, "sidecar"), piece);
        }
        fields.add_some("sidecars", sidecars.done());
    }

    fn sidecar(
        &mut self,
        container: &Container,
        main: &Controller,
        own: &Container,
        ports: &Ports,
        volumes: &Volumes<'_>,
        start: Option<&str>,
    ) -> Piece {
        let mut fields = Fields::default();
        self.image(&mut fields, container);
        self.command(&mut fields, container);
        if let Some(start) = start {
            fields.add("start", Piece::text(start));
        }
        let probe = container.probes.iter().find_map(|probe| match &probe.check {
            Check::Http { path, port, .. } => Some((Some(path.clone()), port.as_ref()?.parse::<u16>().ok()?)),
            _ => None,
        });
        let own_port = container.ports.iter().find(|port| !port.udp).map(|port| (None, port.port));
        let port = probe.or(own_port).filter(|(_, port)| !ports.has(*port));
        if let Some((_, number)) = &port {
            fields.add("port", Piece::number(u32::from(*number)));
        }
        let (own_ports, addresses) = ports.piece(self.context, container);
        self.needs.addresses.extend(addresses);
        fields.add_some("ports", own_ports);
        let env = self.env(container);
        fields.add_some("env", env);
        fields.add_some("mounts", of_sidecar(volumes, container));
        if let Some((Some(path), _)) = port {
            let mut probe = Fields::default();
            probe.add("path", Piece::text(with_slash(&path)));
            fields.add("probe", probe.done());
        } else if let Some(command) = container.probes.iter().find_map(|probe| command_of(probe)) {
            let mut probe = Fields::default();
            probe.add("command", Piece::texts(command));
            fields.add("probe", probe.done());
        }
        fields.add_some("resources", resources(container));
        self.security(&mut fields, container, &main.pod, Some(own));
        fields.done()
    }

    /// The name of a container other than the main one, which has the name of the app.
    fn helper_name(&self, name: &str, kind: &str) -> String {
        let name = label(name, 40, kind);
        if name == self.part.name { kind.to_owned() } else { name }
    }

    /// The fields that init containers and jobs have in common.
    fn helper(
        &mut self,
        fields: &mut Fields,
        container: &Container,
        pod: &Pod,
        own: &Container,
        volumes: &Volumes<'_>,
    ) {
        self.image(fields, container);
        self.command(fields, container);
        let env = self.env(container);
        fields.add_some("env", env);
        fields.add_some("mounts", of_sidecar(volumes, container));
        fields.add_some("resources", resources(container));
        let app = (!std::ptr::eq(container, own)).then_some(own);
        self.security(fields, container, pod, app);
    }

    fn job(&mut self, job: &Controller, volumes: &Volumes<'_>) -> Option<Piece> {
        let Some(schedule) = &job.schedule else {
            self.reason(&job.at, "its job has no schedule");
            return None;
        };
        let [container] = &job.pod.containers[..] else {
            self.reason(&job.at, "its job has several containers, and a job of an app has one");
            return None;
        };
        if !job.pod.init.is_empty() {
            self.reason(&job.at, "its job has init containers, which a job of an app has not");
            return None;
        }
        let mut fields = Fields::default();
        fields.add("schedule", Piece::text(schedule));
        self.helper(&mut fields, container, &job.pod, container, volumes);
        self.dropped(&job.pod);
        Some(fields.done())
    }

    fn image(&mut self, fields: &mut Fields, container: &Container) {
        let Some(image) = &container.image else {
            self.reason(&container.at, format!("its container `{}` has no image", shown(&container.name)));
            return;
        };
        let Image { name, tag, digest, at } = image;
        let mut piece = Fields::default();
        piece.add("repository", Piece::text(repository(name)));
        let Some(tag) = tag else {
            self.reason(at, format!("the image `{}` has no tag, which names its version", shown(name)));
            return;
        };
        piece.add("tag", Piece::text(tag));
        if let Some(digest) = digest {
            piece.add("digest", Piece::text(digest));
        }
        if name.contains("${") || tag.contains("${") || tag.contains("{{") {
            self.reason(
                at,
                "its image contains a variable whose value is not in the manifests; use `--set NAME=VALUE`",
            );
        }
        fields.add("image", piece.done());
    }

    fn command(&mut self, fields: &mut Fields, container: &Container) {
        for (key, texts) in [("command", &container.command), ("args", &container.args)] {
            let texts: Vec<_> = texts.iter().map(|text| self.address(text, &container.at)).collect();
            fields.add_some(key, Piece::texts(&texts));
        }
    }

    /// A text with the new addresses of Services.
    fn address(&mut self, text: &str, at: &Place) -> String {
        let new = crate::names::with_new_addresses(text, &self.workload.namespace, self.context.services, false);
        if new != text {
            self.remark(at, "addresses of Services are those that the apps have in the lab");
        }
        for address in crate::names::other_services(&new, self.context.services) {
            self.remark(at, format!("its command names `{address}`, which is no app of the lab: set its address"));
        }
        if new.contains("{{") {
            self.remark(at, "its command contains a template whose value is not in the manifests: set it");
        }
        for name in crate::substitute::names(&new) {
            self.remark(at, format!("the variable `${{{name}}}` is not in the manifests: set its value"));
        }
        new
    }

    fn env(&mut self, container: &Container) -> Piece {
        let mut env = Environment::new(&self.part.name, &self.workload.namespace, self.context);
        env.add(container);
        self.needs.extend(&env.needs);
        self.remarks.append(&mut env.remarks);
        env.piece()
    }

    /// The health check of the main container.
    fn probe(&mut self, container: &Container, port: Option<u16>, ports: &Ports) -> Option<Piece> {
        let mut fields = Fields::default();
        let is_of_port = |probe: &&Probe| match &probe.check {
            Check::Http { port: given, .. } => given.as_ref().is_none_or(|given| ports.number(given) == port),
            _ => true,
        };
        let checks =
            || container.probes.iter().filter(|probe| matches!(probe.check, Check::Http { .. } | Check::Command(_)));
        let chosen = checks().find(is_of_port);
        match chosen.map(|probe| &probe.check) {
            Some(Check::Http { path, .. }) if port.is_some() => fields.add("path", Piece::text(with_slash(path))),
            Some(Check::Command(command)) if !command.is_empty() => fields.add("command", Piece::texts(command)),
            _ => {
                if let Some(other) =
                    checks().next().or_else(|| container.probes.iter().find(|probe| probe.check == Check::Other))
                {
                    let at = other.at.clone();
                    self.remark(
                        &at,
                        "its probe is of another port or protocol: the app is checked by a TCP connection to its port",
                    );
                }
            }
        }
        let startup = container.probes.iter().find(|probe| probe.is_startup).map(|probe| probe.seconds);
        if let Some(seconds) = startup.filter(|seconds| *seconds > 300) {
            fields.add("startup-seconds", Piece::number(seconds.min(86_400)));
        }
        (!fields.0.is_empty()).then(|| fields.done())
    }

    fn metrics(&mut self, fields: &mut Fields, ports: &Ports) {
        let Some((path, port)) = &self.workload.metrics else { return };
        let mut piece = Fields::default();
        if let Some(path) = path.as_ref().filter(|path| *path != "/metrics") {
            piece.add("path", Piece::text(path));
        }
        match port.as_ref().and_then(|port| ports.name_of(port)) {
            Some(None) => {}
            Some(Some(name)) => piece.add("port", Piece::text(name)),
            None if ports.main.is_some() && port.is_none() => {}
            None => return,
        }
        fields.add("metrics", piece.done());
        self.needs.monitoring = true;
    }

    /// The security context of a container. `app` is the main container, if this is another one.
    fn security(&mut self, fields: &mut Fields, container: &Container, pod: &Pod, app: Option<&Container>) {
        let own = effective(&container.security, &pod.security);
        let of_app = app.map(|app| effective(&app.security, &pod.security));
        let mut piece = Fields::default();
        let is_root = own.user == Some(0);
        let inherits =
            of_app.as_ref().is_some_and(|app| app.user == own.user && app.user.is_some_and(|user| user != 0));
        if is_root {
            piece.add("root", Piece::yes());
        } else if let Some(user) = own.user.filter(|_| !inherits) {
            piece.add("user", Piece::number(user));
        }
        let group = own.group.or(own.fs_group).filter(|group| *group != 0 && !inherits);
        if let Some(group) = group {
            piece.add("group", Piece::number(group));
        }
        if own.read_only {
            piece.add("read-only", Piece::yes());
        }
        if own.privileged {
            piece.add("privileged", Piece::yes());
        } else {
            self.capabilities(&mut piece, &own, container);
        }
        let of_pod = of_app.as_ref().and_then(|app| app.user).filter(|user| *user != 0);
        if own.user.or(of_pod).is_none() && !own.privileged {
            fields.comment("set: `security: { user: NUMBER }`, or `{ root: true }` if the image must start as root");
            let at = container.at.clone();
            self.remark(
                &at,
                format!("the manifests set no user for its container `{}`: set `security`", shown(&container.name)),
            );
        }
        fields.add_some("security", piece.done());
    }

    fn capabilities(&mut self, piece: &mut Fields, own: &Security, container: &Container) {
        let mut names: Vec<_> = own.capabilities.clone();
        names.sort();
        names.dedup();
        if names.iter().any(|name| name == "ALL") {
            self.reason(
                &container.at,
                "its container adds all Linux capabilities: set `privileged`, or list those that it needs",
            );
        }
        piece.add_some("capabilities", Piece::texts(&names));
    }

    fn pod(&mut self, fields: &mut Fields, main: &Controller, ports: &Ports) {
        let pod = &main.pod;
        if !pod.rules.is_empty() {
            let mut account = Fields::default();
            if pod.cluster_wide {
                account.add("cluster-wide", Piece::yes());
            }
            let rules = pod.rules.iter().map(|rule| {
                let mut piece = Fields::default();
                piece.add_some("groups", Piece::texts(&rule.groups));
                piece.add("resources", Piece::texts(&rule.resources));
                piece.add("verbs", Piece::texts(&rule.verbs));
                piece.done()
            });
            account.add("rules", Piece::List(rules.collect()));
            fields.add("service-account", account.done());
        }
        if pod.host_network {
            fields.add("host-network", Piece::yes());
        }
        self.expose(fields, ports);
        self.dropped(pod);
        if main.runs == Runs::InOrder {
            self.remark(&main.at, "a StatefulSet becomes a Deployment with one replica");
        }
    }

    fn dropped(&mut self, pod: &Pod) {
        let of_containers = pod.containers.iter().chain(&pod.init).flat_map(|container| &container.dropped);
        let dropped: Vec<_> = pod.dropped.iter().chain(of_containers).collect();
        if let Some((_, at)) = dropped.first() {
            let mut names: Vec<_> = dropped.iter().map(|(name, _)| format!("`{}`", shown(name))).collect();
            names.dedup();
            self.remarks.push(not_carried_over(&names.join(", "), at));
        }
        if pod.account.is_some() && pod.rules.is_empty() {
            let at = pod.containers.first().map(|container| container.at.clone());
            if let Some(at) = at {
                self.remark(&at, "its ServiceAccount has no rules in the manifests: set `service-account` if it needs the Kubernetes API");
            }
        }
    }

    fn expose(&mut self, fields: &mut Fields, ports: &Ports) {
        let Some(piece) = crate::ports::expose(&ports.routes, self.context.domain, &mut self.remarks) else { return };
        if ports.main.is_none() {
            let at = ports.routes.first().map(|route| route.at.clone());
            if let Some(at) = at {
                self.remark(&at, "its route leads to no port that is known: set `port` and `expose`");
            }
            return;
        }
        fields.add("expose", piece);
    }
}

fn command_of(probe: &Probe) -> Option<&[String]> {
    match &probe.check {
        Check::Command(command) if !command.is_empty() => Some(command),
        _ => None,
    }
}

fn with_slash(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// The repository of an image, with the registry of Docker Hub if it has none.
pub(crate) fn repository(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    match (name.contains('/'), first.contains(['.', ':'])) {
        (true, true) => name.to_owned(),
        (true, false) => format!("docker.io/{name}"),
        (false, _) => format!("docker.io/library/{name}"),
    }
}

/// The requests and limits of a container.
fn resources(container: &Container) -> Piece {
    let amounts = |amounts: &Amounts| {
        let mut piece = Fields::default();
        for (key, amount) in [("cpu", &amounts.cpu), ("memory", &amounts.memory)] {
            if let Some(amount) = amount {
                piece.add(key, Piece::text(amount));
            }
        }
        piece.done()
    };
    let mut piece = Fields::default();
    piece.add_some("requests", amounts(&container.requests));
    piece.add_some("limits", amounts(&container.limits));
    piece.done()
}
