//! Files that are read again when they change: certificates, password and account
//! lists, key sets, geo databases. A bad new version never replaces a good old one.
//! Parts open them at boot; `app` polls the [`Watcher`] in a background task.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use zeroize::Zeroizing;

/// The largest file that is read.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send + Sync>;

/// The parsed content of a file, as of its newest good version.
pub struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    value: ArcSwap<T>,
    stamp: Mutex<Stamp>,
}

/// What changes when a file is replaced or rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads and parses the file, and registers it to be watched.
    ///
    /// # Errors
    /// A text for the configuration's problems when it cannot be read or parsed.
    pub fn open(
        path: &Path,
        watcher: &Watcher,
        parse: impl Fn(&[u8]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, String> {
        let stamp = stamp(path)?;
        let value = parse(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?;
        let this = Arc::new(Self {
            path: path.to_owned(),
            parse: Box::new(parse),
            value: ArcSwap::from_pointee(value),
            stamp: Mutex::new(stamp),
        });
        let weak: Weak<Self> = Arc::downgrade(&this);
        watcher.files.lock().push(weak);
        Ok(this)
    }

    /// The newest good version.
    pub fn get(&self) -> arc_swap::Guard<Arc<T>> {
        self.value.load()
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("path", &self.path).finish_non_exhaustive()
    }
}

trait Poll: Send + Sync {
    fn poll(&self);
}

impl<T: Send + Sync + 'static> Poll for Watched<T> {
    fn poll(&self) {
        let outcome = stamp(&self.path).and_then(|now| {
            if *self.stamp.lock() == now {
                return Ok(false);
            }
            *self.stamp.lock() = now;
            let value = (self.parse)(&read(&self.path)?)?;
            self.value.store(Arc::new(value));
            Ok(true)
        });
        let path = self.path.display();
        match outcome {
            Ok(true) => tracing::info!(file.path = %path, "file changed and was read again"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(file.path = %path, %error, "file changed but cannot be used, keeping the old version");
            }
        }
    }
}

/// The files to watch. Cloning shares the list; a file that nobody uses any more drops out.
#[derive(Clone, Default)]
pub struct Watcher {
    files: Arc<Mutex<Vec<Weak<dyn Poll>>>>,
}

impl Watcher {
    /// Looks at every file once and reads again what has changed. Blocks on file I/O.
    pub fn poll(&self) {
        let files: Vec<_> = {
            let mut files = self.files.lock();
            files.retain(|f| f.strong_count() > 0);
            files.iter().filter_map(Weak::upgrade).collect()
        };
        for file in files {
            file.poll();
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

fn stamp(path: &Path) -> Result<Stamp, String> {
    let meta =
        std::fs::metadata(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    if meta.len() > MAX_BYTES {
        return Err(format!("{} is larger than {MAX_BYTES} bytes", path.display()));
    }
    Ok(Stamp { modified: meta.modified().ok(), len: meta.len() })
}

/// Wiped after use: it may be a secret.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    Ok(Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_new_version_keeps_the_good_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n");
        std::fs::write(&path, "1").unwrap();
        let watcher = Watcher::default();
        let parse =
            |b: &[u8]| std::str::from_utf8(b).unwrap().parse::<u32>().map_err(|e| e.to_string());
        let n = Watched::open(&path, &watcher, parse).unwrap();
        std::fs::write(&path, "22").unwrap();
        watcher.poll();
        assert_eq!(**n.get(), 22);
        std::fs::write(&path, "bad").unwrap();
        watcher.poll();
        assert_eq!(**n.get(), 22);
        std::fs::write(&path, "4444").unwrap();
        watcher.poll();
        assert_eq!(**n.get(), 4444);
    }
}
