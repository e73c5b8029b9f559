//! The order in which a layer is written to the trees. Sorting a large one, and freeing it in the end, takes tens of
//! milliseconds, for which all writes would wait: a thread of its own does that.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use super::super::place::SessionRow;
use super::AccountKey;
use super::layer::Layer;

/// With so few entries a thread would cost more than the work.
const FEW: usize = 4096;

/// The names of what is to be written, in the trees' order.
#[derive(Default)]
pub(super) struct Order {
    pub(super) sessions: Vec<SessionRow>,
    pub(super) accounts: Vec<AccountKey>,
}

impl Order {
    fn unsorted(layer: &Layer) -> Self {
        Self {
            sessions: layer.generations.keys().copied().collect(),
            accounts: layer.accounts.keys().cloned().collect(),
        }
    }

    fn sorted(mut self) -> Self {
        self.sessions.sort_unstable();
        self.accounts.sort_unstable();
        self
    }
}

/// The order, once there is one.
pub(super) struct Sorting {
    order: Order,
    coming: Option<Receiver<Order>>,
}

impl Sorting {
    pub(super) fn start(layer: &Layer) -> Self {
        let order = Order::unsorted(layer);
        if order.sessions.len() + order.accounts.len() <= FEW {
            return Self { order: order.sorted(), coming: None };
        }
        let (sender, coming) = sync_channel(1);
        aside(move || {
            // The writer may have ended.
            let _ = sender.send(order.sorted());
        });
        Self { order: Order::default(), coming: Some(coming) }
    }

    /// The order of `layer`, if it is sorted by now.
    pub(super) fn order(&mut self, layer: &Layer) -> Option<&Order> {
        if let Some(coming) = &self.coming {
            self.order = match coming.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => return None,
                // There was no thread for it.
                Err(TryRecvError::Disconnected) => Order::unsorted(layer).sorted(),
            };
            self.coming = None;
        }
        Some(&self.order)
    }
}

/// Frees what nobody needs any more, of a layer of this weight.
pub(super) fn free(weight: usize, garbage: impl Send + 'static) {
    if weight > FEW {
        aside(move || drop(garbage));
    }
}

/// Does it in a thread of its own; if there can be none, what it holds is dropped.
fn aside(work: impl FnOnce() + Send + 'static) {
    let _ = thread::Builder::new().name("store-merge".to_owned()).spawn(work);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{Change, Generation};
    use super::*;
    use crate::domain::Timestamp;

    /// A layer of `n` refreshed sessions.
    fn refreshed(n: usize) -> Layer {
        let (mut layer, at) = (Layer::default(), Timestamp::from_secs(1));
        for number in 0..i64::try_from(n).unwrap() {
            layer.add(Change::Refreshed(SessionRow(number ^ 0x555), Generation(2, at, at)));
        }
        layer
    }

    fn is_whole(order: &Order, n: usize) -> bool {
        order.sessions.len() == n && order.sessions.is_sorted() && order.accounts.is_empty()
    }

    #[test]
    fn many_are_sorted_meanwhile_and_few_at_once() {
        for n in [FEW, FEW + 1] {
            let layer = refreshed(n);
            let mut sorting = Sorting::start(&layer);
            assert_eq!(sorting.coming.is_some(), n > FEW);
            let deadline = Instant::now() + Duration::from_secs(20);
            while sorting.order(&layer).is_none() {
                assert!(Instant::now() < deadline);
                thread::yield_now();
            }
            // Again, as each step asks.
            assert!(sorting.order(&layer).is_some_and(|order| is_whole(order, n)));
        }
    }

    #[test]
    fn without_a_thread_they_are_sorted_when_they_are_asked_for() {
        let layer = refreshed(FEW + 1);
        let (_, coming) = sync_channel(1);
        let mut sorting = Sorting { order: Order::default(), coming: Some(coming) };
        assert!(sorting.order(&layer).is_some_and(|order| is_whole(order, FEW + 1)));
    }

    #[test]
    fn what_is_not_sorted_yet_is_not_written() {
        let (_sender, coming) = sync_channel(1);
        let mut sorting = Sorting { order: Order::default(), coming: Some(coming) };
        assert!(sorting.order(&refreshed(1)).is_none());
    }
}
