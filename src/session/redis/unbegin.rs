//! Taking a sign-on back. Its client is told 503 because too few replicas have it, and tries again with the same
//! ticket: nothing of it should stay.

use std::time::Instant;

use redis::Value;

use super::RedisStore;

impl RedisStore {
    /// Takes back what `begin` has answered on the same keys. `of` is what the script wants to know besides (see
    /// `lua/unbegin.lua`). The answer to a second try says neither whom the first has evicted nor what its
    /// ticket was; that stays, and so does everything when there is no answer by the deadline.
    pub(super) async fn take_back(
        &self,
        keys: &[&str],
        of: &[&str],
        answer: &[Value],
        deadline: Instant,
    ) {
        let answered = answer.iter().skip(1).map(|part| match part {
            Value::BulkString(bytes) => bytes.clone(),
            Value::Int(number) => number.to_string().into_bytes(),
            _ => Vec::new(),
        });
        let of = of.iter().map(|text| text.as_bytes().to_vec());
        let args: Vec<Vec<u8>> = of.chain(answered).collect();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let call = self.scripts.unbegin.on(keys, &args);
        if let Err(fault) = self.masters.call(keys[0], call, deadline).await {
            tracing::debug!("an unacknowledged sign-on is not taken back: {fault}");
        }
    }
}
