//! The order in which a layer is written to the trees. Sorting a large one, and freeing it in the end, takes tens of
//! milliseconds, for which all writes would wait: a thread of its own does that.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use super::layer::Layer;
use super::{AccountKey, SessionKey};

/// With so few entries a thread would cost more than the work.
const FEW: usize = 4096;

/// The names of what is to be written, in the trees' order.
#[derive(Default)]
pub(super) struct Order {
    pub(super) sessions: Vec<SessionKey>,
    pub(super) accounts: Vec<AccountKey>,
}

impl Order {
    fn unsorted(layer: &Layer) -> Self {
        Self {
            sessions: layer.generations.keys().cloned().collect(),
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

/// Frees a layer that nobody needs any more.
pub(super) fn free(layer: Layer) {
    if layer.weight() > FEW {
        aside(move || drop(layer));
    }
}

/// Does it in a thread of its own; if there can be none, what it holds is dropped.
fn aside(work: impl FnOnce() + Send + 'static) {
    let _ = thread::Builder::new().name("store-merge".to_owned()).spawn(work);
}
