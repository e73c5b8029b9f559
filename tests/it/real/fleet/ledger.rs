//! What clients were told, and whether it is still true at every node.

use futures_util::StreamExt;
use futures_util::stream;

use super::Fleet;
use crate::e2e::server::{Ags, Answer};
use crate::real::eventually;

/// How many sessions are looked at at the same time.
const AT_A_TIME: usize = 8;

/// The newest acknowledged refresh token of each session.
#[derive(Default)]
pub(super) struct Ledger {
    /// Of sessions that nobody has ended.
    pub(super) live: Vec<String>,
    /// Of sessions that were signed out.
    pub(super) ended: Vec<String>,
}

impl Ledger {
    pub(super) fn add(&mut self, other: Self) {
        self.live.extend(other.live);
        self.ended.extend(other.ended);
    }

    /// Refreshes every live session at one node after the other, and shows every node the tokens of those
    /// that have ended. (503 is no verdict, and is asked again.)
    pub(super) async fn holds(&self, fleet: &Fleet) {
        let nodes: Vec<Ags> = fleet.nodes.iter().map(|node| node.client("")).collect();
        let told = async |node: &Ags, token: &str| -> Answer {
            eventually("a node can tell", async || {
                let answer = node.refresh(token).await.expect("the node answers");
                (answer.status != 503).then_some(answer)
            })
            .await
        };
        stream::iter(&self.live)
            .for_each_concurrent(AT_A_TIME, async |token| {
                let mut token = token.clone();
                for node in &nodes {
                    let refreshed = told(node, &token).await;
                    assert_eq!(refreshed.status, 200, "a session is lost: {refreshed:?}");
                    token = refreshed.text("refresh_token");
                }
            })
            .await;
        stream::iter(&self.ended)
            .for_each_concurrent(AT_A_TIME, async |token| {
                for node in &nodes {
                    let refused = told(node, token).await;
                    assert_eq!(refused.status, 401, "a sign-out is lost: {refused:?}");
                }
            })
            .await;
    }
}
