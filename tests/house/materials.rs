//! The bill of materials beside each package.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fleetkeeper_tests::repository::{in_repository, tool};
use serde_json::Value;

fn write_bills(folder: &Path) -> Output {
    Command::new(tool("python").unwrap())
        .arg(in_repository("infra/sbom.py"))
        .arg(folder)
        .current_dir(in_repository("."))
        .output()
        .unwrap()
}

#[test]
fn a_bill_has_every_crate_of_its_function_with_its_checksum_and_license() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lifecycle-drainer-arm64.zip"), "a package").unwrap();
    let [first, second] = [(); 2].map(|()| {
        fs::write(folder.path().join("SHA256SUMS"), "").unwrap();
        let output = write_bills(folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(folder.path().join("lifecycle-drainer-arm64.cdx.json")).unwrap()
    });
    assert_eq!(first, second, "the same package has the same bill");
    let sums = fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
    assert!(sums.ends_with("  lifecycle-drainer-arm64.cdx.json\n"), "{sums}");

    let bill: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert_eq!(bill["metadata"]["component"]["name"], "lifecycle-drainer");
    let components: BTreeMap<&str, &Value> =
        bill["components"].as_array().unwrap().iter().map(|it| (it["name"].as_str().unwrap(), it)).collect();
    let locked = fs::read_to_string(in_repository("Cargo.lock")).unwrap();
    for (name, component) in &components {
        assert!(component["licenses"][0].is_object(), "{component}");
        let ours = name.starts_with("fleetkeeper-");
        let checksum = component["hashes"][0]["content"].as_str();
        assert!(ours || checksum.is_some_and(|it| locked.contains(it)), "{component}");
    }
    for (name, there) in
        [("ring", true), ("aws-sdk-ecs", true), ("fleetkeeper-core", true), ("proptest", false)]
    {
        assert_eq!(components.contains_key(name), there, "{name}");
    }
}

#[test]
fn a_folder_without_packages_is_an_error_that_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let output = write_bills(folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("has no package: run make package"), "{said}");
}
