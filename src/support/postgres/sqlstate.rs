//! What PostgreSQL's codes say, for those that an operator's mistake or a server's state brings about
//! (PostgreSQL's documentation, appendix A). Called for error texts; decides nothing.

/// The code and, where it is one of those, what it says.
pub(super) fn told(code: &str) -> String {
    match in_words(code) {
        Some(words) => format!("postgresql answers sqlstate {code}: {words}"),
        None => format!("postgresql answers sqlstate {code}"),
    }
}

fn in_words(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" => "the password is refused",
        "28000" => "the user may not log in from here",
        "3D000" => "there is no such database",
        "3F000" => "there is no such schema",
        "42P01" => "there is no such table",
        "42703" => "there is no such column",
        "42601" => "the statement is no sql",
        "42501" => "the user lacks a right",
        "25006" => "the server takes no writes",
        "53100" => "the disk is full",
        "53300" => "too many connections",
        "57014" => "it took too long",
        "57P01" | "57P02" => "the server is stopping",
        "57P03" => "the server is starting or stopping",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn what_an_operator_can_help_is_told_in_words() {
        assert_eq!(told("3D000"), "postgresql answers sqlstate 3D000: there is no such database");
        assert_eq!(told("XX000"), "postgresql answers sqlstate XX000");
    }
}
