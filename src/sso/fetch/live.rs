//! A secret in the form that requests use it. One that comes from a file is read again when
//! the file changes, because such secrets (tokens of a platform, rotated passwords) do.

use std::fmt;
use std::sync::Arc;

use crate::domain::SecretString;
use crate::domain::setting::SecretSource;
use crate::support::{Watched, Watcher};

/// A prepared secret, as of now.
pub(super) enum Live<T> {
    /// The configuration holds it.
    Fixed(Arc<T>),
    /// A file does.
    File(Arc<Watched<Arc<T>>>),
}

impl<T: Send + Sync + 'static> Live<T> {
    /// Loads it and prepares it by `read`.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub(super) fn open(
        source: &SecretSource,
        watcher: &Watcher,
        read: impl Fn(&SecretString) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let SecretSource::File(path) = source else {
            return Ok(Self::Fixed(Arc::new(read(&source.load()?)?)));
        };
        let read = move |content: &[u8]| read(&SecretSource::read(content)?).map(Arc::new);
        Ok(Self::File(Watched::open(path, watcher, read)?))
    }

    pub(super) fn get(&self) -> Arc<T> {
        match self {
            Self::Fixed(value) => Arc::clone(value),
            Self::File(file) => Arc::clone(&**file.get()),
        }
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
