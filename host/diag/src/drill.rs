//! Drills: a test has a room panic, and looks at what comes of it. Only builds with debug assertions can be told to; in all
//! others a drill is nothing, and nobody can arm one.

#[cfg(debug_assertions)]
static ARMED: std::sync::OnceLock<(String, String)> = std::sync::OnceLock::new();

/// Has a room panic as soon as it is entered, with these words. The first who asks for that in a process is heard.
#[cfg(debug_assertions)]
pub fn arm_drill(room: String, words: String) {
    let _ = ARMED.set((room, words));
}

/// Panics if this is the room of the drill.
#[inline]
pub fn drill(room: &str) {
    #[cfg(debug_assertions)]
    if let Some((armed, words)) = ARMED.get()
        && armed == room
    {
        panic!("a drill in {room}: {words}");
    }
    #[cfg(not(debug_assertions))]
    let _ = room;
}
