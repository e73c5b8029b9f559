//! Finds what a source file names of its crate, without a parser for the language: paths
//! that begin with `crate::`, and `super::` chains that lead up to the crate's root.

/// The code of a file: comments and literal texts blanked out.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let mut rest = line.chars().peekable();
        let mut in_text = false;
        while let Some(c) = rest.next() {
            match c {
                '\\' if in_text => drop(rest.next()),
                '"' => in_text = !in_text,
                '/' if !in_text && rest.peek() == Some(&'/') => break,
                _ if in_text => {}
                _ => code.push(c),
            }
        }
        code.push('\n');
    }
    code
}

/// Every path of the crate that a file names, without the leading `crate::`.
pub(super) fn crate_paths(file: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !word_before(&code, at) {
            expand(&code[at + "crate::".len()..], "", &mut paths);
        }
    }
    let up = "super::".repeat(depth(file));
    for (at, _) in code.match_indices(&up) {
        let chained = code[..at].ends_with("super::");
        if !chained && !word_before(&code, at) {
            let mut found = Vec::new();
            expand(&code[at + up.len()..], "", &mut found);
            // In a module inside the file the chain ends one level below the root.
            paths.extend(found.into_iter().filter(|path| is_layer(path)));
        }
    }
    paths
}

fn is_layer(path: &str) -> bool {
    super::LAYERS.iter().any(|(name, _)| path.split("::").next() == Some(name))
}

/// How many `super` lead from the file's module to the crate's root.
fn depth(file: &str) -> usize {
    let folders = file.matches('/').count();
    if file.ends_with("/mod.rs") { folders } else { folders + 1 }
}

fn word_before(code: &str, at: usize) -> bool {
    code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

/// Reads one path at the start of `code`, braces expanded; answers how far it reached.
fn expand(code: &str, prefix: &str, paths: &mut Vec<String>) -> usize {
    let name_len = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let name = &code[..name_len];
    if let Some(inner) = code.strip_prefix('{') {
        let mut at = 1;
        loop {
            let gap = code[at..].find(|c: char| !c.is_whitespace() && c != ',').unwrap();
            at += gap;
            if code[at..].starts_with('}') {
                return at + 1;
            }
            let read = expand(&inner[at - 1..], prefix, paths);
            at += read;
            // An alias is no path.
            if code[at..].starts_with(" as ") {
                at += code[at..].find([',', '}']).unwrap();
            }
        }
    }
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    if let Some(rest) = code[name_len..].strip_prefix("::")
        && rest.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '{')
    {
        return name_len + 2 + expand(rest, &path, paths);
    }
    let path = path.trim_end_matches("::self").to_owned();
    paths.push(path);
    name_len.max(1)
}

/// Whether a file names a foreign crate.
pub(super) fn names_crate(text: &str, name: &str) -> bool {
    let code = code(text);
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = &code[..at];
        !word_before(&code, at) && (!before.ends_with("::") || before.ends_with(" ::"))
    })
}

#[test]
fn paths_are_found_in_every_form() {
    let text = r#"
        use crate::domain::{self, clock::{Clock, SystemClock as S}, TenantId};
        // use crate::comment::X;
        use super::super::http::Peer;
        let x: crate::session::Store<'_> = "crate::text::X";
        use self::crate_like::Y; use super::sibling::Z;
    "#;
    let found = crate_paths("a/b.rs", text);
    let expected = [
        "domain",
        "domain::clock::Clock",
        "domain::clock::SystemClock",
        "domain::TenantId",
        "session::Store",
        "http::Peer",
    ];
    assert_eq!(found, expected);
}

#[test]
fn crates_are_told_from_modules_of_their_name() {
    assert!(names_crate("use redis::Client;", "redis"));
    assert!(!names_crate("use super::redis::Client;", "redis"));
    assert!(!names_crate("// redis::Client", "redis"));
}
