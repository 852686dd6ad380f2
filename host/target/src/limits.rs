//! Every bound of what is done on a target, in one place.

/// Bytes of the name of a stack; with a suffix it still fits into a file name.
pub(crate) const STACK_NAME_BYTES_MAX: usize = 200;
/// Bytes of one managed file.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a file that are held in memory at once; larger ones are read piece by piece, as often as need be.
pub(crate) const HELD_BYTES_MAX: u64 = 1 << 20;
/// Bytes of `ledger.json`.
pub(crate) const LEDGER_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a journal.
pub(crate) const JOURNAL_BYTES_MAX: u64 = 256 << 20;
/// Bytes of what registers a deployments root.
pub(crate) const CLAIM_BYTES_MAX: u64 = 32 << 10;
/// Deployments roots of one machine.
pub(crate) const CLAIMS_MAX: usize = 10_000;
/// Bytes that are read of what the holder of a lock wrote about itself.
pub(crate) const HOLDER_BYTES_MAX: u64 = 1_000;
/// Time between two tries to get a lock.
pub(crate) const LOCK_PAUSE_MS_MAX: u64 = 50;
/// Time after which somebody who waits for a lock is told who holds it.
pub(crate) const TOLD_AFTER_MS: u64 = 200;
/// Kept contents of hand-edited files that are noted for one stack.
pub(crate) const NOTES_MAX: usize = 200;
/// Bytes that stay free on a disk beside what is written.
pub(crate) const ROOM_BYTES_LEFT: u64 = 1 << 20;
/// Names that stay free on a disk beside those that are made.
pub(crate) const ROOM_NAMES_LEFT: u64 = 16;
/// How long the other side of a pipe may take to say who it is.
pub(crate) const HELLO_SECONDS: u64 = 30;
/// How long it may say nothing while it works, beside the time that it waits for locks.
pub(crate) const SILENCE_SECONDS: u64 = 1_800;
/// How long a program may take to end when there is nothing more to be done.
pub(crate) const CHILD_END_MS: u64 = 5_000;
/// Steps of one request: of a push, one for each piece of a file.
pub(crate) const STEPS_MAX: u64 = 1 << 24;
/// How long somebody behind a pipe may want to wait for locks.
pub(crate) const WAIT_SECONDS_MAX: u64 = 86_400;
/// How long it is listened for why a pipe was closed.
pub(crate) const LAST_WORDS_MS: u64 = 1_000;
/// What is kept of each stream of a program that is run.
pub(crate) const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// How long the streams of a program that ended are waited for: one that it left behind may hold them.
pub(crate) const STREAMS_WAIT_MS: u64 = 1_000;
/// How often whoever waits for programs hears that they still run.
pub(crate) const ALIVE_SECONDS: u64 = 10;
/// How long systemd may take to say its version.
pub(crate) const LOOK_AT_INIT_MS: u32 = 2_000;
/// Bytes of `.audit`, at most; it is begun anew when it has so many.
pub(crate) const AUDIT_BYTES_MAX: u64 = 256 << 20;
pub(crate) const AUDIT_TURN_BYTES: usize = 32 << 20;
/// Lines that are shown of it.
pub(crate) const AUDIT_LINES_MAX: usize = 20_000;
/// Files without a name that are held until a guard ends: as many as a process can have open for each of many targets.
pub(crate) const NAMELESS_MAX: usize = 48;
/// How long somebody may want to wait for a confirmation.
pub(crate) const CONFIRM_SECONDS_MAX: u32 = 86_400;
/// Bytes of what is armed.
pub(crate) const ARMED_BYTES_MAX: u64 = 64 << 20;
/// How often whoever waits for a confirmation looks whether it has come.
pub(crate) const WATCHDOG_PAUSE_MS: u64 = 500;
/// How often, and after which pauses, what cannot be taken back is tried again.
pub(crate) const WATCHDOG_TRIES_MAX: u32 = 120;
pub(crate) const WATCHDOG_TRY_PAUSE_MS: u64 = 5_000;
/// How long it is waited at boot for others that write, and for systemd.
pub(crate) const BOOT_WAIT_SECONDS: u64 = 30;
pub(crate) const BOOT_COMMAND_MS: u32 = 60_000;
/// Bytes of `/etc/passwd`.
pub(crate) const BYTES_OF_PASSWD_MAX: u64 = 64 << 20;
/// Entries of one batch of a push: each has a lock of its own there.
pub(crate) const BATCH_ENTRIES_MAX: usize = 64;
/// Bytes of one batch, from which on another is begun.
pub(crate) const BATCH_BYTES: u64 = 64 << 20;
/// Paths of one batch, from which on another is begun.
pub(crate) const BATCH_LISTED_MAX: usize = 50_000;
/// Bytes of contents that go in one message.
pub(crate) const CONTENT_BYTES: usize = 256 << 10;
/// Bytes of contents that are taken in one message.
pub(crate) const CONTENT_BYTES_MAX: u64 = 1 << 20;
/// Messages of a push that are under way unanswered.
pub(crate) const CONTENTS_UNDER_WAY_MAX: usize = 64;
