//! What a CAS server says of a ticket (CAS protocol 3.0, section 2.5 and appendix A), in XML or
//! JSON. Reads strictly: a doubled or mixed-up answer is none, a document type (and so every
//! entity of one) is refused, a value with anything but text in it is no value.

use roxmltree::{Document, Node, ParsingOptions};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The namespace of every element.
const NAMESPACE: &str = "http://www.yale.edu/tp/cas";
/// The most nodes of an answer; the bytes are bounded by whoever fetched it.
const MAX_NODES: u32 = 4096;

/// How the server is asked to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Xml,
    Json,
}

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Success(Identity),
    /// The failure's code.
    Failure(String),
}

/// Whose the ticket was.
#[derive(Debug, PartialEq)]
pub(super) struct Identity {
    pub(super) user: String,
    /// Every attribute as the list of its values; a value that is no text is `null`.
    pub(super) attributes: Map<String, Value>,
    /// Whether another service handed the ticket on.
    pub(super) proxied: bool,
}

const NONSENSE: &str = "answer is not a cas service response";

impl Format {
    /// Reads an answer's content.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn read(self, body: &[u8]) -> Result<Content, &'static str> {
        match self {
            Self::Xml => {
                let text = std::str::from_utf8(body).map_err(|_| "answer is not UTF-8")?;
                let options = ParsingOptions {
                    allow_dtd: false,
                    nodes_limit: MAX_NODES,
                    ..ParsingOptions::default()
                };
                let text = text.trim_start_matches('\u{feff}').trim_start();
                let document = Document::parse_with_options(text, options);
                xml(&document.map_err(|_| "answer is not XML")?)
            }
            Self::Json => {
                let document = serde_json::from_slice(body).map_err(|_| "answer is not JSON")?;
                json(&document)
            }
        }
    }
}

/// Whether somebody who speaks the protocol has written this, readable or not.
pub(super) fn is_of_cas(body: &[u8]) -> bool {
    const ROOT: &[u8] = b"serviceResponse";
    body.windows(ROOT.len()).any(|window| window == ROOT)
}

fn xml(document: &Document<'_>) -> Result<Content, &'static str> {
    let root = document.root_element();
    let mut verdicts = root.children().filter(Node::is_element);
    let (Some(verdict), None) = (verdicts.next(), verdicts.next()) else { return Err(NONSENSE) };
    if !is(root, "serviceResponse") {
        return Err(NONSENSE);
    }
    if is(verdict, "authenticationFailure") {
        let code = verdict.attribute("code").ok_or(NONSENSE)?;
        return Ok(Content::Failure(code.trim().to_owned()));
    }
    if !is(verdict, "authenticationSuccess") {
        return Err(NONSENSE);
    }
    let user = only(verdict, "user")?.ok_or(NONSENSE)?;
    let mut attributes = Map::new();
    for value in only(verdict, "attributes")?.iter().flat_map(Node::children) {
        if value.is_element() {
            let text = text(value).map_or(Value::Null, Value::String);
            append(&mut attributes, value.tag_name().name(), text);
        }
    }
    Ok(Content::Success(Identity {
        user: text(user).ok_or(NONSENSE)?,
        attributes,
        proxied: verdict.children().any(|child| is(child, "proxies")),
    }))
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((NAMESPACE, name))
}

/// The child of this name; two of them are nonsense.
fn only<'a, 'i>(parent: Node<'a, 'i>, name: &str) -> Result<Option<Node<'a, 'i>>, &'static str> {
    let mut found = parent.children().filter(|child| is(*child, name));
    match (found.next(), found.next()) {
        (one, None) => Ok(one),
        _ => Err(NONSENSE),
    }
}

/// The text of an element that has nothing else in it. A comment in the middle is something
/// else: whoever reads only up to it reads another name.
fn text(element: Node<'_, '_>) -> Option<String> {
    element.children().map(|child| if child.is_text() { child.text() } else { None }).collect()
}

fn append(attributes: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(Value::Array(values)) = attributes.get_mut(name) {
        values.push(value);
    } else {
        attributes.insert(name.to_owned(), Value::Array(vec![value]));
    }
}

fn json(document: &Value) -> Result<Content, &'static str> {
    let response = document.get("serviceResponse").and_then(Value::as_object).ok_or(NONSENSE)?;
    let there = |name: &str| response.get(name).filter(|value| !value.is_null());
    match (there("authenticationSuccess"), there("authenticationFailure")) {
        (None, Some(failure)) => {
            let code = failure.get("code").and_then(Value::as_str).ok_or(NONSENSE)?;
            Ok(Content::Failure(code.to_owned()))
        }
        (Some(success), None) => {
            let user = success.get("user").and_then(Value::as_str).ok_or(NONSENSE)?.to_owned();
            let given = match success.get("attributes") {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Object(attributes)) => attributes.clone(),
                Some(_) => return Err(NONSENSE),
            };
            let proxies = success.get("proxies").filter(|proxies| !proxies.is_null());
            let proxied = proxies.is_some_and(|p| p.as_array().is_none_or(|p| !p.is_empty()));
            let attributes = given.into_iter().map(|(name, value)| (name, listed(value)));
            Ok(Content::Success(Identity { user, attributes: attributes.collect(), proxied }))
        }
        _ => Err(NONSENSE),
    }
}

fn listed(value: Value) -> Value {
    match value {
        Value::Array(_) => value,
        one => Value::Array(vec![one]),
    }
}
