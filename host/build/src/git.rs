//! A commit of a git repository becomes a tree of files. The program `git` only fetches: what it fetched is written by
//! us, byte for byte as it was committed. So no hook, no filter and no attribute of the repository has a say in it, and
//! no line end, keyword or encoding is changed; what `export-ignore` marks is there; files of LFS stay pointers.
//!
//! Only a full commit id is taken. It is a hash of all that it stands for, and `git` checks it. What a source says of a
//! repository is read everywhere; it is fetched only where the feature `fetch` is.

#[cfg(feature = "fetch")]
mod checkout;
mod commit;
#[cfg(feature = "fetch")]
mod error;
#[cfg(feature = "fetch")]
mod export;
#[cfg(feature = "fetch")]
mod program;
#[cfg(feature = "fetch")]
mod repository;
#[cfg(feature = "fetch")]
mod submodule;
mod url;

#[cfg(feature = "fetch")]
pub use checkout::{Checkout, checkout, checkout_over};
pub use commit::{Commit, CommitError};
#[cfg(feature = "fetch")]
pub use error::GitError;
pub use url::{GitUrl, GitUrlError};
