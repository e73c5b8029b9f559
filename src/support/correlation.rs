//! Which request a thread is working on, so that every log line can say it. The access-log
//! layer enters a request's scope around each poll; `telemetry` reads it when it writes a line.
//!
//! A `tracing` span would do the same and costs, opened and closed for every request, as much
//! as a quarter of a signature: registry slots, reference counts and a look-up a line.

use std::cell::RefCell;

use crate::domain::CorrelationId;

thread_local! {
    static CURRENT: RefCell<Option<CorrelationId>> = const { RefCell::new(None) };
}

/// As long as it lives, the thread works on this request; then on the one before again.
#[derive(Debug)]
pub struct Scope {
    before: Option<CorrelationId>,
}

impl Scope {
    /// Enters a request's scope. Must be dropped before the thread goes on to other work, so
    /// it is never held across an await.
    #[must_use]
    pub fn enter(id: CorrelationId) -> Self {
        Self { before: CURRENT.replace(Some(id)) }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}

/// Shows the current request's id, if there is one, to `look`.
pub fn with_current<R>(look: impl FnOnce(&CorrelationId) -> R) -> Option<R> {
    CURRENT.with_borrow(|id| id.as_ref().map(look))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current() -> Option<String> {
        with_current(|id| id.as_str().to_owned())
    }

    #[test]
    fn scopes_nest_and_end() {
        let id = |text: &[u8]| CorrelationId::parse(text).unwrap();
        assert_eq!(current(), None);
        {
            let _outer = Scope::enter(id(b"outer"));
            {
                let _inner = Scope::enter(id(b"inner"));
                assert_eq!(current().as_deref(), Some("inner"));
            }
            assert_eq!(current().as_deref(), Some("outer"));
        }
        assert_eq!(current(), None);
    }
}
