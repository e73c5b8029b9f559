//! The digest by which an SSO session is known again when it is exchanged again: of the other
//! system's id of it, or, where there is none, of the credential itself.

use aws_lc_rs::digest::{Context, SHA256};

use super::ValidateCx;
use crate::domain::{Credential, Verified};

/// What names the SSO session that this credential proved: SHA-256 of the tenant, the service
/// and the id or the credential, each with its length. `None` when the credential is a password or
/// good only once: it belongs to no session.
#[must_use]
pub fn session_digest(
    who: &Verified,
    credential: &Credential,
    cx: &ValidateCx<'_>,
) -> Option<[u8; 32]> {
    let (kind, text) = match (&who.session_id, credential.text()) {
        (Some(id), _) => ("id", id.as_str()),
        (None, Some(text)) if who.claim.is_none() => ("credential", text),
        _ => return None,
    };
    let mut context = Context::new(&SHA256);
    for part in [cx.tenant.as_str(), cx.service.as_str(), kind, text] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::domain::identity::OneTimeClaim;
    use crate::domain::{SecretString, ServiceName, Subject, TenantId, Timestamp};

    fn digest(who: &Verified, credential: &Credential, service: &str) -> Option<[u8; 32]> {
        let (tenant, service) =
            (TenantId::parse("t").unwrap(), ServiceName::parse(service).unwrap());
        let now = Timestamp::from_secs(0);
        let deadline = Instant::now();
        session_digest(
            who,
            credential,
            &ValidateCx { now, deadline, tenant: &tenant, service: &service },
        )
    }

    #[test]
    fn the_id_counts_before_the_credential_and_neither_for_what_is_good_once() {
        let who = Verified::subject_only(Subject::parse("ada").unwrap());
        let with_id = Verified { session_id: Some("s".to_owned()), ..who.clone() };
        let token = |text| Credential::Token(SecretString::new(text));
        assert_eq!(digest(&with_id, &token("a"), "s"), digest(&with_id, &token("b"), "s"));
        assert_ne!(digest(&who, &token("a"), "s"), digest(&who, &token("b"), "s"));
        assert_ne!(digest(&who, &token("s"), "s"), digest(&with_id, &token("s"), "s"));
        assert_ne!(digest(&with_id, &token("a"), "s"), digest(&with_id, &token("a"), "s2"));
        let once = Verified { claim: Some(OneTimeClaim([0; 32])), ..who.clone() };
        assert_eq!(digest(&once, &token("a"), "s"), None);
        let password = Credential::Password {
            username: SecretString::new("ada"),
            password: SecretString::new("x"),
        };
        assert_eq!(digest(&who, &password, "s"), None);
    }
}
