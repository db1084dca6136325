//! | layer | crates |
//! | --- | --- |
//! | 6 | lab, which takes the campaign's wiring of the handlers |
//! | 5 | campaign |
//! | 4 | sim |
//! | 3 | lifecycle-drainer, capacity-calculator (their libraries) |
//! | 2 | aws |
//! | 1 | core |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fleetkeeper_tests::repository::in_repository;

/// The names of all crates that a package is built from, itself included, tests and build scripts
/// left out.
fn built_from(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{lib}"])
        .arg("--locked")
        .current_dir(in_repository("."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    tree.lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The Rust files of a folder, or the one file.
pub(crate) fn sources(of: &str) -> Vec<(PathBuf, String)> {
    let mut paths = vec![in_repository(of)];
    let mut found = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{of}");
    found
}

fn assert_none_names(files: &[(PathBuf, String)], words: &[&str]) {
    for (path, text) in files {
        for word in words {
            let line = text.lines().find(|line| !line.trim_start().starts_with("//") && line.contains(word));
            assert!(line.is_none(), "{} names {word}: {}", path.display(), line.unwrap_or_default());
        }
    }
}

#[test]
fn the_lowest_layer_has_no_sdk_no_runtime_no_randomness() {
    for name in built_from("fleetkeeper-core") {
        let foreign = ["tokio", "lambda_runtime", "rand", "getrandom", "hyper", "tracing"]
            .contains(&name.as_str())
            || name.starts_with("aws");
        assert!(!foreign, "core is built from {name}");
    }
}

#[test]
fn the_simulated_world_and_what_is_played_in_it_are_built_without_the_sdk() {
    for package in ["fleetkeeper-sim", "fleetkeeper-campaign", "fleetkeeper-lab"] {
        let built_from = built_from(package);
        assert!(built_from.contains(&"fleetkeeper_core".to_owned()), "{built_from:?}");
        let sdk = |name: &String| {
            name.starts_with("aws_sdk") || name.starts_with("aws_smithy") || name == "lambda_runtime"
        };
        assert!(!built_from.iter().any(sdk), "{package}: {built_from:?}");
    }
}

#[test]
fn only_the_aws_crate_names_the_sdk_and_the_runtime() {
    for of in [
        "crates/core",
        "crates/lifecycle-drainer",
        "crates/capacity-calculator",
        "tests/sim",
        "tests/campaign",
        "tests/lab",
        "tests/src",
    ] {
        assert_none_names(&sources(of), &["aws_sdk_", "aws_config", "aws_smithy", "lambda_runtime"]);
    }
}

#[test]
fn the_handlers_know_the_aws_crate_in_main_only() {
    for of in ["crates/lifecycle-drainer/src", "crates/capacity-calculator/src"] {
        let mut files = sources(of);
        files.retain(|(path, _)| path.file_name() != Some(Path::new("main.rs").as_os_str()));
        assert_none_names(&files, &["fleetkeeper_aws", "fleetkeeper_sim", "SystemTime", "std::env"]);
    }
}

#[test]
fn nothing_below_knows_the_functions_or_the_simulated_world() {
    assert_none_names(
        &sources("crates/core"),
        &["fleetkeeper_aws", "fleetkeeper_sim", "lifecycle_drainer::"],
    );
    assert_none_names(
        &sources("crates/aws"),
        &["fleetkeeper_sim", "lifecycle_drainer::", "capacity_calculator::"],
    );
}

/// `make build` builds both functions at once, `sam build` each separately. A feature that only one
/// of them enables in a crate would give other bytes.
#[test]
fn a_function_is_built_from_the_same_crates_alone_as_beside_the_other() {
    let crates = |packages: &[&str]| -> BTreeSet<String> {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}|{f}"])
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .current_dir(in_repository("."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
    };
    let both = crates(&["lifecycle-drainer", "capacity-calculator"]);
    for function in ["lifecycle-drainer", "capacity-calculator"] {
        let alone = crates(&[function]);
        let other: Vec<_> = alone.difference(&both).collect();
        assert!(alone.len() > 1 && other.is_empty(), "{function}, alone, is built from {other:?}");
    }
}

/// cargo-lambda fills in what the release profile leaves out: what ships would depend on its
/// version. How a panic ends is what the log's last line relies on (crates/aws, lambda.rs): nothing
/// unwinds past it.
#[test]
fn the_release_profile_leaves_nothing_to_be_filled_in() {
    let manifest = fs::read_to_string(in_repository("Cargo.toml")).unwrap();
    let profile = manifest.split("[profile.release]").nth(1).unwrap().split("\n[").next().unwrap();
    for key in ["opt-level", "lto", "codegen-units", "panic", "strip", "debug"] {
        assert!(profile.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
    }
    assert!(profile.contains("panic = \"abort\""));
}
