//! One JSON document of everything that happened, with what belongs to the person hidden unless
//! it was asked for, and the credential struck out wherever somebody repeats it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Minted};
use super::input::Kind;
use crate::domain::{SecretString, ServiceName, TenantId};
use crate::support::trace::{Fact, Step};

/// Claims that say nothing of the person.
const OPEN_CLAIMS: [&str; 16] = [
    "iss",
    "aud",
    "iat",
    "exp",
    "nbf",
    "auth_time",
    "fixed_exp",
    "typ",
    "ver",
    "scope",
    "tid",
    "tenantId",
    "geoBlockExempt",
    "onNetwork",
    "sessionControl",
    "accountProfileId",
];
/// The shortest text that is struck out; a shorter one would tell more by its gaps.
const SHORTEST: usize = 4;

/// What there is to tell.
pub(super) struct Report<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) service: &'a ServiceName,
    pub(super) kind: Kind,
    pub(super) took: Duration,
    pub(super) steps: Vec<Step>,
    pub(super) answer: Answer,
    pub(super) show_values: bool,
}

impl Report<'_> {
    /// All of it, without these texts.
    pub(super) fn document(&self, secrets: &[SecretString]) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(|step| self.step(step)).collect();
        let mut document = json!({
            "tenant": self.tenant.as_str(),
            "service": self.service.as_str(),
            "credential": {"kind": self.kind.name(), "bytes": bytes(secrets)},
            "steps": steps,
            "millis": millis(self.took),
        });
        let (result, more) = match &self.answer {
            Answer::Granted { tokens, notes } => {
                let tokens: Map<String, Value> = tokens
                    .iter()
                    .map(|(name, token)| ((*name).to_owned(), self.token(token)))
                    .collect();
                ("granted", json!({"tokens": tokens, "notes": notes}))
            }
            Answer::Refused(why) => ("refused", json!({"why": why})),
            Answer::Unknown(why) => ("unknown", json!({"why": why})),
        };
        document["result"] = result.into();
        if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
            document.extend(more);
        }
        for secret in secrets.iter().map(SecretString::expose).filter(|s| s.len() >= SHORTEST) {
            strike(&mut document, secret);
        }
        document
    }

    fn step(&self, step: &Step) -> Value {
        let fact = |(name, fact): &(String, Fact)| match fact {
            Fact::Plain(Value::Null) | Fact::Personal(Value::Null) => None,
            Fact::Plain(value) => Some((name.clone(), value.clone())),
            Fact::Personal(value) => Some((name.clone(), self.personal(value))),
        };
        let mut told: Map<String, Value> = Map::new();
        told.insert("step".to_owned(), step.what.into());
        told.insert("at_millis".to_owned(), millis(step.at).into());
        told.extend(step.facts.iter().filter_map(fact));
        Value::Object(told)
    }

    fn token(&self, token: &Minted) -> Value {
        let claim = |(name, value): (&String, &Value)| {
            let open = OPEN_CLAIMS.contains(&name.as_str());
            (name.clone(), if open { value.clone() } else { self.personal(value) })
        };
        let claims: Map<String, Value> = token.claims.iter().map(claim).collect();
        json!({"claims": claims, "claims_bytes": token.claims_bytes, "token_bytes": token.token_bytes})
    }

    fn personal(&self, value: &Value) -> Value {
        if self.show_values { value.clone() } else { redacted(value).into() }
    }
}

/// What may be told of a value: its type and how much there is of it.
fn redacted(value: &Value) -> String {
    match value {
        Value::Null => "[null]".to_owned(),
        Value::Bool(_) => "[boolean]".to_owned(),
        Value::Number(_) => "[number]".to_owned(),
        Value::String(text) => format!("[text, {} bytes]", text.len()),
        Value::Array(items) => format!("[list of {}]", items.len()),
        Value::Object(members) => format!("[object with {} members]", members.len()),
    }
}

/// Strikes a text out of every name and value.
fn strike(value: &mut Value, secret: &str) {
    match value {
        Value::String(text) if text.contains(secret) => {
            *text = text.replace(secret, "[the credential]");
        }
        Value::Number(number) if number.to_string() == secret => {
            *value = "[the credential]".into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strike(item, secret)),
        Value::Object(members) => {
            let struck = std::mem::take(members).into_iter().map(|(name, mut value)| {
                strike(&mut value, secret);
                (name.replace(secret, "[the credential]"), value)
            });
            *members = struck.collect();
        }
        _ => {}
    }
}

fn bytes(secrets: &[SecretString]) -> usize {
    secrets.iter().map(|secret| secret.expose().len()).sum()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
