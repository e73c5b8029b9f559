//! Names that the tokens' own claims have, in every profile, and those that RFCs give a meaning
//! that only an issuer may decide. No attribute of a session may become one of them.

/// The names; compared without regard to case, as careless readers of tokens do.
const RESERVED: [&str; 47] = [
    // RFC 7519 section 4.1, RFC 9068 section 2.2, and what a header says.
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "typ",
    "alg",
    "kid",
    "crit",
    "client_id",
    "scope",
    "roles",
    "auth_time",
    "acr",
    "amr",
    // Who may act for whom, and with which key (RFC 8693 section 4, RFC 7800 section 3.1).
    "act",
    "may_act",
    "cnf",
    "azp",
    "nonce",
    // Cambio's own.
    "tid",
    "sid",
    "uid",
    "acc",
    // AnswerHub's.
    "user",
    // AGS'.
    "fixed_exp",
    "ver",
    "accountProfileId",
    "tenantId",
    "filteringInformation",
    "blockingInformation",
    "accountId",
    "userId",
    "geoBlockExempt",
    "parentalControl",
    "playoutDeviceClass",
    "deviceId",
    "onNetwork",
    "sessionControl",
    "billingCountryCode",
    "OpfAccountId",
    "OpfTenantId",
    // RFC 8417 and RFC 9396: what makes a token something else.
    "events",
    "authorization_details",
    "entitlements",
];

/// Whether no attribute may have this name.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_every_profile_are_reserved_in_any_case() {
        for name in ["iss", "SUB", "fixed_exp", "accountid", "user", "tid", "cnf"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["email", "department", "userName"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
