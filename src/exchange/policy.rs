//! What a tenant allows an account to have: sessions at a time, and devices of each class. Only
//! says what the limits are; the store holds them, in the step that begins a session.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;

use crate::account::Account;
use crate::domain::setting::{Problems, join};
use crate::session::{DeviceLimits, SessionLimit, WhenFull};

/// `[tenants.<id>.ags.sessions]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionPolicy {
    /// The most sessions of an account; no limit if absent. Those of one SSO session count once.
    pub max: Option<NonZeroU32>,
    /// What becomes of a sign-on that would need one more; `deny` if absent.
    pub when_full: Option<WhenFull>,
}

impl SessionPolicy {
    /// What the store is to hold a sign-on to.
    #[must_use]
    pub fn limit(&self) -> Option<SessionLimit> {
        let when_full = self.when_full.unwrap_or_default();
        self.max.map(|max| SessionLimit { max, when_full })
    }

    /// Notes what is wrong with it.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        if self.max.is_none() && self.when_full.is_some() {
            problems.push(join(path, "when_full"), "says nothing without max");
        }
    }
}

/// How many devices an account may have that are not deleted.
#[derive(Debug, Clone, Default)]
pub struct DevicePolicy {
    /// In all, unless the account says otherwise; no limit if absent.
    pub max: Option<u32>,
    /// Of a class (`playoutDeviceClass`), compared as it is.
    pub max_by_class: BTreeMap<String, u32>,
    /// Of every class that is not listed, each for itself, devices without a class being one.
    pub max_of_other_classes: Option<u32>,
}

impl DevicePolicy {
    /// The limits for one more device of this class.
    #[must_use]
    pub fn limits(&self, account: &Account, class: Option<&str>) -> DeviceLimits {
        let listed = class.and_then(|class| self.max_by_class.get(class).copied());
        DeviceLimits {
            all: account.max_devices.or(self.max),
            of_class: listed.or(self.max_of_other_classes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountId;

    #[test]
    fn a_class_has_its_own_limit_or_that_of_all_others() {
        let policy = DevicePolicy {
            max: Some(5),
            max_by_class: BTreeMap::from([("STB".to_owned(), 2)]),
            max_of_other_classes: Some(1),
        };
        let mut account = Account::new(AccountId::parse("1").unwrap(), "1".to_owned());
        let of = |account: &Account, class| {
            let limits = policy.limits(account, class);
            (limits.all, limits.of_class)
        };
        assert_eq!(of(&account, Some("STB")), (Some(5), Some(2)));
        assert_eq!(of(&account, Some("stb")), (Some(5), Some(1)));
        assert_eq!(of(&account, None), (Some(5), Some(1)));
        account.max_devices = Some(9);
        assert_eq!(of(&account, None), (Some(9), Some(1)));
    }
}
