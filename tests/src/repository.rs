//! Where the repository's files and tools are.

use std::path::{Path, PathBuf};

use crate::Error;

/// A path from the repository's top.
#[must_use]
pub fn in_repository(path: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).join(path)
}

/// A tool that `make tools` installs.
pub fn tool(name: &str) -> Result<PathBuf, Error> {
    existing(in_repository(".venv/bin").join(name), "make tools")
}

/// A function's package for this machine, as `make host-packages` builds it.
pub fn package(function: &str) -> Result<PathBuf, Error> {
    let path = in_repository("target/emulator").join(function).join("bootstrap.zip");
    existing(path, "make host-packages")
}

/// A sample event.
pub fn sample_event(name: &str) -> Result<serde_json::Value, Error> {
    let path = in_repository("infra/events").join(name);
    Ok(serde_json::from_slice(&std::fs::read(existing(path, "git checkout infra/events")?)?)?)
}

fn existing(path: PathBuf, made_by: &str) -> Result<PathBuf, Error> {
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is not there: run {made_by}", path.display()).into())
    }
}
