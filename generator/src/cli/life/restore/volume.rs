//! The volumes of an app.

use super::super::super::Stop;
use super::{Restore, incomplete, unknown};
use model::Origin;
use operate::Machine;
use operate::restore::{Plan, Volume, VolumeState, look_at_volume, plan_volume};

impl Restore<'_> {
    pub(super) fn volume(&self, app: &str) -> Result<(Machine, Volume), Stop> {
        let Some((cluster, app)) = app.split_once('/') else {
            return Err(Stop::Usage(format!("name the app with its cluster, as CLUSTER/{app}")));
        };
        let cluster = self.cluster(cluster)?;
        let mut apps = cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App).map(|(_, app)| app);
        let names = apps.clone().map(|app| app.name.as_str());
        let Some(found) = apps.find(|found| found.name.as_str() == app) else {
            return Err(unknown("app", app, names));
        };
        let object = found.object_name.as_ref().unwrap_or(&found.name).to_string();
        let flow = found.flow.iter().flat_map(|flow| &flow.volumes);
        let claims: Vec<_> =
            flow.filter(|volume| volume.backup).map(|volume| format!("{object}-{}", volume.name)).collect();
        if claims.is_empty() {
            return Err(Stop::Usage(format!("{}/{app} has no volumes that Velero backs up", cluster.name)));
        }
        let units =
            cluster.units.iter().filter(|bound| bound.origin == Origin::App && bound.unit.id.as_str() == object);
        let objects = units.flat_map(|bound| bound.unit.objects());
        let deployments = objects.filter(|object| object.kind.as_str() == "Deployment");
        let deployments = deployments.map(|object| object.name.to_string()).collect();
        let Some((server, _)) = self.running_server(cluster, None)? else {
            return Err(Stop::Program(format!("no server of {} serves its API", cluster.name)));
        };
        let volume = Volume { cluster: cluster.name.to_string(), app: app.to_owned(), object, claims, deployments };
        Ok((server, volume))
    }

    pub(super) fn volume_state(&self, server: &Machine, volume: &Volume) -> Result<VolumeState, Stop> {
        let text = self.runner.read(&look_at_volume(server, volume))?;
        VolumeState::parse(&text, volume).ok_or_else(|| incomplete(server))
    }

    pub(super) fn plan_volume(
        &self,
        server: &Machine,
        volume: &Volume,
        from: Option<&str>,
        replaces: bool,
    ) -> Result<Plan, Stop> {
        let state = self.volume_state(server, volume)?;
        Ok(plan_volume(server, volume, &state, from, replaces))
    }
}
