//! Finding out what kind of card there is.

use std::time::{Duration, Instant};

use super::{Error, Profile};
use crate::apdu::Channel;
use crate::openpgp::OpenPgp;
use crate::piv::Piv;
use crate::pkcs15::Pkcs15;
use crate::transport::Transport;

/// A profile, as [`open`] tries it.
pub(crate) trait Application<'t>: Profile + Sized + 't {
    /// Whether it can share the card with somebody who speaks on the basic channel
    /// ([`Transport::is_shared`]).
    const SHARES: bool;

    /// Selects the application. The channel comes back where the card has none.
    fn begin(channel: Channel<'t>) -> Result<Self, NotSelected<'t>>;

    /// Whether it holds something of ours. What is read for that is not read again.
    fn holds(&mut self) -> Result<bool, Error>;

    /// Ends it, for another profile to try.
    fn into_channel(self) -> Channel<'t>;
}

/// Why an application was not selected.
#[derive(Debug)]
pub(crate) enum NotSelected<'t> {
    /// The card has none.
    Absent(Channel<'t>),
    /// The card or its reader failed.
    Failed(Error),
}

/// What came of trying a profile.
enum Attempt<'t> {
    /// It is the one.
    Taken(Box<dyn Profile + 't>),
    /// The card has it, but nothing of ours in it.
    Empty(Channel<'t>),
    /// The card has no such application.
    Absent(Channel<'t>),
}

/// Tries a profile. With `any`, one that holds nothing of ours is taken too.
type Try<'t> = fn(Channel<'t>, bool) -> Result<Attempt<'t>, Error>;

/// All profiles, in the order to try.
const fn profiles<'t>() -> [Try<'t>; 3] {
    [
        attempt::<Piv<'t>>,
        attempt::<OpenPgp<'t>>,
        attempt::<Pkcs15<'t>>,
    ]
}

fn attempt<'t, A: Application<'t>>(channel: Channel<'t>, any: bool) -> Result<Attempt<'t>, Error> {
    if channel.is_shared() && !A::SHARES {
        return Ok(Attempt::Absent(channel));
    }
    let mut application = match A::begin(channel) {
        Ok(application) => application,
        Err(NotSelected::Absent(channel)) => return Ok(Attempt::Absent(channel)),
        Err(NotSelected::Failed(error)) => return Err(error),
    };
    if any || application.holds()? {
        return Ok(Attempt::Taken(Box::new(application)));
    }
    Ok(Attempt::Empty(application.into_channel()))
}

/// Begins a conversation of at most `time` with whatever card there is: the first profile that
/// holds something of ours, else the first that there is.
pub fn open<'t>(
    transport: impl Transport + 't,
    time: Duration,
) -> Result<Box<dyn Profile + 't>, Error> {
    let now = Instant::now();
    let mut channel = Channel::new(transport, now.checked_add(time).unwrap_or(now));
    let mut first = None;
    for profile in profiles() {
        channel = match profile(channel, false)? {
            Attempt::Taken(profile) => return Ok(profile),
            Attempt::Empty(channel) => {
                first = first.or(Some(profile));
                channel
            }
            Attempt::Absent(channel) => channel,
        };
    }
    match first {
        None => Err(Error::NoApplication),
        Some(profile) => match profile(channel, true)? {
            Attempt::Taken(profile) => Ok(profile),
            Attempt::Empty(_) | Attempt::Absent(_) => Err(Error::NoApplication),
        },
    }
}
