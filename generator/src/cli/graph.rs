//! What waits for what: a diagram for people, nodes and edges for programs.

use super::args::Format;
use crate::lab::{Cluster, Lab};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;

/// The units of each cluster, and what they wait for.
pub(super) struct Graph<'a>(Vec<(&'a str, Vec<Unit<'a>>)>);

struct Unit<'a> {
    name: String,
    depends_on: &'a [String],
}

#[derive(Serialize)]
struct Node<'a> {
    cluster: &'a str,
    unit: &'a str,
}

/// `from` waits for `to`.
#[derive(Serialize)]
struct Edge<'a> {
    cluster: &'a str,
    from: &'a str,
    to: &'a str,
}

impl<'a> Graph<'a> {
    pub(super) fn of(lab: &'a Lab) -> Self {
        Self(lab.clusters.iter().map(|cluster| (cluster.name.as_str(), units(cluster))).collect())
    }

    pub(super) fn print(&self, format: Format) -> String {
        match format {
            Format::Human => self.mermaid(),
            Format::Json => self.json(),
        }
    }

    fn mermaid(&self) -> String {
        let mut text = String::from("flowchart RL\n");
        for (cluster, units) in &self.0 {
            writeln!(text, "  subgraph {cluster}").expect("a string takes all text");
            for Unit { name, depends_on } in units {
                writeln!(text, "    {cluster}/{name}[\"{name}\"]").expect("a string takes all text");
                for other in *depends_on {
                    writeln!(text, "    {cluster}/{name} --> {cluster}/{other}").expect("a string takes all text");
                }
            }
            text.push_str("  end\n");
        }
        text
    }

    fn json(&self) -> String {
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (cluster, units) in &self.0 {
            for Unit { name, depends_on } in units {
                nodes.push(Node { cluster, unit: name });
                edges.extend(depends_on.iter().map(|other| Edge { cluster, from: name, to: other }));
            }
        }
        format!("{:#}\n", json!({ "nodes": nodes, "edges": edges }))
    }
}

fn units(cluster: &Cluster) -> Vec<Unit<'_>> {
    let units = cluster.units.iter().map(|unit| Unit { name: unit.name.clone(), depends_on: &unit.depends_on });
    let apps = cluster.apps.iter().flat_map(|app| {
        let secrets = app.has_secrets().then(|| Unit { name: app.secrets_unit(), depends_on: &app.secrets_depend_on });
        secrets.into_iter().chain([Unit { name: app.name.clone(), depends_on: &app.depends_on }])
    });
    units.chain(apps).collect()
}
