//! What discovery says of an authentication service's AGS calls (contract B.1). The same table
//! holds requests to it, and says where `signOn` finds its credential.

use serde::{Deserialize, Serialize};

use crate::domain::CredentialKind;

/// `displayAttributes` of discovery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DisplayAttributes {
    /// Address of a logo.
    pub logo: String,
    /// The name to show.
    pub name: String,
}

/// One AGS call of a service, as discovery says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The vendor's name for it: `SIGNON`.
    pub name: String,
    /// Relative to `/ags`: `/signOn`.
    pub path: String,
    /// What `parameters` must and may hold.
    #[serde(rename = "parameterProperties", alias = "parameters", default)]
    pub parameters: Vec<ParameterProperties>,
}

/// One parameter of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterProperties {
    /// Its name; requests match it without regard to case.
    pub name: String,
    /// Whether a request without it is malformed.
    #[serde(default)]
    pub mandatory: bool,
    /// Whether a user interface should hide what is typed.
    #[serde(rename = "isPassword", alias = "password", default)]
    pub is_password: bool,
}

impl Endpoint {
    /// The calls of a service that configures none and takes tokens: the session-token flow.
    #[must_use]
    pub fn session_token_flow() -> Vec<Self> {
        vec![
            Self::new("GET_SESSION_TOKEN", "/getSessionToken", &[("OperatorAuthToken", false)]),
            Self::new(
                "SIGNON_WITH_SESSION_TOKEN",
                "/signOnWithSessionToken",
                &[("sessionToken", false)],
            ),
            Self::new("REFRESH", "/refresh", &[]),
            Self::new("SIGNOUT", "/signOut", &[]),
        ]
    }

    /// The calls of a service that configures none and takes passwords.
    #[must_use]
    pub fn password_flow() -> Vec<Self> {
        vec![
            Self::new("SIGNON", "/signOn", &[("Username", false), ("Password", true)]),
            Self::new("SUBSEQUENT_SIGNON", "/subsequentSignOn", &[]),
            Self::new("REFRESH", "/refresh", &[]),
            Self::new("SIGNOUT", "/signOut", &[]),
        ]
    }

    fn new(name: &str, path: &str, mandatory: &[(&str, bool)]) -> Self {
        let parameter = |(name, is_password): &(&str, bool)| ParameterProperties {
            name: (*name).to_owned(),
            mandatory: true,
            is_password: *is_password,
        };
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            parameters: mandatory.iter().map(parameter).collect(),
        }
    }

    /// Where this call finds a credential that the validator takes: a password where it lists
    /// one, else its first parameter.
    #[must_use]
    pub fn sign_on_form(&self, accepts: impl Fn(CredentialKind) -> bool) -> Option<SignOnForm> {
        let first = |secret| self.parameters.iter().find(|p| p.is_password == secret);
        if let (true, Some(password), Some(username)) =
            (accepts(CredentialKind::Password), first(true), first(false))
        {
            let (username, password) = (username.name.clone(), password.name.clone());
            return Some(SignOnForm::Password { username, password });
        }
        let name = self.parameters.first()?.name.clone();
        if accepts(CredentialKind::Token) {
            Some(SignOnForm::Token(name))
        } else if accepts(CredentialKind::Cookie) {
            Some(SignOnForm::Cookie(name))
        } else {
            None
        }
    }
}

/// Which parameters of `signOn` are the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignOnForm {
    /// A user name and a password, by these parameters.
    Password {
        /// The parameter of the user name.
        username: String,
        /// The parameter of the password.
        password: String,
    },
    /// A token, by this parameter.
    Token(String),
    /// A cookie's value, by this parameter.
    Cookie(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use CredentialKind::{Cookie, Password, Token};

    fn form(listed: &[(&str, bool)], takes: &[CredentialKind]) -> Option<SignOnForm> {
        Endpoint::new("SIGNON", "/signOn", listed).sign_on_form(|kind| takes.contains(&kind))
    }

    #[test]
    fn the_listed_parameters_are_what_the_validator_takes() {
        let both = [("Hint", false), ("Secret", true)];
        let password =
            SignOnForm::Password { username: "Hint".to_owned(), password: "Secret".to_owned() };
        assert_eq!(form(&both, &[Cookie, Token, Password]), Some(password));
        assert_eq!(form(&both, &[Cookie, Token]), Some(SignOnForm::Token("Hint".to_owned())));
        assert_eq!(form(&both, &[Cookie]), Some(SignOnForm::Cookie("Hint".to_owned())));
        // Without a second parameter there is no place for a password.
        assert_eq!(form(&both[..1], &[Password]), None);
        assert_eq!(form(&[], &[Cookie, Token, Password]), None);
    }
}
