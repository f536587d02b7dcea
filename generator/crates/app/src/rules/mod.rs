//! Rules about apps. Each module checks one subject and reports everything that is wrong.

mod apps;
mod images;
pub(crate) mod known;
mod placement;
mod ports;
mod volumes;

use diagnostic::Diagnostics;
use platform::Context;
use spec::platform::Postgres;
use spec::{Cluster, Entry};

/// Checks the apps of a cluster.
pub fn check(cluster: &Entry<Cluster>, context: &Context<'_>, faults: &mut Diagnostics) {
    for app in &cluster.value.apps {
        apps::check(app, faults);
        images::check(app, faults);
        volumes::check(app, context, faults);
        placement::check(app, context, faults);
        ports::check(app, &cluster.value, faults);
    }
    ports::check_node_ports(&cluster.value, faults);
    placement::check_sum(cluster, faults);
    // A database cluster has an image and resources of the same form.
    if let Some(postgres) = cluster.value.platform.postgres.as_ref().map(|postgres| &postgres.value) {
        check_postgres(postgres, faults);
    }
}

fn check_postgres(postgres: &Postgres, faults: &mut Diagnostics) {
    postgres.image.iter().for_each(|image| images::check_database(image, faults));
    postgres.resources.iter().for_each(|resources| apps::check_resources(resources, faults));
}
