//! The users file: `[[users]]` entries in TOML, or `{"users": […]}` in JSON. Each has
//! `username` and `password_hash` (argon2id, PHC string), and may have `user_id`, `roles`,
//! `accounts` (`[{id, user_id}]`) and `disabled`.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

use super::hash::{Cost, Hash, default_cost};
use crate::domain::setting::{self, Problems};
use crate::domain::{AssertedAccount, Subject, Verified};
use crate::support::listing;

/// Everybody in the file.
pub(super) struct Users {
    by_name: HashMap<Subject, User>,
    nobody: Hash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    username: Subject,
    #[serde(deserialize_with = "hash")]
    pub(super) password_hash: Hash,
    user_id: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    accounts: Vec<AssertedAccount>,
    #[serde(default)]
    pub(super) disabled: bool,
}

impl Users {
    /// Reads the file.
    ///
    /// # Errors
    /// Everything that is wrong with it, without any of its content.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut problems = Problems::default();
        let mut by_name = HashMap::new();
        for (i, entry) in listing::entries(bytes, "users")?.into_iter().enumerate() {
            let at = format!("users.{i}");
            let Some(user) = setting::parse::<User>(entry, &at, &mut problems) else { continue };
            if by_name.insert(user.username.clone(), user).is_some() {
                problems.push(setting::join(&at, "username"), "is there twice");
            }
        }
        listing::verdict(problems)?;
        let nobody = Hash::of_nobody(usual_cost(by_name.values()));
        Ok(Self { by_name, nobody })
    }

    /// The user of this name, and the hash to check the password against: for an unknown
    /// name one that costs as much and fits no password.
    pub(super) fn look_up(&self, name: &Subject) -> (Option<&User>, &Hash) {
        let user = self.by_name.get(name);
        (user, user.map_or(&self.nobody, |user| &user.password_hash))
    }
}

impl User {
    pub(super) fn verified(&self) -> Verified {
        Verified {
            user_id: self.user_id.clone(),
            roles: self.roles.clone(),
            accounts: self.accounts.clone(),
            ..Verified::subject_only(self.username.clone())
        }
    }
}

/// The most frequent cost, so that most known users take as long as unknown ones.
fn usual_cost<'u>(users: impl Iterator<Item = &'u User>) -> Cost {
    let mut counts: HashMap<Cost, usize> = HashMap::new();
    for user in users {
        *counts.entry(user.password_hash.cost()).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|&(cost, n)| (n, cost))
        .map_or_else(default_cost, |(cost, _)| cost)
}

fn hash<'de, D: Deserializer<'de>>(d: D) -> Result<Hash, D::Error> {
    // Not a String: serde would quote a wrong type's value in its error.
    let value = serde_json::Value::deserialize(d)?;
    let text = value.as_str().ok_or_else(|| serde::de::Error::custom("must be a text"))?;
    Hash::parse(text).map_err(serde::de::Error::custom)
}
