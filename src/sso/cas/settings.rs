//! The `cas` table: reads it and builds the validator.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::super::asks::Asks;
use super::super::endpoint::parse_url;
use super::super::ends::Ends;
use super::super::expectations::Expectations;
use super::super::fetch::FetchSettings;
use super::super::mapping::{Mapping, Place};
use super::super::roles::Roles;
use super::super::settings::BuildCx;
use super::Cas;
use super::answer::Format;
use crate::domain::setting::{Problems, join};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// The endpoint: `https://…/cas/p3/serviceValidate`.
    url: String,
    /// The service that tickets are issued for, exactly as it was given at log-in.
    service: String,
    /// Only tickets of a log-in with primary credentials, not of a session there.
    #[serde(default)]
    renew: bool,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    expect: Expectations,
    #[serde(default)]
    fields: Fields,
}

/// Places in `{"user": "…", "attributes": {"<name>": ["…"]}}`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    subject: Place,
    user_id: Option<Place>,
    roles: Option<Roles>,
    accounts: Option<Place>,
    session_id: Option<Place>,
    expires_at: Option<Ends>,
    attributes: BTreeMap<String, Place>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            subject: Place::new("user"),
            user_id: None,
            roles: None,
            accounts: None,
            session_id: None,
            expires_at: None,
            attributes: BTreeMap::new(),
        }
    }
}

impl Settings {
    pub(in super::super) fn build(
        self,
        fetch: &FetchSettings,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn Asks>> {
        let before = problems.len();
        let url = problems.ok(&join(path, "url"), parse_url(&self.url, fetch.allow_plain_http));
        if reqwest::Url::parse(&self.service).is_err() {
            problems.push(join(path, "service"), "must be a URL");
        }
        let upstream = fetch.build(false, path, cx, problems);
        let Fields { subject, user_id, roles, accounts, session_id, expires_at, attributes } =
            self.fields;
        let mut url = url?;
        url.set_fragment(None);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("service", &self.service);
            if self.renew {
                query.append_pair("renew", "true");
            }
            if let Format::Json = self.format {
                query.append_pair("format", "JSON");
            }
        }
        let validator = Cas {
            upstream: upstream?,
            url,
            format: self.format,
            mapping: Mapping { subject, user_id, roles, accounts, session_id, attributes },
            expect: self.expect,
            expires_at,
        };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}
