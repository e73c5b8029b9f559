//! Where a secret of the configuration comes from. Loaded when a part is built; never shown.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::domain::SecretString;

/// Where a secret comes from: `"the text"` or `{ file = "/run/secrets/x" }` (one trailing
/// line break is cut off). Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The secret itself.
    Value(SecretString),
    /// The file that holds it.
    File(PathBuf),
}

impl SecretSource {
    /// The secret.
    ///
    /// # Errors
    /// A text for [`Problems`](super::Problems) when the file cannot be read, is larger than 64 KiB, is not
    /// UTF-8, or the secret is empty.
    pub fn load(&self) -> Result<SecretString, String> {
        let secret = match self {
            Self::Value(secret) => secret.clone(),
            Self::File(path) => read_secret(path)?,
        };
        if secret.expose().is_empty() { Err("secret is empty".to_owned()) } else { Ok(secret) }
    }

    /// The secret in a file's content, for who reads the file again when it changes.
    ///
    /// # Errors
    /// As [`SecretSource::load`].
    pub fn read(content: &[u8]) -> Result<SecretString, String> {
        let secret = secret_of(content)?;
        if secret.expose().is_empty() { Err("secret is empty".to_owned()) } else { Ok(secret) }
    }
}

fn read_secret(path: &Path) -> Result<SecretString, String> {
    let bytes = Zeroizing::new(
        std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?,
    );
    secret_of(&bytes).map_err(|e| format!("{} {e}", path.display()))
}

fn secret_of(bytes: &[u8]) -> Result<SecretString, &'static str> {
    if bytes.len() > 64 * 1024 {
        return Err("is larger than 64 KiB");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(SecretString::new(text.strip_suffix('\r').unwrap_or(text)))
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("[redacted]"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = SecretSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret text or { file = \"path\" }")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretSource, E> {
                Ok(SecretSource::Value(SecretString::new(text)))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<SecretSource, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Table {
                    file: PathBuf,
                }
                Table::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|t| SecretSource::File(t.file))
            }
        }
        // A number or boolean here would be quoted in serde's error: refuse it ourselves.
        struct Guarded(Option<SecretSource>);
        impl<'de> Deserialize<'de> for Guarded {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(d)?;
                Ok(Self(match value {
                    Value::String(_) | Value::Object(_) => value.deserialize_any(Visitor).ok(),
                    _ => None,
                }))
            }
        }
        Guarded::deserialize(d)?
            .0
            .ok_or_else(|| serde::de::Error::custom("must be a text or { file = \"path\" }"))
    }
}
