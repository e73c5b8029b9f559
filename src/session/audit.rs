//! The audit event of a refresh that ends its session. The step that ends it writes it: whoever asked may
//! have hung up before there is an answer.

use super::PresentedRefresh;
use crate::domain::CorrelationId;
use crate::support::correlation::{self, Scope};

/// The request that a step belongs to, for when another thread carries it out.
#[derive(Debug, Clone)]
pub(super) struct Asked(Option<CorrelationId>);

impl Asked {
    /// By the request that this thread works on.
    pub(super) fn now() -> Self {
        Self(correlation::with_current(Clone::clone))
    }

    /// A superseded token was used again, and its session has ended.
    pub(super) fn reused(&self, presented: &PresentedRefresh) {
        self.warn(presented, "refresh token reused, session ended");
    }

    /// What the store answered was lost, and when it was asked again the session was not there.
    pub(super) fn perhaps_reused(&self, presented: &PresentedRefresh) {
        self.warn(
            presented,
            "refresh token of a session that is gone, perhaps ended for its reuse",
        );
    }

    fn warn(&self, presented: &PresentedRefresh, what: &'static str) {
        let _scope = self.0.clone().map(Scope::enter);
        tracing::warn!(
            target: "cambio::audit",
            { tenant.id = %presented.tenant,
              account.id = %presented.account,
              device.id = %presented.device },
            "{what}"
        );
    }
}
