//! PHP's `serialize` and its session handler `php`, read as data: objects are their public
//! members, nothing is ever instantiated. References (`R:`, `r:`) and classes with a serializer
//! of their own (`C:`) have no reading here and are refused, not skipped: a member that is
//! left out could be one that forbids.

use serde_json::{Map, Value};

use super::{Broken, MAX_DEPTH, float, text_or_bytes};

const CUT: Broken = "session is cut short";
const FORM: Broken = "session is not what php serializes";

/// One serialized value.
pub(super) fn value(data: &[u8]) -> Result<Value, Broken> {
    let mut reader = Reader { rest: data };
    let value = reader.value(MAX_DEPTH)?;
    if reader.rest.is_empty() { Ok(value) } else { Err("session has more behind its end") }
}

/// The handler `php`: `name|value` again and again; `!name|` is a variable without a value.
pub(super) fn session(data: &[u8]) -> Result<Value, Broken> {
    let mut reader = Reader { rest: data };
    let mut members = Map::new();
    while !reader.rest.is_empty() {
        let name = reader.until(b'|')?;
        let name = std::str::from_utf8(name).map_err(|_| "a variable's name is no text")?;
        if name.starts_with('!') {
            continue;
        }
        let value = reader.value(MAX_DEPTH)?;
        members.insert(name.to_owned(), value);
    }
    Ok(Value::Object(members))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Broken> {
        let depth = depth.checked_sub(1).ok_or("session is nested too deeply")?;
        let kind = self.byte()?;
        if kind == b'N' {
            self.expect(b';')?;
            return Ok(Value::Null);
        }
        self.expect(b':')?;
        match kind {
            b'b' => match self.until(b';')? {
                b"0" => Ok(false.into()),
                b"1" => Ok(true.into()),
                _ => Err(FORM),
            },
            b'i' => Ok(self.number::<i64>(b';')?.into()),
            b'd' => Ok(float(self.float()?)),
            b's' => {
                let text = self.text()?;
                self.expect(b';')?;
                Ok(text_or_bytes(text))
            }
            b'a' => self.array(depth),
            b'O' => {
                self.text()?;
                self.expect(b':')?;
                self.array(depth).map(public_members)
            }
            b'E' => {
                let case = self.text()?;
                self.expect(b';')?;
                Ok(text_or_bytes(case))
            }
            b'R' | b'r' => Err("session holds references, which are not read"),
            b'C' => Err("session holds an object with a serializer of its own"),
            _ => Err(FORM),
        }
    }

    /// `count:{key value …}`; a list when its keys are 0, 1, 2 …
    fn array(&mut self, depth: usize) -> Result<Value, Broken> {
        let count = self.number::<usize>(b':')?;
        self.expect(b'{')?;
        let mut members = Map::new();
        let mut is_list = true;
        for at in 0..count {
            let key = match self.value(1)? {
                Value::Number(number) if !number.is_f64() => {
                    is_list &= number.as_u64() == u64::try_from(at).ok();
                    number.to_string()
                }
                Value::String(text) => {
                    is_list = false;
                    text
                }
                _ => return Err("a key is no text"),
            };
            let value = self.value(depth)?;
            members.insert(key, value);
        }
        self.expect(b'}')?;
        Ok(if is_list {
            members.into_iter().map(|(_, value)| value).collect()
        } else {
            Value::Object(members)
        })
    }

    /// `length:"bytes"`.
    fn text(&mut self) -> Result<&'a [u8], Broken> {
        let length = self.number::<usize>(b':')?;
        self.expect(b'"')?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(CUT)?;
        self.rest = rest;
        self.expect(b'"')?;
        Ok(text)
    }

    fn float(&mut self) -> Result<f64, Broken> {
        match self.until(b';')? {
            b"INF" => Ok(f64::INFINITY),
            b"-INF" => Ok(f64::NEG_INFINITY),
            b"NAN" => Ok(f64::NAN),
            digits => {
                let fits =
                    |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
                let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(fits));
                text.and_then(|text| text.parse().ok()).ok_or(FORM)
            }
        }
    }

    /// Digits, with a minus sign in front where the type has one.
    fn number<T: std::str::FromStr>(&mut self, end: u8) -> Result<T, Broken> {
        let digits = self.until(end)?;
        let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.iter().all(u8::is_ascii_digit) {
            return Err(FORM);
        }
        std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(FORM)
    }

    fn until(&mut self, end: u8) -> Result<&'a [u8], Broken> {
        let at = self.rest.iter().position(|&b| b == end).ok_or(CUT)?;
        let (found, rest) = (&self.rest[..at], &self.rest[at + 1..]);
        self.rest = rest;
        Ok(found)
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let (&first, rest) = self.rest.split_first().ok_or(CUT)?;
        self.rest = rest;
        Ok(first)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.byte()? == byte { Ok(()) } else { Err(FORM) }
    }
}

/// Protected and private members have a name with zero bytes (`\0*\0name`, `\0Class\0name`).
fn public_members(object: Value) -> Value {
    match object {
        Value::Object(mut members) => {
            members.retain(|name, _| !name.contains('\0'));
            Value::Object(members)
        }
        Value::Array(items) if items.is_empty() => Value::Object(Map::new()),
        other => other,
    }
}
