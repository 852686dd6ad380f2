//! Every bound of the language in one place. A program that reaches one gets a located `[E20]`, never a crash.

/// Bytes of all source files of one program together.
pub const PROGRAM_BYTES_MAX: usize = 32 << 20;
/// Brackets, records, conditionals and comprehensions inside each other.
pub const NESTING_MAX: usize = 999;
/// Digits of one integer.
pub const INTEGER_DIGITS_MAX: usize = 4_300;
/// Depth of a type, through references too.
pub const TYPE_DEPTH_MAX: usize = 999;
/// Depth of a value, through references too.
pub const VALUE_DEPTH_MAX: u32 = 999;
/// Operations of one check or one evaluation.
pub const EVALUATION_STEPS_MAX: u64 = 200_000_000;
/// Values that one check or one evaluation may hold.
pub const VALUES_MAX: usize = 16_000_000;
/// Bytes of one string.
pub const STRING_BYTES_MAX: usize = 16 << 20;
/// Store paths in one string.
pub const WOVEN_PIECES_MAX: usize = 10_000;
/// Bytes of all strings that one check or one evaluation computes.
pub const COMPUTED_BYTES_MAX: usize = 256 << 20;
/// Bytes of the sort keys of one comprehension.
pub const SORT_BYTES_MAX: usize = 64 << 20;
/// Bytes of one printed document.
pub const DOCUMENT_BYTES_MAX: usize = 256 << 20;
/// Characters of a type in a message.
pub const TYPE_TEXT_MAX: usize = 300;
/// Bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 2_000;
/// Errors of one run for which a similar name is looked for.
pub const SUGGESTIONS_MAX: usize = 50;
/// Names that are looked through for each.
pub const SUGGESTION_NAMES_MAX: usize = 10_000;
/// Diagnostics that one run keeps; the rest is counted.
pub const DIAGNOSTICS_MAX: usize = 1_000;
