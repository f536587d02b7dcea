//! The architecture of the lab: its machines, its clusters, and what they are connected to.

use super::labels::{Labels, fill};
use super::{MARGIN, WIDTH, finish, joined, number_of, start};
use model::{Cluster, Flow, Host, Interface, Lab, Node, NodeKind, Origin, Part, Storage, Use, VolumePlace};
use picture::{Area, Board, Cell, Line, Link, Look, Panel, Picture, Row, Style};
use spec::platform::ComponentId;
use spec::types::Name;
use std::collections::BTreeMap;

/// The most columns of clusters and of machines.
const COLUMNS: usize = 3;
/// The smallest width of the boxes of services, of components and of containers.
const SERVICE: i32 = 170;
const COMPONENT: (i32, i32) = (140, 100);
const CONTAINER: i32 = 150;

/// The picture of a lab, with or without its apps.
pub fn architecture(lab: &Lab, labels: &Labels, with_apps: bool) -> Picture {
    let title = fill(labels.architecture, &[&lab.name]);
    let mut picture = Picture::new(&title, labels.architecture_description, labels.language, WIDTH);
    let y = start(&mut picture, &title, if with_apps { "" } else { labels.architecture_note });
    let wide = WIDTH - 2 * MARGIN;
    let services = Panel::new(Look::Region, [Line::title(labels.internet)]).with(services(lab, labels), SERVICE);
    let services = services.draw(&mut picture, (MARGIN, y), wide);
    let behind = picture.boxes();
    let top = services.bottom() + 2 * MARGIN;
    let board = board(lab, labels, with_apps, services.bottom());
    let inner = wide - 2 * MARGIN;
    let bottom = top + board.draw(&mut picture, (2 * MARGIN, top), inner) + MARGIN;
    picture.add_box_behind(behind, Area::new(MARGIN, top, wide, bottom - top), Look::Region);
    finish(&mut picture, bottom);
    picture
}

/// What is outside of the lab.
fn services(lab: &Lab, labels: &Labels) -> Vec<Panel> {
    let panel = |lines: Vec<Line>| Panel::new(Look::Plain, lines);
    let mut panels = Vec::new();
    if let Some(provider) = lab.dns {
        let zone = Line::small(fill(labels.zone, &[&lab.domain]));
        panels.push(panel(vec![Line::title(labels.dns_provider), Line::body(provider), zone]));
    }
    let readers = readers(lab);
    let is_only = readers.len() == 1;
    for (title, clusters) in readers {
        // The first app with a secret makes its cluster one of those that read the only store.
        let read_by = (!is_only).then(|| Line::small(fill(labels.read_by, &[&joined(clusters)])));
        let lines = [Line::title(labels.secret_store), Line::new(title, Style::Body, 3)];
        panels.push(panel(lines.into_iter().chain(read_by).collect()));
    }
    let url = lab.repository.url.as_str();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let url = url.split_once('@').map_or(url, |(_, rest)| rest);
    let branch = Line::small(fill(labels.followed, &[&lab.repository.branch]));
    panels.push(panel(vec![Line::title(labels.repository), Line::body(url), branch]));
    for ((server, bucket), what) in buckets(lab, labels) {
        let mut lines = vec![Line::title(labels.backups), Line::body(server)];
        lines.push(Line::small(fill(labels.bucket, &[&bucket])));
        lines.extend(what.into_iter().map(Line::small));
        panels.push(panel(lines));
    }
    panels
}

/// The secret stores, each with the clusters that read it.
fn readers(lab: &Lab) -> BTreeMap<&str, Vec<&str>> {
    let mut readers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cluster in &lab.clusters {
        if let Some(store) = &cluster.store {
            readers.entry(&store.title).or_default().push(cluster.name.as_str());
        }
    }
    readers
}

/// The buckets with backups, each with what is backed up there.
fn buckets<'a>(lab: &'a Lab, labels: &Labels) -> BTreeMap<(&'a str, &'a str), Vec<String>> {
    let mut found: BTreeMap<(&str, &str), [Vec<&str>; 3]> = BTreeMap::new();
    for cluster in &lab.clusters {
        for part in &cluster.parts {
            for of_part in &part.uses {
                if let Use::Bucket { server, bucket } = of_part {
                    let users = found.entry((server.as_str(), bucket.as_str())).or_default();
                    users[usize::from(part.component == ComponentId::Backups)].push(cluster.name.as_str());
                }
            }
        }
        if let Some(Use::Bucket { server, bucket }) = cluster.backup.as_ref().map(|backup| &backup.place) {
            found.entry((server.as_str(), bucket.as_str())).or_default()[2].push(cluster.name.as_str());
        }
    }
    let text = |(label, clusters): (&str, Vec<&str>)| (!clusters.is_empty()).then(|| fill(label, &[&joined(clusters)]));
    let texts = |users: [Vec<&str>; 3]| {
        [labels.databases_of, labels.volumes_of, labels.servers_of].into_iter().zip(users).filter_map(text).collect()
    };
    found.into_iter().map(|(bucket, users)| (bucket, texts(users))).collect()
}

/// What is in the LAN, and the arrows between its parts.
fn board(lab: &Lab, labels: &Labels, with_apps: bool, above: i32) -> Board {
    let mut board = Board { above, ..Board::default() };
    board.rows.push(Row { columns: 2, panels: vec![lan(lab, labels), router(lab, labels)] });
    let router = (0, 1);
    let clusters = lab.clusters.iter().map(|cluster| self::cluster(lab, cluster, labels, with_apps)).collect();
    let clusters = Row::of(clusters, columns(lab.clusters.len()));
    let cluster_cells = cells(&clusters, board.rows.len());
    board.rows.extend(clusters);
    let hosts: Vec<_> = lab.hosts.iter().map(|host| self::host(lab, host, labels)).collect();
    let storage: Vec<_> = lab.storage.iter().map(|storage| self::storage(lab, storage, labels, with_apps)).collect();
    let storage_cells;
    if hosts.len() + storage.len() <= COLUMNS {
        let all: Vec<_> = hosts.into_iter().chain(storage).collect();
        let row = Row::of(all, COLUMNS);
        storage_cells = cells(&row, board.rows.len()).into_iter().skip(lab.hosts.len()).collect();
        board.rows.extend(row);
    } else {
        let row = Row::of(storage, COLUMNS);
        storage_cells = cells(&row, board.rows.len());
        board.rows.extend(row);
        board.rows.extend(Row::of(hosts, COLUMNS));
    }
    let link = |from, to, label: &str, look| Link { from, to, label: label.to_owned(), look };
    board.entries.push(link(router, router, "", Look::Plain));
    for (number, (cluster, cell)) in lab.clusters.iter().zip(&cluster_cells).enumerate() {
        let look = Look::Hue(number);
        if has(cluster, ComponentId::Tunnel) {
            board.entries.push(link(*cell, *cell, labels.tunnel, look));
        } else if is_public(cluster) {
            board.links.push(link(router, *cell, labels.forwarded, Look::Plain));
        }
        for (to, what) in shipped(cluster, labels, with_apps) {
            let to = number_of(lab, to).map(|to| cluster_cells[to]);
            board.links.extend(to.map(|to| link(*cell, to, &joined(what), look)));
        }
        for (to, what) in stored(cluster, labels, with_apps) {
            let to = lab.storage.iter().position(|storage| storage.name == *to);
            let to: Option<&Cell> = to.and_then(|to| storage_cells.get(to));
            board.links.extend(to.map(|to| link(*cell, *to, &joined(what), look)));
        }
    }
    board
}

/// The number of columns for clusters: four are two rows of two.
fn columns(clusters: usize) -> usize {
    if clusters == 4 { 2 } else { COLUMNS }
}

/// The cells of rows, in their order.
fn cells(rows: &[Row], first: usize) -> Vec<Cell> {
    let cells = |(row, of): (usize, &Row)| (0..of.panels.len()).map(move |at| (row, at)).collect::<Vec<_>>();
    (first..).zip(rows).flat_map(cells).collect()
}

fn has(cluster: &Cluster, component: ComponentId) -> bool {
    cluster.parts.iter().any(|part| part.component == component)
}

/// Whether the Internet reaches something in a cluster.
fn is_public(cluster: &Cluster) -> bool {
    let exposures = cluster.interfaces.iter().filter_map(|(_, interface)| interface.exposure.as_ref());
    exposures.into_iter().any(|exposure| exposure.public)
}

/// The components that a picture shows. Without apps, it leaves out those that are active because an app uses them, except
/// for the ingress, whose address is worth more than that the first app with a host name changes the picture.
fn parts(cluster: &Cluster, with_apps: bool) -> impl Iterator<Item = &Part> {
    let parts = cluster.parts.iter();
    parts.filter(move |part| with_apps || part.is_configured || part.component == ComponentId::Ingress)
}

fn flows(cluster: &Cluster, with_apps: bool) -> impl Iterator<Item = &Flow> {
    cluster.interfaces.iter().filter(move |_| with_apps).filter_map(|(_, interface)| interface.flow.as_deref())
}

/// The clusters that a cluster sends data to, and what.
fn shipped<'a>(cluster: &'a Cluster, labels: &Labels, with_apps: bool) -> BTreeMap<&'a Name, Vec<&'static str>> {
    let mut shipped: BTreeMap<&Name, Vec<&'static str>> = BTreeMap::new();
    for part in parts(cluster, with_apps) {
        let what = if part.component == ComponentId::Logging { labels.logs } else { labels.metrics };
        for of_part in &part.uses {
            if let Use::Cluster(to) = of_part {
                shipped.entry(to).or_default().push(what);
            }
        }
    }
    for database in flows(cluster, with_apps).filter_map(|flow| flow.database.as_ref()) {
        let what = shipped.entry(&database.cluster).or_default();
        if database.cluster != cluster.name && !what.contains(&labels.databases) {
            what.push(labels.databases);
        }
    }
    shipped.retain(|_, what| !what.is_empty());
    shipped
}

/// The network storage that a cluster uses, and for what.
fn stored<'a>(cluster: &'a Cluster, labels: &Labels, with_apps: bool) -> BTreeMap<&'a Name, Vec<&'static str>> {
    let mut stored: BTreeMap<&Name, Vec<&'static str>> = BTreeMap::new();
    for of_part in parts(cluster, with_apps).flat_map(|part| &part.uses) {
        if let Use::Storage { storage, .. } = of_part {
            stored.entry(storage).or_default().push(labels.volumes);
        }
    }
    for volume in flows(cluster, with_apps).flat_map(|flow| &flow.volumes) {
        if let VolumePlace::Share { storage, .. } = &volume.source {
            let what = stored.entry(storage).or_default();
            if what.is_empty() {
                what.push(labels.folders);
            }
        }
    }
    if let Some(Use::Storage { storage, .. }) = cluster.backup.as_ref().map(|backup| &backup.place) {
        stored.entry(storage).or_default().push(labels.server_backups);
    }
    stored
}

fn lan(lab: &Lab, labels: &Labels) -> Panel {
    let lan = &lab.lan;
    let mut lines = vec![Line::title(labels.lan).aside(lan.cidr.to_string())];
    lines.extend(lan.dhcp.map(|range| Line::small(fill(labels.dhcp, &[&range]))));
    if !lan.servers.is_empty() {
        let servers = joined(lan.servers.iter().map(ToString::to_string));
        lines.push(Line::small(fill(labels.lan_dns, &[&lab.domain, &servers])));
    }
    let trusted = lan.trusted.iter();
    lines.extend(trusted.map(|network| Line::small(fill(labels.trusted, &[&network.name, &network.cidr]))));
    Panel::new(Look::Plain, lines)
}

fn router(lab: &Lab, labels: &Labels) -> Panel {
    let title = Line::title(labels.router).aside(lab.lan.gateway.to_string());
    let public = lab.public.as_ref().map(|public| Line::small(fill(labels.public, &[public])));
    Panel::new(Look::Plain, [title].into_iter().chain(public))
}

fn cluster(lab: &Lab, cluster: &Cluster, labels: &Labels, with_apps: bool) -> Panel {
    let number = number_of(lab, &cluster.name).unwrap_or_default();
    let version = fill(labels.kubernetes, &[&cluster.k3s_version]);
    let mut lines = vec![Line::title(cluster.name.as_str()).aside(version)];
    lines.extend(cluster.description.iter().map(Line::small));
    lines.extend(cluster.pool.map(|pool| Line::small(fill(labels.pool, &[&pool]))));
    let mut children: Vec<_> = SHOWN
        .into_iter()
        .filter_map(|id| parts(cluster, with_apps).find(|part| part.component == id))
        .filter_map(|part| component(lab, part, number, labels))
        .collect();
    if with_apps {
        let apps = cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App);
        children.extend(apps.map(|(_, interface)| app(cluster, interface, labels)));
    }
    let column = if columns(lab.clusters.len()).min(lab.clusters.len()) < COLUMNS { COMPONENT.0 } else { COMPONENT.1 };
    Panel::new(Look::Hue(number), lines).with(children, column)
}

/// The components that a picture shows, the most important first.
const SHOWN: [ComponentId; 12] = [
    ComponentId::Ingress,
    ComponentId::LanDns,
    ComponentId::Postgres,
    ComponentId::Monitoring,
    ComponentId::Logging,
    ComponentId::Backups,
    ComponentId::NetworkVolumes,
    ComponentId::Tunnel,
    ComponentId::DynamicDns,
    ComponentId::PublicDns,
    ComponentId::Certificates,
    ComponentId::GpuPlugin,
];

fn component(lab: &Lab, part: &Part, number: usize, labels: &Labels) -> Option<Panel> {
    let mut lines = vec![Line::body(labels.component(part.component)?)];
    lines.extend(part.addresses.iter().map(|address| Line::small(address.to_string())));
    let collects = matches!(part.component, ComponentId::Monitoring | ComponentId::Logging);
    if collects && part.uses.is_empty() {
        lines.push(Line::small(labels.stored_here));
    }
    if part.component == ComponentId::DynamicDns {
        lines.extend(lab.public.as_ref().map(Line::small));
    }
    for of_part in &part.uses {
        lines.push(Line::small(match of_part {
            Use::Cluster(to) => fill(labels.shipped, &[to]),
            Use::Bucket { bucket, .. } if part.component == ComponentId::Backups => fill(labels.written, &[bucket]),
            Use::Bucket { bucket, .. } => fill(labels.backed_up, &[bucket]),
            Use::Storage { storage, .. } => fill(labels.on, &[storage]),
        }));
    }
    Some(Panel::new(Look::Inner(number), lines))
}

/// An app, with what it uses outside of its cluster.
fn app(cluster: &Cluster, interface: &Interface, labels: &Labels) -> Panel {
    let mut lines = vec![Line::body(interface.name.as_str())];
    lines.extend(interface.exposure.as_ref().map(|exposure| Line::small(exposure.host.to_string())));
    if let Some(flow) = &interface.flow {
        let database = flow.database.as_ref().filter(|database| database.cluster != cluster.name);
        lines.extend(database.map(|database| Line::small(fill(labels.database_of, &[&database.cluster]))));
        let mut storage: Vec<_> = flow.volumes.iter().filter_map(|volume| storage_of(&volume.source)).collect();
        storage.sort_unstable();
        storage.dedup();
        lines.extend(storage.into_iter().map(|storage| Line::small(fill(labels.files_on, &[storage]))));
    }
    Panel::new(Look::Plain, lines)
}

/// The network storage that has a volume.
fn storage_of(place: &VolumePlace) -> Option<&Name> {
    match place {
        VolumePlace::Claim { storage, .. } => storage.as_ref(),
        VolumePlace::Share { storage, .. } => Some(storage),
        VolumePlace::Folder(_) | VolumePlace::Scratch(_) | VolumePlace::Device(_) => None,
    }
}

fn host(lab: &Lab, host: &Host, labels: &Labels) -> Panel {
    let mut lines = vec![Line::title(host.name.as_str()).aside(host.address.to_string())];
    lines.extend(host.model.iter().map(Line::small));
    let threads = host.threads.map(|threads| fill(labels.threads, &[&threads]));
    let processor = joined([host.cpu.as_deref().unwrap_or_default(), threads.as_deref().unwrap_or_default()]);
    if !processor.is_empty() {
        lines.push(Line::small(processor));
    }
    let gpu = if host.gpu.is_some() { labels.gpu } else { "" };
    lines.push(Line::small(joined([fill(labels.memory, &[&host.memory]).as_str(), gpu])));
    let mut nodes = Vec::new();
    for (number, cluster) in lab.clusters.iter().enumerate() {
        let here = cluster.nodes.iter().filter(|node| node.host == host.name);
        nodes.extend(here.map(|node| self::node(node, number, labels)));
    }
    if nodes.is_empty() {
        lines.push(Line::small(labels.no_nodes));
    }
    Panel::new(Look::Plain, lines).with(nodes, CONTAINER)
}

fn node(node: &Node, number: usize, labels: &Labels) -> Panel {
    let kind = match node.kind {
        NodeKind::Vm { .. } => labels.vm,
        NodeKind::Lxc { .. } => "",
    };
    let role = joined([labels.role(node.role), kind, &fill(labels.vmid, &[&node.vmid])]);
    let gpu = if node.gpu.is_some() { labels.gpu } else { "" };
    let size = joined([&fill(labels.cores, &[&node.cores]), &node.memory.to_string(), gpu]);
    let lines =
        [Line::title(node.name.as_str()), Line::small(node.address.to_string()), Line::small(role), Line::small(size)];
    Panel::new(Look::Hue(number), lines)
}

fn storage(lab: &Lab, storage: &Storage, labels: &Labels, with_apps: bool) -> Panel {
    let mut lines = vec![Line::title(storage.name.as_str()).aside(storage.address.to_string())];
    lines.extend(storage.model.iter().map(Line::small));
    let mut served = Vec::new();
    let mut add = |title: &str, detail: String, users: Vec<&str>| {
        let users = (!users.is_empty()).then(|| Line::small(fill(labels.used_by, &[&joined(users)])));
        let lines = [Line::body(title), Line::small(detail)];
        served.push(Panel::new(Look::Region, lines.into_iter().chain(users)));
    };
    if let Some(path) = &storage.nfs {
        add(labels.export, path.to_string(), Vec::new());
    }
    let (mut classes, mut users) = (Vec::new(), Vec::new());
    for cluster in &lab.clusters {
        for of_part in parts(cluster, with_apps).flat_map(|part| &part.uses) {
            if let Use::Storage { storage: of, classes: of_cluster } = of_part
                && *of == storage.name
            {
                classes = of_cluster.iter().map(Name::as_str).collect();
                users.push(cluster.name.as_str());
            }
        }
    }
    if !users.is_empty() {
        let path = storage.volumes.as_ref().map(ToString::to_string).unwrap_or_default();
        add(labels.network_volumes, joined([path.as_str(), &common(&classes)]), users);
    }
    Panel::new(Look::Plain, lines).with(served, CONTAINER)
}

/// The storage classes of a driver, as one text: what they have in common, and a star.
fn common(classes: &[&str]) -> String {
    let Some((first, rest)) = classes.split_first() else { return String::new() };
    let is_common = |end: &usize| rest.iter().all(|class| class.as_bytes().get(..*end) == first.as_bytes().get(..*end));
    let end = (0..=first.len()).rev().find(is_common).unwrap_or_default();
    if rest.is_empty() { (*first).to_owned() } else { format!("{}*", &first[..end]) }
}
