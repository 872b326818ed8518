//! Waiting for cards, asleep until a reader or a card comes or goes.

use std::ffi::{CStr, CString};
use std::time::Duration;

use pcsc::{Context, PNP_NOTIFICATION, ReaderState, Scope, State};

use crate::reader::{Error, Presence};

/// As good as without end, and better than PC/SC's own word for that, at which libpcsclite 1.9
/// wakes every minute (`winscard_clnt.c`, `SCardGetStatusChange`). poll(2) could wait 24 days.
const LONG: Duration = Duration::from_hours(24);

/// What is in a reader, and how often that changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// The reader's name, as PC/SC has it.
    pub reader: String,
    /// What is in it.
    pub presence: Presence,
    /// How many cards came and went, modulo 65,536: another number means that the card in the
    /// reader is not the one of before, even when nobody saw the reader empty.
    pub count: u32,
}

/// All readers, as they change.
pub struct Watch {
    context: Context,
    /// That of PC/SC itself, which changes with the list of readers, and one for each reader.
    states: Vec<ReaderState>,
}

impl Watch {
    /// Reaches the service.
    pub fn open() -> Result<Self, Error> {
        let context = Context::establish(Scope::System).map_err(Error::NoService)?;
        Ok(Self {
            context,
            states: vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)],
        })
    }

    /// Waits until something changed since the last time, and says what is in every reader. The
    /// first time there may be nothing to wait for.
    pub fn wait(&mut self) -> Result<Vec<Sighting>, Error> {
        let every = |source| Error::of("any reader", source);
        loop {
            let names = self.context.list_readers_owned().map_err(every)?;
            self.follow(names);
            match self.context.get_status_change(LONG, &mut self.states) {
                Ok(()) => break,
                // A reader went between the list and the wait.
                Err(pcsc::Error::Timeout | pcsc::Error::UnknownReader) => {}
                Err(source) => return Err(every(source)),
            }
        }
        for state in &mut self.states {
            state.sync_current_state();
        }
        Ok(self.states.iter().skip(1).map(sighting).collect())
    }

    /// Keeps what is known of readers that are still there.
    fn follow(&mut self, names: Vec<CString>) {
        let known = self.states.iter().skip(1).map(ReaderState::name);
        if known.eq(names.iter().map(CString::as_c_str)) {
            return;
        }
        let is_there = |name: &CStr| {
            name == PNP_NOTIFICATION() || names.iter().any(|there| there.as_c_str() == name)
        };
        self.states.retain(|state| is_there(state.name()));
        for name in names {
            if !self
                .states
                .iter()
                .any(|state| state.name() == name.as_c_str())
            {
                self.states.push(ReaderState::new(name, State::UNAWARE));
            }
        }
    }
}

fn sighting(state: &ReaderState) -> Sighting {
    Sighting {
        reader: state.name().to_string_lossy().into_owned(),
        presence: Presence::of(state.event_state()),
        count: state.event_count(),
    }
}
