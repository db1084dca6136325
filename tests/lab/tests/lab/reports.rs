//! The command, and what it writes.

use std::fs;
use std::process::{Command, Output};

use expect_test::expect;

fn lab(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(words).output().unwrap()
}

#[test]
fn a_small_run_writes_the_page_the_document_and_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("services_x.csv"), folder.path().join("out"));
    let rows = "0,web,4,512,1024\n600,web,16,512,1024\n1800,web,4,512,1024\n";
    fs::write(&file, format!("time_s,service,desired,cpu_units,memory_mib\n{rows}")).unwrap();
    let words = ["--traces", file.to_str().unwrap(), "--seeds", "1", "--out", out.to_str().unwrap()];
    let output = lab(&words);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    for name in ["services_x", "book", "capacity provider 100", "capacity provider 90", "Fleetkeeper one"] {
        assert!(table.contains(name), "{table}");
    }
    let page = fs::read_to_string(out.join("lab.html")).unwrap();
    assert_eq!(page.matches("<svg role=\"img\"").count(), 3);
    // Each policy's line over time, twice.
    assert!(page.matches("<polyline").count() >= 10, "{}", page.matches("<polyline").count());
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page requests something: {outside}");
    }
    let document = fs::read_to_string(out.join("lab.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let policies = document["traces"][0]["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 9);
    assert!(policies.iter().all(|policy| policy["cost"][0].as_f64().unwrap() > 0.2), "{document}");
    let picture = fs::read_to_string(out.join("services_x.svg")).unwrap();
    let has = ["Hosts over time: services_x", "capacity provider 100 unprotected", "Fleetkeeper direct one"];
    assert!(has.iter().all(|text| picture.contains(text)), "{picture}");
    assert!(!picture.contains("capacity provider 90"), "the main policies alone");
}

#[test]
fn bad_input_and_bad_words_get_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks_x.csv");
    fs::write(&file, "arrival_s,duration_s,cpu_units,memory_mib,gpus\n0,x,1,1,0\n").unwrap();
    let errors = [
        &["--traces", file.to_str().unwrap()][..],
        &["--traces", "/nowhere"],
        &["--placement", "pile"],
        &["--seeds", "0"],
        &["--only", "nothing"],
        &["--colour"],
    ]
    .map(|words| {
        let output = lab(words);
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8(output.stderr).unwrap().replace(folder.path().to_str().unwrap(), "FOLDER")
    });
    expect![[r#"
        lab: FOLDER/tasks_x.csv, line 2: "x" is not accepted as duration_s: 1 second to a year
        lab: /nowhere: cannot read it: No such file or directory (os error 2)
        lab: --placement="pile" is not accepted: spread, binpack or random
        lab: --seeds="0" is not accepted: a whole number from 1 to 100
        lab: --only="nothing" is not accepted: no trace has such a name
        lab: invalid option '--colour': lab --help shows what is accepted
    "#]]
    .assert_eq(&errors.concat());
}
