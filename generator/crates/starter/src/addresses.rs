//! Free addresses of the LAN, and networks that overlap with nothing.

use spec::types::{AddressRange, Ipv4, Ipv4Cidr, Text as _};
use std::collections::BTreeSet;

/// The addresses of a LAN that are still free.
#[derive(Debug, Clone)]
pub(crate) struct Free {
    lan: Ipv4Cidr,
    dhcp: Option<AddressRange>,
    taken: BTreeSet<Ipv4>,
}

impl Free {
    pub(crate) fn new(lan: Ipv4Cidr, dhcp: Option<AddressRange>, taken: impl IntoIterator<Item = Ipv4>) -> Self {
        Self { lan, dhcp, taken: taken.into_iter().collect() }
    }

    /// Marks an address as used.
    pub(crate) fn take(&mut self, address: Ipv4) {
        self.taken.insert(address);
    }

    /// Marks the addresses of a range as used.
    pub(crate) fn take_range(&mut self, range: AddressRange) {
        let last = range.last().number().min(self.lan.last().number());
        self.taken.extend((range.first().number()..=last).map(Ipv4::from_number));
    }

    fn is_free(&self, address: Ipv4) -> bool {
        let (first, last) = (self.lan.first(), self.lan.last());
        first < address
            && address < last
            && !self.taken.contains(&address)
            && !self.dhcp.is_some_and(|dhcp| dhcp.contains(address))
    }

    /// The candidates, starting at an offset from the network address. Large networks have more than anyone tries.
    fn candidates(&self, offset: u32) -> impl Iterator<Item = Ipv4> + use<> {
        let (first, last) = (self.lan.first().number(), self.lan.last().number());
        let start = first.saturating_add(offset).min(last);
        (start..last).chain(first + 1..start).take(1 << 16).map(Ipv4::from_number)
    }

    /// The first free address from an offset on. It counts as used from then on.
    pub(crate) fn next(&mut self, offset: u32) -> Option<Ipv4> {
        let found = self.candidates(offset).find(|address| self.is_free(*address))?;
        self.take(found);
        Some(found)
    }

    /// The first free range of `length` addresses from an offset on. Its addresses count as used from then on.
    pub(crate) fn next_range(&mut self, offset: u32, length: u32) -> Option<AddressRange> {
        let is_free = |first: &Ipv4| (0..length).all(|at| self.is_free(Ipv4::from_number(first.number() + at)));
        let first = self.candidates(offset).find(is_free)?;
        let last = Ipv4::from_number(first.number() + length - 1);
        let range = AddressRange::parse(&format!("{first}-{last}")).ok()?;
        self.take_range(range);
        Some(range)
    }
}

/// The cluster networks and service networks of clusters, which overlap neither with each other nor with the LAN.
pub(crate) fn cluster_networks(lan: Ipv4Cidr) -> impl Iterator<Item = [Ipv4Cidr; 2]> {
    let inside_10 = (42..=242).step_by(10).map(|octet| [(10, octet), (10, octet + 1)]);
    let inside_172 = (16..=30).step_by(2).map(|octet| [(172, octet), (172, octet + 1)]);
    let network = |(first, second): (u8, u8)| Ipv4Cidr::parse(&format!("{first}.{second}.0.0/16")).ok();
    inside_10.chain(inside_172).filter_map(move |pair| {
        let [pods, services] = pair.map(network);
        let pair = [pods?, services?];
        (!pair.iter().any(|network| network.overlaps(lan))).then_some(pair)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lan(text: &str) -> Ipv4Cidr {
        Ipv4Cidr::parse(text).expect("a network")
    }

    fn address(text: &str) -> Ipv4 {
        Ipv4::parse(text).expect("an address")
    }

    #[test]
    fn skips_the_gateway_the_dhcp_range_and_used_addresses() {
        let dhcp = AddressRange::parse("192.168.1.20-192.168.1.252").ok();
        let mut free = Free::new(lan("192.168.1.0/24"), dhcp, [address("192.168.1.1"), address("192.168.1.254")]);
        assert_eq!(free.next(41), Some(address("192.168.1.253")));
        assert_eq!(free.next(41), Some(address("192.168.1.2")));
        assert_eq!(
            free.next_range(240, 10).map(|range| range.to_string()).as_deref(),
            Some("192.168.1.3-192.168.1.12")
        );
        assert_eq!(free.next_range(240, 10), None);
    }

    #[test]
    fn small_and_large_networks_have_addresses() {
        for (network, expected) in
            [("10.0.0.0/30", "10.0.0.1"), ("10.0.0.0/8", "10.0.0.41"), ("10.0.0.0/27", "10.0.0.1")]
        {
            assert_eq!(Free::new(lan(network), None, []).next(41), Some(address(expected)), "{network}");
        }
        assert_eq!(Free::new(lan("10.0.0.0/30"), None, []).next_range(240, 10), None);
    }

    #[test]
    fn networks_of_clusters_avoid_the_lan() {
        let first = |network| cluster_networks(lan(network)).next().map(|pair| pair.map(|network| network.to_string()));
        let pair = |pods: &str, services: &str| Some([pods.to_owned(), services.to_owned()]);
        assert_eq!(first("192.168.1.0/24"), pair("10.42.0.0/16", "10.43.0.0/16"));
        assert_eq!(first("10.43.7.0/24"), pair("10.52.0.0/16", "10.53.0.0/16"));
        assert_eq!(first("10.0.0.0/8"), pair("172.16.0.0/16", "172.17.0.0/16"));
    }
}
