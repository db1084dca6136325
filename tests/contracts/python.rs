//! The checks that need AWS's own data, which comes as Python packages.

use std::process::Command;

use fleetkeeper_tests::repository::{in_repository, tool};

/// Runs a script of `tests/contracts/python` with the pinned tools' Python.
///
/// # Panics
///
/// If it finds a fault: the message has each of them on a line.
pub(crate) fn check(script: &str, arguments: &[&str]) {
    let output = Command::new(tool("python").unwrap())
        .arg(in_repository("tests/contracts/python").join(script))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let (found, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script} {arguments:?}:\n{found}{errors}");
}
