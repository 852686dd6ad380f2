//! Every message of the language as an operator sees it, with the program that brings it about. `UPDATE_EXPECT=1`
//! writes them anew; read them as someone would at three in the morning.

mod conflicts;
mod cycles;
mod limits;
mod names;
mod packages;
mod runs;
mod scenarios;
mod schemas;
mod strings;
mod syntax;
mod types;

use crate::support::{check_files, check_text, excerpts, lines};
use expect_test::Expect;

/// Shows what a program's check says, a line for each error, note and help.
#[track_caller]
fn told(text: &str, wanted: Expect) {
    wanted.assert_eq(&lines(&check_text(text)));
}

/// The same for several files.
#[track_caller]
fn told_of(files: &[(&str, &str)], wanted: Expect) {
    wanted.assert_eq(&lines(&check_files(files)));
}

/// Shows what a program's check says, with the source drawn.
#[track_caller]
fn drawn(text: &str, wanted: Expect) {
    wanted.assert_eq(&excerpts(&check_text(text)));
}
