//! Every bound of the store in one place.

/// Bytes of an entry's name. A temporary name made from it still fits into the 255 bytes of a file name.
pub const NAME_BYTES_MAX: usize = 233;
/// Values inside each other in a derivation. The language allows 500.
pub const VALUE_DEPTH_MAX: usize = 520;
/// Digits of one integer in a derivation, as in the language.
pub const INTEGER_DIGITS_MAX: usize = 4_300;
/// Bytes of `derivation.json`.
pub const DERIVATION_BYTES_MAX: u64 = 16 << 20;
/// Bytes of `manifest.json`.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// Bytes of `built`: a digest and the end of its line.
pub const BUILT_BYTES_MAX: u64 = 65;
/// Bytes of `.punix-store`.
pub const MARKER_BYTES_MAX: u64 = 64;
/// Files, links and directories of one tree.
pub const TREE_ENTRIES_MAX: usize = 1_000_000;
/// Directories inside each other in one tree.
pub const TREE_DEPTH_MAX: usize = 256;
/// Bytes of one path in a tree. With a store's root before it, it must fit into the 4095 that the kernel takes.
pub const PATH_BYTES_MAX: usize = 3_000;
/// Bytes that a reading thread holds at once.
pub const BUFFER_BYTES: usize = 128 << 10;
/// Bytes that are read of what the holder of a lock wrote about itself.
pub const HOLDER_BYTES_MAX: u64 = 1_000;
/// Holders of one lock that are named to those who wait.
pub const HOLDERS_NAMED_MAX: usize = 20;
/// Time between two tries to get a lock.
pub const LOCK_PAUSE_MS_MAX: u64 = 50;
/// Time after which somebody who waits for a lock is told who holds it.
pub const TOLD_AFTER_MS: u64 = 200;
/// Time for which somebody who waits to have the store alone keeps others from joining those who share it, each time.
pub const GATE_MS_MAX: u64 = 500;
/// Time between two such times, in which they can.
pub const GATE_PAUSE_MS: u64 = 150;
/// Tries to find a name for a temporary that is not taken.
pub const FREE_NAME_TRIES_MAX: usize = 16;
/// Damages of one entry that are named.
pub const DAMAGES_NAMED_MAX: usize = 20;
/// Registered roots of one store.
pub const REGISTRATIONS_MAX: usize = 100_000;
/// Bytes of one registration: a path, each byte of which may be written with six.
pub const REGISTRATION_BYTES_MAX: u64 = 32 << 10;
/// Bytes of a generation's record, or a profile's.
pub const RECORD_BYTES_MAX: u64 = 16 << 20;
/// Names in a directory in which generations are looked for.
pub const DIRECTORY_NAMES_MAX: usize = 1_000_000;
/// Things that keep an entry, counted for each entry that they keep.
pub const ROOTS_MAX: usize = 4_000_000;
/// Links that lead from one to the next before the store is reached.
pub const LINKS_MAX: usize = 40;
