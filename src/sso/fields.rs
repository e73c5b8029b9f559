//! The `fields` table of the kinds that open a framework's session: where in it stands who
//! it is. Nothing but the subject is read unless the configuration says where it is,
//! because what else a session holds is the application's own business.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::mapping::{Mapping, Place};
use super::roles::Roles;

/// Member names, or JSON pointers (RFC 6901) when they begin with `/`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fields {
    pub(super) subject: Option<Place>,
    user_id: Option<Place>,
    roles: Option<Roles>,
    accounts: Option<Place>,
    pub(super) session_id: Option<Place>,
    attributes: BTreeMap<String, Place>,
}

impl Fields {
    /// The mapping, with the framework's own place for the subject where the table says none.
    pub(super) fn mapping(self, subject: &str) -> Mapping {
        Mapping {
            subject: self.subject.unwrap_or_else(|| Place::new(subject)),
            user_id: self.user_id,
            roles: self.roles,
            accounts: self.accounts,
            session_id: self.session_id,
            attributes: self.attributes,
        }
    }
}
