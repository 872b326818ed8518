//! `cardwarden associate`: the person at the device lets the company of a card have a say, after
//! having seen who that is and what it would restrict; and gives the card its PIN, where it wants one.

mod device;
mod person;
mod shown;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cardwarden_dbus::{Agent, Association, Pending, PinWanted};
use serde::Serialize;
use tokio::time::Instant;
use zbus::Connection;

use crate::args::Associate;
use crate::failure::{Exit, Failure};
use crate::output::{Lines, Output, Paint, Working, harmless};
use device::{AgentOfBus, Device};
use person::{Person, Terminal};
pub(crate) use shown::{digits, tries};

/// Goes on until every card that waits is decided on.
pub(crate) async fn associate(
    bus: &Connection,
    wish: &Associate,
    paint: Paint,
) -> Result<Output, Failure> {
    let device = AgentOfBus::on(bus).await?;
    let session = Session {
        device,
        person: Terminal { paint },
        fingerprint: wish.fingerprint.as_deref(),
        agreed: wish.yes,
        deadline: wish.wait.map(|wait| (wait, Instant::now() + wait)),
        before: Vec::new(),
        offered: false,
        result: Outcome::default(),
    };
    let result = session.run().await?;
    let output = if wish.json {
        Output::json(&result)?
    } else {
        Output::text(result.text())
    };
    Ok(result.ending(output))
}

/// `associate --json`. Fields are only ever added.
#[derive(Debug, Default, Eq, PartialEq, Serialize)]
struct Outcome {
    /// Companies that have a say since this command began.
    associated: Vec<Listed>,
    /// Cards that the person did not agree to.
    declined: Vec<Listed>,
    /// Whether a card took the PIN that it wanted.
    pin_taken: bool,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Listed {
    company: String,
    version: u64,
    group: String,
    signer: String,
    /// `null` for a company that was trusted already.
    fingerprint: Option<String>,
}

impl Outcome {
    fn text(&self) -> String {
        let mut lines = Lines::default();
        for known in &self.associated {
            lines.add(&format!(
                "{} decides what this device may do: version {} of its policy, group {}. See \
                 `cardwarden status`",
                harmless(&known.company),
                known.version,
                harmless(&known.group)
            ));
        }
        if self.pin_taken && self.associated.is_empty() && self.declined.is_empty() {
            lines.add("the card took the PIN; what it says is in force already");
        }
        for known in &self.declined {
            lines.add(&format!(
                "{} has no say; nothing has changed",
                harmless(&known.company)
            ));
        }
        lines.into_text()
    }

    fn ending(&self, output: Output) -> Output {
        let is_done = !self.associated.is_empty() || self.pin_taken && self.declined.is_empty();
        if is_done {
            output
        } else {
            output.exiting(Exit::Refused)
        }
    }
}

impl From<&Pending> for Listed {
    fn from(card: &Pending) -> Self {
        Self {
            company: card.company.clone(),
            version: card.version,
            group: card.group.clone(),
            signer: card.signer.clone(),
            fingerprint: Some(card.fingerprint.clone()),
        }
    }
}

impl From<&Association> for Listed {
    fn from(known: &Association) -> Self {
        Self {
            company: known.company.clone(),
            version: known.version,
            group: known.group.clone(),
            signer: known.signer.clone(),
            fingerprint: None,
        }
    }
}

/// One run of the command.
struct Session<'a, D, P> {
    device: D,
    person: P,
    /// Only this company's key counts, where one was named.
    fingerprint: Option<&'a str>,
    /// Whether the person agreed on the command line already.
    agreed: bool,
    /// How long a card is waited for, and until when.
    deadline: Option<(Duration, Instant)>,
    /// Who had a say when the command began: identifier and version.
    before: Vec<(String, u64)>,
    /// Whether the agent knows that this person can be asked for a PIN.
    offered: bool,
    result: Outcome,
}

impl<D: Device, P: Person> Session<'_, D, P> {
    async fn run(mut self) -> Result<Outcome, Failure> {
        self.before = had_a_say(&self.device.agent().await?);
        loop {
            let agent = self.device.agent().await?;
            self.see_who_has_a_say(&agent);
            // The card that wanted a PIN is understood now.
            if self.offered && agent.pin_wanted.reader.is_none() && !agent.reader.is_empty() {
                self.result.pin_taken = true;
            }
            if let Some(card) = self.undecided(&agent) {
                self.decide(&card).await?;
            } else if agent.pin_wanted.reader.is_some() && self.result.declined.is_empty() {
                self.help(&agent.pin_wanted).await?;
            } else if self.result != Outcome::default() {
                return Ok(self.result);
            } else {
                self.wait_for_a_card(&agent).await?;
            }
        }
    }

    /// Companies that were trusted already need nobody's consent.
    fn see_who_has_a_say(&mut self, agent: &Agent) {
        for known in &agent.associations {
            let is_new = !self.before.contains(&(known.id.clone(), known.version))
                && !self.result.associated.iter().any(|listed| {
                    (&listed.signer, listed.version) == (&known.signer, known.version)
                });
            if is_new && self.fingerprint.is_none() {
                self.result.associated.push(known.into());
            }
        }
    }

    /// The next card that the person has not decided on.
    fn undecided(&self, agent: &Agent) -> Option<Pending> {
        let decided = |card: &Pending| {
            let card = Listed::from(card);
            self.result.declined.contains(&card) || self.result.associated.contains(&card)
        };
        let named = |card: &Pending| {
            self.fingerprint
                .is_none_or(|digits| shown::digits(&card.fingerprint) == digits)
        };
        agent
            .pending
            .iter()
            .find(|card| named(card) && !decided(card))
            .cloned()
    }

    async fn decide(&mut self, card: &Pending) -> Result<(), Failure> {
        self.person.show(card);
        if !self.agreed && !self.person.agrees(&shown::question(card))? {
            self.result.declined.push(card.into());
            return Ok(());
        }
        self.device.associate(&card.fingerprint).await?;
        self.result.associated.push(card.into());
        Ok(())
    }

    /// Waits for whatever comes next, as long as it may.
    async fn wait_for_a_card(&mut self, agent: &Agent) -> Result<(), Failure> {
        let Some((wait, deadline)) = self.deadline else {
            return Err(nothing_waits(agent).exiting(Exit::Refused));
        };
        let _shown = Working::begin("waiting for a card");
        tokio::time::timeout_at(deadline, self.device.changed())
            .await
            .unwrap_or_else(|_elapsed| {
                Err(Failure {
                    exit: Exit::TimedOut,
                    text: format!(
                        "no card that wants your consent came within {} s; `cardwarden status` \
                         says how it stands",
                        wait.as_secs_f64()
                    ),
                })
            })
    }

    /// Has the person asked for a PIN, each time only because they want to be.
    async fn help(&mut self, wanted: &PinWanted) -> Result<(), Failure> {
        let offered = std::mem::replace(&mut self.offered, true);
        let refused = |text: String| Err(Failure::new(text).exiting(Exit::Refused));
        match (wanted.state.as_deref().unwrap_or_default(), offered) {
            ("blocked", _) => refused(shown::blocked(wanted)),
            ("cancelled", true) => {
                refused("no PIN was given; the card is not taken, and nothing has changed".into())
            }
            ("wrong", true) => {
                let question = shown::wrong(wanted);
                if !self.person.agrees(&question)? {
                    return refused("the PIN was wrong; the card is not taken".to_owned());
                }
                self.device.ask_again().await
            }
            ("wrong" | "cancelled", false) => {
                self.device.offer_to_ask().await?;
                self.device.ask_again().await
            }
            (_, false) => self.device.offer_to_ask().await,
            (_, true) => self.device.changed().await,
        }
    }
}

fn had_a_say(agent: &Agent) -> Vec<(String, u64)> {
    let known = |known: &Association| (known.id.clone(), known.version);
    agent.associations.iter().map(known).collect()
}

/// Why there is nothing to decide on.
fn nothing_waits(agent: &Agent) -> Failure {
    if agent.pending.is_empty() {
        return Failure::new(
            "no card waits for your consent; put it into the reader, or let --wait wait for it",
        );
    }
    let keys: Vec<_> = agent
        .pending
        .iter()
        .map(|card| harmless(&card.fingerprint))
        .collect();
    Failure::new(format!(
        "no card in a reader is signed with that key; the keys of those that wait: {}",
        keys.join("; ")
    ))
}
