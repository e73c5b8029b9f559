//! What tokens say and how long they live.

use cambio::domain::{SystemRandom, Timestamp, Verified};
use cambio::token::{MintError, SiteTokens, TokenError};
use serde_json::json;

use super::{NOW, ada, sample_session, session, site, tenant};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOW.secs() + secs)
}

fn expiring(secs: i64) -> Verified {
    Verified { expires_at: Some(at(secs)), ..ada() }
}

async fn community() -> SiteTokens {
    site(json!({"issuer": "https://community.example.com"})).await
}

fn user_id(tokens: &SiteTokens, who: &Verified) -> String {
    let token = tokens.mint(who, NOW, &SystemRandom).unwrap().token;
    tokens.verify(&token, NOW).unwrap().user_id
}

#[tokio::test]
async fn a_site_token_never_outlives_the_upstream_session() {
    let tokens = community().await;
    let minted = tokens.mint(&expiring(60), NOW, &SystemRandom).unwrap();
    assert_eq!(minted.expires_in, 60);
    assert_eq!(tokens.verify(&minted.token, at(59)).unwrap().expires_at, at(60));
    assert_eq!(tokens.verify(&minted.token, at(60)), Err(TokenError::Expired));
    for over in [0, -1] {
        let refused = tokens.mint(&expiring(over), NOW, &SystemRandom);
        assert_eq!(refused.err(), Some(MintError::AlreadyExpired));
    }
}

#[tokio::test]
async fn a_user_without_an_id_gets_a_stable_one_of_its_site() {
    let tokens = community().await;
    let anonymous = Verified { user_id: None, ..ada() };
    let id = user_id(&tokens, &anonymous);
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 5);
    assert_eq!(user_id(&community().await, &anonymous), id);
    let elsewhere = site(json!({"issuer": "https://other.example.com"})).await;
    assert_ne!(user_id(&elsewhere, &anonymous), id);
}

#[tokio::test]
async fn a_user_id_that_is_no_uuid_is_kept_as_it_is() {
    let who = Verified { user_id: Some("u-17".to_owned()), ..ada() };
    assert_eq!(user_id(&community().await, &who), "u-17");
}

#[tokio::test]
async fn a_token_that_could_not_be_verified_again_is_not_minted() {
    let roles = (0..1000).map(|i| format!("role-{i}")).collect();
    let refused = community().await.mint(&Verified { roles, ..ada() }, NOW, &SystemRandom);
    assert!(matches!(refused.err(), Some(MintError::ClaimsTooLarge { max: 4096, .. })));
}

#[tokio::test]
async fn a_pair_never_outlives_its_session() {
    for profile in ["ags", "standard"] {
        let tokens = match profile {
            "ags" => session(json!({})).await,
            _ => session(json!({"profile": "standard", "issuer": "https://i"})).await,
        };
        let mut ending = sample_session();
        ending.id.ends_at = at(100);
        let pair = tokens.mint_pair(&ending, at(40));
        assert_eq!(pair.expires_in, 60, "{profile}");
        assert_eq!(pair.refresh_expires_in, 60, "{profile}");
        assert_eq!(pair.fixed_refresh_expires_in, 60, "{profile}");
        let nagra = tenant("nagra");
        assert!(tokens.verify_refresh(&pair.refresh_token, &nagra, at(99)).is_ok());
        let over = tokens.verify_refresh(&pair.refresh_token, &nagra, at(100));
        assert_eq!(over.err(), Some(TokenError::Expired), "{profile}");
        assert_eq!(tokens.mint_pair(&ending, at(200)).expires_in, 0);
    }
}

#[tokio::test]
async fn an_access_token_ends_before_its_refresh_token() {
    let tokens = session(json!({})).await;
    let pair = tokens.mint_pair(&sample_session(), NOW);
    let nagra = tenant("nagra");
    let access = |now| tokens.verify_access(&pair.access_token, &nagra, now);
    assert_eq!(access(at(3599)).unwrap().expires_at, at(3600));
    assert_eq!(access(at(3600)), Err(TokenError::Expired));
    assert!(tokens.verify_refresh(&pair.refresh_token, &nagra, at(172_799)).is_ok());
    assert!(tokens.verify_refresh(&pair.refresh_token, &nagra, at(172_800)).is_err());
}
