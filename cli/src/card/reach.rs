//! Reaching a card: the reader, the conversation, and what went wrong in it.

use std::time::Duration;

use cardwarden_card::{Profile, Readers, Transport, open, profile, reader};
use cardwarden_policy::explain::chain;

use crate::failure::{Exit, Failure};
use crate::output::Working;

/// What went wrong with a card, with the stable word for it; an empty one when it was none of the
/// card's doing.
pub(super) struct Trouble {
    /// What the command would end with.
    pub(super) failure: Failure,
    /// The word.
    pub(super) code: &'static str,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { failure, code: "" }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        trouble.failure
    }
}

/// A conversation with one card.
pub(super) struct Reached<'c> {
    /// The reader.
    pub(super) reader: &'c str,
    /// The card.
    pub(super) profile: &'c mut dyn Profile,
}

impl Reached<'_> {
    /// What the card failed with, with its name and the reader's.
    pub(super) fn blame(&self, error: &profile::Error) -> Trouble {
        blame(&self.card(), error)
    }

    /// The card and its reader, in words.
    pub(super) fn card(&self) -> String {
        format!("the {} card in {}", kind(self.profile.name()), self.reader)
    }
}

/// What a card failed with; a wrong PIN or key is a refusal.
pub(super) fn blame(card: &str, error: &profile::Error) -> Trouble {
    let code = error.code();
    let failure = Failure::because(card, error);
    let failure = match code {
        "management-key" | "admin-pin" | "wrong-pin" | "pin-blocked" | "pin-needed"
        | "other-authority" | "foreign-object" => failure.exiting(Exit::Refused),
        _other => failure,
    };
    Trouble { failure, code }
}

/// What people call a profile.
pub(super) fn kind(profile: &str) -> &str {
    match profile {
        "piv" => "PIV",
        "openpgp" => "OpenPGP",
        "pkcs15" => "PKCS#15",
        other => other,
    }
}

/// What the readers failed with.
pub(super) fn unreachable(error: &reader::Error) -> Trouble {
    let code = error.code();
    let hint = match code {
        "no-service" => "; look at `systemctl status pcscd.socket`",
        "no-reader" | "no-card" => "; `cardwarden card list` shows what there is",
        _other => "",
    };
    Trouble {
        failure: Failure::new(format!("no card can be reached: {}{hint}", chain(error))),
        code,
    }
}

/// Speaks with the card in the reader of this name, or with the only card there is.
pub(super) fn with_card<T>(
    reader: Option<&str>,
    time: Duration,
    doing: &str,
    speak: impl FnOnce(&mut Reached<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let readers = Readers::open().map_err(|error| unreachable(&error))?;
    with_card_of(&readers, reader, time, doing, speak)
}

/// The same, where the service was reached already.
pub(super) fn with_card_of<T>(
    readers: &Readers,
    reader: Option<&str>,
    time: Duration,
    doing: &str,
    speak: impl FnOnce(&mut Reached<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let mut connection = readers
        .connect(reader)
        .map_err(|error| unreachable(&error))?;
    let reader = connection.reader().to_owned();
    let _working = Working::begin(&format!("{doing} ({reader})"));
    let exclusive = connection
        .transaction()
        .map_err(|error| unreachable(&error))?;
    let mut profile =
        open(exclusive, time).map_err(|error| blame(&format!("the card in {reader}"), &error))?;
    speak(&mut Reached {
        reader: &reader,
        profile: profile.as_mut(),
    })
}

/// Lends the card in a reader, as it is, to something that makes an application on it.
pub(super) fn with_transport<T>(
    reader: Option<&str>,
    doing: &str,
    speak: impl FnOnce(&mut dyn Transport) -> Result<T, profile::Error>,
) -> Result<T, Trouble> {
    let readers = Readers::open().map_err(|error| unreachable(&error))?;
    let mut connection = readers
        .connect(reader)
        .map_err(|error| unreachable(&error))?;
    let reader = connection.reader().to_owned();
    let _working = Working::begin(&format!("{doing} ({reader})"));
    let mut exclusive = connection
        .transaction()
        .map_err(|error| unreachable(&error))?;
    speak(&mut exclusive).map_err(|error| blame(&format!("the card in {reader}"), &error))
}
