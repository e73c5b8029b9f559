//! `sql_session`: reads the session that an application keeps in PostgreSQL. The cookie is
//! opened here; the id is the one parameter of the configured query, which runs read-only.
//! For Django a second query fetches the user that the session names.

mod cell;
mod row;
mod settings;

use std::fmt;

use async_trait::async_trait;

pub(super) use self::settings::Settings;
use super::asks::{Asks, Told};
use super::stored::{Stored, UserRow, told_of};
use super::{ValidateCx, ValidateError};
use crate::domain::{Credential, SecretString};
use crate::support::postgres::{Fetch, Statement};

struct SqlSession {
    stored: Stored,
    query: Statement,
    user_query: Option<Statement>,
    fetch: Fetch,
}

#[async_trait]
impl Asks for SqlSession {
    fn kind(&self) -> &'static str {
        "sql_session"
    }

    fn is_selective(&self) -> bool {
        self.stored.opens_cookies()
    }

    fn screen(&self, credential: &Credential) -> Result<(), ValidateError> {
        self.stored.id(credential).map(drop)
    }

    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told {
        self.find_out(credential, cx).await.unwrap_or_else(|told| told)
    }
}

impl SqlSession {
    /// The id, its row, what is in it, the user's row, who it is. An `Err` is told like an `Ok`.
    async fn find_out(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Result<Told, Told> {
        let id = self.stored.id(credential).map_err(|error| Told::plain(Err(error)))?;
        let row = self.fetch.one(&self.query, id.expose(), cx.deadline).await;
        let row = row.map_err(|fault| told_of(&fault))?;
        let row = row.ok_or_else(|| rejected("there is no such session"))?;
        let found = row::found(&row, &self.stored).map_err(answered)?;
        let session = self.stored.session(found, cx.now).map_err(answered)?;
        let user = match &self.user_query {
            None => None,
            Some(query) => {
                let user = session.django_user().map_err(answered)?;
                let row = self.fetch.one(query, user, cx.deadline).await;
                let row = row.map_err(|fault| told_of(&fault))?;
                let row = row.ok_or_else(|| rejected("user is gone"))?;
                let (password, columns) = row::user(&row).map_err(answered)?;
                Some(UserRow { password: SecretString::new(password), columns })
            }
        };
        let verdict = self.stored.verdict(session, user, cx.now);
        Ok(Told { is_alive: true, ..Told::plain(verdict) })
    }
}

fn rejected(why: &'static str) -> Told {
    answered(ValidateError::Rejected(why))
}

/// The database did answer: whatever is wrong is this one credential's or row's fault.
fn answered(error: ValidateError) -> Told {
    Told { is_alive: true, ..Told::plain(Err(error)) }
}

impl fmt::Debug for SqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlSession").field("stored", &self.stored).finish_non_exhaustive()
    }
}
