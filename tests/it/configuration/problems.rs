//! A table of broken configurations: each problem under its key, all of them at once.

use super::problems;
use crate::support::BASE;

/// The keys of what is wrong, sorted.
async fn keys(text: &str) -> Vec<String> {
    let mut keys: Vec<_> = problems(text).await.into_iter().map(|p| p.path).collect();
    keys.sort();
    keys
}

/// What cannot be read: the text, and the keys it must be told about.
const UNREADABLE: &[(&str, &[&str])] = &[
    ("listen = 1", &["listen"]),
    ("[sever]\nlisten = 1\n[tenant.x]", &["sever", "tenant"]),
    ("environment = \"staging\"", &["environment"]),
    ("server.listen = \"here\"", &["server.listen"]),
    ("server.lisen = \"127.0.0.1:1\"", &["server.lisen"]),
    (
        "server.limits = { max_body = 0, max_head = 1, max_requests = -1 }",
        &["server.limits.max_requests"],
    ),
    (
        "server.limits = { max_body = 0, max_head = 1, request_timeout = \"0s\" }",
        &["server.limits.max_body", "server.limits.max_head", "server.limits.request_timeout"],
    ),
    ("server.trusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\"]", &["server.trusted_proxies.1"]),
    ("server.cors.allowed_origins = [\"example.com\"]", &["server.cors.allowed_origins.0"]),
    ("server.tls = { certificate_file = \"x\" }", &["server.tls"]),
    ("store.kind = \"paper\"", &["store.kind"]),
    ("store.kind = \"other\"", &["store.kind"]),
    ("store = { kind = \"redis\", redis = { topology = \"ring\" } }", &["store.redis.topology"]),
    ("store = { kind = \"memory\", readers = 7 }", &["store.readers"]),
    ("keys.encryption_kee = \"x\"", &["keys.encryption_kee"]),
    ("tenants.\"a b\" = {}", &["tenants.a b"]),
    ("tenants.x.ags.ticket_ttl = \"soon\"", &["tenants.x.ags.ticket_ttl"]),
    ("tenants.x.ags.sessions.max = 0", &["tenants.x.ags.sessions.max"]),
    (
        "tenants.x.ags.sessions = { max = 1, when_full = \"evict\" }",
        &["tenants.x.ags.sessions.when_full"],
    ),
    ("tenants.x.ags.sessions = { maximum = 1 }", &["tenants.x.ags.sessions.maximum"]),
    ("tenants.x.ags.location.allow = [\"Switzerland\"]", &["tenants.x.ags.location.allow.0"]),
    ("tenants.x.services = [{ name = \"\", validator = \"v\" }]", &["tenants.x.services.0.name"]),
    ("tenants.x.answerhub = {}", &["tenants.x.answerhub"]),
    (
        "tenants.x.answerhub = { cookie_service = \"s\", tokens.profil = 1 }",
        &["tenants.x.answerhub.tokens.profil"],
    ),
];

#[tokio::test]
async fn what_cannot_be_read_is_told_under_its_key() {
    for (text, expected) in UNREADABLE {
        assert_eq!(keys(text).await, *expected, "{text}");
    }
}

#[tokio::test]
async fn everything_unreadable_is_told_at_once() {
    let text = r#"
        environment = "staging"
        admin.listen = "nowhere"
        log = { level = "info", format = "xml" }
        unknown = 1
        [server]
        workers = "many"
        limits.max_body = 0
        [tenants.x.ags]
        ticket_ttl = "soon"
        max_devices = -1
        grace = "1s"
        [tenants.y]
        hosts = "a"
    "#;
    let expected = [
        "admin.listen",
        "environment",
        "log.format",
        "server.workers",
        "tenants.x.ags.grace",
        "tenants.x.ags.max_devices",
        "tenants.x.ags.ticket_ttl",
        "tenants.y.hosts",
        "unknown",
    ];
    assert_eq!(keys(text).await, expected);
}

#[tokio::test]
async fn a_configuration_that_serves_nobody_is_refused() {
    assert_eq!(keys("").await, ["tenants"]);
    assert_eq!(keys("tenants.x = {}").await, ["tenants.x"]);
}

/// What does not fit together, over the base configuration.
const DANGLING: &[(&str, &[&str])] = &[
    ("server.default_tenant = \"nobody\"", &["server.default_tenant"]),
    (
        "tenants.community.answerhub.cookie_service = \"No\"",
        &["tenants.community.answerhub.cookie_service"],
    ),
    // A service for passwords takes no cookies, and one for tickets no passwords.
    ("validators.portal = { kind = \"session_token\" }", &["validators.portal.secrets"]),
    (
        "[[tenants.nagra.services]]\nname = \"A\"\nvalidator = \"no\"\naccounts = \"no\"",
        &["tenants.nagra.services.0.accounts", "tenants.nagra.services.0.validator"],
    ),
    (
        "[[tenants.nagra.services]]\nname = \"A\"\nvalidator = \"idp\"\ncookie = \"a b\"\n\
         [[tenants.nagra.services]]\nname = \"A\"\nvalidator = \"idp\"",
        &["tenants.nagra.services.0.cookie", "tenants.nagra.services.1.name"],
    ),
    ("tenants.nagra.hosts = [\"Community.Example.com\"]", &["tenants.nagra.hosts"]),
    (
        "geo = { database = \"/nowhere.mmdb\", country_header = \"a b\" }",
        &["geo.country_header", "geo.database"],
    ),
    ("keys.encryption_key = \"short\"", &["keys.encryption_key"]),
    ("keys.encryption_key = { file = \"/nowhere\" }", &["keys.encryption_key"]),
    (
        "environment = \"production\"",
        // And not what names them.
        &["validators.idp.kind", "validators.members.kind"],
    ),
    ("tenants.nagra.ags.device_id_prefix = \"é\"", &["tenants.nagra.ags.device_id_prefix"]),
    ("tenants.nagra.ags.ticket_ttl = \"0s\"", &["tenants.nagra.ags.ticket_ttl"]),
    ("tenants.nagra.ags.refresh_grace = \"3days\"", &["tenants.nagra.ags.refresh_grace"]),
    (
        "tenants.nagra.ags.sessions.when_full = \"evict_idle\"",
        &["tenants.nagra.ags.sessions.when_full"],
    ),
    ("tenants.nagra.ags.tokens.ttl = \"1h\"", &["tenants.nagra.ags.tokens.ttl"]),
    (
        "tenants.nagra.ags.tokens = { access_ttl = \"3days\" }",
        &["tenants.nagra.ags.tokens.access_ttl"],
    ),
    (
        "tenants.nagra.ags.operator.keys = [{ kid = \"a\", secret = \"short\" }]",
        &["tenants.nagra.ags.operator.keys.0.secret"],
    ),
    ("accounts.list = { kind = \"file\", file = \"/nowhere\" }", &["accounts.list.file"]),
    ("accounts.list = { kind = \"ldap\" }", &["accounts.list.kind"]),
    ("validators.more = { kind = \"kerberos\" }", &["validators.more.kind"]),
    ("validators.more = { secret = \"x\" }", &["validators.more.kind"]),
];

#[tokio::test]
async fn what_does_not_fit_together_is_told_under_its_key() {
    for (text, expected) in DANGLING {
        let dir = tempfile::tempdir().unwrap();
        let settings = crate::support::settings(&dir, text).unwrap();
        let store = cambio::session::settings::memory();
        let world = cambio::app::World::default();
        let found = cambio::app::App::build(&settings, store, world).await.err();
        let mut keys: Vec<_> =
            found.unwrap_or_default().into_iter().map(|problem| problem.path).collect();
        keys.sort();
        assert_eq!(keys, *expected, "{text}");
    }
}

#[tokio::test]
async fn everything_that_does_not_fit_together_is_told_at_once() {
    let text = BASE
        .replace("default_tenant = \"community\"", "default_tenant = \"nobody\"")
        .replace("validator = \"tickets\"", "validator = \"vouchers\"")
        .replace("password_service = \"Members\"", "password_service = \"Portal\"")
        .replace("ags-secret-ags-secret-ags-secret-ags-secret", "short");
    assert_eq!(
        keys(&text).await,
        [
            "server.default_tenant",
            "tenants.community.answerhub.password_service",
            "tenants.nagra.ags.tokens.keys.0.secret",
            "tenants.nagra.services.0.validator",
            "tenants.nagra.services.2.validator",
            "tenants.rival.ags.tokens.keys.0.secret",
            "tenants.rival.services.0.validator",
        ]
    );
}

#[tokio::test]
async fn what_names_a_bad_part_is_not_told_besides() {
    let text = BASE.replace("kind = \"signed_cookie\"", "kind = \"signed_cookei\"");
    assert_eq!(keys(&text).await, ["validators.portal.kind"]);
    let list = "[validators.either]\nkind = \"any_of\"\nvalidators = [\"portal\", \"idp\"]\n";
    assert_eq!(keys(&format!("{text}\n{list}")).await, ["validators.portal.kind"]);
}

#[tokio::test]
async fn an_unknown_kind_is_told_with_those_that_the_readme_lists() {
    let (_, table) = include_str!("../../../README.md").split_once("| `kind` |").unwrap();
    let row =
        |line: &str| line.strip_prefix("| `")?.split_once("` |").map(|(kind, _)| kind.to_owned());
    let rows = table.lines().skip(2).map_while(row);
    let listed = rows.collect::<Vec<_>>();
    let told = async |kind: &str| {
        let text = format!("{BASE}\n[validators.more]\nkind = \"{kind}\"");
        let found = problems(&text).await.into_iter().find(|p| p.path == "validators.more.kind");
        found.map(|problem| problem.message)
    };
    let known = listed.join(", ");
    assert_eq!(
        told("kerberos").await.unwrap(),
        format!("unknown kind \"kerberos\", there are {known}")
    );
    for kind in listed {
        let problem = told(&kind).await.unwrap_or_default();
        assert!(!problem.contains("unknown"), "{kind}: {problem}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_toml_is_told_as_such() {
    assert_eq!(keys("tenants = [").await, ["configuration"]);
}
