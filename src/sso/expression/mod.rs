//! [`Expression`]: one CEL expression (Common Expression Language) over an authentic session.
//! `mapping` compiles them while the configuration is read and evaluates them; nothing else
//! does. What an evaluation may take is decided when it is compiled: see `cost.rs`.
//!
//! Texts of errors name the rule that failed and never a value of the session.

mod cost;
mod functions;
mod json;
mod pattern;
mod shape;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::types::CelInt;
use cel::{Context, ExecutionError, Program};
use serde_json::Value;

use self::functions::environment;
use crate::domain::Timestamp;

/// The longest expression, in bytes.
pub(super) const MAX_LEN: usize = 1024;
/// What the session is called in an expression.
pub(super) const DOCUMENT: &str = "session";
/// What the current time is called: whole seconds since the epoch.
pub(super) const NOW: &str = "now";
/// The stack that the parser runs on: its recursion is bounded by [`MAX_LEN`], and this is
/// several times what that many open parentheses take.
const PARSER_STACK: usize = 64 * 1024 * 1024;
/// The weight of a session (see [`cost::of_document`]) that every expression must be able to read.
const LEAST_WEIGHT: u64 = 2 * 1024;

/// A compiled expression.
pub(super) struct Expression {
    source: Box<str>,
    program: Program,
    /// The heaviest session that it may look at.
    max_weight: u64,
}

/// Why an evaluation has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed(pub(super) &'static str);

/// What expressions see of one session, made once for all of them.
pub(super) struct Scope<'d> {
    context: Context<'d, 'd>,
    weight: u64,
}

impl Expression {
    /// Compiles.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        if source.len() > MAX_LEN {
            return Err(format!("must be at most {MAX_LEN} bytes long"));
        }
        let program = parse(source.to_owned())?;
        let max_weight = cost::heaviest_document(program.expression());
        if max_weight < LEAST_WEIGHT {
            let rule = "may cost too much: it multiplies lists or texts of the session";
            return Err(rule.to_owned());
        }
        Ok(Self { source: source.into(), program, max_weight })
    }

    /// As the configuration has it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates. `None`: `null`, an empty optional, or a member that is not there.
    ///
    /// # Errors
    /// When the session is too large for it, or operands do not fit.
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Option<Value>, Failed> {
        match self.strictly(scope) {
            Err(MISSING) => Ok(None),
            other => other,
        }
    }

    /// [`Expression::evaluate`], with a member that is not there as an error.
    ///
    /// # Errors
    /// The same, and [`MISSING`].
    pub(super) fn strictly(&self, scope: &Scope<'_>) -> Result<Option<Value>, Failed> {
        if scope.weight > self.max_weight {
            return Err(Failed("session is too large for the expression"));
        }
        let result = catch_unwind(AssertUnwindSafe(|| self.program.execute(&scope.context)))
            .map_err(|_| Failed("expression cannot be evaluated"))?;
        let value = result.map_err(|error| failed(&error))?;
        json::from_cel(&value).ok_or(Failed("expression's result is no JSON value"))
    }
}

impl<'d> Scope<'d> {
    /// The variables `session` and `now`.
    pub(super) fn new(document: &'d Value, now: Timestamp) -> Self {
        let mut context = Context::with_env(Arc::clone(environment()));
        context.add_variable_as_val(DOCUMENT, json::to_cel(document));
        context.add_variable_as_val(NOW, Box::new(CelInt::from(now.secs())));
        Self { context, weight: cost::of_document(document) }
    }
}

/// A member that the expression asks for is not in the session.
pub(super) const MISSING: Failed = Failed("expression asks for a member that is not there");

/// Parses on a stack of its own, since the parser recurses, and checks what came of it there.
fn parse(source: String) -> Result<Program, String> {
    let parse = move || {
        let program = environment().compile(&source).map_err(|errors| {
            errors.errors.first().map_or_else(|| "is no CEL expression".to_owned(), describe)
        })?;
        shape::check(program.expression())?;
        Ok(program)
    };
    let thread = std::thread::Builder::new().stack_size(PARSER_STACK).spawn(parse);
    let thread = thread.map_err(|_| "cannot be parsed: no thread for it".to_owned())?;
    thread.join().unwrap_or_else(|_| Err("is no CEL expression".to_owned()))
}

/// The parser's first complaint, with its place and without the source line.
fn describe(error: &cel::ParseError) -> String {
    let (line, column) = error.pos;
    let message = error.msg.split('\n').next().unwrap_or_default();
    format!("is no CEL expression: line {line}, column {column}: {message}")
}

/// The rule behind an error, without the values that the error holds.
fn failed(error: &ExecutionError) -> Failed {
    match error {
        ExecutionError::NoSuchKey(_) => MISSING,
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            Failed("expression divides by zero")
        }
        ExecutionError::Overflow(..) => Failed("expression's number is too large"),
        ExecutionError::IndexOutOfBounds(_) => Failed("expression's index is out of bounds"),
        ExecutionError::DuplicateKey(_) => Failed("expression's map has a key twice"),
        ExecutionError::FunctionError { .. } => Failed("expression calls a function wrongly"),
        _ => Failed("expression does not fit the types in the session"),
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests;
