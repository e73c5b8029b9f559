//! Whose business a credential is, with validators that count how often they are asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::domain::{SecretString, ServiceName, Subject, TenantId, Timestamp};

/// Recognizes what begins with its name, and says what it was made to say.
#[derive(Debug)]
struct Said {
    prefix: &'static str,
    kind: CredentialKind,
    says: Result<Verified, ValidateError>,
    asked: AtomicUsize,
}

#[async_trait]
impl SsoValidator for Said {
    fn kind(&self) -> &'static str {
        "said"
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        kind == self.kind
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        credential.text().is_some_and(|text| text.starts_with(self.prefix))
    }

    fn is_selective(&self) -> bool {
        !self.prefix.is_empty()
    }

    async fn validate(
        &self,
        credential: &Credential,
        _: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.recognizes(credential) {
            return self.says.clone();
        }
        Err(ValidateError::Rejected("no key made it"))
    }

    fn purge(&self, _: &Purge) -> usize {
        2
    }
}

fn who(name: &str) -> Result<Verified, ValidateError> {
    Ok(Verified::subject_only(Subject::parse(name).unwrap()))
}

fn said(prefix: &'static str, says: Result<Verified, ValidateError>) -> Arc<Said> {
    Arc::new(Said { prefix, kind: CredentialKind::Cookie, says, asked: AtomicUsize::new(0) })
}

fn any_of(members: &[&Arc<Said>]) -> AnyOf {
    let member =
        |m: &&Arc<Said>| Member { name: m.prefix.to_owned(), validator: Arc::clone(*m) as _ };
    AnyOf { members: members.iter().map(member).collect() }
}

async fn ask(any_of: &AnyOf, text: &str) -> Result<Verified, ValidateError> {
    let (tenant, service) = (TenantId::parse("t").unwrap(), ServiceName::parse("s").unwrap());
    let deadline = Instant::now() + Duration::from_secs(5);
    let now = Timestamp::from_secs(1);
    let cx = ValidateCx { now, deadline, tenant: &tenant, service: &service };
    any_of.validate(&Credential::Cookie(SecretString::new(text)), &cx).await
}

#[tokio::test]
async fn the_first_that_recognizes_it_decides_whatever_it_says() {
    for says in [
        who("ann"),
        Err(ValidateError::Rejected("it has expired")),
        Err(ValidateError::Malformed("no content")),
        Err(ValidateError::unavailable("down")),
        Err(ValidateError::Upstream("nonsense".to_owned())),
    ] {
        let (a, b, all) = (said("a", who("other")), said("b", says.clone()), said("", who("eve")));
        let any_of = any_of(&[&a, &b, &all]);
        assert_eq!(ask(&any_of, "b-1").await, says);
        let asked = [&a, &b, &all].map(|said| said.asked.load(Ordering::Relaxed));
        assert_eq!(asked, [0, 1, 0]);
    }
}

#[tokio::test]
async fn what_nobody_recognizes_is_refused() {
    let any_of =
        any_of(&[&said("a", who("ann")), &said("b", Err(ValidateError::unavailable("x")))]);
    assert_eq!(ask(&any_of, "c-1").await, Err(ValidateError::Rejected("no key made it")));
    assert!(!any_of.recognizes(&Credential::Cookie(SecretString::new("c-1"))));
    assert!(any_of.recognizes(&Credential::Cookie(SecretString::new("b-1"))));
}

#[test]
fn it_accepts_what_any_of_them_accepts_and_purges_all() {
    let token = Arc::new(Said {
        prefix: "t",
        kind: CredentialKind::Token,
        says: who("ann"),
        asked: AtomicUsize::new(0),
    });
    let any_of = any_of(&[&said("a", who("ann")), &token]);
    let accepted = KINDS.map(|kind| any_of.accepts(kind));
    assert_eq!(accepted, [true, true, false]);
    assert_eq!(any_of.purge(&Purge::Everything), 4);
}

fn problems_of(list: &[&str]) -> Vec<String> {
    let named = [said("a", who("ann")), said("b", who("ben")), said("", who("eve"))];
    let built = named.iter().map(|s| {
        let name = if s.prefix.is_empty() { "all" } else { s.prefix };
        (name.to_owned(), Arc::clone(s) as Arc<dyn SsoValidator>)
    });
    let built = built.collect();
    let named = Named { built: &built, lists: vec!["other-list"], broken: vec!["bad"] };
    let settings = Settings { validators: list.iter().map(|&name| name.to_owned()).collect() };
    let mut problems = Problems::default();
    let list = settings.build("v", &named, &mut problems);
    assert_eq!(list.is_some(), problems.is_empty());
    problems.into_vec().iter().map(ToString::to_string).collect()
}

#[test]
fn lists_that_cannot_work_are_refused_at_boot() {
    assert_eq!(problems_of(&["a", "b", "all"]), Vec::<String>::new());
    for (list, says) in [
        (&["a"][..], "v.validators: must name 2 to 32"),
        (&["a", "a"], "v.validators.1: is there twice"),
        (&["a", "gone"], "v.validators.1: there is no [validators.gone]"),
        (&["a", "other-list"], "v.validators.1: must not name another any_of"),
        (&["a", "all", "b"], "v.validators.1: all (said) takes every credential, so that b"),
    ] {
        let problems = problems_of(list);
        assert!(problems.iter().any(|problem| problem.starts_with(says)), "{problems:?}");
    }
}
