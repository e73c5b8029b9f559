//! What is to be forgotten, as a sign-out or an operator says it.

use crate::domain::{Subject, Verified};

/// Whose verdicts are to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// Those on this subject.
    Subject(Subject),
    /// Those on this session of the SSO system ([`Verified::session_id`]).
    Session(String),
    /// All, rejections included.
    Everything,
}

impl Purge {
    pub(super) fn covers(&self, who: Option<&Verified>) -> bool {
        match (self, who) {
            (Self::Everything, _) => true,
            (_, None) => false,
            (Self::Subject(subject), Some(who)) => who.subject == *subject,
            (Self::Session(id), Some(who)) => who.session_id.as_ref() == Some(id),
        }
    }
}
