//! Logs: JSON lines or readable text on stderr, always. Called once, at start; the rest of
//! the crate speaks `tracing`.

mod json;
mod pretty;
mod sink;

use std::str::FromStr;

use serde::Deserialize;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

pub use sink::Sink;

use crate::domain::setting::Problems;

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// Levels by target: `"info"`, `"warn,cambio::access=off"`.
    pub level: String,
    /// The lines' shape.
    pub format: LogFormat,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    Pretty,
}

impl LogSettings {
    /// Notes a level that cannot be understood. A word alone must be a level: the filter would
    /// take a misspelt one for the only target to be logged.
    pub fn check(&self, problems: &mut Problems) {
        let words = self.level.split(',').filter(|part| !part.contains('='));
        for word in words.filter(|word| word.is_empty() || word.parse::<LevelFilter>().is_err()) {
            let rule = "is no level (off, error, warn, info, debug, trace)";
            problems.push("log.level", format!("{word:?} {rule}"));
        }
        problems.ok("log.level", Targets::from_str(&self.level));
    }
}

/// Installs the subscriber and the panic hook for the whole process. Later calls change
/// nothing. Keep the sink and flush it before the process ends.
pub fn install(settings: &LogSettings) -> Sink {
    let sink = Sink::stderr();
    let filter = Targets::from_str(&settings.level)
        .unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let outcome = match settings.format {
        LogFormat::Json => {
            let layer = json::JsonLines::new(sink.clone()).with_filter(filter);
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        }
        LogFormat::Pretty => {
            let layer = tracing_subscriber::fmt::layer()
                .event_format(pretty::Pretty)
                .with_writer(sink.clone())
                .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
                .with_filter(filter);
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        }
    };
    if outcome.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let said = panic.payload_as_str().unwrap_or("something that is not text");
            tracing::error!(panic.location = place, panic.message = said, "panic");
        }));
    }
    sink
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_a_problem() {
        let bad = |level: &str| {
            let mut problems = Problems::default();
            LogSettings { level: level.to_owned(), format: LogFormat::Json }.check(&mut problems);
            !problems.is_empty()
        };
        for level in ["info", "warn,cambio=debug", "OFF", "info,cambio::access=off"] {
            assert!(!bad(level), "{level}");
        }
        for level in ["inof", "", "info,cambio::access", "cambio=loud", "info,,"] {
            assert!(bad(level), "{level}");
        }
    }
}
