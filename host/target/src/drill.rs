//! How tests arm a drill: by two variables. In a build without debug assertions nothing reads them.

/// The room in which there is one, and the file of what is said there.
pub(crate) const ROOM: &str = "PUNIX_DRILL";
pub(crate) const WORDS: &str = "PUNIX_DRILL_WORDS";

/// Arms a drill, if this is a build for tests and a test asks for one.
pub fn arm_drill_if_asked() {
    #[cfg(debug_assertions)]
    if let (Ok(room), Some(words)) = (std::env::var(ROOM), std::env::var_os(WORDS)) {
        // The words are in a file: those of the environment are seen by everybody.
        punix_diag::arm_drill(room, std::fs::read_to_string(words).unwrap_or_default());
    }
}
