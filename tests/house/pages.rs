//! The pages: every link leads somewhere, and every command names parameters and files that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fleetkeeper_tests::repository::in_repository;
use regex_lite::Regex;

use crate::template::{MAIN, translated};

/// Every page of the repository with its text, by its path from the top.
fn pages() -> Vec<(PathBuf, String)> {
    let listed =
        Command::new("git").args(["ls-files", "-z", "*.md"]).current_dir(in_repository("")).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let paths = listed.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    paths.map(|path| (path.clone(), fs::read_to_string(in_repository("").join(path)).unwrap())).collect()
}

/// The anchors that GitHub gives to a page's headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let heading = |line: &str| line.trim_start_matches('#').strip_prefix(' ').map(str::to_owned);
    let headings = outside_code(page).filter(|line| line.starts_with('#')).filter_map(heading);
    headings
        .map(|text| {
            let kept = text.to_lowercase();
            let kept = kept.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
            kept.map(|it| if it == ' ' { '-' } else { it }).collect()
        })
        .collect()
}

fn outside_code(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)").unwrap();
    let mut followed = 0;
    for (path, text) in pages() {
        let plain: Vec<_> = outside_code(&text).collect();
        for found in link.captures_iter(&plain.join("\n")) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            let folder = path.parent().unwrap_or(Path::new(""));
            let file = if target.is_empty() { path.clone() } else { folder.join(target) };
            let file = in_repository("").join(file);
            assert!(file.exists(), "{}: no file {target}", path.display());
            if let Some(anchor) = found.get(2) {
                let anchors = anchors(&fs::read_to_string(&file).unwrap());
                let anchor = anchor.as_str();
                assert!(anchors.contains(anchor), "{}: {target} has no heading #{anchor}", path.display());
            }
            followed += 1;
        }
    }
    assert!(followed >= 50, "{followed}");
}

/// The commands of a page, lines that end with a backslash joined.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.map(|block| block.replace("\\\n", " "));
    lines.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The template that a command deploys: the one that it names, or the one that its stack's name
/// stands for.
fn deployed(command: &str) -> Option<String> {
    if let Some((_, after)) = command.split_once("--template-file ") {
        return after.split_whitespace().next().map(str::to_owned);
    }
    let example = command.contains("--stack-name fleetkeeper-example");
    command
        .contains("sam deploy")
        .then(|| if example { "infra/example/template.yaml" } else { MAIN }.to_owned())
}

#[test]
fn every_deployment_names_a_template_and_parameters_that_exist() {
    let parameter = Regex::new(r"(?:^|\s)([A-Z][A-Za-z]+)=(\S+)").unwrap();
    let mut checked = 0;
    for (path, text) in pages() {
        for command in commands(&text) {
            let Some(template) = deployed(&command) else { continue };
            assert!(in_repository(&template).exists(), "{}: {template}", path.display());
            let overrides = command.split_once("--parameter-overrides ").map_or("", |(_, after)| after);
            for found in parameter.captures_iter(overrides) {
                let known = &translated(&template)["Parameters"][&found[1]];
                assert!(known.is_object(), "{}: {template} has no parameter {}", path.display(), &found[1]);
                if let Some(allowed) = known["AllowedValues"].as_array() {
                    let given = allowed.iter().any(|value| value.as_str().is_none_or(|it| *it == found[2]));
                    assert!(given, "{}: {} is not {}", path.display(), &found[1], &found[2]);
                }
                checked += 1;
            }
        }
    }
    assert!(checked >= 15, "{checked}");
}

#[test]
fn every_command_of_make_exists() {
    let makefile = fs::read_to_string(in_repository("Makefile")).unwrap();
    let make = Regex::new(r"\bmake ([a-z][a-z0-9-]+)").unwrap();
    for (path, text) in pages() {
        let shown = text.split('`').skip(1).step_by(2).map(str::to_owned).chain(commands(&text));
        for found in shown.collect::<Vec<_>>().iter().flat_map(|it| make.captures_iter(it)) {
            let target = &found[1];
            let exists = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
            assert!(exists, "{}: make {target}", path.display());
        }
    }
}
