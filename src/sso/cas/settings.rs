//! The `cas` table: reads it and builds the validator.

use std::sync::Arc;

use serde::Deserialize;

use super::super::asks::Asks;
use super::super::endpoint::parse_url;
use super::super::expectations::Expectations;
use super::super::fetch::FetchSettings;
use super::super::mapping::Fields;
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
    /// Places in `{"user": "…", "attributes": {"<name>": ["…"]}}`.
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
        let url = problems.ok(&join(path, "url"), parse_url(&self.url, fetch.allow_plain_http));
        if reqwest::Url::parse(&self.service).is_err() {
            problems.push(join(path, "service"), "must be a URL");
        }
        let upstream = fetch.build(false, path, cx, problems);
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
            mapping: self.fields.mapping("user").of_answers().that_must_end(),
            expect: self.expect,
        };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}
