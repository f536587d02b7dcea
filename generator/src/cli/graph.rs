//! The dependencies between units: a diagram for people, nodes and edges for programs.

use super::args::Format;
use model::{Bound, Lab};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;

/// The units of each cluster, and the units that they wait for.
pub(super) struct Graph<'a>(Vec<(&'a str, &'a [Bound])>);

#[derive(Serialize)]
struct Node<'a> {
    cluster: &'a str,
    unit: &'a str,
}

/// A dependency: `from` waits for `to`.
#[derive(Serialize)]
struct Edge<'a> {
    cluster: &'a str,
    from: &'a str,
    to: &'a str,
}

impl<'a> Graph<'a> {
    pub(super) fn of(lab: &'a Lab) -> Self {
        Self(lab.clusters.iter().map(|cluster| (cluster.name.as_str(), cluster.units.as_slice())).collect())
    }

    pub(super) fn print(&self, format: Format) -> String {
        match format {
            Format::Human | Format::Markdown => self.mermaid(),
            Format::Json => self.json(),
        }
    }

    fn mermaid(&self) -> String {
        let mut text = String::from("flowchart RL\n");
        for (cluster, units) in &self.0 {
            writeln!(text, "  subgraph {cluster}").expect("writing to a string cannot fail");
            for Bound { unit, depends_on, .. } in *units {
                let name = &unit.id;
                writeln!(text, "    {cluster}/{name}[\"{name}\"]").expect("writing to a string cannot fail");
                for other in depends_on {
                    writeln!(text, "    {cluster}/{name} --> {cluster}/{other}")
                        .expect("writing to a string cannot fail");
                }
            }
            text.push_str("  end\n");
        }
        text
    }

    fn json(&self) -> String {
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (cluster, units) in &self.0 {
            for Bound { unit, depends_on, .. } in *units {
                nodes.push(Node { cluster, unit: unit.id.as_str() });
                edges.extend(depends_on.iter().map(|other| Edge {
                    cluster,
                    from: unit.id.as_str(),
                    to: other.as_str(),
                }));
            }
        }
        format!("{:#}\n", json!({ "nodes": nodes, "edges": edges }))
    }
}
