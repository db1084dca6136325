//! The documentation's figures are those of a run of the benchmark, and no one else's.

use std::fs;

use fleetkeeper_tests::performance::page::{FIGURES, PAGE, PICTURE, page_with, read};
use fleetkeeper_tests::performance::{Figures, chart};
use fleetkeeper_tests::repository::in_repository;

fn figures() -> Figures {
    read(FIGURES).unwrap()
}

#[test]
fn the_page_and_the_picture_show_the_figures_of_the_run() {
    let figures = figures();
    let page = fs::read_to_string(in_repository(PAGE)).unwrap();
    assert_eq!(page_with(&page, &figures).unwrap(), page, "make bench-docs was not run");
    let picture = fs::read_to_string(in_repository(PICTURE)).unwrap();
    assert_eq!(chart::svg(&figures), picture, "make bench-docs was not run");
}
