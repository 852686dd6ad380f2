//! What may be asked of bytes that a plugin has a handle of.

use punix_model::{Class, PluginError};

/// Why a question is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlobError {
    #[error("the blob is sealed: there may be secrets in it")]
    Sealed,
    #[error("what answers one reference is not put together with what answers another")]
    Mixed,
}

/// Refuses every question about what is sealed.
pub(crate) fn require_open(sealed: bool) -> Result<(), BlobError> {
    if sealed { Err(BlobError::Sealed) } else { Ok(()) }
}

impl From<BlobError> for PluginError {
    fn from(error: BlobError) -> PluginError {
        let code = match error {
            BlobError::Sealed => "blob.sealed",
            BlobError::Mixed => "blob.mixed",
        };
        super::told(Class::Denied, code, &error)
    }
}
