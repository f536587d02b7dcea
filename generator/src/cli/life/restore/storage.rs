//! Network storage, and the apps that mount it.

use super::super::super::Stop;
use super::{Restore, incomplete, machine, unknown};
use model::{Cluster, Origin, VolumePlace};
use operate::Machine;
use operate::restore::{Client, MountState, Plan, look_at_mounts, plan_storage};

impl Restore<'_> {
    pub(super) fn plan_storage(&self, name: &str) -> Result<Plan, Stop> {
        let names = self.lab.storage.iter().map(|storage| storage.name.as_str());
        let Some(storage) = self.lab.storage.iter().find(|storage| storage.name.as_str() == name) else {
            return Err(unknown("storage", name, names));
        };
        let mut clients = Vec::new();
        for cluster in &self.lab.clusters {
            let apps = apps_on(cluster, name);
            if apps.is_empty() {
                continue;
            }
            let Some((server, _)) = self.running_server(cluster, None)? else {
                return Err(Stop::Program(format!("no server of {} serves its API", cluster.name)));
            };
            let text = self.runner.read(&Client::look(&server))?;
            let (kustomizations, running) = Client::parse(&text).ok_or_else(|| incomplete(&server))?;
            let mut nodes = Vec::new();
            for node in cluster.nodes.iter().filter(|node| node.mounts_nfs()) {
                let answer = self.runner.ask(&look_at_mounts(&machine(node), &storage.address.to_string()))?;
                let host = self.lab.hosts.iter().find(|host| host.name == node.host);
                if let Some(host) = host.filter(|_| answer.is_success()) {
                    let host = Machine { name: host.name.to_string(), address: host.address.to_string() };
                    nodes.push((node, host, MountState::parse(&answer.out)));
                }
            }
            clients.push(Client { server, apps, kustomizations, running, nodes });
        }
        Ok(plan_storage(name, &clients))
    }
}

/// The names of the objects of a cluster's apps that mount network storage.
fn apps_on(cluster: &Cluster, storage: &str) -> Vec<String> {
    let apps = cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App).map(|(_, app)| app);
    let mounts = |place: &VolumePlace| match place {
        VolumePlace::Claim { storage: Some(name), .. } | VolumePlace::Share { storage: name, .. } => {
            name.as_str() == storage
        }
        VolumePlace::Claim { storage: None, .. }
        | VolumePlace::Folder(_)
        | VolumePlace::Scratch(_)
        | VolumePlace::Device(_) => false,
    };
    let clients =
        apps.filter(|app| app.flow.iter().flat_map(|flow| &flow.volumes).any(|volume| mounts(&volume.source)));
    clients.map(|app| app.object_name.as_ref().unwrap_or(&app.name).to_string()).collect()
}
