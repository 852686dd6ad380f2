//! Every bound of building in one place.

use std::time::Duration;

/// Patches of one package.
pub(crate) const PATCHES_MAX: usize = 1_000;
/// Leading parts of names that a patch can drop.
pub(crate) const PATCH_STRIP_MAX: u64 = 64;
/// Bytes of one patch.
pub(crate) const PATCH_BYTES_MAX: u64 = 256 << 20;
/// Time that one build may take, if nothing else is asked for.
pub const BUILD_WALL_DEFAULT: Duration = Duration::from_secs(3_600);
/// Memory of a build's processes.
pub(crate) const BUILD_MEMORY_BYTES_MAX: u64 = 64 << 30;
/// Processes and threads of one build.
pub(crate) const BUILD_PROCESSES_MAX: u32 = 8_192;
/// Files that one process of a build may have open.
pub(crate) const BUILD_OPEN_FILES_MAX: u64 = 65_536;
/// Bytes of one file that a build writes.
pub(crate) const BUILD_FILE_BYTES_MAX: u64 = 1 << 40;
/// Bytes of a log that are kept from its start. Its last lines are kept besides.
pub(crate) const LOG_HEAD_BYTES_MAX: u64 = 64 << 20;
/// Bytes that are kept from the end of a log that is longer.
pub(crate) const LOG_TAIL_BYTES_MAX: usize = 256 << 10;
/// Bytes of one line of a log that are shown.
pub(crate) const LOG_LINE_BYTES_MAX: usize = 2_000;
/// Last lines of a log that an error shows.
pub const LOG_LINES_SHOWN: usize = 20;
/// Bytes of a file that are searched for a path at once, when a tree is moved.
pub(crate) const RELOCATE_BYTES_MAX: u64 = 64 << 20;
/// Builds at the same time.
pub const JOBS_MAX: usize = 1_024;
/// Time between two looks at whether to stop, while somebody else builds the same.
pub(crate) const PATH_LOCK_LOOK: Duration = Duration::from_millis(500);
/// Time to wait for somebody else who builds the same.
pub(crate) const PATH_LOCK_WAIT: Duration = Duration::from_secs(24 * 3_600);
/// Files, links and directories of a local source.
pub(crate) const SOURCE_ENTRIES_MAX: usize = 1_000_000;
/// Directories inside each other in a local source.
pub(crate) const SOURCE_DEPTH_MAX: usize = 256;
/// The time that sources and builds have, in seconds since the epoch: the first one that zip archives can hold.
pub(crate) const SOURCE_MODIFIED: u64 = 315_532_800;
/// Bytes of the list of times of a source that is kept.
pub(crate) const TIMES_BYTES_MAX: u64 = 512 << 20;
/// Bytes of a file that are read at once.
pub(crate) const BUFFER_BYTES: usize = 128 << 10;

// Builds on another machine.

/// Bytes of one text that another machine says, and how many of them it says of one failure.
pub(crate) const TOLD_TEXT_BYTES_MAX: usize = 8 << 10;
pub(crate) const TOLD_LINES_MAX: usize = 64;
/// Packages that may be named to another machine.
pub(crate) const PACKAGES_MAX: usize = 100_000;
/// How long somebody at the other end of a pipe may want to wait for locks, or have what was built kept.
pub(crate) const WAIT_SECONDS_MAX: u64 = 86_400;
/// How long one build may be allowed to take from there.
pub(crate) const BUILD_WALL_SECONDS_MAX: u64 = 30 * 86_400;
/// How often whoever waits for builds hears that they still run.
pub(crate) const ALIVE_SECONDS: u64 = 10;
/// How long the other side may say nothing: while it says who it is, and while it works.
pub(crate) const HELLO_SECONDS: u64 = 30;
pub(crate) const SILENCE_SECONDS: u64 = 120;
/// How long it may take to read the store before it builds, and what it built again behind that.
pub(crate) const READING_SECONDS: u64 = 3_600;
/// How long builds that are to stop may take to end.
pub(crate) const STOPPING_SECONDS: u64 = 30;
/// What may be said while packages are built.
pub(crate) const STEPS_MAX: u64 = 1 << 32;

// The sandbox.

/// Bytes that one command may print.
pub const PRINTED_BYTES_MAX: u64 = 256 << 20;
/// Bytes that are read at once of what a command prints.
pub const PRINTED_CHUNK_BYTES: usize = 64 << 10;
/// Bytes of the description of a job.
pub const ORDER_BYTES_MAX: u32 = 64 << 20;
/// Bytes that are kept of what the program that sets up a sandbox has to say.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Bytes of memory that `/dev/shm` may hold.
pub const SHARED_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Time between two looks at whether somebody wants a job to stop.
pub const STOP_PAUSE_MS: u64 = 50;
/// Time that a job has to end after it was told to, before it is killed from outside.
pub const END_MS_MAX: u64 = 5_000;
/// Time for which the rest of what a command printed is read after its end.
pub const DRAIN_MS_MAX: u64 = 500;
/// Time between two looks at how much memory a job has.
pub const WATCH_PAUSE_MS: u64 = 100;
/// How many times as long as the last look took the pause after it is at least.
pub const WATCH_PAUSE_FACTOR: u32 = 30;
/// Dead groups that are removed before a new one is made.
pub const DEAD_GROUPS_MAX: usize = 100;
/// Time for which a group that is not quite empty is tried to be removed.
pub const GROUP_REMOVAL_MS_MAX: u64 = 200;

// Fetching.

// Fetching (`fetch`, `git`).

/// Bytes of one url.
pub const URL_BYTES_MAX: usize = 8 << 10;
/// Urls of one download, with the bases of its mirrors.
pub const URLS_MAX: usize = 100;
/// Bytes of one download, if its record does not ask for less.
pub const DOWNLOAD_BYTES_MAX: u64 = 8 << 30;
/// Redirects that are followed from one url.
pub const REDIRECTS_MAX: usize = 10;
/// Bytes of the head of a response.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a header's name or value that a source asks to send.
pub const HEADER_BYTES_MAX: usize = 16 << 10;
/// Bytes that are read, hashed and written at once.
pub const FETCH_CHUNK_BYTES: usize = 128 << 10;
/// Time to find a host's addresses.
pub const RESOLVE_TIMEOUT_MS: u64 = 20_000;
/// Time to connect, with the handshakes of TLS and of a proxy.
pub const CONNECT_TIMEOUT_MS: u64 = 30_000;
/// Time in which no byte comes, after which a server counts as stalled.
pub const STALL_TIMEOUT_MS: u64 = 60_000;
/// Time for one download with all its tries.
pub const DOWNLOAD_TIMEOUT_MS: u64 = 6 * 3_600_000;
/// Rounds over the urls after the first one that bring nothing new.
pub const RETRY_ROUNDS_MAX: u32 = 3;
/// Time before the second round; it doubles from round to round.
pub const RETRY_PAUSE_MS: u64 = 1_000;
/// Time that a server can ask for before it is tried again.
pub const RETRY_AFTER_MS_MAX: u64 = 60_000;
/// New bytes for which a download that breaks off is worth new rounds.
pub const PROGRESS_BYTES_MIN: u64 = 1 << 20;
/// Time between two tries to get the lock of a partial download, and between two looks at whether to stop.
pub const LOOK_PAUSE_MS: u64 = 50;
/// Time between two reports of progress.
pub const PROGRESS_PAUSE_MS: u64 = 100;
/// Days for which a partial download is kept.
pub const PARTIAL_DAYS_MAX: u64 = 7;
/// Bytes of a file of certificate authorities.
pub const AUTHORITIES_BYTES_MAX: u64 = 16 << 20;
/// Files in a directory of certificate authorities.
pub const AUTHORITY_FILES_MAX: usize = 2_000;
/// Time for one run of `git`, such as fetching a whole history.
pub const GIT_TIMEOUT_MS: u64 = 3_600_000;
/// Seconds in which a server sends next to nothing, after which `git` gives up.
pub const GIT_STALL_SECONDS: u64 = 60;
/// Time in which what `git` wrote must be read to its end, once it ended itself.
pub const GIT_DRAIN_MS: u64 = 5_000;
/// Bytes that are kept of what `git` says last, for an error.
pub const GIT_COMPLAINT_BYTES_MAX: usize = 2_000;
/// Bytes of an answer of `git` that is held at once, such as the list of a tree.
pub const GIT_ANSWER_BYTES_MAX: usize = 512 << 20;
/// Files, links and submodules of one commit.
pub const GIT_ENTRIES_MAX: usize = 1_000_000;
/// Bytes of all files of one commit, with its submodules.
pub const GIT_TREE_BYTES_MAX: u64 = 32 << 30;
/// Bytes of what a link points to.
pub const LINK_BYTES_MAX: u64 = 4_095;
/// Submodules inside each other.
pub const SUBMODULE_DEPTH_MAX: usize = 10;
/// Submodules of one checkout.
pub const SUBMODULES_MAX: usize = 1_000;

// Unpacking.

// Archives.

/// Entries of one archive, with directories that only the names of other entries tell of.
pub const ARCHIVE_ENTRIES_MAX: u64 = 1_000_000;
/// Bytes that one archive may unpack to. Holes in sparse files count, and so does what a later entry replaces.
pub const ARCHIVE_BYTES_MAX: u64 = 16 << 30;
/// Bytes of one path in an archive, as in a store's tree.
pub const ARCHIVE_PATH_BYTES_MAX: usize = 3_000;
/// Directories inside each other in an archive, as in a store's tree.
pub const ARCHIVE_DEPTH_MAX: usize = 256;
/// Bytes of one name; file systems take no longer ones.
pub const ARCHIVE_NAME_BYTES_MAX: usize = 255;
/// Bytes of what a symbolic link says; the kernel takes no more.
pub const ARCHIVE_LINK_BYTES_MAX: usize = 4_095;
/// Parts `..` in what a symbolic link says, after the first part that is a name.
pub const LINK_TURNS_MAX: usize = 16;
/// Bytes that a tar archive may spend on each entry besides its content.
pub const TAR_OVERHEAD_BYTES_MAX: u64 = 8 << 10;
/// Bytes that a tar archive may have at its end after the last entry.
pub const TAR_END_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a long name or of extended headers in a tar archive.
pub const TAR_EXTENDED_BYTES_MAX: u64 = 1 << 20;
/// Pieces of one sparse file.
pub const SPARSE_PIECES_MAX: usize = 1_000_000;
/// Bytes of the list of entries at the end of a zip archive.
pub const ZIP_LIST_BYTES_MAX: u64 = 256 << 20;
/// Bytes that a decoder may have to look back at.
pub const WINDOW_BYTES_MAX: u64 = 128 << 20;
/// Bytes that are unpacked or written at once.
pub const UNPACK_CHUNK_BYTES: usize = 256 << 10;
/// Chunks that are unpacked ahead of the writing.
pub const CHUNKS_AHEAD_MAX: usize = 8;
/// Bytes of the names that are kept in memory until an archive is unpacked: directories, and links that wind.
pub const ARCHIVE_KEPT_BYTES_MAX: usize = 128 << 20;

// Recipes.

/// Bytes of one script. The arguments in it come from a derivation, which has a limit of its own.
pub(crate) const SCRIPT_BYTES_MAX: usize = 32 << 20;
/// Bytes of one flag or variable. The kernel takes no longer ones.
pub(crate) const WORD_BYTES_MAX: usize = 128 << 10;
