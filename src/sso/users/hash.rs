//! argon2id password hashes (RFC 9106) in PHC strings: read with bounds, checked, made.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::domain::{Random, SecretString};

/// The most memory one check may take, in KiB.
const MAX_MEMORY: u32 = 256 * 1024;
/// The most passes and lanes.
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 8;

/// What a hash costs to check: memory in KiB, passes, lanes.
pub(super) type Cost = (u32, u32, u32);

/// A hash that is safe to check.
#[derive(Clone)]
pub(super) struct Hash {
    phc: PasswordHash,
    cost: Cost,
}

impl Hash {
    /// Reads a PHC string.
    ///
    /// # Errors
    /// The rule that it breaks; never the text.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let phc = PasswordHash::new(text).map_err(|_| "must be a PHC string")?;
        if phc.algorithm.as_str() != "argon2id" || phc.version != Some(19) {
            return Err("must be argon2id, version 19");
        }
        if phc.salt.is_none() || phc.hash.is_none_or(|hash| hash.len() < 16) {
            return Err("must have a salt and a hash of at least 16 bytes");
        }
        let params = Params::try_from(&phc).map_err(|_| "has wrong argon2 parameters")?;
        let cost = (params.m_cost(), params.t_cost(), params.p_cost());
        if cost.0 > MAX_MEMORY || cost.1 > MAX_PASSES || cost.2 > MAX_LANES {
            return Err("may cost at most m=262144, t=16, p=8");
        }
        Ok(Self { phc, cost })
    }

    /// A hash of this cost that no password has.
    pub(super) fn of_nobody(cost: Cost) -> Self {
        let (m, t, p) = cost;
        let zeros = "A".repeat(43);
        let text = format!("$argon2id$v=19$m={m},t={t},p={p}$bm9ib2R5LW5vYm9keQ${zeros}");
        Self::parse(&text).unwrap_or_else(|_| unreachable_cost())
    }

    pub(super) fn cost(&self) -> Cost {
        self.cost
    }

    /// Whether it is this password's; takes as long as the cost says. Constant-time in the result.
    pub(super) fn is_of(&self, password: &SecretString) -> bool {
        Argon2::default().verify_password(password.expose().as_bytes(), &self.phc).is_ok()
    }
}

#[expect(clippy::expect_used, reason = "the default parameters are within every bound")]
fn unreachable_cost() -> Hash {
    let (m, t, p) = default_cost();
    let zeros = "A".repeat(43);
    Hash::parse(&format!("$argon2id$v=19$m={m},t={t},p={p}$bm9ib2R5LW5vYm9keQ${zeros}"))
        .expect("the default parameters are within bounds")
}

/// The cost of [`hash_password`]'s hashes.
pub(super) fn default_cost() -> Cost {
    (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST)
}

/// Hashes a password for a users file: argon2id with 19 MiB and two passes (OWASP's
/// recommendation). Takes tens of milliseconds; not for an async thread.
#[must_use]
#[expect(clippy::expect_used, reason = "the salt's length is right and passwords are bounded")]
pub fn hash_password(password: &SecretString, random: &dyn Random) -> String {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .expect("argon2 takes any password shorter than 4 GiB")
        .to_string()
}
