//! Reaching a card: the reader, the conversation, and what went wrong in it.

use std::time::Duration;

use cardwarden_card::modem::{self, Place};
use cardwarden_card::profile::Act;
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

/// What to do about a SIM that takes nothing from us.
const SIM: &str = "; a SIM takes a company's policy only into a PKCS#15 application that may be \
                   written: its operator puts one on it, or gives the PIN with which `cardwarden \
                   card init --modem … --admin-pin-file FILE` makes one";

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

/// Where a card is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// In the reader of this name, or wherever the only card is.
    Reader(Option<&'a str>),
    /// In a modem, as its SIM.
    Modem(&'a Place),
}

impl<'a> From<Option<&'a str>> for Source<'a> {
    fn from(reader: Option<&'a str>) -> Self {
        Self::Reader(reader)
    }
}

/// A conversation with one card.
pub(super) struct Reached<'c> {
    /// The reader or the modem.
    pub(super) reader: &'c str,
    /// Whether it is a modem.
    is_sim: bool,
    /// The card.
    pub(super) profile: &'c mut dyn Profile,
}

impl Reached<'_> {
    /// What the card failed with, with its name and the reader's.
    pub(super) fn blame(&self, error: &profile::Error) -> Trouble {
        blame_in(&self.card(), self.is_sim, error)
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

/// The same, where the card may be a SIM.
fn blame_in(card: &str, is_sim: bool, error: &profile::Error) -> Trouble {
    let mut trouble = blame(card, error);
    let is_about_writing = if let profile::Error::Exchange { act, source } = error {
        source.status().is_some() && matches!(act, Act::Write(_) | Act::Authenticate)
    } else {
        matches!(
            error,
            profile::Error::OtherAuthority { .. } | profile::Error::NoApplication
        )
    };
    if is_sim && is_about_writing {
        trouble.failure.text.push_str(SIM);
    }
    trouble
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

/// What the readers, or a modem, failed with.
pub(super) fn unreachable(error: &reader::Error) -> Trouble {
    let code = error.code();
    let hint = match (error, code) {
        (reader::Error::Modem { .. }, _) => "",
        (_, "no-service") => "; look at `systemctl status pcscd.socket`",
        (_, "no-reader" | "no-card") => "; `cardwarden card list` shows what there is",
        (_, _) => "",
    };
    Trouble {
        failure: Failure::new(format!("no card can be reached: {}{hint}", chain(error))),
        code,
    }
}

/// Speaks with a card.
pub(super) fn with_card<T>(
    source: Source<'_>,
    time: Duration,
    doing: &str,
    speak: impl FnOnce(&mut Reached<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    meet(source, doing, |reader, transport| {
        begin((reader, is_sim(source)), transport, time, speak)
    })
}

/// The same with a card in a reader, where the service was reached already.
pub(super) fn with_card_of<T>(
    readers: &Readers,
    reader: &str,
    time: Duration,
    doing: &str,
    speak: impl FnOnce(&mut Reached<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    meet_in(readers, Some(reader), doing, |reader, transport| {
        begin((reader, false), transport, time, speak)
    })
}

/// Lends a card, as it is, to something that makes an application on it.
pub(super) fn with_transport<T>(
    source: Source<'_>,
    doing: &str,
    speak: impl FnOnce(&mut dyn Transport) -> Result<T, profile::Error>,
) -> Result<T, Trouble> {
    meet(source, doing, |reader, transport| {
        speak(transport)
            .map_err(|error| blame_in(&format!("the card in {reader}"), is_sim(source), &error))
    })
}

const fn is_sim(source: Source<'_>) -> bool {
    matches!(source, Source::Modem(_))
}

/// Reaches a card, and has it spoken to while nobody else does.
fn meet<T>(
    source: Source<'_>,
    doing: &str,
    speak: impl FnOnce(&str, &mut dyn Transport) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    match source {
        Source::Reader(reader) => {
            let readers = Readers::open().map_err(|error| unreachable(&error))?;
            meet_in(&readers, reader, doing, speak)
        }
        Source::Modem(modem) => {
            let _working = Working::begin(&format!("{doing} ({modem})"));
            let mut sim = modem::open(modem).map_err(|error| unreachable(&error))?;
            speak(modem.as_str(), &mut sim)
        }
    }
}

/// The same in a reader.
fn meet_in<T>(
    readers: &Readers,
    reader: Option<&str>,
    doing: &str,
    speak: impl FnOnce(&str, &mut dyn Transport) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let mut connection = readers
        .connect(reader)
        .map_err(|error| unreachable(&error))?;
    let reader = connection.reader().to_owned();
    let _working = Working::begin(&format!("{doing} ({reader})"));
    let mut exclusive = connection
        .transaction()
        .map_err(|error| unreachable(&error))?;
    speak(&reader, &mut exclusive)
}

/// Begins a conversation with whatever card there is.
fn begin<T>(
    (reader, is_sim): (&str, bool),
    transport: &mut dyn Transport,
    time: Duration,
    speak: impl FnOnce(&mut Reached<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let mut profile = open(transport, time)
        .map_err(|error| blame_in(&format!("the card in {reader}"), is_sim, &error))?;
    speak(&mut Reached {
        reader,
        is_sim,
        profile: profile.as_mut(),
    })
}
