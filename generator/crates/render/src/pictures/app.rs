//! An app: the way of a request to its pod, and what the pod uses.

use super::labels::{Labels, fill};
use super::{MARGIN, WIDTH, finish, joined, number, number_of, start};
use crate::docs;
use crate::texts::Texts;
use model::{
    Admitted, Bound, Cluster, Exposure, Flow, Interface, Lab, LanPort, Service, Tls, Use, VolumePlace, VolumeUse,
};
use picture::{Area, Line, Look, Panel, Picture, Style, shorten, wrap};
use spec::Protocol;
use spec::platform::ComponentId;
use spec::types::{Ipv4, Name};

/// The columns: where each starts, and its width. The second and the third are in the cluster.
const FROM: (i32, i32) = (MARGIN, 132);
const ENTRY: (i32, i32) = (192, 168);
const PODS: (i32, i32) = (392, 168);
const USED: (i32, i32) = (604, WIDTH - MARGIN - 604);
/// The distance between the boxes of a column, with room for an arrow.
const GAP: i32 = 18;
/// The most ports and images that are listed.
const LISTED: usize = 4;
/// The most volumes that are listed.
const VOLUMES: usize = 12;

/// The picture of an app of a cluster, with its unit.
pub fn app(lab: &Lab, cluster: &Cluster, interface: &Interface, unit: Option<&Bound>, labels: &Labels) -> Picture {
    let nothing = Flow::default();
    let scene = Scene {
        lab,
        cluster,
        interface,
        flow: interface.flow.as_deref().unwrap_or(&nothing),
        look: Look::Hue(number(lab, cluster)),
        labels,
    };
    scene.draw(unit)
}

/// What a picture shows.
struct Scene<'a> {
    lab: &'a Lab,
    cluster: &'a Cluster,
    interface: &'a Interface,
    flow: &'a Flow,
    look: Look,
    labels: &'a Labels,
}

impl Scene<'_> {
    fn draw(&self, unit: Option<&Bound>) -> Picture {
        let labels = self.labels;
        let title = fill(labels.app_in, &[&self.interface.name, &self.cluster.name]);
        let description = fill(labels.app_description, &[&self.interface.name]);
        let mut picture = Picture::new(&title, description, labels.language, WIDTH);
        let y = start(&mut picture, &title, self.interface.description.as_deref().unwrap_or_default());
        let inside = y + 26;
        let sources = column(&mut picture, FROM, inside, &self.sources());
        let behind = picture.boxes();
        let (left, wide) = (ENTRY.0 - 12, PODS.0 + PODS.1 - ENTRY.0 + 24);
        let text = fill(labels.cluster, &[&self.cluster.name]);
        let text = shorten(&text, wide - 24, Style::Small);
        let area = Area::new(left, y, wide, inside - y);
        picture.add_text((ENTRY.0, y + 17), Style::Small, &text, None, area);
        let entries = column(&mut picture, ENTRY, inside, &self.entries());
        let pods = column(&mut picture, PODS, inside, &self.pods());
        let used = column(&mut picture, USED, y, &self.used());
        self.connect(&mut picture, &sources, &entries, &pods, &used);
        let bottom = |areas: &[Area]| areas.last().map_or(inside, Area::bottom);
        let frame = Area::new(left, y, wide, bottom(&entries).max(bottom(&pods)) + 12 - y);
        picture.add_box_behind(behind, frame, Look::Region);
        let mut end = frame.bottom().max(bottom(&sources)).max(bottom(&used));
        let waits = joined(unit.into_iter().flat_map(|unit| &unit.depends_on).map(model::UnitId::as_str));
        if !waits.is_empty() {
            end = note(&mut picture, end + 8, &fill(labels.after, &[&waits]));
        }
        finish(&mut picture, end);
        picture
    }

    fn panel(&self, look: Look, title: &str, lines: impl IntoIterator<Item = Line>) -> Panel {
        Panel::new(look, [Line::small(title)].into_iter().chain(lines))
    }

    /// Draws the way of requests: from the sources to the entries, to the pods, and from there to what they use.
    fn connect(&self, picture: &mut Picture, sources: &[Area], entries: &[Area], pods: &[Area], used: &[Area]) {
        let wire = Look::Plain;
        let (mut senders, mut lan) = (Vec::new(), sources);
        if let (true, [internet, router, rest @ ..]) = (Reach::of(self).internet, sources) {
            picture.add_arrow(vec![(internet.centre(), internet.bottom()), (router.centre(), router.y)], wire);
            senders.push(*router);
            lan = rest;
        }
        senders.extend(lan);
        // The Internet reaches only the ingress, which is the first one.
        if let Some((first, others)) = entries.split_first() {
            gather(picture, &senders, first, wire);
            others.iter().for_each(|other| gather(picture, lan, other, wire));
        }
        if let Some(first) = pods.first() {
            gather(picture, entries, first, self.look);
        }
        for pair in pods.windows(2) {
            picture.add_arrow(vec![(pair[0].centre(), pair[0].bottom()), (pair[1].centre(), pair[1].y)], self.look);
        }
        if let Some(last) = pods.last() {
            spread(picture, last, used, wire);
        }
    }

    /// Where requests come from.
    fn sources(&self) -> Vec<Panel> {
        let (labels, reach) = (self.labels, Reach::of(self));
        let mut panels = Vec::new();
        if reach.internet {
            panels.push(Panel::new(Look::Plain, [Line::title("Internet")]));
            let way = if self.has_tunnel() {
                self.panel(Look::Plain, labels.tunnel, [Line::body("Cloudflare")])
            } else {
                let gateway = Line::body(self.lab.lan.gateway.to_string());
                self.panel(Look::Plain, labels.router, [gateway, Line::small(labels.forwarded)])
            };
            panels.push(way);
        }
        if reach.lan {
            let networks = self.lab.lan.trusted.iter().map(|network| Line::small(network.name.as_str()));
            let lines = [Line::title(labels.lan), Line::small(self.lab.lan.cidr.to_string())];
            panels.push(Panel::new(Look::Plain, lines.into_iter().chain(networks)));
        }
        panels
    }

    fn has_tunnel(&self) -> bool {
        self.cluster.parts.iter().any(|part| part.component == ComponentId::Tunnel)
    }

    /// Where requests enter the cluster.
    fn entries(&self) -> Vec<Panel> {
        let labels = self.labels;
        let ingress = self.interface.exposure.as_ref().map(|exposure| self.ingress(exposure));
        let lan = &self.interface.lan;
        let texts = Texts::of(self.lab.language);
        let ports = (!lan.is_empty()).then(|| {
            // All ports have the same address, or that of the node.
            let address = lan.iter().find_map(|port| port.address);
            let mut lines: Vec<_> = address.map(|address| Line::body(address.to_string())).into_iter().collect();
            let port = |port: &LanPort| match port.address {
                Some(_) => self.port(port.port, port.port, port.protocol),
                None => Line::small(docs::lan_port(port, texts)),
            };
            lines.extend(lan.iter().take(LISTED).map(port));
            lines.extend(self.rest(lan.len()));
            self.panel(self.look, labels.address, lines)
        });
        let entries: Vec<_> = ingress.into_iter().chain(ports).collect();
        if entries.is_empty() && self.flow.service.is_some() {
            return vec![Panel::new(Look::Group, [Line::body(labels.other_apps)])];
        }
        entries
    }

    fn ingress(&self, exposure: &Exposure) -> Panel {
        let labels = self.labels;
        let mut lines: Vec<_> = exposure.hosts().take(LISTED).map(|host| Line::body(host.to_string())).collect();
        lines.extend(self.rest(exposure.hosts().count()));
        lines.extend(self.cluster.ingress.map(|address| Line::small(address.to_string())));
        let guards = |admits: Admitted| exposure.guards.iter().any(|guard| guard.admits == admits);
        lines.push(Line::small(if exposure.tls == Tls::None { labels.http } else { labels.https }));
        if let Some(provider) = &self.flow.login {
            lines.push(Line::small(fill(labels.login_by, &[provider])));
        } else if guards(Admitted::Users) {
            lines.push(Line::small(labels.login));
        }
        if guards(Admitted::Networks) {
            lines.push(Line::small(if exposure.public { labels.only_networks } else { labels.only_lan }));
        }
        self.panel(self.look, labels.ingress, lines)
    }

    /// A line for what a list leaves out.
    fn rest(&self, count: usize) -> Option<Line> {
        let rest = count.checked_sub(LISTED).filter(|rest| *rest > 0)?;
        Some(Line::small(fill(self.labels.more, &[&rest])))
    }

    /// The Service, the pod, and the jobs.
    fn pods(&self) -> Vec<Panel> {
        let (labels, flow) = (self.labels, self.flow);
        let service = flow.service.as_ref().map(|service| self.service(service));
        let mut lines: Vec<_> = self
            .interface
            .images
            .iter()
            .take(LISTED)
            .map(|image| Line::new(image.to_string(), Style::Body, 3))
            .collect();
        lines.extend(self.rest(self.interface.images.len()));
        lines.extend(self.interface.chart.iter().map(|chart| Line::body(fill(labels.chart, &[chart]))));
        match flow.user {
            Some(0) => lines.push(Line::small(labels.root)),
            Some(user) => lines.push(Line::small(fill(labels.user, &[&user]))),
            None => {}
        }
        if flow.gpu {
            lines.push(Line::small(labels.gpu));
        }
        if flow.host_network {
            lines.push(Line::small(labels.host_network));
        }
        if !flow.nodes.is_empty() {
            lines.push(Line::small(fill(labels.on, &[&joined(flow.nodes.iter().map(Name::as_str))])));
        }
        for (name, schedule) in flow.jobs.iter().take(LISTED) {
            lines.push(Line::small(format!("{name}: {schedule}")));
        }
        lines.extend(self.rest(flow.jobs.len()));
        let title = match flow.replicas {
            0 if !flow.jobs.is_empty() => labels.jobs.to_owned(),
            0 | 1 => labels.pod.to_owned(),
            replicas => fill(labels.pods, &[&replicas]),
        };
        service.into_iter().chain([self.panel(self.look, &title, lines)]).collect()
    }

    fn service(&self, service: &Service) -> Panel {
        let labels = self.labels;
        let port = |(served, target, protocol): &(u16, Option<u16>, Protocol)| {
            self.port(*served, target.unwrap_or(*served), *protocol)
        };
        let name = Line::body(service.name.as_str());
        let ports = service.ports.iter().take(LISTED).map(port);
        self.panel(self.look, labels.service, [name].into_iter().chain(ports).chain(self.rest(service.ports.len())))
    }

    /// A port, and where it leads to.
    fn port(&self, served: u16, target: u16, protocol: Protocol) -> Line {
        let text = match target == served {
            true => fill(self.labels.port, &[&served]),
            false => fill(self.labels.port_to, &[&served, &target]),
        };
        Line::small(if protocol == Protocol::Udp { format!("{text} (UDP)") } else { text })
    }

    /// What the pod uses.
    fn used(&self) -> Vec<Panel> {
        let (labels, flow) = (self.labels, self.flow);
        let mut panels: Vec<_> = flow.volumes.iter().take(VOLUMES).map(|volume| self.volume(volume)).collect();
        if let Some(rest) = flow.volumes.len().checked_sub(VOLUMES).filter(|rest| *rest > 0) {
            panels.push(Panel::new(Look::Plain, [Line::small(fill(labels.more, &[&rest]))]));
        }
        if let Some(database) = &flow.database {
            let cluster = self.lab.clusters.iter().find(|cluster| cluster.name == database.cluster);
            let mut lines = vec![Line::body(database.name.as_str())];
            let address = cluster.filter(|cluster| cluster.name != self.cluster.name).and_then(postgres_address);
            let at = address.map(|address| address.to_string()).unwrap_or_default();
            lines.push(Line::small(joined([fill(labels.postgres_of, &[&database.cluster]), at])));
            lines.extend(cluster.and_then(|cluster| self.bucket(cluster, ComponentId::Postgres)));
            let look = Look::Hue(number_of(self.lab, &database.cluster).unwrap_or_default());
            panels.push(self.panel(look, labels.database, lines));
        }
        if !flow.secrets.is_empty() {
            let mut lines = vec![Line::new(joined(flow.secrets.iter().map(Name::as_str)), Style::Body, 4)];
            lines.extend(self.cluster.store.as_ref().map(|store| Line::small(&store.title)));
            panels.push(self.panel(Look::Plain, labels.secrets, lines));
        }
        panels
    }

    fn volume(&self, volume: &VolumeUse) -> Panel {
        let labels = self.labels;
        let name = volume.mount.as_ref().map_or(volume.name.as_str(), |mount| mount.as_str());
        let mut lines =
            vec![Line::body(if volume.read_only { fill(labels.read_only, &[&name]) } else { name.to_owned() })];
        let storage = |name: &Name| {
            let address = self.lab.storage.iter().find(|storage| storage.name == *name).map(|storage| storage.address);
            let address = address.map(|address| address.to_string()).unwrap_or_default();
            Line::small(fill(labels.on_storage, &[name, &address]))
        };
        let title = match &volume.source {
            VolumePlace::Claim { size, class, storage: on } => {
                lines.push(Line::small(fill(labels.class, &[size, class])));
                lines.extend(on.as_ref().map(storage));
                labels.volume
            }
            VolumePlace::Share { storage: on, path } => {
                lines.push(Line::small(path.to_string()));
                lines.push(storage(on));
                labels.share
            }
            VolumePlace::Folder(folder) => {
                lines.push(Line::small(folder.as_str()));
                labels.host_folder
            }
            VolumePlace::Scratch(size) => {
                lines.push(Line::small(size.to_string()));
                labels.scratch
            }
            VolumePlace::Device(device) => {
                lines.extend((device.as_str() != name).then(|| Line::small(device.as_str())));
                labels.device
            }
        };
        if volume.backup {
            lines.extend(self.bucket(self.cluster, ComponentId::Backups));
        }
        self.panel(Look::Plain, title, lines)
    }

    /// Where a component of a cluster writes backups.
    fn bucket(&self, cluster: &Cluster, component: ComponentId) -> Option<Line> {
        let part = cluster.parts.iter().find(|part| part.component == component)?;
        part.uses.iter().find_map(|of_part| match of_part {
            Use::Bucket { bucket, .. } => Some(Line::small(fill(self.labels.backed_up, &[bucket]))),
            Use::Cluster(_) | Use::Storage { .. } => None,
        })
    }
}

/// From where an app is reached.
struct Reach {
    internet: bool,
    lan: bool,
}

impl Reach {
    fn of(scene: &Scene<'_>) -> Self {
        let exposure = scene.interface.exposure.as_ref();
        Self {
            internet: exposure.is_some_and(|exposure| exposure.public),
            lan: exposure.is_some() || !scene.interface.lan.is_empty(),
        }
    }
}

fn postgres_address(cluster: &Cluster) -> Option<Ipv4> {
    let part = cluster.parts.iter().find(|part| part.component == ComponentId::Postgres)?;
    part.addresses.first().copied()
}

/// Draws boxes below each other. Returns their areas.
fn column(picture: &mut Picture, (x, wide): (i32, i32), y: i32, panels: &[Panel]) -> Vec<Area> {
    let mut y = y;
    let mut areas = Vec::with_capacity(panels.len());
    for panel in panels {
        let area = panel.draw(picture, (x, y), wide);
        y = area.bottom() + GAP;
        areas.push(area);
    }
    areas
}

/// The distance between the last bend of an arrow and its end.
const BEND: i32 = 18;

/// A height at which two boxes can be connected by a straight line, the one nearest to the middle of the first.
fn common_height(one: &Area, other: &Area) -> Option<i32> {
    let (top, bottom) = (one.y.max(other.y) + 8, one.bottom().min(other.bottom()) - 8);
    (top <= bottom).then(|| one.middle().clamp(top, bottom))
}

/// Draws an arrow to the left side of a box, from the right sides of others: their lines join.
fn gather(picture: &mut Picture, from: &[Area], to: &Area, look: Look) {
    let Some((first, others)) = from.split_first() else { return };
    let bend = to.x - BEND;
    let common = common_height(first, to);
    let (start, y) = (common.unwrap_or_else(|| first.middle()), common.unwrap_or_else(|| to.middle()));
    let points = if start == y {
        vec![(first.right(), y), (to.x, y)]
    } else {
        vec![(first.right(), start), (bend, start), (bend, y), (to.x, y)]
    };
    picture.add_arrow(points, look);
    for other in others {
        picture.add_line(vec![(other.right(), other.middle()), (bend, other.middle()), (bend, y)], look);
    }
}

/// Draws arrows from the right side of a box to the left sides of others: they share their beginning.
fn spread(picture: &mut Picture, from: &Area, to: &[Area], look: Look) {
    // At a height where one of the arrows is straight, if there is one.
    let y = to.iter().find_map(|to| common_height(from, to)).unwrap_or_else(|| from.middle());
    for (at, to) in to.iter().enumerate() {
        let bend = to.x - BEND;
        let begin = if at == 0 { (from.right(), y) } else { (bend, y) };
        picture.add_arrow(
            match (to.y + 8..=to.bottom() - 8).contains(&y) {
                true => vec![(from.right(), y), (to.x, y)],
                false if at == 0 => vec![begin, (bend, y), (bend, to.middle()), (to.x, to.middle())],
                false => vec![begin, (bend, to.middle()), (to.x, to.middle())],
            },
            look,
        );
    }
}

/// Draws a text of up to three lines across the picture. Returns its bottom.
fn note(picture: &mut Picture, y: i32, text: &str) -> i32 {
    let wide = WIDTH - 2 * MARGIN;
    let style = Style::Small;
    let mut y = y;
    for line in wrap(text, wide, 3, style) {
        picture.add_text((MARGIN, y + 12), style, &line, None, Area::new(MARGIN, y, wide, 16));
        y += 16;
    }
    y
}
