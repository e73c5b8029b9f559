//! `scripted`: answers by a table in the configuration, for tests and demonstrations.
//! Refused in production: its credentials are plain text in a file.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::settings::BuildCx;
use super::{SsoValidator, ValidateCx, ValidateError};
use crate::domain::setting::{HumanDuration, Problems, join};
use crate::domain::{
    AssertedAccount, Attributes, Credential, CredentialKind, Subject, Timestamp, Verified,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    answers: Vec<Answer>,
}

/// One row: the credential (of a password, `username:password`) and what is said to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    credential: String,
    #[serde(default)]
    outcome: Outcome,
    subject: Option<Subject>,
    user_id: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    accounts: Vec<AssertedAccount>,
    #[serde(default)]
    attributes: Attributes,
    session_id: Option<String>,
    expires_at: Option<Timestamp>,
    /// With `unavailable`: when to come back.
    retry_after: Option<HumanDuration>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    #[default]
    Verified,
    Rejected,
    Malformed,
    Unavailable,
    Upstream,
    Hang,
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        if cx.production {
            problems.push(join(path, "kind"), "scripted is for tests only, not for production");
        }
        let mut answers = HashMap::new();
        for (i, answer) in self.answers.into_iter().enumerate() {
            let at = join(&join(path, "answers"), &i.to_string());
            let (credential, verdict) = answer.read();
            let Some(verdict) = verdict else {
                problems.push(join(&at, "subject"), "is missing");
                continue;
            };
            if answers.insert(credential, verdict).is_some() {
                problems.push(join(&at, "credential"), "is there twice");
            }
        }
        (problems.len() == before).then(|| Arc::new(Scripted { answers }) as _)
    }
}

impl Answer {
    fn read(self) -> (String, Option<Verdict>) {
        let verdict = match self.outcome {
            Outcome::Verified => self.subject.map(|subject| {
                Some(Ok(Verified {
                    subject,
                    user_id: self.user_id,
                    roles: self.roles,
                    accounts: self.accounts,
                    attributes: self.attributes,
                    session_id: self.session_id,
                    expires_at: self.expires_at,
                    claim: None,
                }))
            }),
            Outcome::Rejected => said(ValidateError::Rejected("script says so")),
            Outcome::Malformed => said(ValidateError::Malformed("script says so")),
            Outcome::Upstream => said(ValidateError::Upstream("script says so".to_owned())),
            Outcome::Unavailable => said(ValidateError::Unavailable {
                reason: "script says so".to_owned(),
                retry_after: self.retry_after.map(|d| d.0.max(Duration::from_secs(1))),
            }),
            Outcome::Hang => Some(None),
        };
        (self.credential, verdict)
    }
}

fn said(error: ValidateError) -> Option<Verdict> {
    Some(Some(Err(error)))
}

/// What is said; nothing at all is said to a credential that hangs.
type Verdict = Option<Result<Verified, ValidateError>>;

struct Scripted {
    answers: HashMap<String, Verdict>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("answers", &self.answers.len()).finish()
    }
}

#[async_trait]
impl SsoValidator for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn accepts(&self, _: CredentialKind) -> bool {
        true
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        self.verdict(credential).is_some()
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        match self.verdict(credential) {
            None => Err(ValidateError::Rejected("script does not know it")),
            Some(None) => {
                tokio::time::sleep_until(cx.deadline.into()).await;
                Err(ValidateError::unavailable("no answer in time"))
            }
            Some(Some(Ok(who))) if who.expires_at.is_some_and(|end| end <= cx.now) => {
                Err(ValidateError::Rejected("session has ended"))
            }
            Some(Some(verdict)) => verdict.clone(),
        }
    }
}

impl Scripted {
    fn verdict(&self, credential: &Credential) -> Option<&Verdict> {
        match credential {
            Credential::Cookie(text) | Credential::Token(text) => self.answers.get(text.expose()),
            Credential::Password { username, password } => {
                self.answers.get(&format!("{}:{}", username.expose(), password.expose()))
            }
        }
    }
}
