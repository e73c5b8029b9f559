//! What a [`Node`](super::node::Node) is asked and how it answers: a command or a script, with
//! or without waiting for replicas, and the replies that say "ask somebody else".

use std::borrow::Cow;
use std::time::{Duration, Instant};

use redis::{Cmd, Pipeline, RedisError, ServerErrorKind, Value};

use super::fault;
use crate::support::{Fault, FaultKind};

/// A script that runs inside the server, atomically.
#[derive(Debug)]
pub struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    /// From its Lua text.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it on keys of one slot.
    #[must_use]
    pub fn on(&self, keys: &[&str], args: &[&[u8]]) -> Call {
        let build = |verb: &str, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(keys.len());
            for key in keys {
                command.arg(*key);
            }
            for arg in args {
                command.arg(*arg);
            }
            command
        };
        Call {
            command: build("EVALSHA", &self.hash),
            in_full: Some(build("EVAL", self.code)),
            replicas: None,
            until: None,
        }
    }
}

/// One command to one node.
#[derive(Debug)]
pub struct Call {
    command: Cmd,
    /// For a server that does not know the script.
    in_full: Option<Cmd>,
    replicas: Option<Replicas>,
    /// When it is to have been carried out.
    until: Option<Instant>,
}

/// The first word of a script's error when it was run too late.
const LATE: &str = "LATE";

/// How many replicas must have a write before it counts, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    /// At least this many.
    pub count: u32,
    /// For this long (whole milliseconds).
    pub within: Duration,
}

/// What a call was answered.
#[derive(Debug)]
pub struct Answer {
    /// The command's answer; never a server error.
    pub value: Value,
    /// How many replicas have what this connection has written so far, if that was asked.
    pub replicas: Option<u32>,
}

/// A node's reply.
pub(super) enum Reply {
    Answer(Answer),
    /// The slot is another node's (`host:port`).
    Moved(String),
    /// For this once, another node's.
    Ask(String),
    /// Not while the slot is between two nodes.
    TryAgain,
    /// The node is no master, or no longer.
    NotMaster,
    /// The script is not known here.
    NoScript,
    /// The script was run too late, by the server's clock as we know it, and has done nothing.
    TooLate,
}

impl From<Cmd> for Call {
    fn from(command: Cmd) -> Self {
        Self { command, in_full: None, replicas: None, until: None }
    }
}

impl Call {
    /// The same, and waits until replicas have it.
    #[must_use]
    pub fn waiting(self, replicas: Option<Replicas>) -> Self {
        Self { replicas, ..self }
    }

    /// The same as a script that does nothing when it is run after this, or after its answer is
    /// waited for. When that is, in milliseconds of its server's clock, is one more argument.
    #[must_use]
    pub fn until(self, until: Instant) -> Self {
        Self { until: Some(until), ..self }
    }

    /// The same with the script's text, so that every server knows it.
    pub(super) fn in_full(self) -> Self {
        match self.in_full {
            Some(command) => Self { command, in_full: None, ..self },
            None => self,
        }
    }

    /// How much longer than other calls the answer may take.
    pub(super) fn extra_time(&self) -> Duration {
        self.replicas.map_or(Duration::ZERO, |replicas| replicas.within)
    }

    /// The command itself, for a server whose time `clock` says; its answer is waited for until then.
    pub(super) fn command(&self, waited: Instant, clock: impl Fn(Instant) -> u64) -> Cow<'_, Cmd> {
        let Some(until) = self.until else { return Cow::Borrowed(&self.command) };
        let mut command = self.command.clone();
        command.arg(clock(until.min(waited)));
        Cow::Owned(command)
    }

    /// Everything that is to be sent with the command, in one piece, so that nothing comes between, and
    /// how many answers come before its own. `None`: nothing.
    pub(super) fn pipeline(&self, command: &Cmd, asking: bool) -> Option<(Pipeline, usize)> {
        if !asking && self.replicas.is_none() {
            return None;
        }
        let mut pipeline = Pipeline::new();
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(command.clone());
        if let Some(Replicas { count, within }) = self.replicas {
            let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
            pipeline.cmd("WAIT").arg(count).arg(millis);
        }
        Some((pipeline, usize::from(asking)))
    }
}

impl Reply {
    /// Reads the command's reply and, if there is one, that of `WAIT`.
    ///
    /// # Errors
    /// A [`Fault`] when the server refuses.
    pub(super) fn read(value: Value, waited: Option<Value>) -> Result<Self, Fault> {
        let value = match value.extract_error() {
            Ok(value) => value,
            Err(error) => return Self::of(&error),
        };
        let replicas = match waited {
            None => None,
            Some(waited) => {
                let count = waited.extract_error().map_err(|e| fault(&e))?;
                Some(redis::from_redis_value(count).map_err(|_| {
                    Fault::new(FaultKind::Nonsense, "redis answers wait with no number")
                })?)
            }
        };
        Ok(Self::Answer(Answer { value, replicas }))
    }

    fn of(error: &RedisError) -> Result<Self, Fault> {
        let to = || error.redirect_node().map(|(address, _)| address.to_owned());
        if error.code() == Some(LATE) {
            return Ok(Self::TooLate);
        }
        let redis::ErrorKind::Server(kind) = error.kind() else { return Err(fault(error)) };
        Ok(match (kind, to()) {
            (ServerErrorKind::Moved, Some(to)) => Self::Moved(to),
            (ServerErrorKind::Ask, Some(to)) => Self::Ask(to),
            (ServerErrorKind::TryAgain, _) => Self::TryAgain,
            (ServerErrorKind::ReadOnly, _) => Self::NotMaster,
            (ServerErrorKind::NoScript, _) => Self::NoScript,
            _ => return Err(fault(error)),
        })
    }
}

/// What [`Reply::TooLate`] is to a caller.
pub(super) fn too_late() -> Fault {
    Fault::new(FaultKind::Refused, "redis was asked too late")
}
