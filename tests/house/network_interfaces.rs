//! The script that generates the table of network interfaces by instance type.

use std::fs;
use std::process::Command;

use fleetkeeper_tests::repository::in_repository;

/// In the forms of its two sources: types with and without a trunk, one in both, and a number that
/// cannot be.
const TYPES: &str = "\
// This file was generated at 2026-03-20T18:06:29Z
var Limits = map[string]*VPCLimits{
\t\"c5.large\": {
\t\tInterface:               3,
\t\tIsTrunkingCompatible:    true,
\t\tBranchInterface:         9,
\t\tDefaultNetworkCardIndex: 0,
\t},
\t\"t3.medium\": {
\t\tInterface:               3,
\t\tIsTrunkingCompatible:    false,
\t\tBranchInterface:         0,
\t},
\t\"i4i.metal\": {
\t\tInterface:               15,
\t\tIsTrunkingCompatible:    true,
\t\tBranchInterface:         120,
\t},
}
";
const GUIDE: &str = "\
| Instance type | Task limit without ENI trunking | Task limit with ENI trunking |
| --- | --- | --- |
| c5.large | 99 | 99 |
| z9i\\.large | 2 | -2 |
";

fn made_of(types: &str, guide: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("types"), folder.path().join("guide"));
    fs::write(&one, types).unwrap();
    fs::write(&other, guide).unwrap();
    let program = in_repository("crates/core/network_interfaces.awk");
    let awk = Command::new("awk")
        .args(["-v", "least=4", "-v", "today=2026-11-23", "-f"])
        .args([program, one, other])
        .output()
        .unwrap();
    let said = if awk.status.success() { awk.stdout } else { awk.stderr };
    (awk.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn the_table_is_made_of_both_sources_sorted_and_without_nonsense() {
    let (made, table) = made_of(TYPES, GUIDE);
    assert!(made && table.contains("generated at 2026-03-20T18:06:29Z"), "{table}");
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("    (")).collect();
    assert_eq!(
        rows,
        [
            r#"    ("c5.large", 2, 10),"#,
            r#"    ("i4i.metal", 14, 120),"#,
            r#"    ("t3.medium", 2, 0),"#,
            r#"    ("z9i.large", 2, 0),"#,
        ]
    );
}

#[test]
fn a_source_that_is_not_a_table_makes_none() {
    for (types, guide) in [("<html>", GUIDE), (TYPES, "<html>")] {
        let (made, said) = made_of(types, guide);
        assert!(!made && said.starts_with("no tables of instance types: "), "{said}");
    }
}
