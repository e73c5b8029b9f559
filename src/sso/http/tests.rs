//! Where a credential may go: properties of the placing, for every text.

use proptest::prelude::*;
use reqwest::Url;
use reqwest::header::HeaderName;

use super::placing::{Placing, by_url};

fn url() -> Url {
    Url::parse("https://idp.example/session").unwrap()
}

proptest! {
    #[test]
    fn a_cookie_stays_one_cookie(text in "[ -~\\PC]{1,40}") {
        let placing = Placing::Cookie { url: url(), name: "s".to_owned() };
        if let Ok((at, Some((name, value)))) = placing.place(&text) {
            prop_assert_eq!(at, url());
            prop_assert_eq!(name.as_str(), "cookie");
            prop_assert_eq!(value.to_str().unwrap(), format!("s={text}"));
            prop_assert!(!text.contains([';', '\r', '\n', '\0']));
        }
    }

    #[test]
    fn a_header_stays_one_value(text in "[ -~\\PC]{1,40}") {
        let name = HeaderName::from_static("x-session");
        let placing = Placing::Header { url: url(), name, prefix: "Bearer ".to_owned() };
        if let Ok((_, Some((_, value)))) = placing.place(&text) {
            prop_assert_eq!(value.to_str().unwrap(), format!("Bearer {text}"));
            prop_assert!(!text.contains([' ', ',', ';', '"', '\\']));
        }
    }

    #[test]
    fn a_url_keeps_its_host_path_and_query(text in "[ -~\\PC./]{1,40}") {
        let placing = by_url("https://idp.example/a/{credential}/b?c=d", false).unwrap();
        if let Ok((at, None)) = placing.place(&text) {
            prop_assert_eq!(at.origin(), url().origin());
            prop_assert_eq!(at.query(), Some("c=d"));
            let segments: Vec<_> = at.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 3);
            prop_assert_eq!((segments[0], segments[2]), ("a", "b"));
            prop_assert!(!text.contains(['/', '\\', '%', ';']));
        }
    }

    #[test]
    fn no_template_panics(text in "(https?://)?[a-z.:@/?#{}]{0,20}(\\{credential\\})?[a-z/?#&=]{0,10}") {
        let _ = by_url(&text, true);
    }
}
