//! Asking the person at the device for a card's PIN.
//!
//! Programs of the active session offer to ask ([`Command::Register`]). When the published status
//! says that a PIN is wanted, the one that came last is asked, once for each insertion of a card;
//! again only when a person wants to ([`Command::Ask`]). The PIN goes to the reconciler and is
//! kept nowhere here.

mod asking;
#[cfg(test)]
mod tests;

use std::future::{Future, pending};
use std::pin::Pin;

use cardwarden_dbus::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use zbus::{Connection, OwnedObjectPath};

use self::asking::{Ended, ask, departed};
use crate::request::Request;
use crate::status::{PinWanted, Published};

/// Most prompters that are kept; each costs a rule on the bus. A session has one.
const MAX_PROMPTERS: usize = 16;

/// Where the answer to a command goes.
pub(super) type Reply = oneshot::Sender<Result<(), Error>>;

/// What the agent's object passes on.
#[derive(Debug)]
pub(super) enum Command {
    /// A prompter offers itself.
    Register(Prompter, Reply),
    /// It takes that back.
    Unregister(Prompter, Reply),
    /// A person wants to be asked again.
    Ask(Reply),
}

/// Who can ask a person: an object of a connection to the bus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Prompter {
    /// The connection's unique name.
    pub(super) name: String,
    /// Its object.
    pub(super) path: OwnedObjectPath,
}

/// How far the asking is for one insertion of a card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    /// Which insertion, as [`PinWanted::insertion`].
    pub(super) insertion: u64,
    /// How far.
    pub(super) progress: Progress,
}

/// How far an asking is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// Somebody is being asked.
    Asking,
    /// The card has the PIN, after so many wrong ones.
    Given {
        /// [`PinWanted::wrong`] before it.
        wrong: u32,
    },
    /// The person did not want to.
    Cancelled,
    /// Nobody who may ask gave an answer.
    Unanswered,
}

/// How it stands with a PIN, in the word that `PinWanted` of the D-Bus interface has for it.
pub(super) fn state(pin: &PinWanted, asked: Option<Asked>) -> &'static str {
    if pin.tries == Some(0) {
        return "blocked";
    }
    match progress(pin, asked) {
        Some(Progress::Asking) => "asking",
        Some(Progress::Given { wrong }) if wrong == pin.wrong => "checking",
        Some(Progress::Cancelled) => "cancelled",
        Some(Progress::Given { .. }) => "wrong",
        Some(Progress::Unanswered) | None if pin.wrong > 0 => "wrong",
        Some(Progress::Unanswered) | None => "waiting",
    }
}

/// How far the asking for this PIN is; `None` before anybody was asked.
fn progress(pin: &PinWanted, asked: Option<Asked>) -> Option<Progress> {
    asked
        .filter(|asked| asked.insertion == pin.insertion)
        .map(|asked| asked.progress)
}

/// The prompters of one connection to the bus.
pub(super) struct Prompts {
    bus: Connection,
    status: watch::Receiver<Published>,
    requests: mpsc::Sender<Request>,
    asked: watch::Sender<Option<Asked>>,
    /// In the order in which they were registered, each with the task that waits for its end.
    prompters: Vec<(Prompter, AbortHandle)>,
    departures: JoinSet<String>,
    asking: Option<(u64, Asking)>,
}

type Asking = Pin<Box<dyn Future<Output = Ended> + Send>>;

impl Prompts {
    /// Nobody has offered anything yet; what was being asked on an earlier connection is not asked
    /// any more.
    pub(super) fn new(
        bus: &Connection,
        status: &watch::Receiver<Published>,
        requests: &mpsc::Sender<Request>,
        asked: &watch::Sender<Option<Asked>>,
    ) -> Self {
        let prompts = Self {
            bus: bus.clone(),
            status: status.clone(),
            requests: requests.clone(),
            asked: asked.clone(),
            prompters: Vec::new(),
            departures: JoinSet::new(),
            asking: None,
        };
        prompts.stop_saying_asking();
        prompts
    }

    /// Asks whenever there is something to ask, until the reconciler or the objects are gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            // Cancel-safe: channels and the set keep what they did not give, and the asking stays
            // where it is.
            tokio::select! {
                changed = self.status.changed() => match changed {
                    Ok(()) => self.look(),
                    Err(_reconciler_gone) => return,
                },
                command = commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return,
                },
                Some(departed) = self.departures.join_next(), if !self.departures.is_empty() => {
                    if let Ok(name) = departed {
                        self.prompters.retain(|(prompter, _)| prompter.name != name);
                    }
                }
                ended = end(&mut self.asking) => {
                    self.on_ended(ended);
                }
            }
        }
    }

    /// Looks whether a PIN is wanted that nobody was asked for yet, and lets go of a question that
    /// is void.
    fn look(&mut self) {
        let pin = self.wanted();
        let insertion = pin.as_ref().map(|pin| pin.insertion);
        if self
            .asking
            .as_ref()
            .is_some_and(|(asking, _)| Some(*asking) != insertion)
        {
            self.asking = None;
            self.stop_saying_asking();
        }
        if let Some(pin) = pin
            && progress(&pin, *self.asked.borrow()).is_none()
        {
            self.begin(&pin);
        }
    }

    /// The PIN that a person can still help with.
    fn wanted(&mut self) -> Option<PinWanted> {
        let pin = self.status.borrow_and_update().pin.clone();
        pin.filter(|pin| pin.tries != Some(0))
    }

    fn on_command(&mut self, command: Command) {
        let (result, reply) = match command {
            Command::Register(prompter, reply) => {
                self.register(prompter);
                (Ok(()), reply)
            }
            Command::Unregister(prompter, reply) => (self.unregister(&prompter), reply),
            Command::Ask(reply) => (self.ask_again(), reply),
        };
        if reply.send(result).is_err() {
            tracing::debug!("who asked has gone");
        }
    }

    fn register(&mut self, prompter: Prompter) {
        self.forget(&prompter);
        let departure = departed(self.bus.clone(), prompter.name.clone());
        let departure = self.departures.spawn(departure);
        self.prompters.push((prompter, departure));
        if self.prompters.len() > MAX_PROMPTERS {
            let (_, departure) = self.prompters.remove(0);
            departure.abort();
        }
        if let Some(pin) = self.wanted()
            && matches!(
                progress(&pin, *self.asked.borrow()),
                None | Some(Progress::Unanswered)
            )
        {
            self.begin(&pin);
        }
    }

    fn unregister(&mut self, prompter: &Prompter) -> Result<(), Error> {
        if self.forget(prompter) {
            Ok(())
        } else {
            Err(Error::NotRegistered(format!(
                "{} is registered as no prompter of yours",
                prompter.path
            )))
        }
    }

    /// Whether there was such a prompter.
    fn forget(&mut self, prompter: &Prompter) -> bool {
        let before = self.prompters.len();
        self.prompters.retain(|(known, departure)| {
            let stays = known != prompter;
            if !stays {
                departure.abort();
            }
            stays
        });
        self.prompters.len() < before
    }

    fn ask_again(&mut self) -> Result<(), Error> {
        let Some(pin) = self.wanted() else {
            return Err(Error::NoPinWanted(
                "no card wants a PIN, or it is blocked; `cardwarden status` tells".to_owned(),
            ));
        };
        if self.asking.is_some() {
            return Err(Error::Busy("somebody is being asked already".to_owned()));
        }
        if self.prompters.is_empty() {
            return Err(Error::NotRegistered(
                "there is nothing that could ask; run `cardwarden associate`".to_owned(),
            ));
        }
        self.begin(&pin);
        Ok(())
    }

    /// Asks for a PIN, where there is anybody to ask.
    fn begin(&mut self, pin: &PinWanted) {
        if self.prompters.is_empty() || self.asking.is_some() {
            return;
        }
        let latest_first = self.prompters.iter().rev();
        let prompters: Vec<_> = latest_first.map(|(prompter, _)| prompter.clone()).collect();
        let (bus, requests) = (self.bus.clone(), self.requests.clone());
        let asking = ask(bus, prompters, pin.clone(), requests);
        self.asking = Some((pin.insertion, Box::pin(asking)));
        self.say(pin.insertion, Progress::Asking);
    }

    fn on_ended(&mut self, ended: Ended) {
        let Some((insertion, _)) = self.asking.take() else {
            return;
        };
        let progress = match ended {
            Ended::Given { wrong } => Progress::Given { wrong },
            Ended::Cancelled => {
                tracing::info!("the person at the device gave no PIN; the card is not taken");
                Progress::Cancelled
            }
            Ended::Nobody => Progress::Unanswered,
        };
        self.say(insertion, progress);
    }

    fn say(&self, insertion: u64, progress: Progress) {
        self.asked.send_replace(Some(Asked {
            insertion,
            progress,
        }));
    }

    fn stop_saying_asking(&self) {
        self.asked.send_if_modified(|asked| {
            let was_asking = asked.is_some_and(|asked| asked.progress == Progress::Asking);
            if was_asking {
                *asked = None;
            }
            was_asking
        });
    }
}

/// Waits for the end of an asking, where there is one.
async fn end(asking: &mut Option<(u64, Asking)>) -> Ended {
    match asking {
        Some((_, asking)) => asking.await,
        None => pending().await,
    }
}
