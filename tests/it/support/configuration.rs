//! The configuration that the in-process tests start from: a site, an operator and another
//! operator, each secret known to the tests.

/// Signs the portal's cookies.
pub(crate) const PORTAL_SECRET: &str = "portal-secret-portal-secret-portal-secret";
/// Signs the site's tokens (HS512).
pub(crate) const SITE_SECRET: &str =
    "site-secret-site-secret-site-secret-site-secret-site-secret-site-secret";
/// Signs the operator's token pairs (HS256, `kid` 259629).
pub(crate) const AGS_SECRET: &str = "ags-secret-ags-secret-ags-secret-ags-secret";
/// The head-end's (`kid` head-end-1).
pub(crate) const OPERATOR_SECRET: &str = "head-end-secret-head-end-secret-head-end";

/// Gives up soon, for tests in which somebody never answers.
pub(crate) const HASTY: &str = "server.limits.request_timeout = \"250ms\"";

/// Three tenants: `community` speaks AnswerHub, `nagra` and `rival` AGS with the same keys,
/// so that nothing but the tenant tells their tokens apart.
pub(crate) const BASE: &str = r#"
environment = "development"
store.kind = "memory"
geo.country_header = "x-country"

[server]
default_tenant = "community"
trusted_proxies = ["10.0.0.0/8"]

[validators.portal]
kind = "signed_cookie"
secrets = ["portal-secret-portal-secret-portal-secret"]

[validators.members]
kind = "scripted"
answers = [
    { credential = "ada:lovelace", subject = "ada", roles = ["USE_API"] },
    { credential = "down:x", outcome = "unavailable" },
]

[validators.idp]
kind = "scripted"
answers = [
    { credential = "idp-ada", subject = "ada", accounts = [{ id = "1663" }] },
    { credential = "idp-short", subject = "ada", expires_at = 1800000600 },
    { credential = "idp-two", subject = "ada", accounts = [{ id = "1" }, { id = "2" }] },
    { credential = "idp-rejected", outcome = "rejected" },
    { credential = "idp-malformed", outcome = "malformed" },
    { credential = "idp-down", outcome = "unavailable" },
    { credential = "idp-busy", outcome = "unavailable", retry_after = "17s" },
    { credential = "idp-hangs", outcome = "hang" },
    { credential = "idp-nonsense", outcome = "upstream" },
]

[validators.tickets]
kind = "session_token"

[tenants.community]
hosts = ["community.example.com"]

[tenants.community.answerhub]
cookie_service = "Portal"
password_service = "Members"
tokens.issuer = "https://community.example.com"
tokens.keys = [{ secret = "site-secret-site-secret-site-secret-site-secret-site-secret-site-secret", sign = true }]

[[tenants.community.services]]
name = "Portal"
validator = "portal"

[[tenants.community.services]]
name = "Members"
validator = "members"

[[tenants.community.services]]
name = "Scripted Portal"
validator = "idp"

[tenants.nagra.ags]
operator.keys = [{ kid = "head-end-1", secret = "head-end-secret-head-end-secret-head-end" }]
tokens.keys = [{ kid = "259629", secret = "ags-secret-ags-secret-ags-secret-ags-secret", sign = true }]

[[tenants.nagra.services]]
name = "Customer Auth Service"
validator = "tickets"
display = { name = "Customer", logo = "https://www.example.com/logo.png" }

[[tenants.nagra.services]]
name = "IdP"
validator = "idp"

[[tenants.nagra.services]]
name = "Other Tickets"
validator = "tickets"

[tenants.rival.ags]
operator.keys = [{ kid = "head-end-1", secret = "head-end-secret-head-end-secret-head-end" }]
tokens.keys = [{ kid = "259629", secret = "ags-secret-ags-secret-ags-secret-ags-secret", sign = true }]

[[tenants.rival.services]]
name = "Customer Auth Service"
validator = "tickets"
"#;
