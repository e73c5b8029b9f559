//! The sign-on family (contract B.3 and B.4): with a session token, with what discovery lists, and
//! with the user token of a chosen account.

use http::StatusCode;
use serde::Serialize;

use super::call::Call;
use super::input::Input;
use super::token_answer;
use crate::domain::{Credential, SecretString};
use crate::exchange::sign_on::{Choice, SignedOn};
use crate::exchange::tenant::SignOnForm;
use crate::exchange::{self, ExchangeError};
use crate::http::error::HttpError;
use crate::http::handler::{Answer, Incoming};
use crate::http::respond::json;

/// `POST /ags/signOnWithSessionToken` (contract B.3).
pub(in crate::http) async fn with_session_token(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    let input = call.input(Some(call.endpoint("/signOnWithSessionToken")?))?;
    let device = input.device()?;

    let ags = call.ags()?;
    let token = Credential::Token(SecretString::new(input.required("sessionToken")?));
    let cx = call.cx(ags.location.restricts());
    let (tenant, service) = (&call.tenant, call.service());
    let story = exchange::session_token::exchange(tenant, ags, service, &token, device, &cx);
    let (session, pair) = story.await?;
    Ok(token_answer(StatusCode::CREATED, &session, &pair))
}

/// `POST /ags/signOn` (contract B.4).
pub(in crate::http) async fn with_credential(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    let input = call.input(Some(call.endpoint("/signOn")?))?;
    let device = input.device()?;
    let credential = credential(&input, call.sign_on_form()?)?;

    let ags = call.ags()?;
    let cx = call.cx(ags.location.restricts());
    let (tenant, service) = (&call.tenant, call.service());
    let story = exchange::sign_on::exchange(tenant, ags, service, &credential, device, &cx);
    Ok(match story.await? {
        SignedOn::Session(begun) => token_answer(StatusCode::CREATED, &begun.0, &begun.1),
        SignedOn::Choices(choices) => json(StatusCode::MULTIPLE_CHOICES, &accounts(&choices)),
    })
}

/// `POST /ags/subsequentSignOn` (contract B.4). A service that lists `signOn` has it, too: a 300 leads
/// nowhere else.
pub(in crate::http) async fn subsequent(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    call.endpoint("/subsequentSignOn").or_else(|_| call.endpoint("/signOn"))?;
    let user_token = call.user_token()?;
    call.input(call.service().endpoint("/subsequentSignOn"))?;

    let ags = call.ags()?;
    let cx = call.cx(ags.location.restricts());
    let (tenant, service) = (&call.tenant, call.service());
    let story = exchange::subsequent_sign_on::exchange(tenant, ags, service, user_token, &cx);
    let (session, pair) = story.await?;
    Ok(token_answer(StatusCode::CREATED, &session, &pair))
}

/// What the service's table lists is the credential. A part of it that is mandatory is there by now;
/// without one that is not, nobody has proved anything, and no validator is asked.
fn credential(input: &Input<'_>, form: &SignOnForm) -> Result<Credential, HttpError> {
    let secret = |name: &str| -> Result<SecretString, HttpError> {
        let nobody = || ExchangeError::Unauthenticated(format!("parameter {name} is not there"));
        Ok(input.optional(name)?.map(SecretString::new).ok_or_else(nobody)?)
    };
    Ok(match form {
        SignOnForm::Password { username, password } => {
            Credential::Password { username: secret(username)?, password: secret(password)? }
        }
        SignOnForm::Token(name) => Credential::Token(secret(name)?),
        SignOnForm::Cookie(name) => Credential::Cookie(secret(name)?),
    })
}

#[derive(Serialize)]
struct AccountsBody<'a> {
    accounts: Vec<AccountBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountBody<'a> {
    account_id: &'a str,
    /// A JSON document as a text.
    account_information: String,
    user_account_token: &'a str,
}

fn accounts(choices: &[Choice]) -> AccountsBody<'_> {
    let body = |choice: &'_ Choice| {
        let account = &choice.account;
        let information = serde_json::json!({
            "accountId": account.id,
            "userId": account.user_id,
            "accountProfileId": account.profile_id,
        });
        information.to_string()
    };
    let accounts = choices.iter().map(|choice| AccountBody {
        account_id: choice.account.id.as_str(),
        account_information: body(choice),
        user_account_token: choice.user_token.expose(),
    });
    AccountsBody { accounts: accounts.collect() }
}
