//! The databases of a cluster, at a point in time.

use super::flux::{Kustomization, kustomizations, objects, resume, suspend};
use super::{Plan, kubectl, within};
use crate::{Command, Effect, Machine, Step, time};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The namespace of the PostgreSQL cluster.
pub const DATABASES: &str = "databases";

/// The PostgreSQL cluster, the Kustomization that applies it, and the start of the names of its archives.
const NAME: &str = "postgres";

/// The incarnation that a PostgreSQL cluster is restored from, and the time.
pub type RestoredFrom = (u32, Option<String>);

/// What the spec says of the PostgreSQL cluster.
#[derive(Debug, Clone)]
pub struct Database {
    /// The cluster.
    pub cluster: String,
    /// Its incarnation.
    pub incarnation: u32,
    /// The incarnation that it is restored from, and the time.
    pub restore: Option<RestoredFrom>,
    /// The commit of the repository, if it restores and the generated manifest of the cluster is part of the commit.
    pub commit: Option<String>,
}

/// What the cluster says of its databases.
#[derive(Debug, Clone, Default)]
pub struct DatabaseState {
    now: time::Seconds,
    /// The archive that the PostgreSQL cluster writes to, and whether it is ready.
    live: Option<(String, bool)>,
    /// The first time that each archive can be restored to.
    windows: BTreeMap<String, String>,
    kustomizations: BTreeMap<String, Kustomization>,
    /// The commit that Flux has fetched.
    revision: String,
}

/// The command that reads the state of the databases.
pub fn look_at_database(server: &Machine) -> Command {
    let text = format!(
        "date +%s\n\
         k3s kubectl --namespace={DATABASES} get --output=json \
         clusters.postgresql.cnpg.io,objectstores.barmancloud.cnpg.io\n\
         k3s kubectl --namespace=flux-system get --output=json \
         kustomizations.kustomize.toolkit.fluxcd.io,gitrepositories.source.toolkit.fluxcd.io"
    );
    Command::shell(server, &text).connecting_within(10)
}

impl DatabaseState {
    /// Reads the answer to [`look_at_database`]. `None` if it is incomplete.
    pub fn parse(text: &str) -> Option<Self> {
        let objects = objects(text)?;
        let of = |kind: &'static str, name: &'static str| {
            objects.iter().find(move |object| object["kind"] == kind && object["metadata"]["name"] == name)
        };
        let archive = |cluster: &Json| {
            let plugins = cluster["spec"]["plugins"].as_array().into_iter().flatten();
            let name = plugins.filter_map(|plugin| plugin["parameters"]["serverName"].as_str()).next()?;
            let conditions = cluster["status"]["conditions"].as_array().into_iter().flatten();
            let is_ready = conditions.filter(|one| one["type"] == "Ready").any(|one| one["status"] == "True");
            Some((name.to_owned(), is_ready))
        };
        let windows =
            of("ObjectStore", "backups").and_then(|store| store["status"]["serverRecoveryWindow"].as_object());
        let first = |(name, window): (&String, &Json)| {
            Some((name.clone(), window["firstRecoverabilityPoint"].as_str()?.to_owned()))
        };
        let revision =
            of("GitRepository", "flux-system").and_then(|source| source["status"]["artifact"]["revision"].as_str());
        Some(Self {
            now: objects.first()?.as_i64()?,
            live: of("Cluster", NAME).and_then(archive),
            windows: windows.into_iter().flatten().filter_map(first).collect(),
            kustomizations: kustomizations(&objects),
            revision: revision.unwrap_or_default().to_owned(),
        })
    }

    /// The Kustomizations of the databases: that of the PostgreSQL cluster, and those that wait for it.
    fn own(&self) -> impl Iterator<Item = (&String, &Kustomization)> {
        let is_own = |name: &str, one: &Kustomization| name == NAME || one.after.iter().any(|other| other == NAME);
        self.kustomizations.iter().filter(move |(name, one)| is_own(name, one))
    }
}

/// The Kustomizations that a restore has suspended.
pub fn suspended_databases(state: &DatabaseState) -> Vec<&str> {
    state.own().filter(|(_, one)| one.reason.is_some()).map(|(name, _)| name.as_str()).collect()
}

/// Deletes the PostgreSQL cluster with its volumes. Its archives are in the bucket.
pub fn delete_database(server: &Machine, database: &Database, archive: &str) -> Step {
    let words = ["--namespace", DATABASES, "delete", "clusters.postgresql.cnpg.io", NAME, "--ignore-not-found"];
    let title =
        format!("delete the PostgreSQL cluster of {} with its volumes; its archive {archive} stays", database.cluster);
    Step::new(title, kubectl(server, words)).with_effect(Effect::Destroys)
}

/// What is left to do to bring the databases back to a time.
pub fn plan_database(server: &Machine, database: &Database, state: &DatabaseState, to: &str, replaces: bool) -> Plan {
    let mut plan = Plan::default();
    let cluster = &database.cluster;
    let Some(target) = time::seconds(to) else {
        let example = "2026-11-25T08:00:00Z";
        plan.problems.push(format!("`--to {to}` is not a time with its offset from UTC, such as {example}"));
        return plan;
    };
    let is_target = |(_, time): &RestoredFrom| time.as_deref().and_then(time::seconds) == Some(target);
    let expressed = database.restore.as_ref().filter(|restore| is_target(restore));
    let from = expressed.map_or(database.incarnation, |(from, _)| *from);
    let own = |incarnation: u32| format!("{NAME}-{incarnation}");
    let is_new =
        expressed.is_some() && state.live.as_ref().is_some_and(|(archive, _)| *archive == own(database.incarnation));
    if !is_new {
        check_time(state, &own(from), target, to, &mut plan);
    }
    let running: Vec<_> = state.own().filter(|(_, one)| one.reason.is_none()).map(|(name, _)| name).collect();
    let suspended = suspended_databases(state);
    let all_are_suspended = running.is_empty() && !suspended.is_empty();

    if is_new {
        let wait = kubectl(
            server,
            ["--namespace", DATABASES, "wait", "--for=condition=Ready", "cluster/postgres", "--timeout=5s"],
        );
        let wait = Step::new("wait until PostgreSQL is restored and ready", wait).until(within(120));
        let mut steps = Vec::new();
        if !suspended.is_empty() || !state.live.as_ref().is_some_and(|(_, is_ready)| *is_ready) {
            // The databases need the PostgreSQL cluster, which its own Kustomization applies.
            steps.extend(suspended.iter().filter(|name| **name == NAME).map(|name| resume(server, name)));
            steps.push(wait);
            steps.extend(suspended.iter().filter(|name| **name != NAME).map(|name| resume(server, name)));
        }
        plan.push(steps);
        return plan.checked();
    }
    plan.notes.push(format!(
        "lost: what all databases of {cluster} wrote in the {} since {to}. Apps that write to them fail until they are restored",
        time::age(state.now - target)
    ));
    if !all_are_suspended {
        let reason = format!("postgres to {to}");
        plan.push(running.iter().map(|name| suspend(server, name, &reason)).collect());
    }
    let Some(_) = expressed else {
        let lines = format!(
            "clusters:\n  {cluster}:\n    platform:\n      postgres:\n        backup:\n          incarnation: {}\n          \
             restore: {{ from: {from}, to: \"{to}\" }}",
            database.incarnation + 1
        );
        let text = format!(
            "set these fields in the spec, run `homelab generate`, commit and push, and run this command again:\n{lines}"
        );
        if all_are_suspended {
            plan.problems.push(text);
        } else {
            plan.notes.push(format!("afterwards, {text}"));
        }
        return plan.checked();
    };
    match &database.commit {
        None => plan.problems.push(format!(
            "k8s/{cluster}/platform/postgres differs from the last commit: commit and push it, so that Flux applies it"
        )),
        Some(commit) if all_are_suspended && !state.revision.ends_with(commit.as_str()) => plan.problems.push(format!(
            "Flux in {cluster} has fetched `{}`, which is not the last commit {commit}: push it, and wait for a minute, or \
             annotate the GitRepository with reconcile.fluxcd.io/requestedAt",
            state.revision
        )),
        Some(_) => {}
    }
    if let Some((archive, _)) = &state.live {
        if !replaces {
            plan.problems.push(format!(
                "{cluster} has a PostgreSQL cluster, whose volumes would be deleted: add `--replace {cluster}`. Its archive \
                 `{archive}` stays in the bucket"
            ));
        }
        plan.push(vec![delete_database(server, database, archive)]);
    }
    let wait = kubectl(
        server,
        ["--namespace", DATABASES, "wait", "--for=condition=Ready", "cluster/postgres", "--timeout=5s"],
    );
    let mut steps = vec![resume(server, NAME)];
    steps.push(Step::new("wait until PostgreSQL is restored and ready", wait).until(within(120)));
    let others = state.own().map(|(name, _)| name).filter(|name| *name != NAME);
    steps.extend(others.map(|name| resume(server, name)));
    plan.push(steps);
    plan.checked()
}

/// Reports a time that the archive cannot be restored to.
fn check_time(state: &DatabaseState, archive: &str, target: time::Seconds, to: &str, plan: &mut Plan) {
    if target > state.now {
        plan.problems.push(format!("{to} is in the future"));
    }
    let first = state.windows.get(archive).and_then(|first| Some((first, time::seconds(first)?)));
    match first {
        Some((first, earliest)) if target < earliest => {
            plan.problems.push(format!("the archive {archive} begins at {first}, which is later than {to}"));
        }
        Some(_) => {}
        None => plan.notes.push(format!(
            "the cluster does not show from when on the archive {archive} can be restored; CloudNativePG reports an error if \
             {to} is before its first base backup"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook;

    const TO: &str = "2026-11-24T20:00:00Z";

    fn server() -> Machine {
        Machine { name: "one".to_owned(), address: "192.168.10.41".to_owned() }
    }

    fn database(restored: bool) -> Database {
        Database {
            cluster: "data".to_owned(),
            incarnation: if restored { 2 } else { 1 },
            restore: restored.then(|| (1, Some(TO.to_owned()))),
            commit: Some("abc123".to_owned()),
        }
    }

    /// The state of the cluster: the archive that PostgreSQL writes to, whether Flux is suspended, and what it has fetched.
    fn answer(archive: Option<&str>, suspended: bool, revision: &str) -> DatabaseState {
        let cluster = archive.map(|archive| {
            format!(
                r#"{{"kind": "Cluster", "metadata": {{"name": "postgres"}},
                  "spec": {{"plugins": [{{"name": "barman-cloud.cloudnative-pg.io", "parameters": {{"serverName": "{archive}"}}}}]}},
                  "status": {{"conditions": [{{"type": "Ready", "status": "True"}}]}}}},"#
            )
        });
        let annotations = if suspended { r#""homelab/restores": "postgres""# } else { "" };
        let text = format!(
            r#"1795564804
            {{"kind": "List", "items": [{} {{"kind": "ObjectStore", "metadata": {{"name": "backups"}},
              "status": {{"serverRecoveryWindow": {{"postgres-1": {{"firstRecoverabilityPoint": "2026-11-01T00:00:00Z"}}}}}}}}]}}
            {{"kind": "List", "items": [
              {{"kind": "Kustomization", "metadata": {{"name": "postgres", "annotations": {{{annotations}}}}}, "spec": {{}}}},
              {{"kind": "Kustomization", "metadata": {{"name": "database-a", "annotations": {{{annotations}}}}},
                "spec": {{"dependsOn": [{{"name": "postgres"}}]}}}},
              {{"kind": "Kustomization", "metadata": {{"name": "other"}}, "spec": {{}}}},
              {{"kind": "GitRepository", "metadata": {{"name": "flux-system"}},
                "status": {{"artifact": {{"revision": "main@sha1:{revision}"}}}}}}]}}"#,
            cluster.unwrap_or_default()
        );
        DatabaseState::parse(&text).expect("it is complete")
    }

    fn titles(plan: &Plan) -> Vec<String> {
        plan.steps().into_iter().map(|step| step.title).collect()
    }

    #[test]
    fn suspends_first_and_shows_the_fields() {
        let plan = plan_database(&server(), &database(false), &answer(Some("postgres-1"), false, "abc123"), TO, false);
        assert_eq!(titles(&plan), ["suspend the Kustomization database-a", "suspend the Kustomization postgres"]);
        assert!(
            plan.notes
                .iter()
                .any(|note| note
                    .contains("incarnation: 2\n          restore: { from: 1, to: \"2026-11-24T20:00:00Z\" }")),
            "{plan:?}"
        );
        let plan = plan_database(&server(), &database(false), &answer(Some("postgres-1"), true, "abc123"), TO, false);
        assert!(plan.phases.is_empty() && plan.problems[0].starts_with("set these fields in the spec"), "{plan:?}");
    }

    #[test]
    fn deletes_the_old_cluster_once_flux_has_the_new_one() {
        let state = answer(Some("postgres-1"), true, "older");
        let plan = plan_database(&server(), &database(true), &state, TO, true);
        assert!(plan.phases.is_empty() && plan.problems[0].contains("push it"), "{plan:?}");
        let state = answer(Some("postgres-1"), true, "abc123");
        let plan = plan_database(&server(), &database(true), &state, TO, false);
        assert!(plan.phases.is_empty() && plan.problems[0].contains("add `--replace data`"), "{plan:?}");
        let plan = plan_database(&server(), &database(true), &state, TO, true);
        let text = runbook(&plan.steps());
        let order = [
            "delete clusters.postgresql.cnpg.io postgres",
            "patch kustomizations.kustomize.toolkit.fluxcd.io postgres",
            "condition=Ready",
            "fluxcd.io database-a",
        ];
        let places: Vec<_> =
            order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(text.matches("(destroys data)").count(), 1, "{text}");
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let plan = plan_database(&server(), &database(true), &answer(None, true, "abc123"), TO, false);
        assert_eq!(titles(&plan)[0], "resume the Kustomization postgres");
        let plan = plan_database(&server(), &database(true), &answer(Some("postgres-2"), true, "abc123"), TO, false);
        assert_eq!(titles(&plan).len(), 3, "{plan:?}");
        let plan = plan_database(&server(), &database(true), &answer(Some("postgres-2"), false, "abc123"), TO, false);
        assert!(plan.is_done(), "{plan:?}");
    }

    #[test]
    fn rejects_times_that_the_archive_does_not_have() {
        for (to, message) in [
            ("2026-10-01T00:00:00Z", "the archive postgres-1 begins at 2026-11-01T00:00:00Z"),
            ("2027-01-01T00:00:00Z", "is in the future"),
            ("yesterday", "is not a time with its offset"),
        ] {
            let plan =
                plan_database(&server(), &database(false), &answer(Some("postgres-1"), false, "abc123"), to, false);
            assert!(plan.phases.is_empty() && plan.problems[0].contains(message), "{to}: {plan:?}");
        }
    }
}
