//! What a [`Node`](super::node::Node) is asked and how it answers: a command or a script, with
//! or without waiting for replicas, and the replies that say "ask somebody else".

use std::borrow::Cow;
use std::sync::Weak;
use std::time::{Duration, Instant};

use redis::{Cmd, Pipeline, RedisError, ServerErrorKind, Value};

use super::fault;
use crate::support::{Fault, FaultKind};

/// A script that runs inside the server, atomically.
#[derive(Debug)]
pub struct Script {
    code: &'static str,
    hash: String,
    is_timed: bool,
}

impl Script {
    /// From its Lua text.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned(), is_timed: false }
    }

    /// One that gets a further argument at the end: until when its caller waits, in microseconds
    /// of the server's clock. It must do nothing and answer the error `LATE` after that.
    #[must_use]
    pub fn in_time(code: &'static str) -> Self {
        Self { is_timed: true, ..Self::new(code) }
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
            is_timed: self.is_timed,
            deadline: None,
            caller: None,
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
    /// Its last argument is missing, which says until when somebody waits for it.
    is_timed: bool,
    /// When its caller gives up.
    deadline: Option<Instant>,
    /// Gone when its caller is.
    caller: Option<Weak<()>>,
}

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
    /// By the server's clock nobody waits for it any more; it was not carried out.
    Late,
}

impl From<Cmd> for Call {
    fn from(command: Cmd) -> Self {
        Self {
            command,
            in_full: None,
            replicas: None,
            is_timed: false,
            deadline: None,
            caller: None,
        }
    }
}

impl Call {
    /// The same, and waits until replicas have it.
    #[must_use]
    pub fn waiting(self, replicas: Option<Replicas>) -> Self {
        Self { replicas, ..self }
    }

    /// The same with the script's text, so that every server knows it.
    pub(super) fn in_full(self) -> Self {
        match self.in_full {
            Some(command) => Self { command, in_full: None, ..self },
            None => self,
        }
    }

    /// The same for a caller who gives up then.
    pub(super) fn by(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same for a caller who may be gone before it is sent: then it is not.
    #[must_use]
    pub fn unless_gone(self, caller: Weak<()>) -> Self {
        Self { caller: Some(caller), ..self }
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.strong_count() == 0)
    }

    /// When one who sends it now gives up, if an answer is waited for until `patience`.
    pub(super) fn given_up_at(&self, patience: Instant) -> Instant {
        let patience = patience + self.replicas.map_or(Duration::ZERO, |replicas| replicas.within);
        self.deadline.map_or(patience, |deadline| deadline.min(patience))
    }

    /// The same with its last argument, if it lacks one: until when somebody waits for it, by the
    /// clock of the server that it is sent to.
    pub(super) fn until<'a>(&'a self, moment: impl FnOnce() -> u64) -> Cow<'a, Cmd> {
        if !self.is_timed {
            return Cow::Borrowed(&self.command);
        }
        let mut command = self.command.clone();
        command.arg(moment());
        Cow::Owned(command)
    }

    /// Whether the command can be sent alone, because nothing is to be sent with it.
    pub(super) fn is_alone(&self, asking: bool) -> bool {
        !asking && self.replicas.is_none()
    }

    /// Everything that is to be sent, in one piece, so that nothing comes between.
    pub(super) fn pipeline(&self, command: Cmd, asking: bool) -> (Pipeline, usize) {
        let mut pipeline = Pipeline::new();
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(command);
        if let Some(Replicas { count, within }) = self.replicas {
            let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
            pipeline.cmd("WAIT").arg(count).arg(millis);
        }
        (pipeline, usize::from(asking))
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
        if error.code() == Some("LATE") {
            return Ok(Self::Late);
        }
        let to = || error.redirect_node().map(|(address, _)| address.to_owned());
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
