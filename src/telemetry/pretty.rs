//! Readable log lines: `tracing-subscriber`'s own, with the request's correlation id at the end.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::support::correlation;

/// The formatter.
#[derive(Debug)]
pub(super) struct Pretty;

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        let format = Format::default().with_ansi(writer.has_ansi_escapes());
        format.format_event(cx, Writer::new(&mut line), event)?;
        writer.write_str(line.trim_end())?;
        let id = correlation::with_current(|id| write!(writer, " correlation.id={}", id.as_str()));
        id.unwrap_or(Ok(()))?;
        writeln!(writer)
    }
}
