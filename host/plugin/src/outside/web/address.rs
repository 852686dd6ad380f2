//! Which addresses may be asked. Names are anybody's: whoever owns one can have it point at this machine, at a router
//! or at what hands out the credentials of a cloud. So what counts is the address, and every one that a name has.
//!
//! Pure: nothing here resolves or connects.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whose an address is. The later, the less it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Anybody's.
    Public,
    /// Where it leads depends on where one is.
    Private(Place),
    /// Nobody's: set aside, for documents, for tests, for later.
    Reserved,
    /// Never the one server that somebody granted.
    Never(Trap),
}

/// What is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    ThisMachine,
    PrivateNetwork,
    /// 100.64.0.0/10, between a provider and its customers.
    SharedNetwork,
}

/// What is no server at all, or one that must not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trap {
    Unspecified,
    /// Also where clouds hand out credentials.
    LinkLocal,
    Metadata,
    Multicast,
    Broadcast,
}

/// What is allowed of what is not anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Nothing.
    Public,
    /// Private addresses.
    Private,
    /// The address that stands in the grant.
    Literal,
}

/// Tells whether an address may be asked, or whose it is.
pub(super) fn check(address: IpAddr, allowed: Allowed) -> Result<(), Reach> {
    let found = reach(address);
    let fine = match (found, allowed) {
        (Reach::Public, _) | (Reach::Private(_), Allowed::Private | Allowed::Literal) => true,
        (Reach::Reserved, Allowed::Literal) => true,
        (Reach::Private(_), Allowed::Public) | (Reach::Reserved, Allowed::Public | Allowed::Private) => false,
        (Reach::Never(_), _) => false,
    };
    if fine { Ok(()) } else { Err(found) }
}

/// Returns whose an address is.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_4(address),
        IpAddr::V6(address) => reach_6(address),
    }
}

fn reach_4(address: Ipv4Addr) -> Reach {
    let [first, second, third, _] = address.octets();
    match (first, second, third) {
        (0, ..) => Reach::Never(Trap::Unspecified),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Reach::Private(Place::PrivateNetwork),
        (100, 64..=127, _) => Reach::Private(Place::SharedNetwork),
        (127, ..) => Reach::Private(Place::ThisMachine),
        (169, 254, _) => Reach::Never(Trap::LinkLocal),
        // Protocols; documents; the relays of 6to4, which are gone; measurements.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18..=19, _) => Reach::Reserved,
        (224..=239, ..) => Reach::Never(Trap::Multicast),
        (240..=255, ..) if address.is_broadcast() => Reach::Never(Trap::Broadcast),
        (240..=255, ..) => Reach::Reserved,
        _ => Reach::Public,
    }
}

fn reach_6(address: Ipv6Addr) -> Reach {
    /// Where a large cloud hands out credentials over IPv6.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        Ipv6Addr::UNSPECIFIED => return Reach::Never(Trap::Unspecified),
        Ipv6Addr::LOCALHOST => return Reach::Private(Place::ThisMachine),
        METADATA => return Reach::Never(Trap::Metadata),
        _ => {}
    }
    if let Some(worst) = embedded(address).into_iter().flatten().map(reach_4).max() {
        return worst;
    }
    let [first, second, ..] = address.segments();
    match (first, second) {
        (0xfe80..=0xfebf, _) => Reach::Never(Trap::LinkLocal),
        (0xff00..=0xffff, _) => Reach::Never(Trap::Multicast),
        (0xfc00..=0xfdff, _) => Reach::Private(Place::PrivateNetwork),
        // Protocols and measurements; documents.
        (0x2001, 0..=0x1ff) | (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => Reach::Reserved,
        (0x2000..=0x3fff, _) => Reach::Public,
        _ => Reach::Reserved,
    }
}

/// Returns the addresses of IPv4 that an address of IPv6 leads to, if it is a way to write them.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let four = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // Compatible; mapped, in its two forms; translated by the prefix that everybody knows.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [four(high, low), None],
        // 6to4.
        [0x2002, high, low, ..] => [four(high, low), None],
        // Teredo: the server, and the other end, which is turned over.
        [0x2001, 0, high, low, _, _, end_high, end_low] => [four(high, low), four(!end_high, !end_low)],
        _ => [None, None],
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reach::Public => "a public address",
            Reach::Private(Place::ThisMachine) => "an address of this machine",
            Reach::Private(Place::PrivateNetwork) => "an address of a private network",
            Reach::Private(Place::SharedNetwork) => "an address of a provider's network",
            Reach::Reserved => "an address that is set aside",
            Reach::Never(Trap::Unspecified) => "no address of a server",
            Reach::Never(Trap::LinkLocal) => "a link-local address",
            Reach::Never(Trap::Metadata) => "where a cloud hands out credentials",
            Reach::Never(Trap::Multicast) => "a multicast address",
            Reach::Never(Trap::Broadcast) => "a broadcast address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Reach = Reach::Private(Place::ThisMachine);
    const NETWORK: Reach = Reach::Private(Place::PrivateNetwork);
    const SHARED: Reach = Reach::Private(Place::SharedNetwork);
    const NOWHERE: Reach = Reach::Never(Trap::Unspecified);
    const LINK: Reach = Reach::Never(Trap::LinkLocal);
    const MANY: Reach = Reach::Never(Trap::Multicast);

    fn check_all(cases: &[(&str, Reach)]) {
        for (text, expected) in cases {
            assert_eq!(reach(text.parse().unwrap()), *expected, "{text}");
        }
    }

    #[test]
    fn addresses_of_four_bytes() {
        check_all(&[
            ("0.0.0.0", NOWHERE),
            ("0.255.255.255", NOWHERE),
            ("1.0.0.0", Reach::Public),
            ("9.255.255.255", Reach::Public),
            ("10.0.0.0", NETWORK),
            ("10.255.255.255", NETWORK),
            ("11.0.0.0", Reach::Public),
            ("100.63.255.255", Reach::Public),
            ("100.64.0.0", SHARED),
            ("100.127.255.255", SHARED),
            ("100.128.0.0", Reach::Public),
            ("126.255.255.255", Reach::Public),
            ("127.0.0.1", MACHINE),
            ("127.255.255.255", MACHINE),
            ("128.0.0.0", Reach::Public),
            ("169.253.255.255", Reach::Public),
            ("169.254.0.0", LINK),
            ("169.254.169.254", LINK),
            ("169.255.0.0", Reach::Public),
            ("172.15.255.255", Reach::Public),
            ("172.16.0.0", NETWORK),
            ("172.31.255.255", NETWORK),
            ("172.32.0.0", Reach::Public),
            ("192.0.0.192", Reach::Reserved),
            ("192.0.1.0", Reach::Public),
            ("192.0.2.1", Reach::Reserved),
            ("192.88.99.1", Reach::Reserved),
            ("192.167.255.255", Reach::Public),
            ("192.168.0.0", NETWORK),
            ("192.169.0.0", Reach::Public),
            ("198.17.255.255", Reach::Public),
            ("198.18.0.0", Reach::Reserved),
            ("198.19.255.255", Reach::Reserved),
            ("198.20.0.0", Reach::Public),
            ("198.51.100.7", Reach::Reserved),
            ("203.0.113.7", Reach::Reserved),
            ("223.255.255.255", Reach::Public),
            ("224.0.0.1", MANY),
            ("239.255.255.255", MANY),
            ("240.0.0.0", Reach::Reserved),
            ("255.255.255.254", Reach::Reserved),
            ("255.255.255.255", Reach::Never(Trap::Broadcast)),
        ]);
    }

    #[test]
    fn addresses_of_sixteen_bytes() {
        check_all(&[
            ("::", NOWHERE),
            ("::1", MACHINE),
            ("100::1", Reach::Reserved),
            ("64:ff9b:1::7f00:1", Reach::Reserved),
            ("1fff:ffff::", Reach::Reserved),
            ("2000::", Reach::Public),
            ("2001:1ff::", Reach::Reserved),
            ("2001:200::", Reach::Public),
            ("2001:2::1", Reach::Reserved),
            ("2001:db8::1", Reach::Reserved),
            ("2606:4700::1111", Reach::Public),
            ("3ffe:ffff::", Reach::Public),
            ("3fff:fff::", Reach::Reserved),
            ("3fff:1000::", Reach::Public),
            ("4000::", Reach::Reserved),
            ("5f00::", Reach::Reserved),
            ("fbff::", Reach::Reserved),
            ("fc00::", NETWORK),
            ("fd00:ec2::254", Reach::Never(Trap::Metadata)),
            ("fd00:ec2::255", NETWORK),
            ("fdff:ffff::", NETWORK),
            ("fe00::", Reach::Reserved),
            ("fe80::1", LINK),
            ("febf::1", LINK),
            ("fec0::1", Reach::Reserved),
            ("ff02::1", MANY),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MANY),
        ]);
    }

    #[test]
    fn an_address_in_another_counts() {
        check_all(&[
            ("::ffff:127.0.0.1", MACHINE),
            ("::ffff:169.254.169.254", LINK),
            ("::ffff:8.8.8.8", Reach::Public),
            ("::ffff:0:10.0.0.1", NETWORK),
            ("::0.0.0.2", NOWHERE),
            ("::127.0.0.1", MACHINE),
            ("::10.1.2.3", NETWORK),
            ("64:ff9b::10.0.0.1", NETWORK),
            ("64:ff9b::169.254.169.254", LINK),
            ("64:ff9b::8.8.8.8", Reach::Public),
            ("2002:7f00:1::1", MACHINE),
            ("2002:a9fe:a9fe::", LINK),
            ("2002:808:808::", Reach::Public),
            // Teredo: of server and client, the worse.
            ("2001:0:808:808:0:0:f7f7:f7f7", Reach::Public),
            ("2001:0:808:808:0:0:80ff:fffe", MACHINE),
            ("2001:0:7f00:1:0:0:f7f7:f7f7", MACHINE),
            ("2001:0:808:808:0:0:5601:5601", LINK),
        ]);
    }

    #[test]
    fn what_a_grant_opens() {
        let fine = |text: &str| {
            let check = |allowed| check(text.parse().unwrap(), allowed).is_ok();
            [check(Allowed::Public), check(Allowed::Private), check(Allowed::Literal)]
        };
        assert_eq!(fine("8.8.8.8"), [true, true, true]);
        for private in ["127.0.0.1", "10.0.0.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"] {
            assert_eq!(fine(private), [false, true, true], "{private}");
        }
        for reserved in ["192.0.2.1", "240.0.0.1", "2001:db8::1", "fec0::1"] {
            assert_eq!(fine(reserved), [false, false, true], "{reserved}");
        }
        for never in [
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::224.0.0.1",
        ] {
            assert_eq!(fine(never), [false, false, false], "{never}");
        }
    }
}
