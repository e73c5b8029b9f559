//! A configured query, looked at when the configuration is read: one statement that selects,
//! with `$1` as its only parameter. It is no parser of SQL; what it lets pass and the server
//! would not, the server refuses, and the transaction is read-only in any case.

/// A query that was checked.
#[derive(Debug)]
pub struct Statement(String);

impl Statement {
    /// The text to send.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.0
    }

    /// The same rows, each as one JSON text with the columns' names.
    #[must_use]
    pub fn as_json(&self) -> Self {
        let sql = self.0.trim_end();
        let sql = sql.strip_suffix(';').unwrap_or(sql);
        // The line's end keeps a comment at the end of the query from taking the rest.
        Self(format!("SELECT row_to_json(found)::text FROM ({sql}\n) AS found"))
    }

    /// Checks a query.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub fn parse(sql: &str) -> Result<Self, &'static str> {
        if sql.contains('\0') {
            return Err("must not hold a zero byte");
        }
        let code = code(sql)?;
        let code = code.trim();
        let code = code.strip_suffix(';').unwrap_or(code);
        if code.contains(';') {
            return Err("must be one statement");
        }
        let first = code.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty());
        if !first.is_some_and(|word| ["select", "with"].contains(&&*word.to_ascii_lowercase())) {
            return Err("must begin with select or with");
        }
        let parameters: Vec<&str> = parameters(code).collect();
        if parameters.is_empty() {
            return Err("must use $1: what is looked for");
        }
        if parameters.iter().any(|number| *number != "1") {
            return Err("must have no parameter but $1");
        }
        Ok(Self(sql.to_owned()))
    }
}

/// The digits behind each `$` that begins a parameter.
fn parameters(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices('$').filter_map(|(at, _)| {
        let is_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        let rest = &code[at + 1..];
        let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        (!is_word && len > 0).then(|| &rest[..len])
    })
}

/// The text with literals, quoted names and comments blanked out (PostgreSQL's manual, section
/// 4.1).
fn code(sql: &str) -> Result<String, &'static str> {
    const OPEN: &str = "has a literal or a comment that does not end";
    let mut code = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let is_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        let skipped = if c == '\'' {
            // `E'…'` escapes with backslashes.
            let escapes = code.ends_with(['e', 'E']) && !word_before_last(&code);
            Some(quoted(rest, '\'', escapes).ok_or(OPEN)?)
        } else if c == '"' {
            Some(quoted(rest, '"', false).ok_or(OPEN)?)
        } else if rest.starts_with("--") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            Some(comment(rest).ok_or(OPEN)?)
        } else if let (false, Some(tag)) = (is_word, dollar_tag(rest)) {
            let end = rest[tag.len()..].find(tag).ok_or(OPEN)?;
            Some(2 * tag.len() + end)
        } else {
            None
        };
        if let Some(len) = skipped {
            code.push(' ');
            rest = &rest[len..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(code)
}

/// Whether the last character is the end of a longer word.
fn word_before_last(code: &str) -> bool {
    let before = code.char_indices().next_back().map_or("", |(at, _)| &code[..at]);
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The length of a literal whose quote is doubled inside.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut inside = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = inside.next() {
        if c == '\\' && escapes {
            inside.next();
        } else if c == quote {
            match inside.peek() {
                Some((_, next)) if *next == quote => drop(inside.next()),
                _ => return Some(at + 1),
            }
        }
    }
    None
}

/// The length of a comment; they nest.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
}

/// `$$` or `$tag$` at the start.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text.strip_prefix('$')?.find('$')? + 2;
    let tag = &text[1..end - 1];
    let is_tag = !tag.starts_with(|c: char| c.is_ascii_digit())
        && tag.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_tag.then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_select_with_one_parameter_is_taken() {
        for sql in [
            "select data from s where id = $1",
            "SELECT data FROM s WHERE id = $1::uuid;",
            "  -- by id\nwith x as (select 1) select data from s, x where id=$1 or other=$1",
            "select 'it''s; $2', E'\\'; $3', \"a;$4\", $$;$5$$, $q$ $$ $6 $q$ from s where id=$1",
            "select a /* ; /* $2 */ $3 */ from s where id = $1",
            "(select data from s where id = $1)",
        ] {
            assert_eq!(Statement::parse(sql).map(|_| ()), Ok(()), "{sql}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (sql, rule) in [
            ("", "must begin with select or with"),
            ("delete from s where id = $1", "must begin with select or with"),
            ("selected $1", "must begin with select or with"),
            ("select 1", "must use $1: what is looked for"),
            ("select '$1'", "must use $1: what is looked for"),
            ("select a$1 from s", "must use $1: what is looked for"),
            ("select $1, $2", "must have no parameter but $1"),
            ("select $10", "must have no parameter but $1"),
            ("select $1; drop table s", "must be one statement"),
            ("select $1;;", "must be one statement"),
            ("select E'\\'; $1", "has a literal or a comment that does not end"),
            ("select $1 /* ", "has a literal or a comment that does not end"),
            ("select $1 \0", "must not hold a zero byte"),
        ] {
            assert_eq!(Statement::parse(sql).map(|_| ()), Err(rule), "{sql}");
        }
    }

    #[test]
    fn rows_can_be_asked_for_as_json() {
        let query = Statement::parse("select id from a where id = $1; ").unwrap().as_json();
        let wrapped =
            "SELECT row_to_json(found)::text FROM (select id from a where id = $1\n) AS found";
        assert_eq!(query.sql(), wrapped);
        assert!(Statement::parse(query.sql()).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(sql in "[select$1'\"eE\\\\/*;\\- \\PC]{0,60}") {
            let _ = Statement::parse(&sql);
        }
    }
}
