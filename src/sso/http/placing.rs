//! Where the credential goes in a request to the session endpoint. Refuses a credential
//! whose alphabet could change anything else of the request.

use reqwest::Url;
use reqwest::header::{COOKIE, HeaderName, HeaderValue};

use super::super::ValidateError;
use super::super::endpoint::parse_url;
use super::super::fetch::{percent_encoded, sensitive};

/// What the URL's template holds where the credential goes.
pub(super) const SLOT: &str = "{credential}";

/// What a path segment may not hold even when it is encoded: many servers decode the path first
/// and resolve `/../`, matrix parameters or another round of encoding in it afterwards.
const CLIMBERS: [char; 4] = ['/', '\\', '%', ';'];

/// The place of the credential.
#[derive(Debug)]
pub(super) enum Placing {
    /// `Cookie: <name>=<credential>`, as the client sent it.
    Cookie { url: Url, name: String },
    /// `<name>: <prefix><credential>`.
    Header { url: Url, name: HeaderName, prefix: String },
    /// In place of [`SLOT`], percent-encoded.
    Url { template: String, in_path: bool },
}

type Placed = (Url, Option<(HeaderName, HeaderValue)>);

impl Placing {
    /// The URL and the header for one credential.
    ///
    /// # Errors
    /// `Malformed` when the credential has characters that have no place there.
    pub(super) fn place(&self, text: &str) -> Result<Placed, ValidateError> {
        let unfit = ValidateError::Malformed("it has characters that cannot be sent on");
        match self {
            Self::Cookie { url, name } => {
                let fits = text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b';');
                if !fits || text.starts_with(' ') || text.ends_with(' ') {
                    return Err(unfit);
                }
                Ok((
                    url.clone(),
                    Some((COOKIE, sensitive(&format!("{name}={text}")).ok_or(unfit)?)),
                ))
            }
            Self::Header { url, name, prefix } => {
                let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b',' | b';' | b'"' | b'\\');
                if !text.bytes().all(fits) {
                    return Err(unfit);
                }
                let value = sensitive(&format!("{prefix}{text}")).ok_or(unfit)?;
                Ok((url.clone(), Some((name.clone(), value))))
            }
            Self::Url { template, in_path } => {
                let only_dots = text.bytes().all(|b| b == b'.');
                let climbs = *in_path && text.contains(CLIMBERS);
                if only_dots || climbs || !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
                    return Err(unfit);
                }
                let url = Url::parse(&template.replace(SLOT, &percent_encoded(text)));
                url.map(|url| (url, None)).map_err(|_| unfit)
            }
        }
    }
}

/// Checks a URL template: one slot, a whole path segment or inside the query, so that no
/// credential can change the host or climb the path.
///
/// # Errors
/// A text for the configuration's problems.
pub(super) fn by_url(template: &str, allow_plain_http: bool) -> Result<Placing, String> {
    let filled = template.replace(SLOT, "slot");
    let url = parse_url(&filled, allow_plain_http)?;
    let Some((before, after)) = template.split_once(SLOT) else {
        return Err(format!("must hold {SLOT}"));
    };
    let in_query = before.contains('?');
    let origin_length = url.origin().ascii_serialization().len();
    let segment = before.len() > origin_length
        && before.ends_with('/')
        && (after.is_empty() || after.starts_with(['/', '?']));
    if after.contains(SLOT) || before.contains('#') || !(in_query || segment) {
        return Err(format!("{SLOT} must be one whole path segment or in the query, once"));
    }
    Ok(Placing::Url { template: template.to_owned(), in_path: !in_query })
}
