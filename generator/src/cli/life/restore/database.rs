//! The databases of a cluster.

use super::super::super::Stop;
use super::{Restore, incomplete};
use model::Cluster;
use operate::Command;
use operate::restore::{Database, DatabaseState, Plan, RestoredFrom, look_at_database, plan_database};
use spec::Spec;

impl<'a> Restore<'a> {
    pub(super) fn plan_database(&self, cluster: &'a Cluster, to: &str, replaces: bool) -> Result<Plan, Stop> {
        let Some(database) = self.database(cluster)? else {
            return Err(Stop::Usage(format!(
                "{} has no `platform.postgres.backup`, so its databases cannot be restored",
                cluster.name
            )));
        };
        let Some((server, _)) = self.running_server(cluster, None)? else {
            return Err(Stop::Program(format!(
                "no server of {} serves its API: restore it first, with `homelab restore server`",
                cluster.name
            )));
        };
        let text = self.runner.read(&look_at_database(&server))?;
        let state = DatabaseState::parse(&text).ok_or_else(|| incomplete(&server))?;
        Ok(plan_database(&server, &database, &state, to, replaces))
    }

    /// What the spec and Git say of the databases of a cluster.
    pub(super) fn database(&self, cluster: &Cluster) -> Result<Option<Database>, Stop> {
        let Ok(parsed) = spec::parse(&self.input.bytes) else { return Ok(None) };
        let Some((incarnation, restore)) = incarnation(&parsed.spec, cluster.name.as_str()) else { return Ok(None) };
        let folder = format!("k8s/{}/platform/postgres", cluster.name);
        let git = |words: &[&str]| self.runner.read(&Command::here(["git"].into_iter().chain(words.iter().copied())));
        let mut commit = None;
        if restore.is_some() && git(&["status", "--porcelain", "--", &folder])?.trim().is_empty() {
            commit = Some(git(&["rev-parse", "HEAD"])?.trim().to_owned());
        }
        Ok(Some(Database { cluster: cluster.name.to_string(), incarnation, restore, commit }))
    }
}

/// The incarnation of the PostgreSQL cluster, and what it is restored from.
fn incarnation(spec: &Spec, cluster: &str) -> Option<(u32, Option<RestoredFrom>)> {
    let entry = spec.clusters.iter().find(|entry| entry.name.as_str() == cluster)?;
    let backup = entry.value.platform.postgres.as_ref()?.given_backup()?;
    let restore = backup
        .restore
        .as_ref()
        .map(|restore| (restore.from.get(), restore.to.as_ref().map(|time| time.value.to_string())));
    Some((backup.incarnation.get().get(), restore))
}
