//! Which node of a cluster has which slots, as one of its nodes says (`CLUSTER SLOTS`).

use redis::Value;

use super::slot::SLOTS;
use crate::support::{Fault, FaultKind};

/// One node's view of the cluster. Two views are equal if they have the same masters for the
/// same slots.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// In order of the slots.
    pub(super) ranges: Vec<Range>,
    /// `host:port` of the replicas.
    pub(super) replicas: Vec<String>,
}

/// Slots that stand together and have one master.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    /// `host:port`.
    pub(super) master: String,
}

impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        self.ranges == other.ranges
    }
}

impl Layout {
    /// Reads the answer of the node at `host`, which may leave its own host out.
    ///
    /// # Errors
    /// [`FaultKind::Nonsense`] when it is of another shape, [`FaultKind::Refused`] when nobody
    /// has any slot.
    pub(super) fn read(answer: &Value, host: &str) -> Result<Self, Fault> {
        let nonsense = || Fault::new(FaultKind::Nonsense, "redis lists its slots in no known form");
        let Value::Array(rows) = answer else { return Err(nonsense()) };
        let mut layout = Self { ranges: Vec::with_capacity(rows.len()), replicas: Vec::new() };
        for row in rows {
            let Value::Array(row) = row else { return Err(nonsense()) };
            let [first, last, master, replicas @ ..] = &row[..] else { return Err(nonsense()) };
            layout.ranges.push(Range {
                first: number(first).filter(|slot| *slot < SLOTS).ok_or_else(nonsense)?,
                last: number(last).filter(|slot| *slot < SLOTS).ok_or_else(nonsense)?,
                master: place(master, host).ok_or_else(nonsense)?,
            });
            layout.replicas.extend(replicas.iter().filter_map(|replica| place(replica, host)));
        }
        if layout.ranges.is_empty() {
            return Err(Fault::new(FaultKind::Refused, "redis cluster has no slots"));
        }
        layout.ranges.sort_unstable();
        layout.replicas.sort_unstable();
        layout.replicas.dedup();
        Ok(layout)
    }
}

fn place(node: &Value, host: &str) -> Option<String> {
    let Value::Array(parts) = node else { return None };
    let port = number(parts.get(1)?)?;
    let host = match parts.first()? {
        Value::BulkString(own) if !own.is_empty() && own != b"?" => {
            std::str::from_utf8(own).ok()?
        }
        _ => host,
    };
    Some(format!("{host}:{port}"))
}

fn number(value: &Value) -> Option<u16> {
    let Value::Int(number) = value else { return None };
    u16::try_from(*number).ok()
}

/// The two parts of `host:port`; an empty host is `host`.
pub(super) fn split(place: &str, host: &str) -> Option<(String, u16)> {
    let (own, port) = place.rsplit_once(':')?;
    let own = own.trim_start_matches('[').trim_end_matches(']');
    let host = if own.is_empty() { host } else { own };
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &[u8], port: i64) -> Value {
        let id = Value::BulkString(b"07c37dfeb235213a872192d90877d0cd55635b91".to_vec());
        Value::Array(vec![Value::BulkString(host.to_vec()), Value::Int(port), id])
    }

    fn row(first: i64, last: i64, nodes: Vec<Value>) -> Value {
        let mut row = vec![Value::Int(first), Value::Int(last)];
        row.extend(nodes);
        Value::Array(row)
    }

    #[test]
    fn views_are_equal_by_masters_and_slots() {
        let (a, b, c) = (node(b"10.0.0.1", 1), node(b"10.0.0.2", 2), node(b"10.0.0.3", 3));
        let one = Value::Array(vec![row(9, 16383, vec![b.clone()]), row(0, 8, vec![a.clone(), c])]);
        let other = Value::Array(vec![row(0, 8, vec![a]), row(9, 16383, vec![b])]);
        let (one, other) = (Layout::read(&one, "x").unwrap(), Layout::read(&other, "y").unwrap());
        assert_eq!(one, other);
        assert_eq!(one.replicas, ["10.0.0.3:3"]);
    }

    #[test]
    fn a_node_that_does_not_know_its_host_is_where_it_was_asked() {
        let answer = Value::Array(vec![row(0, 1, vec![node(b"", 7)])]);
        assert_eq!(Layout::read(&answer, "h").unwrap().ranges[0].master, "h:7");
        assert_eq!(split(":7", "h"), Some(("h".to_owned(), 7)));
        assert_eq!(split("::1:7", "h"), Some(("::1".to_owned(), 7)));
    }

    #[test]
    fn other_shapes_are_faults() {
        for answer in [Value::Nil, Value::Array(vec![]), Value::Array(vec![Value::Nil])] {
            assert!(Layout::read(&answer, "h").is_err());
        }
        let beyond = Value::Array(vec![row(0, 16384, vec![node(b"h", 1)])]);
        assert_eq!(Layout::read(&beyond, "h").unwrap_err().kind, FaultKind::Nonsense);
    }
}
