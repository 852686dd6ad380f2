//! Everything that is bounded when a stack is made into files and compared with a target.

/// The largest file that a `source` may be, and all of one stack together.
pub(crate) const SOURCE_BYTES_MAX: u64 = 64 << 20;
pub(crate) const SOURCES_BYTES_MAX: u64 = 256 << 20;
/// Larger ones are not kept in memory, unless they are secrets.
pub(crate) const SOURCE_HELD_BYTES_MAX: u64 = 1 << 20;
/// How many entries a `source` directory may have, at all depths, and how deep it may be.
pub(crate) const SOURCE_ENTRIES_MAX: usize = 20_000;
pub(crate) const SOURCE_DEPTH_MAX: usize = 64;
/// How many patterns one `exclude` may have, and how long each may be.
pub(crate) const PATTERNS_MAX: usize = 1_000;
pub(crate) const PATTERN_BYTES_MAX: usize = 4_096;

/// How many files a stack may have.
pub(crate) const FILES_MAX: usize = 50_000;
/// The largest file once its secrets are in it.
pub(crate) const FILE_BYTES_MAX: usize = 256 << 20;

/// Shorter secrets are not looked for in files that are not meant for them.
pub(crate) const LEAK_BYTES_MIN: usize = 8;

/// What is compared line by line: longer texts, or more differences, are told of and not shown.
pub(crate) const DIFF_BYTES_MAX: usize = 4 << 20;
pub(crate) const DIFF_EDITS_MAX: usize = 2_000;
/// Lines around a difference.
pub(crate) const DIFF_CONTEXT: usize = 3;
/// How many lines of one file's differences are shown.
pub(crate) const DIFF_LINES_MAX: usize = 2_000;

/// The largest kept plan.
pub(crate) const PLAN_BYTES_MAX: u64 = 1 << 30;
