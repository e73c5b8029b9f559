//! Writes a country database in MaxMind's format (specification 2.0), as small as it gets:
//! an IPv4 tree with records of 24 bits whose leaves say `{"country": {"iso_code": …}}`.

use std::net::Ipv4Addr;

/// What a record holds.
#[derive(Clone, Copy)]
enum Record {
    Nothing,
    Node(usize),
    /// The offset in the data section.
    Data(usize),
}

/// A database in which each network (of at least one bit) has its country.
pub(crate) fn database(networks: &[(Ipv4Addr, u8, &str)]) -> Vec<u8> {
    let mut nodes = vec![[Record::Nothing; 2]];
    let mut data = Vec::new();
    for (network, prefix, country) in networks {
        let leaf = Record::Data(data.len());
        data.extend(map(&[("country", map(&[("iso_code", text(country))]))]));
        insert(&mut nodes, u32::from(*network), *prefix, leaf);
    }
    let count = nodes.len();
    let value = |record: &Record| match *record {
        Record::Nothing => count,
        Record::Node(node) => node,
        // Data records count from behind the 16 zero bytes that end the tree.
        Record::Data(offset) => count + 16 + offset,
    };
    let mut file: Vec<u8> =
        nodes.iter().flatten().flat_map(|r| value(r).to_be_bytes()[5..].to_vec()).collect();
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(metadata(count));
    file
}

fn insert(nodes: &mut Vec<[Record; 2]>, network: u32, prefix: u8, leaf: Record) {
    let mut at = 0;
    for depth in 0..prefix {
        let side = usize::from(network & (1 << (31 - depth)) != 0);
        if depth + 1 == prefix {
            nodes[at][side] = leaf;
            return;
        }
        at = match nodes[at][side] {
            Record::Node(next) => next,
            _ => {
                nodes.push([Record::Nothing; 2]);
                nodes[at][side] = Record::Node(nodes.len() - 1);
                nodes.len() - 1
            }
        };
    }
}

fn metadata(node_count: usize) -> Vec<u8> {
    map(&[
        ("node_count", number(6, node_count)),
        ("record_size", number(5, 24)),
        ("ip_version", number(5, 4)),
        ("database_type", text("Test-Country")),
        ("languages", vec![0, 4]),
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", vec![0x04, 2, 0x65, 0, 0, 0]),
        ("description", map(&[])),
    ])
}

fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 29, "longer texts have another size field");
    let mut field = vec![2 << 5 | u8::try_from(text.len()).unwrap()];
    field.extend(text.bytes());
    field
}

/// An unsigned integer of two bytes, of type 5 (16 bits) or 6 (32 bits).
fn number(kind: u8, value: usize) -> Vec<u8> {
    let mut field = vec![kind << 5 | 2];
    field.extend(u16::try_from(value).unwrap().to_be_bytes());
    field
}

fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut field = vec![7 << 5 | u8::try_from(members.len()).unwrap()];
    for (name, value) in members {
        field.extend(text(name));
        field.extend(value);
    }
    field
}
