//! The live secrets of a table: the current one and those that it replaced, each with the key path that
//! its problems are noted under. For the kinds that open cookies.

use crate::domain::SecretString;
use crate::domain::setting::{Problems, SecretSource, join};

/// The list at `path`; an empty one is a problem.
pub(super) fn listed<'s>(
    sources: &'s [SecretSource],
    path: &str,
    problems: &mut Problems,
) -> impl Iterator<Item = (String, &'s SecretSource)> + use<'s> {
    if sources.is_empty() {
        problems.push(path, "must name at least one secret");
    }
    numbered(sources, path.to_owned())
}

/// The same, read, with every problem noted.
pub(super) fn loaded(
    sources: &[SecretSource],
    path: &str,
    problems: &mut Problems,
) -> Vec<SecretString> {
    let listed = listed(sources, path, problems);
    listed.filter_map(|(at, source)| problems.ok(&at, source.load())).collect()
}

/// `secret_key` and `secret_key_fallbacks` of the table at `path`, as Django and Flask have them.
pub(super) fn rotated<'s>(
    path: &str,
    current: &'s SecretSource,
    fallbacks: &'s [SecretSource],
) -> impl Iterator<Item = (String, &'s SecretSource)> {
    let fallbacks = numbered(fallbacks, join(path, "secret_key_fallbacks"));
    std::iter::once((join(path, "secret_key"), current)).chain(fallbacks)
}

fn numbered(
    sources: &[SecretSource],
    path: String,
) -> impl Iterator<Item = (String, &SecretSource)> {
    let sources = sources.iter().enumerate();
    sources.map(move |(i, source)| (join(&path, &i.to_string()), source))
}
