//! What CAS servers answer, and what somebody may make of it on the way: read to the letter or not
//! at all.

use proptest::prelude::*;
use serde_json::json;

use super::answer::{Content, Format, Identity};
use super::verdict_on;
use crate::sso::ValidateError;

fn xml(inside: &str) -> Result<Content, &'static str> {
    let response = format!(
        "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n{inside}\n</cas:serviceResponse>\n"
    );
    Format::Xml.read(response.as_bytes())
}

fn success(inside: &str) -> Result<Content, &'static str> {
    xml(&format!("<cas:authenticationSuccess>{inside}</cas:authenticationSuccess>"))
}

fn identity(content: Result<Content, &'static str>) -> Identity {
    match content {
        Ok(Content::Success(identity)) => identity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn attributes_are_lists_of_their_values() {
    let who = identity(success(
        "<cas:user>ann&amp;bob &#x41;</cas:user>
         <cas:attributes>
            <cas:mail>ann@example.org</cas:mail>
            <cas:memberOf>staff</cas:memberOf>
            <cas:memberOf><![CDATA[R&D]]></cas:memberOf>
            <cas:odd><cas:nested/>x</cas:odd>
            <cas:empty/>
         </cas:attributes>
         <cas:proxyGrantingTicket>PGTIOU-1</cas:proxyGrantingTicket>",
    ));
    assert_eq!(who.user, "ann&bob A");
    assert!(!who.proxied);
    let want = json!({"mail": ["ann@example.org"], "memberOf": ["staff", "R&D"], "odd": [null], "empty": [""]});
    assert_eq!(serde_json::Value::Object(who.attributes), want);
    assert!(identity(success("<cas:user>ann</cas:user>")).attributes.is_empty());
}

#[test]
fn both_formats_say_the_same() {
    let by_xml = success(
        "<cas:user>ann</cas:user><cas:attributes><cas:mail>a@b</cas:mail></cas:attributes>
         <cas:proxies><cas:proxy>https://p</cas:proxy></cas:proxies>",
    );
    let by_json = json!({"serviceResponse": {"authenticationSuccess":
        {"user": "ann", "attributes": {"mail": "a@b"}, "proxies": ["https://p"]}}});
    let by_json = Format::Json.read(by_json.to_string().as_bytes());
    assert_eq!(by_xml, by_json);
    assert!(identity(by_json).proxied);
    let not_proxied = json!({"serviceResponse": {"authenticationSuccess":
        {"user": "ann", "attributes": {"groups": ["a", "b"]}, "proxies": []}}});
    let who = identity(Format::Json.read(not_proxied.to_string().as_bytes()));
    assert_eq!((who.proxied, &who.attributes["groups"]), (false, &json!(["a", "b"])));
}

#[test]
fn failures_are_told_by_their_code() {
    let xml = xml(
        "<cas:authenticationFailure code=\"INVALID_TICKET\">not found</cas:authenticationFailure>",
    );
    let json = json!({"serviceResponse": {"authenticationFailure": {"code": "INVALID_TICKET", "description": "x"}}});
    assert_eq!(xml, Ok(Content::Failure("INVALID_TICKET".to_owned())));
    assert_eq!(Format::Json.read(json.to_string().as_bytes()), xml);
    for (code, want) in [
        ("INVALID_TICKET", "rejected"),
        ("INVALID_TICKET_SPEC", "rejected"),
        ("INTERNAL_ERROR", "unavailable"),
        ("INVALID_SERVICE", "upstream"),
        ("UNAUTHORIZED_SERVICE", "upstream"),
        ("UNAUTHORIZED_SERVICE_PROXY", "upstream"),
        ("INVALID_PROXY_CALLBACK", "upstream"),
        ("INVALID_REQUEST", "upstream"),
        ("invalid_ticket", "upstream"),
        ("", "upstream"),
    ] {
        let told = match verdict_on(code) {
            ValidateError::Rejected(_) => "rejected",
            ValidateError::Unavailable { .. } => "unavailable",
            ValidateError::Upstream(_) => "upstream",
            ValidateError::Malformed(_) => "malformed",
        };
        assert_eq!(told, want, "{code}");
    }
}

#[test]
fn a_name_is_read_whole_or_not_at_all() {
    for user in [
        "<cas:user>admin<!-- -->istrator-not</cas:user>",
        "<cas:user>admin<?x y?></cas:user>",
        "<cas:user><cas:b>admin</cas:b></cas:user>",
        "<cas:user>ann</cas:user><cas:user>admin</cas:user>",
        "<user>admin</user>",
        "<x:user xmlns:x='http://elsewhere'>admin</x:user>",
        "<cas:attributes><cas:user>admin</cas:user></cas:attributes>",
        "",
    ] {
        assert!(success(user).is_err(), "{user}");
    }
    let who = identity(success(
        "<cas:user>ann</cas:user><cas:attributes><cas:groups>admin<!-- --> not</cas:groups></cas:attributes>",
    ));
    assert_eq!(who.attributes["groups"], json!([null]));
}

#[test]
fn an_answer_of_two_minds_is_none() {
    let yes = "<cas:authenticationSuccess><cas:user>ann</cas:user></cas:authenticationSuccess>";
    let no = "<cas:authenticationFailure code='INVALID_TICKET'/>";
    assert!(xml(yes).is_ok() && xml(no).is_ok());
    for both in [format!("{yes}{no}"), format!("{no}{yes}"), format!("{yes}{yes}"), String::new()] {
        assert!(xml(&both).is_err(), "{both}");
    }
    let two = "<cas:user>ann</cas:user><cas:attributes/><cas:attributes/>";
    assert!(success(two).is_err());
    for document in [
        json!({"serviceResponse": {"authenticationSuccess": {"user": "a"}, "authenticationFailure": {"code": "x"}}}),
        json!({"serviceResponse": {"authenticationSuccess": {"user": ["a"]}}}),
        json!({"serviceResponse": {"authenticationSuccess": {"user": "a", "attributes": []}}}),
        json!({"serviceResponse": {"authenticationFailure": {"code": 1}}}),
        json!({"serviceResponse": {}}),
        json!({"authenticationSuccess": {"user": "a"}}),
        json!([]),
    ] {
        assert!(Format::Json.read(document.to_string().as_bytes()).is_err(), "{document}");
    }
}

#[test]
fn nothing_is_expanded_and_everything_is_bounded() {
    let response = |head: &str, user: &str| {
        format!(
            "{head}<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'><cas:authenticationSuccess>\
             <cas:user>{user}</cas:user></cas:authenticationSuccess></cas:serviceResponse>"
        )
    };
    assert!(Format::Xml.read(response("<?xml version='1.0'?>", "ann").as_bytes()).is_ok());
    for (head, user) in [
        ("<!DOCTYPE r [<!ENTITY u 'admin'>]>", "&u;"),
        ("<!DOCTYPE r [<!ENTITY u SYSTEM 'file:///etc/passwd'>]>", "&u;"),
        ("<!DOCTYPE r>", "ann"),
        ("", "&u;"),
    ] {
        assert!(Format::Xml.read(response(head, user).as_bytes()).is_err(), "{head}");
    }
    let deep = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    let many = "<cas:a/>".repeat(8_000);
    let many = format!("<cas:user>ann</cas:user><cas:attributes>{many}</cas:attributes>");
    assert_eq!(success(&many), Err("answer is not XML"));
    assert!(success(&deep).is_err());
    let latin_1 = response("", "zo\u{eb}").replace('ë', "_").into_bytes();
    let latin_1: Vec<u8> = latin_1.into_iter().map(|b| if b == b'_' { 0xeb } else { b }).collect();
    assert_eq!(Format::Xml.read(&latin_1), Err("answer is not UTF-8"));
    for body in ["", "<html><body>Log in</body></html>", "no\n\n", "<cas:serviceResponse/>"] {
        assert!(Format::Xml.read(body.as_bytes()).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn no_content_panics(text in "[<>/:a-z='\" &;!\\[\\]{}-]{0,80}") {
        let _ = xml(&text);
        let _ = success(&text);
        let _ = Format::Json.read(text.as_bytes());
    }
}
