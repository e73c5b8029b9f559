//! Problems by their paths, and secrets that no problem quotes.

use super::*;
use serde_json::json;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only parsed")]
struct Sample {
    #[serde(default)]
    a: Option<HumanDuration>,
    #[serde(default)]
    b: Option<u8>,
    #[serde(default)]
    s: Option<SecretSource>,
}

#[test]
fn all_problems_are_reported_at_once_with_their_paths() {
    let mut problems = Problems::default();
    let value = json!({"a": "soon", "b": 300, "c": 1, "d": 2, "s": 12345678});
    assert!(parse::<Sample>(value, "x", &mut problems).is_none());
    let mut paths: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
    paths.sort();
    assert_eq!(paths, ["x.a", "x.b", "x.c", "x.d", "x.s"]);
}

#[test]
fn a_text_from_the_environment_is_read_as_the_number_it_must_be() {
    let mut problems = Problems::default();
    let sample = parse::<Sample>(json!({"b": "7", "s": "12345678"}), "x", &mut problems);
    let sample = sample.unwrap();
    assert_eq!(sample.b, Some(7));
    assert_eq!(sample.s.unwrap().load().unwrap().expose(), "12345678");
}

#[test]
fn the_items_of_a_list_are_told_by_their_places() {
    let mut problems = Problems::default();
    let value = json!([{"b": 300}, {}, {"b": "x", "c": 1}, {"s": []}, {"b": 1}, 7]);
    assert!(parse::<Vec<Sample>>(value, "x", &mut problems).is_none());
    let paths: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
    assert_eq!(paths, ["x.0.b", "x.2.b", "x.2.c", "x.3.s", "x.5"]);
    let mut problems = Problems::default();
    let _ = parse::<Vec<u8>>(json!([300, 1, 301, 2, -1]), "x", &mut problems);
    let paths: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
    assert_eq!(paths, ["x.0", "x.2", "x.4"]);
}

#[test]
fn a_wrong_secret_is_not_quoted_in_the_problem() {
    let mut problems = Problems::default();
    let _ = parse::<Sample>(json!({"s": 12345678}), "x", &mut problems);
    let _ = parse::<Vec<SecretSource>>(json!("12345678"), "y", &mut problems);
    let _ = parse::<Sample>(json!({"a": "12345678, expected x"}), "z", &mut problems);
    let problems = problems.into_vec();
    assert_eq!(problems.len(), 3);
    for problem in problems {
        assert!(!problem.message.contains("12345678"), "{problem}");
    }
}

#[test]
fn durations_read_as_people_write_them() {
    let parse = |v: Value| serde_json::from_value::<HumanDuration>(v).map(|d| d.0.as_secs());
    assert_eq!(parse(json!("90s")).unwrap(), 90);
    assert_eq!(parse(json!("6h")).unwrap(), 21600);
    assert_eq!(parse(json!(5)).unwrap(), 5);
    assert_eq!(parse(json!("5")).unwrap(), 5);
    assert!(parse(json!(-5)).is_err());
}

#[test]
fn what_a_value_must_be_is_told_in_words() {
    let told = |value: serde_json::Value| {
        let mut problems = Problems::default();
        let _ = parse::<Told>(value, "x", &mut problems);
        problems.into_vec().remove(0).message
    };
    assert_eq!(told(json!({"number": -1})), "must be a whole number that is not negative");
    assert_eq!(told(json!({"small": 70_000})), "must be a whole number up to 65535");
    assert_eq!(told(json!({"yes": "maybe"})), "must be true or false");
    assert_eq!(told(json!({"list": {}})), "must be a list");
    assert_eq!(told(json!("none")), "must be a table");
    for wrong in [json!(1), json!("here")] {
        let address = "must be an address and a port, such as \"127.0.0.1:8080\"";
        assert_eq!(told(json!({"listen": wrong})), address);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Told {
    number: usize,
    small: u16,
    yes: bool,
    list: Vec<u8>,
    listen: Option<std::net::SocketAddr>,
}

#[test]
fn what_follows_is_told_only_when_nothing_else_is_wrong() {
    let told = |problems: Problems| -> Vec<String> {
        problems.into_vec().into_iter().map(|problem| problem.path).collect()
    };
    let mut problems = Problems::default();
    problems.push_absent("b", true, "there is no a");
    assert_eq!(problems.len(), 1);
    assert!(!problems.is_empty());
    assert_eq!(told(problems), ["b"]);
    let mut problems = Problems::default();
    problems.push_absent("b", true, "there is no a");
    problems.push("a", "is missing");
    problems.push_absent("c", false, "there is no z");
    assert_eq!(problems.len(), 3);
    assert_eq!(told(problems), ["a", "c"]);
}
