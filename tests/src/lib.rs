//! What the tests here share: where the repository's files are.

use std::path::PathBuf;

/// A file of the repository, by its path from the top.
#[must_use]
pub fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
