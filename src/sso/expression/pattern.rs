//! What some nodes of an expression's tree are to the interpreter, for `cost.rs`.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, operators};

/// What `map` and `filter` become, as the interpreter recognises it: the condition, if there is
/// one, and what is appended to the list that nothing else can name.
pub(super) fn appended(c: &ComprehensionExpr) -> Option<(Option<&IdedExpr>, &[IdedExpr])> {
    let is_accu = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(name) if *name == c.accu_var);
    let starts_empty = matches!(&c.accu_init.expr, Expr::List(list) if list.elements.is_empty());
    let is_constant = matches!(&c.loop_cond.expr, Expr::Literal(_));
    if !starts_empty || !is_constant || !is_accu(&c.result) {
        return None;
    }
    let (guard, step) = match &c.loop_step.expr {
        Expr::Call(call) if call.func_name == operators::CONDITIONAL => {
            match call.args.as_slice() {
                [guard, step, otherwise] if is_accu(otherwise) => (Some(guard), step),
                _ => return None,
            }
        }
        _ => (None, &c.loop_step),
    };
    match &step.expr {
        Expr::Call(call) if call.func_name == operators::ADD => match call.args.as_slice() {
            [accu, IdedExpr { expr: Expr::List(list), .. }] if is_accu(accu) => {
                Some((guard, &list.elements))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether it is a variable, or a path into one.
pub(super) fn is_path(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => is_path(&select.operand),
        _ => false,
    }
}
