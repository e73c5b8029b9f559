//! Records read back as they were written, and nothing else reads.

use super::*;
use crate::account::Account;
use crate::session::{PendingDevice, PendingSignOn};

const AT: Timestamp = Timestamp::from_secs(-7);

fn tenant() -> TenantId {
    TenantId::parse("nagra").unwrap()
}

fn account() -> Account {
    let mut account = Account::new(AccountId::parse("a/1}663").unwrap(), "line\nbreak".to_owned());
    account.roles = vec!["USE_API".to_owned()];
    account
}

fn a_session(class: Option<&str>, upstream: Option<UpstreamSession>) -> Session {
    Session {
        id: SessionId { ends_at: Timestamp::from_secs(i64::MIN), number: (1 << 43) - 1 },
        tenant: tenant(),
        service: ServiceName::parse("Customer Auth Service").unwrap(),
        device: DeviceId::parse("d 1").unwrap(),
        device_class: class.map(str::to_owned),
        upstream,
        begun_at: AT,
        generation: 1_048_575,
        issued_at: Timestamp::from_secs(1_700_000_000),
        expires_at: Timestamp::MAX,
        facts: Facts { account: account(), on_network: true, authenticated_at: AT },
    }
}

#[test]
fn sessions_read_back() {
    let with = Some(UpstreamSession([255; 32]));
    for written in [a_session(None, None), a_session(Some("\n\"\\ \u{2028}"), with)] {
        let text = head(&written)
            + &json(&written.device_class).unwrap()
            + "\n"
            + &json(&written.facts.account).unwrap();
        let id = session_id(&field(written.id)).unwrap();
        assert_eq!(session(&written.tenant, id, text.as_bytes()), Ok(written));
    }
}

#[test]
fn devices_read_back() {
    for state in [DeviceState::Active, DeviceState::Disabled, DeviceState::Deleted] {
        let written = Device {
            id: DeviceId::parse("d").unwrap(),
            account: account().id,
            name: Some("living\nroom".to_owned()),
            class: None,
            information: "{\"a\":\n1}".to_owned(),
            state,
            registered_at: AT,
        };
        let text = device_record(&written).unwrap();
        assert_eq!(device_state(text.as_bytes()), Ok(state));
        assert_eq!(device(&account().id, "d", text.as_bytes()), Ok(written));
    }
}

#[test]
fn tickets_read_back() {
    let device = PendingDevice::New { class: Some("TV".to_owned()), information: "{}".to_owned() };
    let sign_on = Box::new(PendingSignOn {
        account: account(),
        device,
        authenticated_at: AT,
        upstream: Some(UpstreamSession([0; 32])),
        upstream_ends_at: None,
    });
    for sign_on in [None, Some(sign_on)] {
        let written = Ticket {
            tenant: tenant(),
            service: ServiceName::parse("s").unwrap(),
            account: account().id,
            expires_at: AT,
            sign_on,
        };
        let text = ticket_record(&written).unwrap();
        assert_eq!(ticket(tenant(), account().id, text.as_bytes()), Ok(written));
    }
}

#[test]
fn what_is_no_record_is_an_error_that_quotes_nothing() {
    let id = SessionId { ends_at: AT, number: 1 };
    for text in ["", "secret", "1 2 3 1 4 5 -\nd\ns\nnull\n{", "1 2 3 1 4 5 x\nd\ns\nnull\n{}"] {
        let error = session(&tenant(), id, text.as_bytes()).unwrap_err();
        assert!(!error.0.contains("secret"), "{error}");
        assert!(device(&account().id, "d", text.as_bytes()).is_err());
        assert!(ticket(tenant(), account().id, text.as_bytes()).is_err());
    }
    assert!(note(b"12").is_err());
    assert_eq!(note(b"12\nd\ns"), Ok((Timestamp::from_secs(12), "d\ns")));
}
