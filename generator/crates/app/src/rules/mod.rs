//! Rules about apps. Each module checks one subject and reports everything that is wrong.

mod apps;
mod images;
mod jobs;
pub(crate) mod known;
mod login;
mod placement;
mod ports;
mod renames;
mod security;
mod users;
pub(crate) mod volumes;

use diagnostic::Diagnostics;
use platform::Context;
use spec::platform::Postgres;

/// Checks the apps of a cluster.
pub fn check(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let cluster = context.cluster;
    for app in &cluster.apps {
        apps::check(app, diagnostics);
        images::check(app, diagnostics);
        jobs::check(app, diagnostics);
        login::check(app, context, diagnostics);
        users::check(app, diagnostics);
        volumes::check(app, context, diagnostics);
        placement::check(app, context, diagnostics);
        security::check(app, diagnostics);
        ports::check(app, cluster, diagnostics);
    }
    renames::check(cluster, diagnostics);
    ports::check_node_ports(context, diagnostics);
    placement::check_total_memory(context, diagnostics);
    // The image and resources of a database cluster follow the same rules as those of an app.
    if let Some(postgres) = &cluster.platform.postgres {
        check_postgres(&postgres.value, diagnostics);
        if context.get::<Postgres>().is_some() {
            placement::check_database(postgres, cluster, diagnostics);
        }
    }
}

fn check_postgres(postgres: &Postgres, diagnostics: &mut Diagnostics) {
    postgres.image.iter().for_each(|image| images::check_database(image, diagnostics));
    postgres.resources.iter().for_each(|resources| apps::check_resources(resources, diagnostics));
}
