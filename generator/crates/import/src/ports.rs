//! The ports of an app, and the host names that lead to it.

use crate::context::Context;
use crate::files::Remark;
use crate::kustomize::shown;
use crate::names::{host_below, label, unused};
use crate::piece::{Fields, Piece};
use crate::workload::{Check, Container, Route, Service, ServicePort};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A port of the pod that a Service serves.
#[derive(Debug, Clone)]
struct Port {
    /// Its name in the spec.
    name: String,
    /// The name of the port of the Service.
    of_service: String,
    number: u16,
    served: u16,
    udp: bool,
    /// The sidecar that listens on it.
    sidecar: Option<String>,
    /// Whether the LAN reaches it, and the address if it is known.
    lan: Option<Option<String>>,
}

/// The ports of an app.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ports {
    pub(crate) main: Option<u16>,
    pub(crate) https: bool,
    others: Vec<Port>,
    /// The main port, if the LAN reaches it directly, too.
    all: Vec<Port>,
    pub(crate) routes: Vec<Route>,
    pub(crate) remarks: Vec<Remark>,
    main_container: String,
}

/// Names of ports that serve HTTP.
const HTTP_NAMES: [&str; 12] =
    ["api", "app", "dashboard", "frontend", "gui", "http", "https", "main", "server", "ui", "web", "webui"];

impl Ports {
    pub(crate) fn of(services: &[&Service], routes: &[&Route], containers: &[Container], main: usize) -> Self {
        let mut ports = Self {
            routes: routes.iter().map(|route| (*route).clone()).collect(),
            main_container: containers.get(main).map(|own| own.name.clone()).unwrap_or_default(),
            ..Self::default()
        };
        let mut secure = Vec::new();
        for service in services {
            for port in &service.ports {
                let Some(number) = target(port, containers) else {
                    let text = format!(
                        "the port `{}` of its Service has a target that no container names",
                        shown(&port.target)
                    );
                    ports.remarks.push(Remark { at: service.at.clone(), text });
                    continue;
                };
                let sidecar = containers.iter().enumerate().find(|(at, container)| {
                    *at != main && container.ports.iter().any(|own| own.port == number && own.udp == port.udp)
                });
                if port.https {
                    secure.push(number);
                }
                let known = ports.all.iter_mut().find(|known| known.number == number && known.udp == port.udp);
                let lan = service.is_lan.then(|| service.address.clone());
                match known {
                    Some(known) => known.lan = known.lan.take().or(lan),
                    None => ports.all.push(Port {
                        name: String::new(),
                        of_service: port.name.clone(),
                        number,
                        served: port.port,
                        udp: port.udp,
                        sidecar: sidecar.map(|(_, container)| container.name.clone()),
                        lan,
                    }),
                }
            }
        }
        ports.main = ports.choose(services, routes, containers.get(main));
        ports.https = ports.main.is_some_and(|port| secure.contains(&port))
            || routes.iter().any(|route| route.https)
            || containers.get(main).is_some_and(|own| {
                own.probes.iter().any(|probe| matches!(&probe.check, Check::Http { https: true, .. }))
            });
        ports.name_others(services);
        ports
    }

    /// Chooses the port that serves HTTP.
    fn choose(&self, services: &[&Service], routes: &[&Route], own: Option<&Container>) -> Option<u16> {
        let tcp: Vec<_> = self.all.iter().filter(|port| !port.udp && port.sidecar.is_none()).collect();
        let of_route = routes.iter().find_map(|route| {
            let named = route.service.as_ref().and_then(|name| services.iter().find(|service| service.name == *name));
            let service = named.or(services.first())?;
            let port = match &route.port {
                Some(text) => service.ports.iter().find(|port| port.name == *text || port.port.to_string() == *text),
                None => service.ports.first(),
            }?;
            tcp.iter().find(|own| own.served == port.port && own.of_service == port.name).map(|own| own.number)
        });
        let of_probe = own.and_then(|own| {
            own.probes.iter().find_map(|probe| match &probe.check {
                Check::Http { port: Some(port), .. } => {
                    self.number(port).or_else(|| own.ports.iter().find(|own| own.name == *port).map(|own| own.port))
                }
                _ => None,
            })
        });
        let is_http = |port: &&&Port| {
            let name = port.of_service.to_ascii_lowercase();
            HTTP_NAMES.iter().any(|http| {
                name == *http || name.starts_with(&format!("{http}-")) || name.ends_with(&format!("-{http}"))
            })
        };
        let of_name = tcp.iter().find(is_http).map(|port| port.number);
        let of_tcp_probe = || of_probe.filter(|number| tcp.is_empty() || tcp.iter().any(|port| port.number == *number));
        of_route.or_else(of_tcp_probe).or(of_name)
    }

    /// Names the ports other than the main one.
    fn name_others(&mut self, services: &[&Service]) {
        let at = services.first().map(|service| service.at.clone());
        let mut others: Vec<Port> = Vec::new();
        for port in self.all.clone() {
            let is_main = Some(port.number) == self.main && !port.udp;
            if is_main && port.lan.is_none() {
                continue;
            }
            if port.number == 80 && !port.udp && !is_main && self.main.is_some() {
                if let Some(at) = &at {
                    let text =
                        "not carried over: port 80, which the Service of an app has for its main port".to_owned();
                    self.remarks.push(Remark { at: at.clone(), text });
                }
                continue;
            }
            let fallback = format!("port-{}", port.number);
            let name = label(&port.of_service, 15, &fallback);
            let has_letter = name.contains(|c: char| c.is_ascii_lowercase());
            let name = if name == "http" || !has_letter { fallback } else { name };
            let is_taken = |name: &str| others.iter().any(|other| other.name == name);
            let name = if is_taken(&name) { unused(&label(&name, 12, "port"), is_taken) } else { name };
            others.push(Port { name, ..port });
        }
        self.others = others;
    }

    /// Whether a port is one of these.
    pub(crate) fn has(&self, number: u16) -> bool {
        self.main == Some(number) || self.others.iter().any(|port| port.number == number && !port.udp)
    }

    /// The number of a port of the pod, from a number or the name of a port.
    pub(crate) fn number(&self, text: &str) -> Option<u16> {
        text.parse().ok().or_else(|| self.all.iter().find(|port| port.of_service == text).map(|port| port.number))
    }

    /// The name in the spec of a port of the Service: `Some(None)` for the main port.
    pub(crate) fn name_of(&self, text: &str) -> Option<Option<&str>> {
        let number = self.number(text)?;
        if Some(number) == self.main {
            return Some(None);
        }
        self.others.iter().find(|port| port.number == number && !port.udp).map(|port| Some(port.name.as_str()))
    }

    /// What the ports of the Services become, for the addresses of Services.
    pub(crate) fn moved(&self) -> BTreeMap<u16, u16> {
        let of =
            |port: &Port| (port.served, if Some(port.number) == self.main && !port.udp { 80 } else { port.number });
        self.all.iter().filter(|port| !port.udp).map(of).collect()
    }

    /// The ports of a container as the spec has them, with their addresses on the LAN.
    pub(crate) fn piece(&self, context: &Context<'_>, container: &Container) -> (Piece, Vec<Ipv4Addr>) {
        let mut fields = Fields::default();
        let mut addresses = Vec::new();
        let is_main = container.name == self.main_container;
        // All ports of an app have one address.
        let address = self.others.iter().find_map(|port| port.lan.clone()?);
        let parsed = address.as_ref().and_then(|address| address.parse::<Ipv4Addr>().ok());
        for port in
            self.others.iter().filter(|port| port.sidecar.as_ref().map_or(is_main, |name| *name == container.name))
        {
            let mut piece = Fields::default();
            piece.add("port", Piece::number(u32::from(port.number)));
            if port.udp {
                piece.add("protocol", Piece::text("udp"));
            }
            match (&port.lan, parsed) {
                (Some(_), Some(address)) => {
                    piece.add("lan", Piece::text(address.to_string()));
                    addresses.push(address);
                    if port.served != port.number {
                        piece.add("lan-port", Piece::number(u32::from(port.served)));
                    }
                    if context.shared_addresses.contains(&address.to_string()) {
                        piece.add("shared", Piece::yes());
                    }
                }
                (Some(_), None) if Some(port.number) != self.main || port.udp => {
                    piece.comment("set: `lan: ADDRESS`, an address of the load-balancer pool");
                }
                // The main port needs no entry without an address.
                (Some(_), None) => continue,
                (None, _) => {}
            }
            fields.add(port.name.clone(), piece.done());
        }
        (fields.done(), addresses)
    }
}

/// The number of the port of a pod that a port of a Service leads to.
fn target(port: &ServicePort, containers: &[Container]) -> Option<u16> {
    let named = || containers.iter().flat_map(|own| &own.ports).find(|own| own.name == port.target).map(|own| own.port);
    let own_name = || (port.target == port.name).then_some(port.port);
    port.target.parse().ok().or_else(named).or_else(own_name)
}

/// The host names of an app.
pub(crate) fn expose(routes: &[Route], domain: Option<&str>, remarks: &mut Vec<Remark>) -> Option<Piece> {
    let mut hosts: Vec<String> = Vec::new();
    let mut gateways = Vec::new();
    for route in routes {
        let mut is_used = false;
        for host in &route.hosts {
            match domain.and_then(|domain| host_below(host, domain)) {
                Some(host) => {
                    is_used = true;
                    if !hosts.contains(&host) {
                        hosts.push(host);
                    }
                }
                None => {
                    let text = format!(
                        "not carried over: the host name `{}`, which is not below the domain of the lab",
                        shown(host)
                    );
                    remarks.push(Remark { at: route.at.clone(), text });
                }
            }
        }
        if is_used {
            gateways.extend(route.gateway.clone());
            for text in &route.remarks {
                remarks.push(Remark { at: route.at.clone(), text: format!("not carried over: {text}") });
            }
        }
    }
    let (first, aliases) = hosts.split_first()?;
    let mut piece = Fields::default();
    piece.add("host", Piece::text(first));
    piece.add_some("aliases", Piece::texts(aliases));
    let is_public = |name: &&String| ["external", "public", "internet"].iter().any(|word| name.contains(word));
    if let Some(gateway) = gateways.iter().find(is_public) {
        piece.comment(format!("set: `public: true`, if `{}` is reachable from the Internet", shown(gateway)));
        if let Some(route) = routes.first() {
            let text =
                format!("its route uses `{}`: set `expose.public` if the Internet should reach it", shown(gateway));
            remarks.push(Remark { at: route.at.clone(), text });
        }
    }
    Some(piece.done())
}
