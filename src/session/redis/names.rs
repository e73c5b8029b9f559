//! How keys are named. What stands between braces decides the slot of a cluster: everything of
//! one account is in one slot, accounts are spread over all.
//!
//! | key | is |
//! |---|---|
//! | `cambio:{tenant/account}:s` | hash of sessions: `end.number` → record; expires with its last session |
//! | `cambio:{tenant/account}:d` | hash of devices: id → record; stays |
//! | `cambio:{tenant/account}:t:digest` | a one-time ticket; expires |
//! | `cambio:{tenant/account}:e:end.number` | that a session was ended by another sign-on or with its device; expires |
//! | `cambio:{tenant/account}:u:end.number` | that nobody has been told of a session's current pair; expires |
//! | `cambio:{tenant/account}:w` | written and gone at once, where a later write must be waited for |
//! | `cambio:{tenant/account}:w:end.number` | the same, and that a session is not to come back; for one call's `deadline` |
//! | `cambio:t:digest` | whose ticket it is; expires with it |
//! | `cambio:k:name` | a key ring; stays |

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, TenantId};

/// The names of one store's keys.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
}

/// The names of one account's keys.
#[derive(Debug)]
pub(super) struct AccountNames {
    stem: String,
    pub(super) sessions: String,
    pub(super) devices: String,
}

impl Names {
    /// All names begin with `prefix`, which has no braces.
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(super) fn account(&self, tenant: &TenantId, account: &AccountId) -> AccountNames {
        let stem = format!("{}{{{tenant}/{account}}}:", self.prefix);
        AccountNames { sessions: format!("{stem}s"), devices: format!("{stem}d"), stem }
    }

    /// Where it is written whose ticket it is.
    pub(super) fn ticket_owner(&self, digest: &OneTimeClaim) -> String {
        format!("{}t:{}", self.prefix, text(digest))
    }

    pub(super) fn ring(&self, name: &str) -> String {
        format!("{}k:{name}", self.prefix)
    }

    /// What the names of all accounts' sessions look like, in the language of `SCAN`.
    pub(super) fn all_sessions(&self) -> String {
        let mut pattern = String::with_capacity(self.prefix.len() + 8);
        for letter in self.prefix.chars() {
            if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern + "{*}:s"
    }

    /// Whose sessions stand under a name that fits [`Self::all_sessions`].
    pub(super) fn owner(&self, sessions: &str) -> Option<(TenantId, AccountId)> {
        let inside = sessions.strip_prefix(&self.prefix)?.strip_prefix('{')?.strip_suffix("}:s")?;
        let (tenant, account) = inside.split_once('/')?;
        Some((TenantId::parse(tenant).ok()?, AccountId::parse(account).ok()?))
    }
}

impl AccountNames {
    pub(super) fn ticket(&self, digest: &OneTimeClaim) -> String {
        format!("{}t:{}", self.stem, text(digest))
    }

    /// What the names of notes on sessions begin with; the session's field follows.
    pub(super) fn gone(&self) -> String {
        format!("{}e:", self.stem)
    }

    /// The note that nobody has been told of a session's current pair.
    pub(super) fn unheard(&self, field: &str) -> String {
        format!("{}u:{field}", self.stem)
    }

    /// A key that lives for a moment.
    pub(super) fn mark(&self) -> String {
        format!("{}w", self.stem)
    }

    /// What the names of marks begin with that a session is not to come back; its field follows.
    pub(super) fn ended(&self) -> String {
        format!("{}w:", self.stem)
    }
}

fn text(digest: &OneTimeClaim) -> String {
    URL_SAFE_NO_PAD.encode(digest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(account: &str) -> (Names, AccountNames) {
        let names = Names::new("cambio:");
        let tenant = TenantId::parse("nagra").unwrap();
        let account = names.account(&tenant, &AccountId::parse(account).unwrap());
        (names, account)
    }

    #[test]
    fn everything_of_an_account_has_one_tag() {
        let (_, keys) = of("1663");
        assert_eq!(keys.sessions, "cambio:{nagra/1663}:s");
        let digest = OneTimeClaim([0; 32]);
        for key in [
            keys.devices.clone(),
            keys.ticket(&digest),
            keys.gone(),
            keys.unheard("1.1"),
            keys.mark(),
            keys.ended(),
        ] {
            assert!(key.starts_with("cambio:{nagra/1663}:"), "{key}");
        }
    }

    #[test]
    fn the_owner_is_read_from_the_name_whatever_is_in_it() {
        for account in ["1663", "a/b", "a}:s", "{x}", "zoë"] {
            let (names, keys) = of(account);
            let (tenant, found) = names.owner(&keys.sessions).unwrap();
            assert_eq!((tenant.as_str(), found.as_str()), ("nagra", account));
            assert_eq!(names.owner(&keys.devices), None);
        }
    }

    #[test]
    fn a_prefix_means_itself_in_a_pattern() {
        assert_eq!(Names::new("a*b[c]:").all_sessions(), r"a\*b\[c\]:{*}:s");
    }
}
