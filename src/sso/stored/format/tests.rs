//! Values that real applications wrote, what is refused, and what no input may do.

use proptest::prelude::*;
use serde_pickle::SerOptions;

use super::*;
use crate::sso::vectors;

const PHP: &str = include_str!("../../../../tests/data/vectors/php-redis.json");
const FLASK: &str = include_str!("../../../../tests/data/vectors/flask.json");
const DJANGO: &str = include_str!("../../../../tests/data/vectors/django.json");

fn bytes(vectors: &Value, pointer: &str) -> Vec<u8> {
    STANDARD.decode(vectors::text(vectors, pointer)).unwrap()
}

/// Cut short anywhere it is refused, and no changed bit makes it panic.
fn assert_robust(format: FormatName, data: &[u8]) {
    for at in 0..data.len() {
        // The handler `php` may end behind any variable.
        if format != FormatName::Php {
            assert!(format.decode(&data[..at]).is_err(), "{format:?} cut at {at}");
        }
        for bit in 0..8 {
            let mut changed = data.to_vec();
            changed[at] ^= 1 << bit;
            let _ = format.decode(&changed);
        }
    }
}

#[test]
fn sessions_of_php_are_read() {
    let file = vectors::read(PHP);
    for vector in file["vectors"].as_array().unwrap() {
        let format: FormatName =
            serde_json::from_value(vector["serialize_handler"].clone()).unwrap();
        let data = vectors::text(vector, "/redis_value").as_bytes();
        assert_eq!(format.decode(data).as_ref(), Ok(&vector["decoded"]));
        assert_robust(format, data);
    }
}

#[test]
fn sessions_of_flask_session_are_read() {
    let file = vectors::read(FLASK);
    for vector in file["flask_session_redis"].as_array().unwrap() {
        let data = bytes(vector, "/redis_value_b64");
        assert_eq!(FormatName::Msgpack.decode(&data).as_ref(), Ok(&vector["decoded"]));
        assert_robust(FormatName::Msgpack, &data);
    }
}

#[test]
fn sessions_in_djangos_cache_are_read() {
    let file = vectors::read(DJANGO);
    let data = bytes(&file, "/cache_redis/redis_value_b64");
    assert_eq!(FormatName::Pickle.decode(&data).as_ref(), Ok(&file["cache_redis"]["decoded"]));
    assert_robust(FormatName::Pickle, &data);
}

#[test]
fn sessions_of_laravel_are_read_in_each_wrapping() {
    let inner = r#"a:2:{s:6:"_token";s:1:"x";s:10:"login_web_";i:7;}"#;
    let json = r#"{"_token":"x","login_web_":7}"#;
    let want = json!({"_token": "x", "login_web_": 7});
    for inner in [inner, json] {
        let cached = format!("s:{}:\"{inner}\";", inner.len());
        assert_eq!(FormatName::Laravel.decode(cached.as_bytes()), Ok(want.clone()));
        let in_a_row = STANDARD.encode(inner);
        assert_eq!(FormatName::Laravel.decode(in_a_row.as_bytes()), Ok(want.clone()));
    }
    assert!(FormatName::Laravel.decode(inner.as_bytes()).is_err());
    assert!(FormatName::Laravel.decode(b"i:7;").is_err());
}

fn php(text: &[u8]) -> Result<Value, Broken> {
    php::value(text)
}

#[test]
fn every_value_of_php_that_is_data_is_read() {
    for (text, want) in [
        (&b"N;"[..], json!(null)),
        (b"b:1;", json!(true)),
        (b"i:-5;", json!(-5)),
        (b"d:0.5;", json!(0.5)),
        (b"d:1.0E+25;", json!(1e25)),
        (b"d:INF;", json!("inf")),
        (b"s:0:\"\";", json!("")),
        (b"s:3:\"a\"b\";", json!("a\"b")),
        (b"s:2:\"\xff\x00\";", json!({"base64": "/wA="})),
        (b"a:0:{}", json!([])),
        (b"a:2:{i:0;s:1:\"a\";i:1;i:2;}", json!(["a", 2])),
        (b"a:2:{i:1;s:1:\"a\";i:0;i:2;}", json!({"1": "a", "0": 2})),
        (b"a:1:{s:1:\"k\";a:1:{i:0;b:0;}}", json!({"k": [false]})),
        (b"O:8:\"stdClass\":1:{s:1:\"a\";i:1;}", json!({"a": 1})),
        (b"O:1:\"X\":2:{s:4:\"\0*\0a\";i:1;s:1:\"b\";i:2;}", json!({"b": 2})),
        (b"O:1:\"X\":0:{}", json!({})),
        (b"E:8:\"Suit:Ace\";", json!("Suit:Ace")),
    ] {
        assert_eq!(php(text), Ok(want), "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_is_no_data_of_php_is_refused() {
    let deep = format!("{}i:1;{}", "a:1:{i:0;".repeat(40), "}".repeat(40));
    for text in [
        "",
        "i:1",
        "i:;",
        "i:--1;",
        "i:+1;",
        "i:99999999999999999999;",
        "b:2;",
        "s:5:\"abc\";",
        "s:99999999999:\"abc\";",
        "s:-1:\"\";",
        "a:1:{i:0;}",
        "a:99999999:{i:0;i:1;}",
        "a:1:{a:0:{}i:1;}",
        "a:1:{d:0.5;i:1;}",
        "a:2:{i:0;s:1:\"x\";i:1;R:2;}",
        "C:1:\"X\":3:{abc}",
        "S:1:\"a\";",
        "i:1;i:2;",
        &deep,
    ] {
        assert!(php(text.as_bytes()).is_err(), "{text}");
    }
    for text in ["a", "a|", "a|i:1", "|", "a|R:1;"] {
        assert!(php::session(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(php::session(b"!gone|a|i:1;"), Ok(json!({"a": 1})));
    assert_eq!(php::session(b""), Ok(json!({})));
}

#[test]
fn a_session_is_an_object() {
    assert_eq!(FormatName::PhpSerialize.decode(b"a:0:{}"), Ok(json!({})));
    assert!(FormatName::PhpSerialize.decode(b"i:1;").is_err());
    assert!(FormatName::Json.decode(b"[1]").is_err());
    assert!(FormatName::Json.decode(b"\"text\"").is_err());
    assert!(FormatName::Msgpack.decode(b"\x01").is_err());
}

#[test]
fn messagepack_is_read_as_data() {
    for (data, want) in [
        (&b"\x81\xa1a\xc0"[..], json!({"a": null})),
        (b"\x81\xa1a\xc4\x02\xff\x00", json!({"a": {"base64": "/wA="}})),
        (b"\x81\xa1a\xd6\xff\x00\x00\x00\x01", json!({"a": {"base64": "AAAAAQ=="}})),
        (b"\x81\x01\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00", json!({"1": 0.5})),
        (b"\x81\xa1a\xcf\xff\xff\xff\xff\xff\xff\xff\xff", json!({"a": u64::MAX})),
    ] {
        assert_eq!(FormatName::Msgpack.decode(data), Ok(want), "{data:?}");
    }
    let mut deep = b"\x81\xa1a".to_vec();
    deep.extend([0x91; 100]);
    deep.push(0xc0);
    assert!(FormatName::Msgpack.decode(&deep).is_err());
    assert!(FormatName::Msgpack.decode(b"\x81\xa1a\xdf\xff\xff\xff\xff").is_err());
    assert!(FormatName::Msgpack.decode(b"\x81\xa1a\xc0\xc0").is_err());
    assert!(FormatName::Msgpack.decode(b"\x81\xc0\xc0").is_err());
}

#[test]
fn a_pickle_that_names_or_calls_anything_is_refused() {
    for pickle in [
        // os.system("true") in the two ways of naming it, and by an instance.
        &b"cos\nsystem\n(S'true'\ntR."[..],
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"(ios\nsystem\n.",
        b"\x80\x02cdatetime\ndate\n.",
        b"\x80\x04}\x8c\x01a\x97s.",
        b"\x80\x04}b.",
    ] {
        assert_eq!(FormatName::Pickle.decode(pickle), Err("session holds more than plain data"));
    }
}

#[test]
fn a_small_pickle_cannot_become_large_or_deep() {
    // A list of two of the list before it, and so on: 2^n.
    let mut doubling = b"\x80\x04]\x94".to_vec();
    for level in 0..20_u8 {
        doubling.extend([b']', 0x94, b'(', b'h', level, b'h', level, b'e']);
    }
    doubling.push(b'.');
    assert_eq!(
        FormatName::Pickle.decode(&doubling),
        Err("session holds one container in two places")
    );
    // One long text, a thousand times.
    let mut repeating = b"\x80\x04](X\x00\x10\x00\x00".to_vec();
    repeating.extend([b'a'; 4096]);
    repeating.push(0x94);
    repeating.extend(b"h\x00".repeat(1000));
    repeating.extend(b"e.");
    assert_eq!(FormatName::Pickle.decode(&repeating), Err("session repeats too much"));
    let deep = [&b"\x80\x04"[..], &b"]".repeat(300), &b"a".repeat(299), b"."].concat();
    assert_eq!(FormatName::Pickle.decode(&deep), Err("session holds too many containers"));
    // The deepest that passes fits a small stack.
    let deep = [&b"\x80\x04}\x8c\x01a"[..], &b"]".repeat(127), &b"a".repeat(126), b"s."].concat();
    let read = std::thread::Builder::new().stack_size(1024 * 1024);
    let read = read.spawn(move || FormatName::Pickle.decode(&deep).is_ok()).unwrap();
    assert!(read.join().unwrap());
}

#[test]
fn repeated_texts_of_a_pickle_are_what_they_repeat() {
    // pickle.dumps({"a": "x", "b": "x"}) with one and the same text.
    let pickle = b"\x80\x04}\x94(\x8c\x01a\x94\x8c\x01x\x94\x8c\x01b\x94h\x02u.";
    assert_eq!(FormatName::Pickle.decode(pickle), Ok(json!({"a": "x", "b": "x"})));
    assert!(FormatName::Pickle.decode(b"\x80\x04}\x94\x8c\x01ah\x07s.").is_err());
    assert!(FormatName::Pickle.decode(b"\x80\x04}.}.").is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(data in proptest::collection::vec(any::<u8>(), 0..80)) {
        for format in [FormatName::Json, FormatName::Php, FormatName::PhpSerialize,
            FormatName::Laravel, FormatName::Msgpack, FormatName::Pickle] {
            let _ = format.decode(&data);
        }
    }

    #[test]
    fn no_text_like_php_panics(text in "([abdisNOER]:?|[0-9]{1,3}|[:;{}|\"]){0,30}") {
        let _ = FormatName::Php.decode(text.as_bytes());
        let _ = FormatName::PhpSerialize.decode(text.as_bytes());
    }

    #[test]
    fn no_pickle_instructions_panic(ops in proptest::collection::vec(
        proptest::sample::select(b"}](us.eatl)K\x01N\x88\x85\x86\x94h\x00q\x01\x8f\x90\x91\x8c".to_vec()), 0..40)) {
        let _ = FormatName::Pickle.decode(&ops);
    }

    #[test]
    fn what_is_pickled_is_read(name in "[a-z]{1,8}", text in "\\PC{0,20}", number in any::<i64>(),
        is in any::<bool>()) {
        let session = json!({name.clone(): [text, number, is, null, {"x": 1.5}]});
        let pickle = serde_pickle::to_vec(&session, SerOptions::new()).unwrap();
        prop_assert_eq!(FormatName::Pickle.decode(&pickle), Ok(session));
    }
}
