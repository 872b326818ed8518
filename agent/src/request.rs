//! What others may ask of the reconciler. None of it changes a decision: it brings new signed
//! facts, or asks for another look.

use cardwarden_policy::Rejected;
use tokio::sync::oneshot;

/// A request, with where its answer goes.
#[derive(Debug)]
pub(crate) enum Request {
    /// The company lets this device go.
    Release {
        /// The signed statement.
        statement: Vec<u8>,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// Look at everything again, and speak with the server now.
    Sync {
        /// Where the answer goes, after everything is applied and verified.
        reply: oneshot::Sender<Result<(), Refused>>,
    },
}

/// Why a request is not met.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    /// The statement is not believed.
    #[error("the statement is refused")]
    Rejected(#[source] Rejected),
    /// There is nothing to release.
    #[error("no company has a say on this device; there is nothing to release")]
    NotAssociated,
    /// The state could not be written; nothing has changed.
    #[error("the state could not be saved, so nothing was changed: {problem}")]
    NotSaved {
        /// What went wrong.
        problem: String,
    },
}
