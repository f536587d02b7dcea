//! IPv4 addresses, networks and ranges.

use super::Text;
use ipnet::Ipv4Net;
use std::fmt;
use std::net::Ipv4Addr;

/// An IPv4 address of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4(Ipv4Addr);

impl Ipv4 {
    /// The address as an integer.
    pub fn number(self) -> u32 {
        u32::from(self.0)
    }

    /// The address with this integer value.
    pub fn from_number(number: u32) -> Self {
        Self(Ipv4Addr::from(number))
    }

    /// Parses an address of any kind.
    fn parse_any(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "it must be four numbers from 0 to 255, separated by dots".to_owned())
    }

    /// The reserved range that contains the address, if it cannot be that of a machine (RFC 6890).
    fn reserved(self) -> Option<&'static str> {
        match self.0.octets() {
            [0, ..] => Some("the range 0.0.0.0/8, \"this network\""),
            [127, ..] => Some("the loopback range (127.0.0.0/8)"),
            [169, 254, ..] => Some("the link-local range (169.254.0.0/16)"),
            [224..=239, ..] => Some("the multicast range (224.0.0.0/4)"),
            [240..=255, ..] => Some("the reserved range (240.0.0.0/4)"),
            _ => None,
        }
    }

    /// Reports an address that cannot be that of a machine.
    fn check_usable(self) -> Result<(), String> {
        self.reserved().map_or(Ok(()), |range| Err(format!("no machine has an address in {range}")))
    }
}

impl fmt::Display for Ipv4 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Implements `Serialize` as text.
macro_rules! serialized_as_text {
    ($($name:ident)+) => {
        $(
            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }
        )+
    };
}

serialized_as_text! { Ipv4 Ipv4Cidr Ipv4Interface AddressBlock AddressRange }

macro_rules! octet {
    () => {
        "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    };
}

/// A lookahead that rejects the ranges of [`Ipv4::reserved`].
macro_rules! usable {
    () => {
        r"(?!0\.|127\.|169\.254\.|22[4-9]\.|2[345][0-9]\.)"
    };
}

macro_rules! address {
    () => {
        concat!(octet!(), r"\.", octet!(), r"\.", octet!(), r"\.", octet!())
    };
}

impl Text for Ipv4 {
    const FORMAT: &'static str = "lab-ipv4";
    const EXPECTED: &'static str = "an IPv4 address such as 192.168.10.11";
    const PATTERN: &'static str = concat!("^", usable!(), address!(), "$");
    const EXAMPLE: &'static str = "192.168.10.11";

    fn parse(text: &str) -> Result<Self, String> {
        let address = Self::parse_any(text)?;
        address.check_usable().map(|()| address)
    }
}

/// An IPv4 network: its network address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Cidr(Ipv4Net);

impl Ipv4Cidr {
    /// The length of the prefix, 8 to 30.
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// The network address, the first of the network.
    pub fn first(self) -> Ipv4 {
        Ipv4(self.0.network())
    }

    /// The broadcast address, the last of the network.
    pub fn last(self) -> Ipv4 {
        Ipv4(self.0.broadcast())
    }

    /// Whether the address is in the network.
    pub fn contains(self, address: Ipv4) -> bool {
        self.0.contains(&address.0)
    }

    /// Whether the networks have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// The next network of the same size, if there is one.
    pub fn next(self) -> Option<Self> {
        let next = self.last().number().checked_add(1)?;
        Ipv4Net::new(Ipv4Addr::from(next), self.prefix()).ok().map(Self)
    }

    /// Parses a network whose prefix has one of these lengths.
    fn parse_within(text: &str, lengths: std::ops::RangeInclusive<u8>) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').ok_or("it has no prefix length such as /24")?;
        let address = Ipv4::parse_any(address)?;
        let is_plain = prefix == "0" || !prefix.starts_with(['0', '+']);
        let length = prefix.parse().ok().filter(|length| is_plain && lengths.contains(length));
        let network = length.and_then(|length| Ipv4Net::new(address.0, length).ok()).ok_or_else(|| {
            format!("the prefix length must be a number from {} to {}", lengths.start(), lengths.end())
        })?;
        let truncated = network.trunc();
        if network != truncated {
            return Err(format!("it has host bits set; the network of this address is {truncated}"));
        }
        // The network of all addresses contains these ranges, but is not in one of them.
        if network.prefix_len() > 0 {
            address.check_usable()?;
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Ipv4Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Text for Ipv4Cidr {
    const FORMAT: &'static str = "ipv4-cidr";
    const EXPECTED: &'static str = "an IPv4 network such as 192.168.10.0/24";
    const PATTERN: &'static str = concat!("^", usable!(), address!(), "/([89]|1[0-9]|2[0-9]|30)$");
    const EXAMPLE: &'static str = "192.168.10.0/24";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse_within(text, 8..=30)
    }
}

/// The IPv4 address of a network interface, with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Interface {
    address: Ipv4,
    network: Ipv4Cidr,
}

impl Ipv4Interface {
    /// The address.
    pub fn address(self) -> Ipv4 {
        self.address
    }

    /// The network that the address is in.
    pub fn network(self) -> Ipv4Cidr {
        self.network
    }
}

impl fmt::Display for Ipv4Interface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.network.prefix())
    }
}

impl Text for Ipv4Interface {
    const FORMAT: &'static str = "ipv4-interface";
    const EXPECTED: &'static str = "an IPv4 address with its prefix length such as 10.0.30.41/24";
    const PATTERN: &'static str = concat!("^", usable!(), address!(), "/([89]|1[0-9]|2[0-9]|30)$");
    const EXAMPLE: &'static str = "10.0.30.41/24";

    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').ok_or("it has no prefix length such as /24")?;
        let address = Ipv4::parse_any(address)?;
        address.check_usable()?;
        let is_plain = !prefix.starts_with(['0', '+']);
        let length = prefix.parse().ok().filter(|length| is_plain && (8..=30).contains(length));
        let network = length.and_then(|length| Ipv4Net::new(address.0, length).ok());
        let network = network.ok_or("the prefix length must be a number from 8 to 30")?;
        Ok(Self { address, network: Ipv4Cidr(network.trunc()) })
    }
}

/// An IPv4 network of any size, down to a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock(Ipv4Cidr);

impl AddressBlock {
    /// The length of the prefix, 0 to 32.
    pub fn prefix(self) -> u8 {
        self.0.prefix()
    }

    /// Whether the networks have an address in common.
    pub fn overlaps(self, other: Ipv4Cidr) -> bool {
        self.0.overlaps(other)
    }

    /// Whether all its addresses are in a network.
    pub fn is_inside(self, other: Ipv4Cidr) -> bool {
        self.prefix() >= other.prefix() && other.contains(self.0.first())
    }
}

impl From<Ipv4Cidr> for AddressBlock {
    fn from(network: Ipv4Cidr) -> Self {
        Self(network)
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Text for AddressBlock {
    const FORMAT: &'static str = "address-block";
    const EXPECTED: &'static str =
        "an IPv4 network such as 192.168.10.0/24, or a single address such as 192.168.10.7/32";
    const PATTERN: &'static str =
        concat!("^(", address!(), "/0|", usable!(), address!(), "/([1-9]|[12][0-9]|3[0-2]))$");
    const EXAMPLE: &'static str = "192.168.10.0/24";

    fn parse(text: &str) -> Result<Self, String> {
        match Ipv4::parse_any(text) {
            Ok(address) => Err(format!("it has no prefix length; for a single address, write {address}/32")),
            Err(_) => Ipv4Cidr::parse_within(text, 0..=32).map(Self),
        }
    }
}

impl AddressBlock {
    /// A network that is known to be valid. Unlike one of a spec, it can be one in which no machine has an address.
    ///
    /// # Panics
    /// If it is not.
    pub fn known(text: &str) -> Self {
        text.parse().map_or_else(|error| panic!("{text}: {error}"), |network| Self(Ipv4Cidr(network)))
    }

    /// The network of a single address.
    pub fn of(address: Ipv4) -> Self {
        Self(Ipv4Cidr(Ipv4Net::from(address.0)))
    }

    /// Whether all addresses of another network are in it.
    pub fn covers(self, other: Self) -> bool {
        self.0.0.contains(&other.0.0)
    }
}

/// What an app can reach in the LAN: an address or a network, at one port or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LanTarget {
    block: AddressBlock,
    port: Option<u16>,
}

impl LanTarget {
    /// The network.
    pub fn block(self) -> AddressBlock {
        self.block
    }

    /// The port, if it is a single one.
    pub fn port(self) -> Option<u16> {
        self.port
    }
}

impl fmt::Display for LanTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.block.fmt(formatter)?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

impl Text for LanTarget {
    const FORMAT: &'static str = "lan-target";
    const EXPECTED: &'static str = "an IPv4 address or network with an optional port such as 192.168.10.50:554";
    const PATTERN: &'static str = concat!(
        "^(",
        address!(),
        "/0|",
        usable!(),
        address!(),
        "(/([1-9]|[12][0-9]|3[0-2]))?)(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|\
         6553[0-5]))?$"
    );
    const EXAMPLE: &'static str = "192.168.10.50:554";

    fn parse(text: &str) -> Result<Self, String> {
        let (network, port) = match text.split_once(':') {
            Some((network, port)) => (network, Some(port)),
            None => (text, None),
        };
        let block =
            if network.contains('/') { AddressBlock::parse(network)? } else { AddressBlock::of(Ipv4::parse(network)?) };
        let is_plain = |port: &&str| port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        let port = port
            .map(|port| {
                let number = Some(port).filter(is_plain).and_then(|port| port.parse().ok());
                number.ok_or_else(|| "the port must be a number from 1 to 65535".to_owned())
            })
            .transpose()?;
        Ok(Self { block, port })
    }
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: Ipv4,
    last: Ipv4,
}

impl AddressRange {
    /// The lowest address.
    pub fn first(self) -> Ipv4 {
        self.first
    }

    /// The highest address.
    pub fn last(self) -> Ipv4 {
        self.last
    }

    /// Whether the address is in the range.
    pub fn contains(self, address: Ipv4) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// Whether the ranges have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.first, self.last)
    }
}

impl Text for AddressRange {
    const FORMAT: &'static str = "ipv4-range";
    const EXPECTED: &'static str = "an IPv4 address range such as 192.168.10.240-192.168.10.249";
    const PATTERN: &'static str = concat!("^", usable!(), address!(), "-", usable!(), address!(), "$");
    const EXAMPLE: &'static str = "192.168.10.240-192.168.10.249";

    fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').ok_or("it has no '-' between two addresses")?;
        let (first, last) = (Ipv4::parse(first)?, Ipv4::parse(last)?);
        if first <= last {
            Ok(Self { first, last })
        } else {
            Err(format!("the first address is higher than the last; write {last}-{first}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_network_of_an_address_with_host_bits() {
        let error = Ipv4Cidr::parse("192.168.10.7/24").expect_err("host bits are set");
        assert!(error.contains("192.168.10.0/24"), "{error}");
    }

    #[test]
    fn rejects_addresses_that_no_machine_can_have() {
        for (address, range) in [
            ("0.0.0.0", "this network"),
            ("127.0.0.1", "loopback"),
            ("169.254.1.1", "link-local"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("255.255.255.255", "reserved"),
        ] {
            let range_of_it = format!("{address}-{address}");
            for error in [
                Ipv4::parse(address).map(drop),
                AddressBlock::parse(&format!("{address}/32")).map(drop),
                AddressRange::parse(&range_of_it).map(drop),
            ] {
                let error = error.expect_err(address);
                assert!(error.contains(range), "{address}: {error}");
            }
        }
        for network in ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "240.0.0.0/8", "0.0.0.0/8"] {
            assert!(Ipv4Cidr::parse(network).is_err() && AddressBlock::parse(network).is_err(), "{network}");
        }
        for network in ["126.0.0.0/8", "128.0.0.0/8", "169.253.0.0/16", "223.255.255.0/24"] {
            assert!(Ipv4Cidr::parse(network).is_ok(), "{network}");
        }
    }

    #[test]
    fn accepts_a_single_address_as_a_block_but_not_as_a_network() {
        for text in ["192.168.10.7/32", "0.0.0.0/0", "10.0.0.0/8", "192.168.10.6/31"] {
            assert_eq!(AddressBlock::parse(text).expect("a block").to_string(), text);
        }
        for text in ["192.168.10.7/33", "192.168.10.7/31", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/"] {
            assert!(AddressBlock::parse(text).is_err(), "{text}");
        }
        assert!(Ipv4Cidr::parse("192.168.10.7/32").is_err() && Ipv4Cidr::parse("0.0.0.0/0").is_err());
        let error = AddressBlock::parse("192.168.10.7").expect_err("it has no prefix");
        assert!(error.contains("192.168.10.7/32"), "{error}");
    }

    #[test]
    fn overlap_is_symmetric_and_includes_the_ends() {
        let range = |text| AddressRange::parse(text).expect("the range is well formed");
        let (a, b, c) = (range("10.0.0.1-10.0.0.5"), range("10.0.0.5-10.0.0.9"), range("10.0.0.6-10.0.0.9"));
        assert!(a.overlaps(b) && b.overlaps(a));
        assert!(!a.overlaps(c) && !c.overlaps(a));
    }
}
