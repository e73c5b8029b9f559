//! Where the packages are that real components come from: `scripts/test` installs them, pinned by
//! the lists beside the tests, into a folder below `target/` and never into the system.

use std::path::PathBuf;

/// The folder of a component's packages. `CAMBIO_REAL_DIR` names another place for all of them.
pub(crate) fn installed(component: &str) -> PathBuf {
    let place = std::env::var_os("CAMBIO_REAL_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/real")),
        PathBuf::from,
    );
    let folder = place.join(component);
    assert!(folder.is_dir(), "{} is missing: scripts/test makes it", folder.display());
    folder.canonicalize().unwrap()
}
