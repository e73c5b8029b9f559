//! What most of several servers say. One that was cut off from the others may still be sure of
//! what was true before.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::support::{Fault, FaultKind};

/// Asks all at once and answers what most say of those that answered first, more than half of
/// all if so many answer at all. Of equals, what was said first.
///
/// # Errors
/// The last [`Fault`] when nobody answers.
pub(super) async fn most<T: PartialEq>(
    asked: impl IntoIterator<Item = impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    let mut pending: FuturesUnordered<_> = asked.into_iter().collect();
    let half = pending.len() / 2;
    let mut said: Vec<(T, usize)> = Vec::new();
    let mut failed = Fault::new(FaultKind::NotConnected, "there is nobody to ask");
    let mut answers = 0;
    while answers <= half
        && let Some(answer) = pending.next().await
    {
        match answer {
            Err(fault) => failed = fault,
            Ok(answer) => {
                answers += 1;
                match said.iter_mut().find(|(known, _)| *known == answer) {
                    Some((_, times)) => *times += 1,
                    None => said.push((answer, 1)),
                }
            }
        }
    }
    let best = said.iter().map(|(_, times)| *times).max();
    said.into_iter().find(|(_, times)| Some(*times) == best).map(|(said, _)| said).ok_or(failed)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    async fn of(said: &[Result<u8, ()>]) -> Result<u8, Fault> {
        most(said.iter().map(|one| ready(one.map_err(|()| Fault::late())))).await
    }

    #[tokio::test]
    async fn the_majority_of_those_who_answer_decides() {
        assert_eq!(of(&[Ok(1)]).await, Ok(1));
        assert_eq!(of(&[Err(()), Err(()), Ok(3)]).await, Ok(3));
        assert_eq!(of(&[Err(()), Ok(1), Ok(2), Ok(2), Ok(2)]).await, Ok(2));
        assert_eq!(of(&[Ok(1), Ok(2)]).await, Ok(1));
    }

    #[tokio::test]
    async fn more_than_half_are_enough() {
        let pending: futures_util::future::BoxFuture<'_, Result<u8, Fault>> =
            Box::pin(std::future::pending());
        let asked = [pending, Box::pin(ready(Ok(1))), Box::pin(ready(Ok(1)))];
        assert_eq!(most(asked).await, Ok(1));
    }

    #[tokio::test]
    async fn nobody_says_why() {
        assert_eq!(of(&[Err(())]).await, Err(Fault::late()));
        assert_eq!(of(&[]).await.unwrap_err().kind, FaultKind::NotConnected);
    }
}
