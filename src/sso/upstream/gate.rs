//! How many ask at the same time, and how many may wait for a place. Whoever finds both
//! taken is refused at once.

use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::ValidateError;

#[derive(Debug)]
pub(super) struct Gate {
    places: Semaphore,
    waiting: Semaphore,
}

impl Gate {
    pub(super) fn new(max_concurrent: usize, max_waiting: usize) -> Self {
        Self { places: Semaphore::new(max_concurrent), waiting: Semaphore::new(max_waiting) }
    }

    /// A place, given back when it is dropped.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full, or no place was free until `deadline`.
    pub(super) async fn enter(
        &self,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, ValidateError> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| too_many())?;
        let place = tokio::time::timeout_at(deadline.into(), self.places.acquire()).await;
        // The semaphore is never closed.
        place.ok().and_then(Result::ok).ok_or_else(too_many)
    }
}

fn too_many() -> ValidateError {
    ValidateError::Unavailable {
        reason: "too many are asking at the same time".to_owned(),
        retry_after: Some(Duration::from_secs(1)),
    }
}
