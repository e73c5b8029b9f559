//! The shapes that facts may have in a document, bounded. Pure; called by the mapping only.

use serde_json::Value;

use crate::domain::{AccountId, AssertedAccount, Timestamp};

/// The most roles and accounts that are taken from one document.
const MAX_ROLES: usize = 256;
const MAX_ACCOUNTS: usize = 64;
/// The longest text that is taken, in bytes.
const MAX_TEXT: usize = 1024;
/// The latest time that is taken for one: the end of the year 9999.
const MAX_TIME: i64 = 253_402_300_799;

/// Whole seconds since the epoch.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    value.as_i64().filter(|secs| (0..=MAX_TIME).contains(secs)).map(Timestamp::from_secs)
}

/// A text, or a whole number as text; identity systems use both for ids.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= MAX_TEXT => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// A list of texts, or one text of words.
pub(super) fn roles(value: &Value) -> Option<Vec<String>> {
    let fits = |role: &str| role.len() <= MAX_TEXT && !role.chars().any(char::is_control);
    let roles: Vec<&str> = match value {
        Value::String(words) => words.split(' ').filter(|word| !word.is_empty()).collect(),
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    (roles.len() <= MAX_ROLES && roles.iter().all(|role| fits(role)))
        .then(|| roles.into_iter().map(str::to_owned).collect())
}

/// A list of accounts, or one.
pub(super) fn accounts(value: &Value) -> Option<Vec<AssertedAccount>> {
    match value {
        Value::Array(items) if items.len() <= MAX_ACCOUNTS => items.iter().map(account).collect(),
        Value::Array(_) => None,
        one => account(one).map(|a| vec![a]),
    }
}

fn account(value: &Value) -> Option<AssertedAccount> {
    let (id, user_id) = match value {
        Value::Object(members) => (text(members.get("id")?)?, members.get("user_id")),
        id => (text(id)?, None),
    };
    let user_id = match user_id {
        None | Some(Value::Null) => None,
        Some(user_id) => Some(text(user_id)?),
    };
    Some(AssertedAccount { id: AccountId::parse(&id).ok()?, user_id })
}
