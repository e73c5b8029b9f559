//! The `introspection` table: reads it and builds the validator.

use std::sync::Arc;

use serde::Deserialize;

use super::super::asks::Asks;
use super::super::endpoint::parse_url;
use super::super::fetch::FetchSettings;
use super::super::jwt::claims::{Expected, check_leeway, default_leeway};
use super::super::mapping::Fields;
use super::super::settings::BuildCx;
use super::Introspection;
use super::answer::Rules;
use crate::domain::setting::{HumanDuration, Problems, join};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// The introspection endpoint.
    url: String,
    /// Sent as `token_type_hint`.
    token_type_hint: Option<String>,
    /// Member `iss`, unchecked when absent.
    #[serde(default)]
    issuer: Expected,
    /// Member `aud`, unchecked when absent.
    #[serde(default)]
    audience: Expected,
    /// Member `client_id`, unchecked when absent.
    #[serde(default)]
    client_id: Expected,
    /// Member `token_type`, unchecked when absent.
    token_type: Option<String>,
    /// What member `scope` must hold, all of it.
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default = "default_leeway")]
    leeway: HumanDuration,
    /// Which members say what.
    #[serde(default)]
    fields: Fields,
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
        check_leeway(self.leeway, path, problems);
        let unfit = |scope: &String| scope.is_empty() || scope.contains(' ');
        if self.scopes.iter().any(unfit) {
            problems.push(join(path, "scopes"), "must be a list of single scopes");
        }
        let url = parse_url(&self.url, fetch.allow_plain_http);
        let url = problems.ok(&join(path, "url"), url);
        let upstream = fetch.build(true, path, cx, problems);
        let rules = Rules {
            issuer: self.issuer,
            audience: self.audience,
            client_id: self.client_id,
            token_type: self.token_type,
            scopes: self.scopes,
            leeway: self.leeway.0,
            // An active token without a subject is a client's own.
            mapping: self.fields.claims().of_answers().where_nobody_is("token names nobody"),
        };
        let validator = Introspection {
            upstream: upstream?,
            url: url?,
            token_type_hint: self.token_type_hint,
            rules,
        };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}
