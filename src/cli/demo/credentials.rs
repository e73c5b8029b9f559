//! Live credentials for the printed commands: made through the same stories that requests
//! go through, so that every command works as it is printed.

use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::data_dir::{DataDir, USERNAME};
use crate::domain::{ClientNetwork, Credential, SecretString, ServiceName, Subject, TenantId};
use crate::exchange::DeviceInput;
use crate::exchange::tenant::{Ags, Service, Tenant};
use crate::exchange::{ExchangeCx, cookie_sso, session_ticket, session_token};
use crate::http::Gateway;
use crate::session::Session;
use crate::sso::{self, SignedCookiePayload};
use crate::token::TokenPair;

const SITE: &str = "community";
const OPERATOR: &str = "nagra";
const SERVICE: &str = "Customer Auth Service";
/// The user's UUID (claim `user`).
const USER_ID: &str = "5b07167f-fb17-4ab1-a3e0-131f48c66085";
const KID: &str = "demo-head-end";
const ACCOUNT: &str = "1663";
/// How long cookies and the head-end's token are good.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// Everything that the printed commands show.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) cookie_name: String,
    pub(super) cookie: String,
    pub(super) cookie_without_use_api: String,
    pub(super) password: SecretString,
    pub(super) site_token: String,
    pub(super) operator_token: String,
    /// Unused session tokens: one for each printed sign-on.
    pub(super) session_tokens: [SecretString; 2],
    /// A device that is registered, of a session for the printed refresh.
    pub(super) device: String,
    pub(super) refresh_token: String,
    /// Of another session, for the printed sign-out.
    pub(super) access_token: String,
}

impl Credentials {
    /// Makes them.
    pub(super) async fn make(gateway: &Gateway, data: &DataDir) -> Result<Self, String> {
        let cx = ExchangeCx {
            now: gateway.clock.now(),
            deadline: Instant::now() + Duration::from_secs(10),
            client: ClientNetwork { ip: [127, 0, 0, 1].into(), country: None },
            random: &*gateway.random,
        };
        let site = tenant(gateway, SITE)?;
        let answerhub = site.answerhub.as_ref().ok_or("the demo's site is not configured")?;
        let service = site
            .services
            .get(&answerhub.cookie_service)
            .ok_or("the demo's cookie service is not configured")?;
        let secret = data.secret("cookie.secret")?;
        let cookie = cookie(&secret, &["USE_API"], &cx)?;
        let site_token = {
            let credential = Credential::Cookie(SecretString::new(cookie.as_str()));
            let story = cookie_sso::exchange(site, answerhub, service, &credential, &cx);
            story.await.map_err(|e| e.to_string())?.token
        };

        let operator_token = operator_token(&data.secret("operator.secret")?, &cx)?;
        let operator = tenant(gateway, OPERATOR)?;
        let ags = operator.ags.as_ref().ok_or("the demo's operator is not configured")?;
        let head_end = HeadEnd { tenant: operator, ags, token: &operator_token, cx: &cx };
        let (kept, refreshable) = head_end.signed_on().await?;
        let (_, ending) = head_end.signed_on().await?;
        Ok(Self {
            cookie_name: service.cookie.clone(),
            cookie_without_use_api: self::cookie(&secret, &[], &cx)?,
            cookie,
            password: data.secret("password.secret")?,
            site_token,
            session_tokens: [head_end.session_token().await?, head_end.session_token().await?],
            operator_token: operator_token.clone(),
            device: kept.device.to_string(),
            refresh_token: refreshable.refresh_token,
            access_token: ending.access_token,
        })
    }

    /// The one line of `--json`.
    pub(super) fn json(&self, url: &str) -> serde_json::Value {
        json!({
            "url": url,
            "answerhub": {
                "tenant": SITE,
                "cookieName": self.cookie_name,
                "cookieValue": self.cookie,
                "cookieValueWithoutUseApi": self.cookie_without_use_api,
                "username": USERNAME,
                "password": self.password.expose(),
            },
            "ags": {
                "tenant": OPERATOR,
                "authServiceId": SERVICE,
                "operatorAuthToken": self.operator_token,
            },
        })
    }
}

fn tenant<'g>(gateway: &'g Gateway, id: &str) -> Result<&'g Tenant, String> {
    let id = TenantId::parse(id).map_err(|e| e.to_string())?;
    let tenant = gateway.tenants.get(&id).ok_or("the demo's tenants are not configured")?;
    Ok(tenant)
}

fn cookie(secret: &SecretString, roles: &[&str], cx: &ExchangeCx<'_>) -> Result<String, String> {
    let payload = SignedCookiePayload {
        sub: Subject::parse(USERNAME).map_err(|e| e.to_string())?,
        uid: Some(USER_ID.to_owned()),
        roles: roles.iter().map(ToString::to_string).collect(),
        accounts: Vec::new(),
        exp: cx.now.plus(MONTH),
        sid: None,
        attrs: crate::domain::Attributes::new(),
    };
    Ok(sso::issue_signed_cookie(secret, &payload))
}

/// What the operator's head-end would sign (contract B.2).
fn operator_token(secret: &SecretString, cx: &ExchangeCx<'_>) -> Result<String, String> {
    let header = Header { kid: Some(KID.to_owned()), ..Header::default() };
    let claims = json!({
        "typ": sso::operator::TYP,
        "OpfAccountId": ACCOUNT,
        "OpfTenantId": OPERATOR,
        "exp": cx.now.plus(MONTH).secs(),
        "aud": sso::operator::AUDIENCE,
    });
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).map_err(|e| e.to_string())
}

/// The operator's side of the demo.
struct HeadEnd<'a> {
    tenant: &'a Tenant,
    ags: &'a Ags,
    token: &'a str,
    cx: &'a ExchangeCx<'a>,
}

impl HeadEnd<'_> {
    fn service(&self) -> Result<&Service, String> {
        let name = ServiceName::parse(SERVICE).map_err(|e| e.to_string())?;
        let service = self.tenant.services.get(&name);
        service.ok_or_else(|| "the demo's service is not configured".to_owned())
    }

    async fn session_token(&self) -> Result<SecretString, String> {
        let service = self.service()?;
        session_ticket::exchange(self.tenant, self.ags, service, self.token, self.cx)
            .await
            .map_err(|e| e.to_string())
    }

    async fn signed_on(&self) -> Result<(Session, TokenPair), String> {
        let token = Credential::Token(self.session_token().await?);
        let device = DeviceInput::New { class: None, information: "{}".to_owned() };
        let service = self.service()?;
        session_token::exchange(self.tenant, self.ags, service, &token, device, self.cx)
            .await
            .map_err(|e| e.to_string())
    }
}

/// Names that the printed commands use.
pub(super) mod names {
    pub(in crate::cli::demo) const OPERATOR: &str = super::OPERATOR;
    pub(in crate::cli::demo) const SERVICE: &str = super::SERVICE;
}
