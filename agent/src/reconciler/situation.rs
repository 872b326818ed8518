//! The situation that a decision is made in: the time, what is known of the surroundings, and what
//! the policy's tasks do.

use cardwarden_policy::clock::HighWater;
use cardwarden_policy::condition::{Condition, Reached};
use cardwarden_policy::document::Addressee;
use cardwarden_policy::facts::{CardPresence, Facts};
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::operation::{self, Operation};
use cardwarden_policy::outcome::Event;
use cardwarden_policy::schedule::{self, Fate};
use cardwarden_policy::{Context, Decision, Policy, Rejected, Standing};
use jiff::{SignedDuration, Timestamp};

use super::{Reconciler, World};
use crate::enforce::Kernel;
use crate::facts::{ServerToReach, Wanted};
use crate::status::ServerStatus;
use crate::store::Untold;

/// A contact with the server is kept anew when it is so much later than the one that is kept.
const CONTACT_STEP: SignedDuration = SignedDuration::from_mins(5);

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Takes what the providers tell. `true` when it is news.
    pub(crate) fn on_facts(&mut self, facts: Facts) -> bool {
        let is_news = self.facts != facts;
        self.facts = facts;
        is_news
    }

    /// What time it is; `None` when the clock is known to be wrong.
    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let reading = self.world.clocks();
        let known = self.mark.unwrap_or_else(|| HighWater::at(reading));
        let (time, mark) = known.read(reading);
        if time.is_none() {
            let text = "the clock is behind what this device has seen, so the time is not known; \
                        rules about time restrict. Set the clock";
            self.problem("clock", text);
        } else {
            self.solved("clock");
        }
        // Where the time is not known, the wall clock may yet catch up.
        let ours = time.unwrap_or(reading.wall);
        self.ahead = ours.duration_until(reading.wall);
        self.remember(mark);
        time
    }

    /// It is not earlier than something that was signed.
    pub(super) fn learn_time(&mut self, signed: Timestamp) {
        let reading = self.world.clocks();
        let known = self.mark.unwrap_or_else(|| HighWater::at(reading));
        self.remember(known.at_least(signed, reading));
    }

    /// Keeps the mark; on the disk, only while somebody has a say, and only now and then.
    fn remember(&mut self, mark: HighWater) {
        self.mark = Some(mark);
        if self.state.association.is_some() && mark.is_newer_than(self.state.high_water) {
            self.state.high_water = Some(mark);
            self.save();
        }
    }

    /// What the server's answer tells of the time. `true` when a decision may use it.
    pub(super) fn hear(&mut self, server: &ServerStatus) -> bool {
        if let Some(time) = server.time {
            let reading = self.world.clocks();
            let known = self.mark.unwrap_or_else(|| HighWater::at(reading));
            self.remember(known.told(time, reading));
        }
        let Some(contact) = server.last_contact else {
            return false;
        };
        let is_later = self
            .state
            .contact
            .is_none_or(|known| known.duration_until(contact) >= CONTACT_STEP || contact < known);
        if is_later && self.state.association.is_some() {
            self.state.contact = Some(contact);
            self.save();
        }
        is_later
    }

    /// Everything that is known beside the time.
    pub(super) fn context(&self) -> Context {
        let association = self.state.association.as_ref();
        let last_contact = self.server.last_contact.or(self.state.contact);
        Context {
            facts: Facts {
                card: self.card_presence(),
                contact: association.map(|known| last_contact.unwrap_or(known.since)),
                ..self.facts.clone()
            },
            usb: Vec::new(),
        }
    }

    fn card_presence(&self) -> Option<CardPresence> {
        if !self.card.service {
            return None;
        }
        let Standing::Proven(mandate) = &self.standing else {
            return None;
        };
        Some(match self.proven {
            Some((signer, card)) if signer == mandate.signer() => CardPresence::Present(card),
            Some(_) | None => CardPresence::Absent,
        })
    }

    /// Whether this device may take a policy now.
    pub(super) fn is_for_us(&mut self, mandate: &Mandate) -> Result<(), Rejected> {
        let now = self.time();
        mandate.policy.validity.admits(now, mandate.issued)?;
        let kind = self.fixed.settings.kind();
        let us = Addressee {
            device: &self.identity.device,
            kind: &kind,
            model: &self.fixed.model,
        };
        if mandate.policy.audience.includes(us) {
            Ok(())
        } else {
            Err(Rejected::OtherAudience)
        }
    }

    /// Runs the tasks that are due, and lets what has ended go.
    pub(super) fn run_tasks(&mut self, now: Option<Timestamp>) {
        let (Standing::Proven(mandate), Some(now)) = (&self.standing, now) else {
            return;
        };
        let Some(association) = &self.state.association else {
            return;
        };
        let policy = &mandate.policy;
        let due = self.state.ledger.due(policy, association.taken, now);
        if due.is_empty() {
            return;
        }
        let mut next = self.state.clone();
        for run in &due {
            let begun = match run.fate {
                Fate::Ran => Some(run.scheduled),
                Fate::RanLate => Some(now),
                Fate::Skipped => None,
            };
            if let Some(begun) = begun {
                let operation = Operation::of_task(run.task, begun);
                operation::begin(&mut next.operations, operation, policy.remote, now);
            }
            next.untold.push(Untold {
                association: self.identity.association,
                at: now,
                event: Event::Task {
                    task: run.task.id.clone(),
                    scheduled: run.scheduled,
                    fate: run.fate,
                },
            });
        }
        next.ledger.settle(policy, now);
        if let Err(why) = self.commit(next) {
            self.problem("not-saved", &why.to_string());
        }
    }

    /// When the next turn is due by time alone.
    pub(super) fn due(&self, decision: &Decision, now: Option<Timestamp>) -> Option<Timestamp> {
        let Standing::Proven(mandate) = &self.standing else {
            return None;
        };
        let Some(now) = now else {
            // The wall clock may reach the mark by itself.
            return self.mark.map(HighWater::time);
        };
        let task = schedule::next(&mandate.policy, now);
        [decision.until, task].into_iter().flatten().min()
    }

    /// Lets the providers know what the policy in force asks.
    pub(super) fn ask(&self) {
        let wanted = match &self.standing {
            Standing::Proven(mandate) => wanted(&mandate.policy),
            Standing::Absent | Standing::Unproven { .. } => Wanted::default(),
        };
        self.outputs.wanted.send_if_modified(|known| {
            let is_news = *known != wanted;
            *known = wanted;
            is_news
        });
    }
}

/// What a policy asks of the surroundings.
fn wanted(policy: &Policy) -> Wanted {
    let mut wanted = Wanted {
        servers: policy.servers().into_iter().filter_map(to_reach).collect(),
        ..Wanted::default()
    };
    for atom in policy.conditions() {
        match atom {
            Condition::Network(_) => wanted.network = true,
            Condition::Place(place) => {
                let radius = place.circle.map(|circle| circle.radius);
                let metres = place.accuracy.or(radius).unwrap_or(FINE);
                wanted.place = Some(wanted.place.map_or(metres, |known| known.min(metres)));
            }
            Condition::Session(_) => wanted.sessions = true,
            Condition::Power(_) => wanted.power = true,
            Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_)
            | Condition::Weekly(_)
            | Condition::Period(_)
            | Condition::Card(_)
            | Condition::Server(_) => {}
        }
    }
    wanted
}

/// How fine a fix must be for an area that does not say so, in metres.
const FINE: u32 = 50;

fn to_reach(server: &Reached) -> Option<ServerToReach> {
    let (host, port) = server.host_and_port()?;
    Some(ServerToReach {
        host: host.to_owned(),
        port,
    })
}
