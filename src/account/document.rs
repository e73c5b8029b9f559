//! Accounts as other systems write them: from a document to an [`Account`], for `http` and `sql`.
//! Members have the names of [`Account`]'s, unless `fields` says where they come from; others are
//! passed over, because they are the other system's own.

use serde_json::{Map, Value};

use super::{Account, AccountError};
use crate::domain::Timestamp;
use crate::domain::setting::{Problems, join};
use crate::sso::lookup::{LookupError, Projection};

/// The members of an account.
const MEMBERS: [&str; 12] = [
    "id",
    "user_id",
    "profile_id",
    "state",
    "geo_block_exempt",
    "parental_control",
    "filtering",
    "blocking",
    "billing_country",
    "max_sessions",
    "max_devices",
    "roles",
];
/// The most accounts of one subject.
pub(super) const MAX_ACCOUNTS: usize = 64;

/// Notes fields that no account has.
pub(super) fn check(fields: &Projection, path: &str, problems: &mut Problems) {
    for name in fields.names().filter(|name| !MEMBERS.contains(name)) {
        problems.push(join(path, name), "is no member of an account");
    }
}

/// Reads one account.
///
/// # Errors
/// [`AccountError::Upstream`] when it is none.
pub(super) fn account(
    document: &Value,
    fields: &Projection,
    now: Timestamp,
) -> Result<Account, AccountError> {
    let own = document.as_object().ok_or_else(|| wrong("it is no object"))?;
    let mapped = fields.apply(document, now)?;
    let mut members = Map::new();
    for name in MEMBERS {
        let is_mapped = fields.names().any(|field| field == name);
        let value = if is_mapped { mapped.get(name) } else { own.get(name) };
        if let Some(value) = value.filter(|value| !value.is_null()) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    for id in ["id", "user_id"] {
        // Systems use whole numbers for ids, too.
        if let Some(Value::Number(number)) = members.get(id)
            && (number.is_i64() || number.is_u64())
        {
            let text = number.to_string();
            members.insert(id.to_owned(), text.into());
        }
    }
    if let (None, Some(id)) = (members.get("user_id"), members.get("id").cloned()) {
        members.insert("user_id".to_owned(), id);
    }
    // What serde says may quote a value.
    serde_json::from_value(Value::Object(members)).map_err(|_| wrong("its members do not fit"))
}

/// Reads the accounts of a subject: a list, `{"accounts": […]}`, or one account.
///
/// # Errors
/// [`AccountError::Upstream`] when it is none of these, or too many.
pub(super) fn accounts(
    document: &Value,
    fields: &Projection,
    now: Timestamp,
) -> Result<Vec<Account>, AccountError> {
    let listed = match document {
        Value::Array(items) => items.as_slice(),
        Value::Object(members) => match members.get("accounts") {
            Some(Value::Array(items)) => items.as_slice(),
            _ => std::slice::from_ref(document),
        },
        _ => return Err(wrong("they are no list")),
    };
    if listed.len() > MAX_ACCOUNTS {
        return Err(wrong("there are too many"));
    }
    listed.iter().map(|item| account(item, fields, now)).collect()
}

/// The account that was asked for by its id.
///
/// # Errors
/// [`AccountError::Upstream`] when the answer is about another one.
pub(super) fn asked_for(id: &str, account: Account) -> Result<Account, AccountError> {
    if account.id.as_str() == id { Ok(account) } else { Err(wrong("it is another account")) }
}

fn wrong(why: &str) -> AccountError {
    AccountError::Upstream(format!("what it says of an account is wrong: {why}"))
}

impl From<LookupError> for AccountError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Unavailable(why) => Self::Unavailable(why),
            LookupError::Upstream(why) => Self::Upstream(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::AccountState;
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn fields(table: Value) -> Projection {
        serde_json::from_value(table).unwrap()
    }

    #[test]
    fn members_have_an_accounts_names_or_those_that_the_table_gives() {
        let document =
            json!({"id": 1663, "max_devices": 3, "roles": null, "crm_internal": {"x": 1}});
        let found = account(&document, &Projection::default(), NOW).unwrap();
        assert_eq!((found.id.as_str(), found.user_id.as_str()), ("1663", "1663"));
        assert_eq!((found.max_devices, found.state), (Some(3), AccountState::Active));

        let table = json!({"id": "/customer/no", "user_id": "login",
            "state": {"cel": "session.paid_until < now ? 'suspended' : 'active'"}});
        let document =
            json!({"customer": {"no": 7}, "login": "ann", "paid_until": 999, "id": "other"});
        let found = account(&document, &fields(table), NOW).unwrap();
        assert_eq!((found.id.as_str(), found.user_id.as_str()), ("7", "ann"));
        assert_eq!(found.state, AccountState::Suspended);
    }

    #[test]
    fn what_is_no_account_is_the_other_systems_fault() {
        for document in [
            json!("1663"),
            json!({}),
            json!({"id": ""}),
            json!({"id": 1.5}),
            json!({"id": "1", "state": "gone"}),
            json!({"id": "1", "max_devices": "many"}),
        ] {
            let found = account(&document, &Projection::default(), NOW);
            assert!(matches!(found, Err(AccountError::Upstream(_))), "{document}: {found:?}");
        }
    }

    #[test]
    fn a_subjects_accounts_come_as_a_list_or_alone() {
        let read = |document: Value| accounts(&document, &Projection::default(), NOW);
        for document in
            [json!([{"id": "1"}]), json!({"accounts": [{"id": "1"}]}), json!({"id": "1"})]
        {
            assert_eq!(read(document).unwrap().len(), 1);
        }
        assert_eq!(read(json!([])).unwrap().len(), 0);
        assert!(read(json!(7)).is_err());
        assert!(read(json!([{"id": "1"}, {}])).is_err(), "a broken one is not passed over");
        assert!(read(Value::Array(vec![json!({"id": "1"}); 65])).is_err());
    }

    #[test]
    fn an_unknown_field_is_a_problem_of_the_configuration() {
        let mut problems = Problems::default();
        check(&fields(json!({"id": "a", "colour": "b"})), "accounts.crm.fields", &mut problems);
        let problems: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
        assert_eq!(problems, ["accounts.crm.fields.colour"]);
    }
}
