//! The functions that expressions may call, and what each of them can do to the size of its
//! arguments. Whatever is not listed here cannot be called, so that `cost.rs` knows all of it:
//! no regular expressions, no formatting, nothing that searches in more than linear time.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelInt, CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Env, ExecutionError, extensions};

use super::super::iso_time;

/// How large a function's result can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    /// A number or a boolean.
    Scalar,
    /// All of the arguments together.
    Sum,
    /// A list of the target's pieces.
    Pieces,
    /// The target's elements with the argument between them.
    Joined,
    /// The target with the last argument in the place of any part.
    Replaced,
}

/// Every function that may be called, operators aside.
const FUNCTIONS: [(&str, Result); 28] = [
    ("bool", Result::Scalar),
    ("contains", Result::Scalar),
    ("double", Result::Scalar),
    ("dyn", Result::Sum),
    ("endsWith", Result::Scalar),
    ("epoch", Result::Scalar),
    ("hasValue", Result::Scalar),
    ("int", Result::Scalar),
    ("join", Result::Joined),
    ("lowerAscii", Result::Sum),
    ("none", Result::Scalar),
    ("of", Result::Sum),
    ("ofNonZeroValue", Result::Sum),
    ("or", Result::Sum),
    ("orValue", Result::Sum),
    ("replace", Result::Replaced),
    ("size", Result::Scalar),
    ("split", Result::Pieces),
    ("startsWith", Result::Scalar),
    ("string", Result::Sum),
    ("substring", Result::Sum),
    ("trim", Result::Sum),
    ("type", Result::Scalar),
    ("uint", Result::Scalar),
    ("upperAscii", Result::Sum),
    ("value", Result::Sum),
    ("@not_strictly_false", Result::Scalar),
    ("@in", Result::Scalar),
];

/// How large the result of this function can be; `None`: it cannot be called.
pub(super) fn result_of(name: &str) -> Option<Result> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, result)| *result)
}

/// The functions, made once.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(build()));
    &ENVIRONMENT
}

#[expect(clippy::expect_used, reason = "constant declarations; a test builds them")]
fn build() -> Env {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings).expect("names of the extension are free");
    env.add_overload("epoch", "epoch_string", vec![STRING_TYPE], epoch).expect("name is free");
    env
}

/// `epoch("2026-11-28T16:50:54Z")`: whole seconds since the epoch of an ISO 8601 time.
fn epoch<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> std::result::Result<CowVal<'b, 'v>, ExecutionError> {
    let text = args.first().and_then(|arg| arg.as_ref().downcast_ref::<CelString<'_>>());
    match text.and_then(|text| iso_time::parse(text.inner())) {
        Some(time) => Ok(CowVal::owned(CelInt::from(time.secs()))),
        None => Err(ExecutionError::function_error("epoch", "it is no ISO 8601 time")),
    }
}
