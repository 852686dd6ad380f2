//! A url becomes a file that is what its hash says. Nothing that was fetched is believed before it was hashed, neither
//! from a server nor from the cache; no secret is sent to anybody but the origin that a source names, nor shown.
//!
//! What a source says of a download is read everywhere; it is fetched only where the feature `fetch` is.

#[cfg(feature = "fetch")]
mod cache;
#[cfg(feature = "fetch")]
mod error;
mod expected;
#[cfg(feature = "fetch")]
mod failure;
#[cfg(feature = "fetch")]
mod fetcher;
#[cfg(feature = "fetch")]
mod forward;
mod mirrors;
#[cfg(feature = "fetch")]
mod network;
#[cfg(feature = "fetch")]
mod partial;
#[cfg(feature = "fetch")]
mod transfer;
mod url;
#[cfg(feature = "fetch")]
mod web;

#[cfg(feature = "fetch")]
pub use error::{Failed, FetchError};
pub use expected::{Algorithm, Expected, ExpectedError};
#[cfg(feature = "fetch")]
pub use failure::Failure;
#[cfg(feature = "fetch")]
pub use fetcher::{Download, Event, Fetcher, Header, Limits, Options};
#[cfg(feature = "fetch")]
pub use network::Network;
pub use url::{Url, UrlError};

pub(crate) use url::{Origin, hide_values, is_scheme};
#[cfg(feature = "fetch")]
pub(crate) use web::basic;
