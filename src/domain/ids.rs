//! Identifiers as parsed newtypes: a value of one of these types has the length
//! and alphabet its rule demands, so no other module checks again. Cheap to
//! clone (`Arc<str>`).

use std::fmt;
use std::sync::Arc;

/// Why a text is not an identifier of the asked kind. Carries the rule, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $rule:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest accepted text, in bytes.
            pub const MAX_LEN: usize = $max;

            /// Parses a text.
            ///
            /// # Errors
            /// [`InvalidId`] when it is empty, too long or leaves the alphabet.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() || text.len() > Self::MAX_LEN || !text.bytes().all(allowed) {
                    return Err(InvalidId { what: $what, rule: $rule });
                }
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
}

fn visible_or_space(b: u8) -> bool {
    matches!(b, b' '..=b'~')
}

/// Anything but control characters; UTF-8 is allowed because identity systems use it.
fn no_control(b: u8) -> bool {
    b >= b' ' && b != 0x7f
}

id!(
    /// A tenant, as `nv-tenant-id` and the configuration name it.
    TenantId, "a tenant id", 64, "1 to 64 of A-Z a-z 0-9 . _ -", name_byte
);
id!(
    /// An authentication service of a tenant: the `authServiceName` of discovery
    /// and the value of `x-auth-service-id`, so it may hold spaces.
    ServiceName, "an authentication service name", 128,
    "1 to 128 printable ASCII characters", visible_or_space
);
id!(
    /// An operator's customer account (claim `accountId`).
    AccountId, "an account id", 128, "1 to 128 bytes without control characters", no_control
);
id!(
    /// A registered device (claim `deviceId`, response member `client_id`).
    DeviceId, "a device id", 128, "1 to 128 printable ASCII characters", visible_or_space
);
id!(
    /// Who a credential belongs to, as its identity system names them (claim `sub`).
    Subject, "a subject", 256, "1 to 256 bytes without control characters", no_control
);
id!(
    /// The name of a key in a key ring (header `kid`).
    KeyId, "a key id", 64, "1 to 64 of A-Z a-z 0-9 . _ -", name_byte
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers_keep_to_their_alphabet() {
        assert!(TenantId::parse("nagra").is_ok());
        assert!(TenantId::parse("").is_err());
        assert!(TenantId::parse("a b").is_err());
        assert!(TenantId::parse(&"a".repeat(65)).is_err());
        assert!(ServiceName::parse("Customer Auth Service").is_ok());
        assert!(ServiceName::parse("tab\there").is_err());
        assert!(Subject::parse("zoë").is_ok());
        assert!(Subject::parse("a\u{7f}").is_err());
    }

    proptest! {
        #[test]
        fn parsing_is_identity_or_error(text in "\\PC{0,80}") {
            if let Ok(id) = TenantId::parse(&text) {
                prop_assert_eq!(id.as_str(), text.as_str());
            }
        }
    }
}
