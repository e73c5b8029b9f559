//! How `cambio sessions` prints sessions and their numbers: for people, and as JSON for scripts.

use std::fmt::Display;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::super::ids::session_name;
use super::work::Stats;
use crate::domain::Timestamp;
use crate::session::Session;

pub(super) fn stats_lines(stats: &Stats) -> String {
    let mut text = format!("{:>12} sessions\n", stats.values().sum::<u64>());
    for ((tenant, service), count) in stats {
        text.push_str(&format!("{count:>12} {tenant} / {service}\n"));
    }
    text
}

pub(super) fn stats_json(stats: &Stats) -> String {
    let entry = |((tenant, service), count): (&(String, String), &u64)| json!({"tenant": tenant, "service": service, "sessions": count});
    let services: Vec<_> = stats.iter().map(entry).collect();
    let sessions: u64 = stats.values().sum();
    format!("{}\n", json!({"sessions": sessions, "services": services}))
}

pub(super) fn as_line(session: &Session) -> String {
    format!(
        "{}\t{}\t{}\t{}\tbegun {}\tlast used {}\texpires {}",
        session_name(session.id),
        session.tenant,
        session.facts.account.id,
        session.device,
        time(session.begun_at),
        time(session.issued_at),
        time(session.expires_at),
    )
}

/// As people read it: RFC 3339, UTC.
fn time(at: Timestamp) -> impl Display {
    const LAST: u64 = 253_402_300_799; // of the year 9999, which has no successor there
    let secs = u64::try_from(at.secs()).unwrap_or_default().min(LAST);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(secs))
}

pub(super) fn as_json(session: &Session) -> String {
    json!({
        "session": session_name(session.id),
        "tenant": session.tenant,
        "service": session.service,
        "account": session.facts.account.id,
        "device": session.device,
        "deviceClass": session.device_class,
        "begunAt": session.begun_at,
        "lastUsedAt": session.issued_at,
        "expiresAt": session.expires_at,
        "endsAt": session.id.ends_at,
        "refreshes": session.generation.saturating_sub(1),
    })
    .to_string()
}
