//! The results of an experiment, for people and programs.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`table`] | a table for the terminal, and the same for the documentation |
//! | [`document`] | JSON |
//! | [`chart`], [`page`] | charts, and the page that shows them |

pub mod chart;
pub mod document;
pub mod page;
pub mod pages;
pub mod table;
