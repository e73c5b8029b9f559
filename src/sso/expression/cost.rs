//! What evaluating an expression can cost at the most. The interpreter cannot be interrupted,
//! so the bound is computed beforehand, when the expression is compiled: the heaviest session
//! that it may look at. An evaluation then compares one number.
//!
//! Sizes are weights: a value weighs [`ITEM`] and its text. Every rule below over-estimates,
//! and each is a convex and never falling function of the sizes that go in. For a loop over
//! elements that weigh `W` together that means: the sum of `f(x)` over them is at most
//! `n * f(0) + f(W) - f(0)`, so that a loop that only looks at its elements stays linear.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
};
use serde_json::Value;

use super::functions::{Result, result_of};
use super::pattern::{appended, is_path};
use super::{DOCUMENT, NOW};

/// The most work that one evaluation may be. A unit is a few nanoseconds in a release build and
/// holds a few bytes, so this is some tens of milliseconds and of MiB in the worst case.
pub(super) const MAX_WORK: u64 = 8 * 1024 * 1024;
/// The heaviest session that any expression may look at.
const MAX_WEIGHT: u64 = 512 * 1024;
/// What a value weighs besides its text.
const ITEM: u64 = 16;
/// What it takes to visit a node of the tree.
const NODE: u64 = 32;
/// What a number is as text, at the most.
const NUMBER_TEXT: u64 = 32;

/// A session's weight.
pub(super) fn of_document(value: &Value) -> u64 {
    let len = |text: &str| text.len() as u64;
    ITEM + match value {
        Value::String(text) => len(text),
        Value::Array(items) => items.iter().map(of_document).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| ITEM + len(name) + of_document(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The heaviest session that stays within [`MAX_WORK`].
pub(super) fn heaviest_document(root: &IdedExpr) -> u64 {
    let fits = |weight: u64| {
        let bound = Walk { names: Vec::new(), document: weight }.bound(root);
        // The session is turned into values, and the result out of them.
        bound.work.saturating_add(weight).saturating_add(bound.out) <= MAX_WORK
    };
    let (mut low, mut high) = (0, MAX_WEIGHT + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The most that evaluating a node takes, and the heaviest that its result can be.
#[derive(Debug, Clone, Copy, Default)]
struct Bound {
    work: u64,
    out: u64,
}

impl Bound {
    fn plus(self, other: Self) -> Self {
        Self { work: self.work.saturating_add(other.work), out: self.out.saturating_add(other.out) }
    }
}

struct Walk<'e> {
    /// Variables of the loops around and what they weigh, the innermost last.
    names: Vec<(&'e str, u64)>,
    document: u64,
}

impl<'e> Walk<'e> {
    fn bound(&mut self, node: &'e IdedExpr) -> Bound {
        match &node.expr {
            Expr::Literal(literal) => Bound { work: NODE, out: of_literal(literal) },
            Expr::Ident(name) => Bound { work: NODE, out: self.weight(name) },
            Expr::Select(select) => {
                let operand = self.bound(&select.operand);
                // A path into a variable borrows; anything else may have to be copied.
                let copied = if is_path(&select.operand) { 0 } else { operand.out };
                let work = operand.work.saturating_add(NODE).saturating_add(copied);
                Bound { work, out: if select.test { ITEM } else { operand.out } }
            }
            Expr::List(list) => self.collected(list.elements.iter()),
            Expr::Map(map) => {
                let parts = map.entries.iter().flat_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
                    EntryExpr::StructField(field) => vec![&field.value],
                });
                self.collected(parts)
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(c) => self.comprehension(c),
            // `shape` refuses these.
            Expr::Struct(_) | Expr::Unspecified => Bound { work: u64::MAX, out: u64::MAX },
        }
    }

    /// The innermost variable of this name; a type's name weighs as little as the time.
    fn weight(&self, name: &str) -> u64 {
        match self.names.iter().rev().find(|(known, _)| *known == name) {
            Some((_, weight)) => *weight,
            None if name == DOCUMENT => self.document,
            None if name == NOW => ITEM,
            None => ITEM,
        }
    }

    /// A list or a map of these: each is copied into it.
    fn collected(&mut self, parts: impl Iterator<Item = &'e IdedExpr>) -> Bound {
        let parts = parts.map(|part| self.bound(part)).fold(Bound::default(), Bound::plus);
        let work = parts.work.saturating_add(parts.out).saturating_add(NODE);
        Bound { work, out: parts.out.saturating_add(ITEM) }
    }

    fn call(&mut self, call: &'e CallExpr) -> Bound {
        let target = call.target.as_ref().map(|target| self.bound(target)).unwrap_or_default();
        let args: Vec<Bound> = call.args.iter().map(|arg| self.bound(arg)).collect();
        let all = args.iter().copied().fold(target, Bound::plus);
        let first =
            if call.target.is_some() { target } else { args.first().copied().unwrap_or_default() };
        let last = args.last().copied().unwrap_or_default().out;
        let out = match call.func_name.as_str() {
            operators::CONDITIONAL => args.iter().skip(1).map(|arg| arg.out).max().unwrap_or(0),
            operators::ADD => all.out,
            operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT => {
                first.out.saturating_add(ITEM)
            }
            name => match result_of(name) {
                None | Some(Result::Scalar) => ITEM,
                Some(Result::Sum) => all.out.saturating_add(NUMBER_TEXT),
                Some(Result::Pieces) => first.out.saturating_mul(ITEM + 1),
                Some(Result::Joined) => {
                    first.out.saturating_mul(1 + last / ITEM).saturating_add(last)
                }
                Some(Result::Replaced) => first.out.saturating_add(1).saturating_mul(1 + last),
            },
        };
        // Every argument may be looked at, copied, or put into an error, and the result is made.
        let work = all.work.saturating_add(NODE);
        Bound { work: work.saturating_add(all.out.saturating_mul(2)).saturating_add(out), out }
    }

    /// A loop. Those of `map` and `filter` append to a list in place; in the others what
    /// accumulates is a number, or a variable that is bound.
    fn comprehension(&mut self, c: &'e ComprehensionExpr) -> Bound {
        let appending = appended(c);
        let range = self.bound(&c.iter_range);
        let init = self.bound(&c.accu_init);
        let count = range.out / ITEM + 1;
        let outside = self.names.len();
        self.names.push((&c.accu_var, init.out.max(ITEM)));
        let mut turn = |weight: u64| {
            let inside = self.names.len();
            self.names.push((&c.iter_var, weight));
            self.names.extend(c.iter_var2.as_deref().map(|name| (name, weight)));
            let cond = self.bound(&c.loop_cond).work;
            let step = match &appending {
                Some((guard, items)) => {
                    let guard = guard.map(|guard| self.bound(guard).work).unwrap_or_default();
                    let items = self.collected(items.iter());
                    let work = items.work.saturating_add(items.out).saturating_add(guard);
                    Bound { work, out: items.out - ITEM }
                }
                None => self.bound(&c.loop_step),
            };
            self.names.truncate(inside);
            let work = step.work.saturating_add(cond).saturating_add(weight);
            Bound { work: work.saturating_add(NODE), out: step.out }
        };
        let (least, most) = (turn(0), turn(range.out));
        let result = self.bound(&c.result);
        self.names.truncate(outside);
        let over = |least: u64, most: u64| {
            count.saturating_mul(least).saturating_add(most.saturating_sub(least))
        };
        let out = match appending {
            Some(_) => over(least.out, most.out).saturating_add(ITEM),
            None => result.out,
        };
        let work = range.work.saturating_add(init.work).saturating_add(result.work);
        let turns = over(least.work, most.work);
        Bound { work: work.saturating_add(turns).saturating_add(out), out }
    }
}

fn of_literal(literal: &LiteralValue) -> u64 {
    ITEM + match literal {
        LiteralValue::String(text) => text.inner().len() as u64,
        LiteralValue::Bytes(bytes) => bytes.inner().len() as u64,
        _ => 0,
    }
}
