//! `introspection`: asks the authorization server whether a token is active and whose it is
//! (RFC 7662). The server is sent the one token and Cambio's own proof of who it is; the
//! answer becomes a verdict in `answer.rs`, built by `settings.rs`.

mod answer;
mod settings;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{RequestBuilder, Url};

use self::answer::Rules;
pub(super) use self::settings::Settings;
use super::asks::{Asks, Told};
use super::fetch::{Failure, Reached, Upstream};
use super::{ValidateCx, ValidateError, credential};
use crate::domain::{Credential, Timestamp};

/// The longest token that is sent on, in bytes.
const MAX_LEN: usize = 16 * 1024;

#[derive(Debug)]
struct Introspection {
    upstream: Upstream,
    url: Url,
    token_type_hint: Option<String>,
    rules: Rules,
}

#[async_trait]
impl Asks for Introspection {
    fn kind(&self) -> &'static str {
        "introspection"
    }

    fn screen(&self, credential: &Credential) -> Result<(), ValidateError> {
        token(credential).map(drop)
    }

    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told {
        let token = match token(credential) {
            Ok(token) => token,
            Err(error) => return Told::plain(Err(error)),
        };
        let request = self.request(token, cx.now);
        // An error's content says what is wrong (RFC 6749 section 5.2).
        let wanted = |status: reqwest::StatusCode| status.is_success() || status.is_client_error();
        match self.upstream.send_for(request, cx.deadline, wanted).await {
            Ok(answer) => {
                let (verdict, is_alive) = match answer::document(&answer) {
                    Ok(document) => (self.rules.judge(&document, cx.now), true),
                    Err(fault) => (Err(fault.error), fault.is_alive),
                };
                Told { verdict, hint: answer.hint, may_ask_again: false, is_alive }
            }
            // Asking changes nothing, and every request has a proof of its own.
            Err(Failure { error, reached }) => {
                Told { may_ask_again: reached != Reached::Answer, ..Told::plain(Err(error)) }
            }
        }
    }
}

impl Introspection {
    /// RFC 7662 section 2.1.
    fn request(&self, token: &str, now: Timestamp) -> RequestBuilder {
        let mut fields = vec![("token", token)];
        fields.extend(self.token_type_hint.as_deref().map(|hint| ("token_type_hint", hint)));
        self.upstream
            .form(self.url.clone(), &fields, now)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
    }
}

/// Visible ASCII and spaces (RFC 6749 appendix A.12).
fn token(credential: &Credential) -> Result<&str, ValidateError> {
    let text = credential::text(credential, MAX_LEN)?;
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        Ok(text)
    } else {
        Err(ValidateError::Malformed("it has characters that no token has"))
    }
}

#[cfg(test)]
mod tests;
