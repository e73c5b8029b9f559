//! Which part of a JSON document says what: turns a token's claims, a framework's session or an
//! endpoint's answer into a [`Verified`]. Reads only what the configuration points at, bounds
//! all of it, and lets the configured conditions refuse.
//!
//! A place in the document is a look-up; a CEL expression costs what `expression` bounds.

mod denial;
mod fields;
mod place;
mod shapes;
mod told;

use std::borrow::Cow;

use serde_json::Value;

use self::denial::Denial;
pub(super) use self::fields::{Fields, NamedFields};
pub(super) use self::place::{Place, Reader, Term};
use super::ValidateError;
use crate::domain::{Attributes, Subject, Timestamp, Verified};
use crate::support::trace::{self, Fact};

/// What is read from where.
#[derive(Debug)]
pub(super) struct Mapping {
    /// A text or a whole number.
    subject: Term,
    /// A text or a whole number.
    user_id: Option<Term>,
    /// A list of texts, or one text of words.
    roles: Option<Term>,
    /// A list of account ids or of `{"id", "user_id"}`, or one account id.
    accounts: Option<Term>,
    /// A text.
    session_id: Option<Term>,
    /// Whole seconds since the epoch.
    expires_at: Option<Term>,
    /// A boolean; `false` is a rejection.
    active: Option<Term>,
    /// What else is kept, by the name it is kept under.
    attributes: Vec<(String, Term)>,
    /// What refuses.
    deny_if: Vec<Denial>,
    blame: Blame,
    /// Whether `expires_at` must be there when it is configured.
    must_end: bool,
    /// The refusal of a document without a subject, where that is no fault.
    nobody: Option<ValidateError>,
}

/// Whose fault a document is that does not say what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The credential is the document.
    Credential,
    /// Another system answered it.
    Upstream,
}

/// The answer to a credential or session that is over.
pub(super) const EXPIRED: ValidateError = ValidateError::Rejected("it has expired");

impl Mapping {
    /// For documents that another system answers: what is wrong with one is its fault.
    pub(super) fn of_answers(self) -> Self {
        Self { blame: Blame::Upstream, ..self }
    }

    /// Where `expires_at` is configured, a document without it is refused.
    pub(super) fn that_must_end(self) -> Self {
        Self { must_end: true, ..self }
    }

    /// A document without a subject is in order, and refused with this rule.
    pub(super) fn where_nobody_is(self, rule: &'static str) -> Self {
        Self { nobody: Some(ValidateError::Rejected(rule)), ..self }
    }

    /// Whether the document says when it ends.
    pub(super) fn says_its_end(&self) -> bool {
        self.expires_at.is_some()
    }

    /// Reads the document of a session that ends at `end` by what is known besides it.
    ///
    /// # Errors
    /// `Rejected` when it is over, inactive or denied. Where it has a wrong shape: `Rejected` if
    /// it is the credential's own, and `Upstream` if it was answered. `Upstream` when an
    /// expression fails. Only the subject must be there.
    pub(super) fn apply(
        &self,
        document: &Value,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Verified, ValidateError> {
        trace::note("document", || [("members", Fact::Plain(told::outline(document)))]);
        let reader = Reader::new(document, now);
        let verdict = self.read(&reader, end, now);
        if let (true, Ok(who)) = (trace::is_on(), &verdict) {
            self.explain(who);
        }
        verdict
    }

    fn read(
        &self,
        reader: &Reader<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Verified, ValidateError> {
        if let Some(active) = &self.active {
            match find(reader, active)?.as_deref() {
                Some(Value::Bool(true)) => {}
                Some(Value::Bool(false)) => {
                    return Err(ValidateError::Rejected("session is not active"));
                }
                _ => return Err(self.unfit("it does not say whether the session is active")),
            }
        }
        let nobody = || self.nobody.clone().unwrap_or(self.unfit("subject is missing"));
        let subject = find(reader, &self.subject)?.ok_or_else(nobody)?;
        let subject = shapes::text(&subject).and_then(|s| Subject::parse(&s).ok());
        let subject = subject.ok_or(self.unfit("subject has a wrong shape"))?;
        let mut who = Verified::subject_only(subject);
        who.expires_at = self.end(reader, end, now)?;
        for denial in &self.deny_if {
            let verdict = denial.check(reader.scope());
            trace::note("deny_if", || {
                let holds = verdict.is_err();
                [("reason", Fact::plain(denial.reason())), ("refuses", Fact::plain(holds))]
            });
            verdict?;
        }

        let user_id = self.optional(reader, self.user_id.as_ref(), shapes::text);
        who.user_id = user_id("user id has a wrong shape")?;
        let session_id = self.optional(reader, self.session_id.as_ref(), shapes::text);
        who.session_id = session_id("session id has a wrong shape")?;
        let roles = self.optional(reader, self.roles.as_ref(), shapes::roles);
        who.roles = roles("roles have a wrong shape")?.unwrap_or_default();
        let accounts = self.optional(reader, self.accounts.as_ref(), shapes::accounts);
        who.accounts = accounts("accounts have a wrong shape")?.unwrap_or_default();
        who.attributes = self.attributes(reader)?;
        Ok(who)
    }

    /// The earlier of both ends, which must not be over.
    fn end(
        &self,
        reader: &Reader<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ValidateError> {
        let own = match &self.expires_at {
            None => None,
            Some(term) => match find(reader, term)? {
                Some(value) => {
                    Some(shapes::time(&value).ok_or(self.unfit("expires_at is no time"))?)
                }
                None if self.must_end => return Err(self.unfit("expires_at is no time")),
                None => None,
            },
        };
        let end = [end, own].into_iter().flatten().min();
        if end.is_some_and(|end| end <= now) { Err(EXPIRED) } else { Ok(end) }
    }

    /// Reads what may be absent, but must have its shape.
    fn optional<'r, T>(
        &'r self,
        reader: &'r Reader<'_>,
        term: Option<&'r Term>,
        shape: impl Fn(&Value) -> Option<T> + 'r,
    ) -> impl Fn(&'static str) -> Result<Option<T>, ValidateError> + 'r {
        move |rule| {
            let Some(value) = term.map(|term| find(reader, term)).transpose()?.flatten() else {
                return Ok(None);
            };
            shape(&value).map(Some).ok_or(self.unfit(rule))
        }
    }

    fn attributes(&self, reader: &Reader<'_>) -> Result<Attributes, ValidateError> {
        let mut attributes = Attributes::new();
        for (name, term) in &self.attributes {
            if let Some(value) = find(reader, term)? {
                attributes.insert(name.clone(), value.into_owned());
            }
        }
        Ok(attributes)
    }

    fn unfit(&self, rule: &'static str) -> ValidateError {
        match self.blame {
            Blame::Credential => ValidateError::Rejected(rule),
            Blame::Upstream => ValidateError::Upstream(rule.to_owned()),
        }
    }
}

/// What a term says; an expression that fails is the other side's fault, or the configuration's,
/// and never the credential's.
fn find<'d>(reader: &Reader<'d>, term: &Term) -> Result<Option<Cow<'d, Value>>, ValidateError> {
    reader.find(term).map_err(|failed| ValidateError::Upstream(failed.0.to_owned()))
}

#[cfg(test)]
mod tests;
