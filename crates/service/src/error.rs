//! What can go wrong in any use case, whoever asks.

use store::StoreError;
use vault::OpenError;

/// A failure that is not the caller's fault. What a caller may be refused stands in the error of its
/// use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer, or does not take what is written; later it may. Told with what the
    /// operator can do.
    #[error(transparent)]
    StoreUnavailable(StoreError),
    /// A stored secret does not open: the operator's fault (wrong key ring, moved ciphertext).
    #[error("a stored secret does not open")]
    DoesNotOpen(#[source] OpenError),
    /// Nobody can act on it but us.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<StoreError> for Error {
    fn from(err: StoreError) -> Self {
        if err.is_trouble() {
            Self::StoreUnavailable(err)
        } else {
            Self::Internal(anyhow::Error::new(err))
        }
    }
}

impl From<OpenError> for Error {
    fn from(err: OpenError) -> Self {
        Self::DoesNotOpen(err)
    }
}
