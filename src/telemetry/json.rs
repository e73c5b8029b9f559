//! JSON log lines, written straight into a buffer: `tracing-subscriber`'s own formatter
//! builds maps, which costs more than minting a token does.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::time::{Duration, SystemTime};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::sink::Sink;
use crate::support::correlation;

/// The longest value that is written, in bytes; longer ones are cut.
const MAX_VALUE: usize = 2048;

/// The layer.
#[derive(Debug)]
pub(super) struct JsonLines {
    sink: Sink,
}

impl JsonLines {
    pub(super) fn new(sink: Sink) -> Self {
        Self { sink }
    }
}

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            let meta = event.metadata();
            line.push_str("{\"timestamp\":\"");
            push_wall_clock(line);
            line.push_str("\",\"level\":\"");
            line.push_str(meta.level().as_str());
            line.push_str("\",\"target\":\"");
            line.push_str(meta.target());
            line.push('"');
            event.record(&mut Fields(line));
            correlation::with_current(|id| {
                // Correlation ids hold nothing that JSON escapes.
                line.push_str(",\"correlation.id\":\"");
                line.push_str(id.as_str());
                line.push('"');
            });
            line.push_str("}\n");
            self.sink.push(line.as_bytes());
        });
    }
}

/// The time in RFC 3339 with milliseconds; the text of a second is made once a thread.
#[expect(clippy::disallowed_methods, reason = "a log's timestamps decide nothing")]
fn push_wall_clock(line: &mut String) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            let whole = SystemTime::UNIX_EPOCH + Duration::from_secs(*second);
            *text = humantime::format_rfc3339_seconds(whole).to_string();
            text.truncate(text.len() - 1);
        }
        line.push_str(text);
    });
    let _ = write!(line, ".{:03}Z", since.subsec_millis());
}

/// Writes fields as `,"name":value`.
struct Fields<'l>(&'l mut String);

impl Fields<'_> {
    fn key(&mut self, field: &Field) {
        self.0.push_str(",\"");
        self.0.push_str(field.name());
        self.0.push_str("\":");
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field);
        escape(self.0, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.key(field);
        let _ = write!(self.0, "{value}");
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.key(field);
        let _ = write!(self.0, "{value}");
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.key(field);
        self.0.push_str(if value { "true" } else { "false" });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.key(field);
        self.0.push('"');
        let _ = write!(Escaping { out: self.0, room: MAX_VALUE }, "{value:?}");
        self.0.push('"');
    }
}

/// Appends `text` as a JSON string.
fn escape(out: &mut String, text: &str) {
    out.push('"');
    escape_into(out, &text[..text.floor_char_boundary(MAX_VALUE)]);
    out.push('"');
}

/// Escapes what is formatted through it, up to a length.
struct Escaping<'l> {
    out: &'l mut String,
    room: usize,
}

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let text = &text[..text.floor_char_boundary(self.room)];
        self.room -= text.len();
        escape_into(self.out, text);
        Ok(())
    }
}

fn escape_into(out: &mut String, text: &str) {
    let special = |b: u8| b < 0x20 || b == b'"' || b == b'\\';
    let mut rest = text;
    // Nearly every value needs nothing; looking at all of it at once is what compilers do well.
    if !rest.bytes().fold(false, |found, b| found | special(b)) {
        return out.push_str(rest);
    }
    while let Some(at) = rest.bytes().position(special) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_is_a_json_string(text in "\\PC{0,50}[\\x00-\\x1f\"\\\\]{0,5}\\PC{0,50}") {
            let mut out = String::new();
            escape(&mut out, &text);
            let read: String = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
