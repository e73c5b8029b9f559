//! One column's value as PostgreSQL sends it (binary format), for the types that sessions are
//! made of. A type that is not among them is an error, never a guess.

use std::error::Error;

use serde_json::{Value, json};
use tokio_postgres::types::{FromSql, Kind, Type};

/// Seconds from the Unix epoch to PostgreSQL's, 2000-01-01.
const EPOCH: i64 = 946_684_800;

/// A value.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    /// Of a text or JSON column.
    Text(String),
    /// Of a `bytea` column.
    Bytes(Vec<u8>),
    /// Seconds since the epoch.
    Time(i64),
    /// What is a JSON value as it is.
    Plain(Value),
}

impl Cell {
    /// As a member of a document: times are whole seconds since the epoch.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => {
                use base64::Engine;
                json!({ "base64": base64::engine::general_purpose::STANDARD.encode(bytes) })
            }
            Self::Time(secs) => secs.into(),
            Self::Plain(value) => value,
        }
    }
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let unfit = || Box::<dyn Error + Sync + Send>::from("value does not fit its type");
        Ok(match *ty {
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            Type::BOOL => Self::Plain(bool::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Plain(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => Self::Plain(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Self::Plain(i64::from_sql(ty, raw)?.into()),
            Type::FLOAT4 => Self::Plain(f32::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Self::Plain(f64::from_sql(ty, raw)?.into()),
            Type::UUID => {
                Self::Plain(uuid::Uuid::from_slice(raw).map_err(|_| unfit())?.to_string().into())
            }
            Type::TIMESTAMPTZ => {
                let micros = i64::from_be_bytes(raw.try_into().map_err(|_| unfit())?);
                // `infinity` and its opposite are the ends of the range.
                Self::Time(micros.div_euclid(1_000_000).saturating_add(EPOCH))
            }
            Type::JSON => Self::Text(std::str::from_utf8(raw)?.to_owned()),
            Type::JSONB => match raw.split_first() {
                Some((1, json)) => Self::Text(std::str::from_utf8(json)?.to_owned()),
                _ => return Err(unfit()),
            },
            Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => {
                let items = Vec::<Option<String>>::from_sql(ty, raw)?;
                Self::Plain(items.into())
            }
            _ => Self::Text(std::str::from_utf8(raw)?.to_owned()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        const TYPES: [Type; 18] = [
            Type::TEXT,
            Type::VARCHAR,
            Type::BPCHAR,
            Type::NAME,
            Type::UNKNOWN,
            Type::BYTEA,
            Type::BOOL,
            Type::INT2,
            Type::INT4,
            Type::INT8,
            Type::FLOAT4,
            Type::FLOAT8,
            Type::UUID,
            Type::TIMESTAMPTZ,
            Type::JSON,
            Type::JSONB,
            Type::TEXT_ARRAY,
            Type::VARCHAR_ARRAY,
        ];
        // The labels of an enum are sent as texts; `citext` is one with another order.
        TYPES.contains(ty) || matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext"
    }
}
