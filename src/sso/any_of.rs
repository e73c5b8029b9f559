//! `any_of`: several validators behind one service. The first that recognizes a credential
//! decides, whatever it says: its outage is an outage, and no later one is asked instead.
//! `settings.rs` builds it when the validators that it names are there.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::credential::WRONG_KIND;
use super::{Purge, SsoValidator, ValidateCx, ValidateError};
use crate::domain::setting::{Problems, join};
use crate::domain::{Credential, CredentialKind, Verified};
use crate::support::trace::{self, Fact};

/// The kind as the configuration spells it.
pub(super) const KIND: &str = "any_of";
/// The most validators in one list.
const MAX_MEMBERS: usize = 32;

/// The `any_of` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Names under `[validators]`, in the order in which they are looked at.
    validators: Vec<String>,
}

/// The validators that a list may name.
pub(super) struct Named<'a> {
    /// Those that name no others.
    pub(super) built: &'a HashMap<String, Arc<dyn SsoValidator>>,
    /// The names of the lists.
    pub(super) lists: Vec<&'a str>,
    /// The names of those that could not be built.
    pub(super) broken: Vec<&'a str>,
}

impl Settings {
    /// Resolves the names. A list cannot name a list, so that none can contain itself.
    pub(super) fn build(
        self,
        path: &str,
        named: &Named<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        let path = join(path, "validators");
        if !(2..=MAX_MEMBERS).contains(&self.validators.len()) {
            problems.push(&path, format!("must name 2 to {MAX_MEMBERS} validators"));
        }
        let mut members: Vec<Member> = Vec::with_capacity(self.validators.len());
        for (i, name) in self.validators.into_iter().enumerate() {
            let at = join(&path, &i.to_string());
            if members.iter().any(|member| member.name == name) {
                problems.push(at, "is there twice");
            } else if named.lists.contains(&name.as_str()) {
                problems.push(at, "must not name another any_of");
            } else if let Some(validator) = named.built.get(&name) {
                members.push(Member { name, validator: Arc::clone(validator) });
            } else {
                let defined = named.broken.contains(&name.as_str());
                problems.push_absent(at, defined, format!("there is no [validators.{name}]"));
            }
        }
        check_reachable(&members, &path, problems);
        (problems.len() == before).then(|| Arc::new(AnyOf { members }) as _)
    }
}

/// Whoever recognizes all credentials of a kind leaves none of them to those after it.
fn check_reachable(members: &[Member], path: &str, problems: &mut Problems) {
    for (i, member) in members.iter().enumerate().filter(|(_, m)| !m.validator.is_selective()) {
        let takes = |kind: &CredentialKind| member.validator.accepts(*kind);
        let hides =
            |later: &Member| KINDS.iter().filter(|k| takes(k)).any(|k| later.validator.accepts(*k));
        if let Some(hidden) = members[i + 1..].iter().find(|later| hides(later)) {
            let (name, kind) = (&member.name, member.validator.kind());
            let rule = format!(
                "{name} ({kind}) takes every credential, so that {} would never be asked: put it last",
                hidden.name
            );
            problems.push(join(path, &i.to_string()), rule);
        }
    }
}

const KINDS: [CredentialKind; 3] =
    [CredentialKind::Cookie, CredentialKind::Token, CredentialKind::Password];

#[derive(Debug)]
struct Member {
    name: String,
    validator: Arc<dyn SsoValidator>,
}

#[derive(Debug)]
struct AnyOf {
    members: Vec<Member>,
}

#[async_trait]
impl SsoValidator for AnyOf {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        self.members.iter().any(|member| member.validator.accepts(kind))
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        self.owner(credential).is_some()
    }

    fn is_selective(&self) -> bool {
        self.members.iter().all(|member| member.validator.is_selective())
    }

    fn takes_tickets(&self) -> bool {
        self.members.iter().any(|member| member.validator.takes_tickets())
    }

    fn uses_up(&self, credential: &Credential) -> bool {
        self.owner(credential).is_some_and(|owner| owner.uses_up(credential))
    }

    /// Asks the one whose business the credential is; if it is nobody's, says how it is refused.
    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        match self.owner(credential) {
            Some(owner) => owner.validate(credential, cx).await,
            None => self.refuse(credential, cx).await,
        }
    }

    async fn check(&self) -> Result<(), ValidateError> {
        for member in &self.members {
            member.validator.check().await?;
        }
        Ok(())
    }

    fn purge(&self, which: &Purge) -> usize {
        self.members.iter().map(|member| member.validator.purge(which)).sum()
    }
}

impl AnyOf {
    fn owner(&self, credential: &Credential) -> Option<&dyn SsoValidator> {
        let accepting = self.accepting(credential);
        for member in accepting {
            let is_its = member.validator.recognizes(credential);
            trace::note("recognizes", || {
                [
                    ("validator", Fact::plain(member.name.as_str())),
                    ("kind", Fact::plain(member.validator.kind())),
                    ("answer", Fact::plain(is_its)),
                ]
            });
            if is_its {
                return Some(&*member.validator);
            }
        }
        None
    }

    fn accepting(&self, credential: &Credential) -> impl Iterator<Item = &Member> {
        let kind = credential.kind();
        self.members.iter().filter(move |member| member.validator.accepts(kind))
    }

    /// The answer to what nobody recognizes: `Rejected` if it is well-formed for anybody. By the
    /// contract nobody asks anybody for this. (A password costs one check, known user or not.)
    async fn refuse(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        let mut refusal = WRONG_KIND;
        for member in self.accepting(credential) {
            match member.validator.validate(credential, cx).await {
                Err(malformed @ ValidateError::Malformed(_)) => refusal = malformed,
                // Whatever it is, it is no proof: this validator does not know the credential.
                Ok(_) => return Err(ValidateError::Rejected("nobody recognizes it")),
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
mod tests;
