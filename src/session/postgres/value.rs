//! Parameters of statements, each with the type that it has in the database: unnamed
//! statements say the types of their parameters, so that the server need not be asked.

use tokio_postgres::types::{ToSql, Type};

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Bytes(&'a [u8]),
    MaybeBytes(Option<&'a [u8]>),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Int8s(&'a [i64]),
    Float8(f64),
    Bool(bool),
}

impl<'a> Value<'a> {
    /// A text that clients choose: bytes, because a text column cannot hold a zero character.
    pub(super) fn words(text: Option<&'a str>) -> Self {
        Self::MaybeBytes(text.map(str::as_bytes))
    }

    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(value) => (value, Type::TEXT),
            Self::MaybeText(value) => (value, Type::TEXT),
            Self::Bytes(value) => (value, Type::BYTEA),
            Self::MaybeBytes(value) => (value, Type::BYTEA),
            Self::Int2(value) => (value, Type::INT2),
            Self::Int4(value) => (value, Type::INT4),
            Self::Int8(value) => (value, Type::INT8),
            Self::Int8s(value) => (value, Type::INT8_ARRAY),
            Self::Float8(value) => (value, Type::FLOAT8),
            Self::Bool(value) => (value, Type::BOOL),
        }
    }
}

/// The types of the parameters of `sql.rotate`.
pub(super) const ROTATE: [Type; 12] = [
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::INT4,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::BOOL,
    Type::TEXT,
    Type::FLOAT8,
];

/// As the client wants them.
pub(super) fn typed<'v>(values: &'v [Value<'v>]) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
    values.iter().map(Value::typed).collect()
}
