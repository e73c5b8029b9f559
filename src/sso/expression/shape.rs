//! What an expression may be at all, decided while the configuration is read: known names
//! only, so that a slip of the pen is told at boot, and a bounded tree.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use super::functions::result_of;
use super::{DOCUMENT, NOW};

/// The deepest tree.
const MAX_DEPTH: usize = 32;
/// The most nodes; the macros' own are counted.
const MAX_NODES: usize = 256;
/// How deep loops may be nested.
const MAX_LOOPS: usize = 2;

/// Names of types, which `type(x) == string` asks for.
const TYPES: [&str; 9] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];
/// Namespaces of functions that are written as targets: `optional.of(x)`.
const NAMESPACES: [&str; 1] = ["optional"];

/// Checks a whole expression.
///
/// # Errors
/// A text for the configuration's problems.
pub(super) fn check(root: &IdedExpr) -> Result<(), String> {
    Walk { names: Vec::new(), nodes: 0 }.visit(root, 0, 0)
}

struct Walk<'e> {
    /// Variables of the loops around.
    names: Vec<&'e str>,
    nodes: usize,
}

impl<'e> Walk<'e> {
    fn visit(&mut self, node: &'e IdedExpr, depth: usize, loops: usize) -> Result<(), String> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err("is too large: write it shorter".to_owned());
        }
        match &node.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.check_name(name),
            Expr::Select(select) => self.visit(&select.operand, depth + 1, loops),
            Expr::List(list) => {
                list.elements.iter().try_for_each(|e| self.visit(e, depth + 1, loops))
            }
            Expr::Call(call) => {
                if !is_operator(&call.func_name) && result_of(&call.func_name).is_none() {
                    return Err(format!("there is no function {:?}", call.func_name));
                }
                if let Some(target) = &call.target
                    && !matches!(&target.expr, Expr::Ident(name) if NAMESPACES.contains(&name.as_str()))
                {
                    self.visit(target, depth + 1, loops)?;
                }
                call.args.iter().try_for_each(|e| self.visit(e, depth + 1, loops))
            }
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, depth + 1, loops)?;
                    self.visit(&entry.value, depth + 1, loops)
                }
                EntryExpr::StructField(_) => Err("must not make objects".to_owned()),
            }),
            Expr::Comprehension(c) => {
                // `optMap` binds its variable by a loop over nothing.
                let is_binding =
                    matches!(&c.iter_range.expr, Expr::List(list) if list.elements.is_empty());
                let loops = loops + usize::from(!is_binding);
                if loops > MAX_LOOPS {
                    return Err(format!("must not nest more than {MAX_LOOPS} loops"));
                }
                self.visit(&c.iter_range, depth + 1, loops)?;
                self.visit(&c.accu_init, depth + 1, loops)?;
                let outside = self.names.len();
                self.names.extend([c.accu_var.as_str(), c.iter_var.as_str()]);
                self.names.extend(c.iter_var2.as_deref());
                self.visit(&c.loop_cond, depth + 1, loops)?;
                self.visit(&c.loop_step, depth + 1, loops)?;
                self.visit(&c.result, depth + 1, loops)?;
                self.names.truncate(outside);
                Ok(())
            }
            Expr::Struct(_) => Err("must not make objects".to_owned()),
            Expr::Unspecified => Err("is no CEL expression".to_owned()),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        let known =
            name == DOCUMENT || name == NOW || TYPES.contains(&name) || self.names.contains(&name);
        if known {
            return Ok(());
        }
        Err(format!("there is no variable {name:?}, only {DOCUMENT:?} and {NOW:?}"))
    }
}

/// Operators are called by names that nobody can write: `_+_`, `!_`, `_[_]`.
fn is_operator(name: &str) -> bool {
    !name.starts_with('@') && name.contains(|c: char| !c.is_alphanumeric() && c != '_')
}
