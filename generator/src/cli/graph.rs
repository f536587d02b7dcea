//! Diagrams of the lab: the order of its units as text for people and programs, and pictures.

use super::args::Format;
use model::{Bound, Lab, Origin};
use render::pictures::{self, Labels};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;

/// What a diagram shows.
pub(super) enum Subject<'a> {
    /// The machines, clusters and apps.
    Lab,
    /// The order of the units of all clusters.
    Units,
    /// The order of the units of a cluster.
    Cluster(&'a model::Cluster),
    /// An app.
    App(&'a model::Cluster, &'a model::Interface),
}

impl<'a> Subject<'a> {
    /// Finds what the argument `--of` names.
    pub(super) fn find(lab: &'a Lab, of: &str) -> Result<Self, String> {
        if let Some((cluster, app)) = of.split_once('/') {
            let cluster = cluster_named(lab, cluster)?;
            let apps = cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App);
            let mut apps = apps.map(|(_, interface)| interface);
            return match apps.clone().find(|interface| interface.name.as_str() == app) {
                Some(interface) => Ok(Self::App(cluster, interface)),
                None => {
                    let near = diagnostic::did_you_mean(app, apps.by_ref().map(|interface| interface.name.as_str()));
                    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    Err(format!("the cluster `{}` has no app `{app}`{hint}", cluster.name))
                }
            };
        }
        // A cluster can have one of these names.
        match (of, cluster_named(lab, of)) {
            ("lab", Err(_)) => Ok(Self::Lab),
            ("units", Err(_)) => Ok(Self::Units),
            (_, cluster) => cluster.map(Self::Cluster),
        }
    }
}

fn cluster_named<'a>(lab: &'a Lab, name: &str) -> Result<&'a model::Cluster, String> {
    let names = || lab.clusters.iter().map(|cluster| cluster.name.as_str());
    lab.clusters.iter().find(|cluster| cluster.name.as_str() == name).ok_or_else(|| {
        let near = diagnostic::did_you_mean(name, names().chain(["lab", "units"]));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("there is no cluster `{name}`{hint}")
    })
}

/// Prints a diagram.
///
/// # Errors
/// If the format cannot show the subject.
pub(super) fn print(lab: &Lab, subject: &Subject<'_>, format: Format) -> Result<String, String> {
    let graph = match subject {
        Subject::Units => Graph::of(lab.clusters.iter()),
        Subject::Cluster(cluster) => Graph::of([*cluster]),
        Subject::Lab | Subject::App(..) => {
            return match format {
                Format::Human | Format::Svg => Ok(picture(lab, subject)),
                _ => Err("only the order of units has this format: use `--of units` or `--of CLUSTER`, or \
                          `--format svg`"
                    .to_owned()),
            };
        }
    };
    Ok(match format {
        Format::Human | Format::Mermaid | Format::Markdown => graph.mermaid(),
        Format::Json => graph.json(),
        Format::Dot => graph.dot(),
        Format::Svg => picture(lab, subject),
    })
}

fn picture(lab: &Lab, subject: &Subject<'_>) -> String {
    let labels = Labels::of(lab.language);
    let picture = match subject {
        Subject::Lab => pictures::architecture(lab, labels, true),
        Subject::Units => pictures::all_units(lab, None, labels),
        Subject::Cluster(cluster) => pictures::all_units(lab, Some(&cluster.name), labels),
        Subject::App(cluster, interface) => {
            let units = pictures::units_by_name(cluster);
            pictures::app(lab, cluster, interface, pictures::unit_of(&units, interface), labels)
        }
    };
    picture.svg("Printed by `homelab graph`.")
}

/// The units of each cluster, and the units that they wait for.
struct Graph<'a>(Vec<(&'a str, &'a [Bound])>);

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
    fn of(clusters: impl IntoIterator<Item = &'a model::Cluster>) -> Self {
        let units = |cluster: &'a model::Cluster| (cluster.name.as_str(), cluster.units.as_slice());
        Self(clusters.into_iter().map(units).collect())
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

    /// For Graphviz. Names of clusters and units contain no character that a quoted ID must escape.
    fn dot(&self) -> String {
        let mut text = String::from("digraph units {\n  rankdir=RL\n  node [shape=box]\n");
        for (cluster, units) in &self.0 {
            writeln!(text, "  subgraph \"cluster_{cluster}\" {{\n    label=\"{cluster}\"")
                .expect("writing to a string cannot fail");
            for Bound { unit, depends_on, .. } in *units {
                let name = &unit.id;
                writeln!(text, "    \"{cluster}/{name}\" [label=\"{name}\"]").expect("writing to a string cannot fail");
                for other in depends_on {
                    writeln!(text, "    \"{cluster}/{name}\" -> \"{cluster}/{other}\"")
                        .expect("writing to a string cannot fail");
                }
            }
            text.push_str("  }\n");
        }
        text.push_str("}\n");
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
