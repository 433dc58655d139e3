//! Which addresses are the world's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the world's: in none of the special registries of IANA
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, and `-ipv6-`).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240 // reserved, and broadcast
        || (a == 100 && (64..128).contains(&b)) // carriers' own
        || (a == 198 && (18..20).contains(&b)) // benchmarks
        || (a == 192 && b == 0 && c == 0); // protocol assignments
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    match address.segments() {
        // Translated to IPv4 on the way (RFC 6052, RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Documentation; protocol assignments, Teredo among them.
        [0x2001, 0xdb8, ..] | [0x2001, 0..0x200, ..] | [0x3fff, 0..0x1000, ..] => false,
        // Global unicast is 2000::/3; the rest is local, multicast or nobody's.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
