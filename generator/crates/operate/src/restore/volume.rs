//! The volumes of an app, from a backup of Velero.

use super::flux::{Kustomization, kustomizations, objects, resume, suspend};
use super::{Plan, kubectl};
use crate::{Command, Effect, Machine, Step, time};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The volumes of an app that Velero backs up.
#[derive(Debug, Clone)]
pub struct Volume {
    /// The cluster.
    pub cluster: String,
    /// The app, as the spec calls it.
    pub app: String,
    /// The name of its objects, its namespace and its Kustomization.
    pub object: String,
    /// The claims that are backed up.
    pub claims: Vec<String>,
    /// The Deployments that mount them.
    pub deployments: Vec<String>,
}

/// What the cluster says of the volumes.
#[derive(Debug, Clone, Default)]
pub struct VolumeState {
    now: time::Seconds,
    kustomization: Option<Kustomization>,
    /// Existing claims of the namespace.
    claims: BTreeSet<String>,
    /// Completed backups that contain files of the app, with their times. The newest is the last.
    backups: Vec<(time::Seconds, String)>,
    /// Restores, with their phases.
    restores: BTreeMap<String, String>,
}

/// The command that reads the state of the volumes.
pub fn look_at_volume(server: &Machine, volume: &Volume) -> Command {
    let object = &volume.object;
    let text = format!(
        "date +%s\n\
         k3s kubectl --namespace=velero get --output=json \
         backups.velero.io,restores.velero.io,podvolumebackups.velero.io\n\
         k3s kubectl --namespace=flux-system get --output=json kustomizations.kustomize.toolkit.fluxcd.io\n\
         k3s kubectl --namespace={object} get --output=json persistentvolumeclaims"
    );
    Command::shell(server, &text).connecting_within(10)
}

impl VolumeState {
    /// Reads the answer to [`look_at_volume`]. `None` if it is incomplete.
    pub fn parse(text: &str, volume: &Volume) -> Option<Self> {
        let objects = objects(text)?;
        let mut state = Self { now: objects.first()?.as_i64()?, ..Self::default() };
        state.kustomization = kustomizations(&objects).remove(&volume.object);
        let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
        let name = |object: &Json| object["metadata"]["name"].as_str().map(str::to_owned);
        state.claims = of("PersistentVolumeClaim").filter_map(name).collect();
        let files = of("PodVolumeBackup").filter(|one| {
            one["spec"]["pod"]["namespace"] == volume.object.as_str() && one["status"]["phase"] == "Completed"
        });
        let with_files: BTreeSet<_> =
            files.filter_map(|one| one["metadata"]["labels"]["velero.io/backup-name"].as_str()).collect();
        let complete =
            of("Backup").filter(|one| matches!(one["status"]["phase"].as_str(), Some("Completed" | "PartiallyFailed")));
        let backups =
            complete.filter_map(|one| Some((time::seconds(one["status"]["startTimestamp"].as_str()?)?, name(one)?)));
        state.backups = backups.filter(|(_, name)| with_files.contains(name.as_str())).collect();
        state.backups.sort();
        let phase = |one: &Json| one["status"]["phase"].as_str().unwrap_or("New").to_owned();
        state.restores = of("Restore").filter_map(|one| Some((name(one)?, phase(one)))).collect();
        Some(state)
    }

    /// The backups, the newest first, with their ages.
    pub fn listed(&self) -> String {
        let lines = self.backups.iter().rev().map(|(at, name)| format!("{name}  {} ago\n", time::age(self.now - at)));
        lines.collect()
    }
}

/// What is left to do for the volumes. `from` is the name of a backup, or `None` for the newest one.
pub fn plan_volume(server: &Machine, volume: &Volume, state: &VolumeState, from: Option<&str>, replaces: bool) -> Plan {
    let mut plan = Plan::default();
    let (app, object) = (format!("{}/{}", volume.cluster, volume.app), volume.object.as_str());
    let Some(kustomization) = &state.kustomization else {
        plan.problems.push(format!(
            "{} has no Kustomization {object} yet, which creates the app. `homelab status {}` shows why",
            volume.cluster, volume.cluster
        ));
        return plan;
    };
    let underway = kustomization.reason.as_deref();
    let backup = match from.or(underway) {
        None => state.backups.last(),
        Some(name) => state.backups.iter().find(|(_, backup)| backup == name),
    };
    let Some((at, backup)) = backup else {
        plan.problems.push(match (from, state.backups.is_empty()) {
            (Some(name), false) => {
                format!("the backup {name} has no files of {app}; backups that have:\n{}", state.listed().trim_end())
            }
            _ => format!(
                "Velero has no backup with files of {app}. In a new cluster, it lists those in the bucket after a minute"
            ),
        });
        return plan;
    };
    if let Some(other) = underway.filter(|other| other != backup) {
        plan.problems.push(format!(
            "the restore of {app} from {other} is not finished: run it without `--from`, or with {other}"
        ));
    }
    // Velero calls the objects of a restore after it, which limits its name.
    let restore = format!("{object}-{backup}");
    let phase = state.restores.get(&restore).filter(|_| underway.is_some()).map(String::as_str);
    if let Some(phase) = phase.filter(|phase| phase.contains("Failed")) {
        plan.problems.push(format!(
            "the restore {restore} ended as {phase}: `kubectl --namespace velero describe restore {restore}` shows why. To try \
             again, delete it with `kubectl --namespace velero delete restores.velero.io {restore}`"
        ));
    }
    let is_complete = volume.claims.iter().all(|claim| state.claims.contains(claim));
    let has_ended = state.restores.get(&restore).is_some_and(|phase| phase == "Completed");
    if underway.is_none() && has_ended && is_complete {
        plan.notes.push(format!(
            "the volumes of {app} are already restored from {backup}. To do it again, delete the restore first: `kubectl --namespace \
             velero delete restores.velero.io {restore}`"
        ));
        return plan.checked();
    }
    let existing: Vec<_> = volume.claims.iter().filter(|claim| state.claims.contains(*claim)).collect();
    if phase.is_none() && !existing.is_empty() && !replaces {
        let claims = existing.iter().map(|claim| claim.as_str()).collect::<Vec<_>>().join(", ");
        plan.problems.push(format!(
            "{app} has the volumes {claims}, and Velero restores only volumes that do not exist. To delete them and what \
             they contain, add `--replace {app}`"
        ));
    }
    plan.notes.push(format!("lost: what {app} wrote in the {} since the backup {backup}", time::age(state.now - at)));

    let mut steps = Vec::new();
    let velero = |words: &[&str]| kubectl(server, ["--namespace=velero"].into_iter().chain(words.iter().copied()));
    let own = |words: &[&str]| {
        let namespace = format!("--namespace={object}");
        kubectl(server, [namespace.as_str()].into_iter().chain(words.iter().copied()))
    };
    if underway.is_none() {
        let delete = velero(&["delete", "restores.velero.io", &restore, "--ignore-not-found"]);
        steps.push(Step::new(format!("forget an earlier restore from {backup}"), delete));
        steps.push(suspend(server, object, backup));
    }
    if phase.is_none() {
        for deployment in &volume.deployments {
            let words = ["delete", "deployment", deployment, "--cascade=foreground", "--ignore-not-found"];
            let step = Step::new(format!("stop {deployment}: Flux creates it again"), own(&words));
            steps.push(step.with_effect(Effect::Interrupts));
        }
        for claim in existing {
            let words = ["delete", "persistentvolumeclaim", claim, "--ignore-not-found"];
            let step = Step::new(format!("delete the volume {claim} of {app}"), own(&words));
            steps.push(step.with_effect(Effect::Destroys));
        }
        let object = json!({
            "apiVersion": "velero.io/v1",
            "kind": "Restore",
            "metadata": { "name": restore, "namespace": "velero" },
            "spec": { "backupName": backup, "includedNamespaces": [object] },
        });
        let create = Command::shell(server, &format!("echo '{object}' | k3s kubectl create --filename=-"));
        steps.push(Step::new(format!("restore the volumes and their files from {backup}"), create));
    }
    steps.push(Step::new("wait until Velero has restored them", wait_for(server, &restore)).long());
    let pods = own(&["delete", "pods", "--all"]);
    steps.push(Step::new("delete the pods that Velero restored with the volumes", pods));
    steps.push(resume(server, object));
    // Nothing is left to do once a restore has ended; whether one is wanted at all, the state does not show.
    plan.push(steps);
    plan.checked()
}

/// Waits until a restore ends, and fails if it failed.
fn wait_for(server: &Machine, restore: &str) -> Command {
    let text = format!(
        "while true; do \
         phase=$(k3s kubectl --namespace=velero get restores.velero.io {restore} --output='jsonpath={{.status.phase}}') || exit; \
         case $phase in \
         Completed) exit 0 ;; \
         *Failed*) echo \"the restore {restore} ended as $phase\" >&2; exit 1 ;; \
         esac; \
         sleep 5; done"
    );
    Command::shell(server, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook;

    fn server() -> Machine {
        Machine { name: "one".to_owned(), address: "192.168.10.42".to_owned() }
    }

    fn volume() -> Volume {
        Volume {
            cluster: "home".to_owned(),
            app: "notes".to_owned(),
            object: "notes".to_owned(),
            claims: vec!["notes-data".to_owned()],
            deployments: vec!["notes".to_owned()],
        }
    }

    /// What the cluster answers, with two backups, the older one of which has files of the app.
    fn answer(annotation: &str, phase: &str, claims: &str) -> VolumeState {
        let text = format!(
            r#"1795564804
            {{"kind": "List", "items": [
              {{"kind": "Backup", "metadata": {{"name": "daily-1"}},
                "status": {{"phase": "Completed", "startTimestamp": "2026-11-24T00:00:04Z"}}}},
              {{"kind": "Backup", "metadata": {{"name": "daily-2"}},
                "status": {{"phase": "Completed", "startTimestamp": "2026-11-25T00:00:04Z"}}}},
              {{"kind": "PodVolumeBackup", "metadata": {{"name": "a", "labels": {{"velero.io/backup-name": "daily-1"}}}},
                "spec": {{"pod": {{"namespace": "notes"}}}}, "status": {{"phase": "Completed"}}}},
              {{"kind": "PodVolumeBackup", "metadata": {{"name": "b", "labels": {{"velero.io/backup-name": "daily-2"}}}},
                "spec": {{"pod": {{"namespace": "notes"}}}}, "status": {{"phase": "Failed"}}}},
              {{"kind": "Restore", "metadata": {{"name": "notes-daily-1"}}, "status": {{"phase": "{phase}"}}}}]}}
            {{"kind": "List", "items": [{{"kind": "Kustomization", "metadata": {{"name": "notes", "annotations": {{{annotation}}}}}, "spec": {{}}}}]}}
            {{"kind": "List", "items": [{claims}]}}"#
        );
        VolumeState::parse(&text, &volume()).expect("it is complete")
    }

    const CLAIM: &str = r#"{"kind": "PersistentVolumeClaim", "metadata": {"name": "notes-data"}}"#;

    #[test]
    fn restores_from_the_newest_backup_with_files_of_the_app() {
        let state = answer("", "Completed", "");
        assert_eq!(state.listed(), "daily-1  1 day ago\n");
        let plan = plan_volume(&server(), &volume(), &state, None, false);
        assert_eq!(plan.problems, Vec::<String>::new());
        let text = runbook(&plan.steps()).replace('\\', "");
        let order = [
            "delete restores.velero.io notes-daily-1",
            "suspend\":true",
            "delete deployment notes",
            "\"backupName\":\"daily-1\"",
            "delete pods --all",
            "suspend\":false",
        ];
        let places: Vec<_> =
            order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(!text.contains("destroys data"), "{text}");
    }

    #[test]
    fn deletes_volumes_only_if_they_are_named() {
        let state = answer("", "Failed", CLAIM);
        let plan = plan_volume(&server(), &volume(), &state, None, false);
        assert!(plan.phases.is_empty() && plan.problems[0].contains("add `--replace home/notes`"), "{plan:?}");
        let plan = plan_volume(&server(), &volume(), &state, None, true);
        let destroying: Vec<_> =
            plan.steps().into_iter().filter(|step| step.effect == Effect::Destroys).map(|step| step.title).collect();
        assert_eq!(destroying, ["delete the volume notes-data of home/notes"]);
        // They are restored: a second run must not delete them again.
        let plan = plan_volume(&server(), &volume(), &answer("", "Completed", CLAIM), None, true);
        assert!(plan.is_done() && plan.notes[0].contains("delete the restore first"), "{plan:?}");
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let underway = r#""homelab/restores": "daily-1""#;
        for (phase, claims, expected) in [("InProgress", CLAIM, 3), ("Completed", CLAIM, 3)] {
            let plan = plan_volume(&server(), &volume(), &answer(underway, phase, claims), None, false);
            assert_eq!((plan.problems.len(), plan.steps().len()), (0, expected), "{phase}: {plan:?}");
        }
        let plan = plan_volume(&server(), &volume(), &answer(underway, "PartiallyFailed", CLAIM), None, false);
        assert!(plan.problems[0].contains("ended as PartiallyFailed"), "{plan:?}");
    }

    #[test]
    fn reports_a_backup_without_files_of_the_app() {
        let plan = plan_volume(&server(), &volume(), &answer("", "New", ""), Some("daily-2"), false);
        assert!(
            plan.problems[0].contains("daily-2 has no files of home/notes; backups that have:\ndaily-1"),
            "{plan:?}"
        );
    }
}
