//! What others may ask of the reconciler. None of it changes a decision: it brings new signed
//! facts, or asks for another look.

use std::fmt;

use cardwarden_policy::Rejected;
use tokio::sync::oneshot;
use uuid::Uuid;
use zeroize::Zeroizing;

/// A card's PIN. It is wiped when it is let go of, and is shown nowhere.
pub(crate) struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Takes the bytes over; there is no other copy.
    pub(crate) const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// What the card is to see.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

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
    /// The company's policy, by a server or in a file.
    Deliver {
        /// The signed policy.
        statement: Vec<u8>,
        /// Where the answer goes, after everything is applied and verified.
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// The company's server wants this device to take another group of its card. The card is read
    /// again, now or when it is put in the next time.
    WantGroup {
        /// The association whose server says so.
        association: Uuid,
        /// The group's name; `None` for the one that the device chooses by itself.
        group: Option<String>,
        /// Where the answer goes, once the wish is kept.
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// The person at the device lets a company have a say.
    Associate {
        /// The company's key, as [`crate::status::Pending::fingerprint`] shows it. What was shown is
        /// what is agreed to: a card of any other key is not taken.
        fingerprint: String,
        /// Where the answer goes, after everything is applied and verified.
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    /// A card's PIN, as [`crate::status::PinWanted`] asked for it. The card sees it once.
    Pin {
        /// The reader.
        reader: String,
        /// Which insertion of a card it is meant for.
        insertion: u64,
        /// The PIN.
        pin: Pin,
        /// Where the answer goes as soon as the PIN is on its way to the card; what the card says to
        /// it is published.
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
    /// There is nothing to release, and nothing that a policy could replace.
    #[error("no company has a say on this device; a card begins that")]
    NotAssociated,
    /// No card waits for anybody's consent.
    #[error("no card waits for your consent; put it in (again), and look at `cardwarden status`")]
    NotPending,
    /// A card waits, of another company's key.
    #[error(
        "no card in a reader is signed with that key; compare the fingerprint with the one that \
         `cardwarden status` shows"
    )]
    WrongFingerprint,
    /// No card wants a PIN, or not this one any more.
    #[error("the card that wanted a PIN is gone; put it in again")]
    NoPinWanted,
    /// The state could not be written; nothing has changed.
    #[error("the state could not be saved, so nothing was changed: {problem}")]
    NotSaved {
        /// What went wrong.
        problem: String,
    },
}
