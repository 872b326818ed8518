//! The situation that a decision is made in: the time, what is known of the surroundings, and what
//! the policy's tasks do.

use cardwarden_policy::clock::HighWater;
use cardwarden_policy::condition::{Condition, Reached};
use cardwarden_policy::document::Addressee;
use cardwarden_policy::facts::Facts;
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::operation::{self, Operation};
use cardwarden_policy::outcome::Event;
use cardwarden_policy::schedule::{self, Fate};
use cardwarden_policy::{Context, Decision, Joint, Policy, Rejected, Say, Standing, decide_all};
use jiff::{SignedDuration, Timestamp};

use super::{Reconciler, World};
use crate::devices::usb::Attached;
use crate::enforce::Kernel;
use crate::facts::{ServerToReach, Wanted};
use crate::status::ServerStatus;
use crate::store::{Association, Untold};

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
        if !self.state.associations.is_empty() && mark.is_newer_than(self.state.high_water) {
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
        let mut is_news = false;
        let only = self.state.associations.len() == 1;
        for association in &mut self.state.associations {
            let said = server.contacts.get(&association.id).copied();
            let Some(contact) = said.or(server.last_contact.filter(|_| only)) else {
                continue;
            };
            let is_later = association.contact.is_none_or(|known| {
                known.duration_until(contact) >= CONTACT_STEP || contact < known
            });
            if is_later {
                association.contact = Some(contact);
                is_news = true;
            }
        }
        if is_news {
            self.save();
        }
        is_news
    }

    /// Everything that is known beside the time, as the company of this association may know it.
    fn context(&self, association: Option<&Association>, usb: &[Attached]) -> Context {
        let contact = association.map(|association| {
            let known = association.contact.unwrap_or(association.since);
            let latest = self.server.contacts.get(&association.id).copied();
            latest.map_or(known, |latest| latest.max(known))
        });
        Context {
            facts: Facts {
                card: self.card_presence(association.and_then(Association::signer)),
                contact,
                ..self.facts.clone()
            },
            usb: usb.iter().map(|one| one.device.clone()).collect(),
        }
    }

    /// Decides what is to hold, from what every company says.
    pub(super) fn decide(&self, now: Option<Timestamp>, usb: &[Attached]) -> Joint {
        let contexts: Vec<Context> = (0..self.standings.len())
            .map(|place| self.context(self.state.associations.get(place), usb))
            .collect();
        let says: Vec<Say<'_>> = self
            .standings
            .iter()
            .enumerate()
            .zip(&contexts)
            .map(|((place, standing), context)| Say {
                standing,
                operations: self
                    .state
                    .associations
                    .get(place)
                    .map_or(&[], |association| association.operations.as_slice()),
                context,
            })
            .collect();
        decide_all(&says, &self.context(None, usb), now)
    }

    /// Whether this device may take a policy now.
    pub(super) fn is_for_us(&mut self, mandate: &Mandate) -> Result<(), Rejected> {
        let now = self.time();
        mandate.policy.validity.admits(now, mandate.issued)?;
        let us = Addressee {
            device: &self.identity.device,
            kind: &self.fixed.properties.kind,
            model: &self.fixed.properties.model,
        };
        if mandate.policy.audience.includes(us) {
            Ok(())
        } else {
            Err(Rejected::OtherAudience)
        }
    }

    /// Runs the tasks that are due, and lets what has ended go.
    pub(super) fn run_tasks(&mut self, now: Option<Timestamp>) {
        let Some(now) = now else {
            return;
        };
        let mut next = self.state.clone();
        for (association, standing) in next.associations.iter_mut().zip(&self.standings) {
            let Standing::Proven(mandate) = standing else {
                continue;
            };
            let events = run_tasks_of(association, &mandate.policy, now);
            next.untold.extend(events.into_iter().map(|event| Untold {
                association: association.id,
                at: now,
                event,
            }));
        }
        if next == self.state {
            return;
        }
        if let Err(why) = self.commit(next) {
            self.problem("not-saved", &why.to_string());
        }
    }

    /// When the next turn is due by time alone.
    pub(super) fn due(&self, decision: &Decision, now: Option<Timestamp>) -> Option<Timestamp> {
        let mut mandates = self.mandates().peekable();
        let ends = self
            .state
            .associations
            .iter()
            .filter_map(|known| known.ends);
        if mandates.peek().is_none() && ends.clone().next().is_none() {
            return None;
        }
        let Some(now) = now else {
            // The wall clock may reach the mark by itself.
            return self.mark.map(HighWater::time);
        };
        let tasks = mandates.filter_map(|(_, mandate)| schedule::next(&mandate.policy, now));
        tasks.chain(ends).chain(decision.until).min()
    }

    /// Lets the providers know what the policy in force asks.
    pub(super) fn ask(&self) {
        let policies = self.mandates().map(|(_, mandate)| &**mandate.policy);
        let wanted = policies.fold(Wanted::default(), wanted);
        self.outputs.wanted.send_if_modified(|known| {
            let is_news = *known != wanted;
            *known = wanted;
            is_news
        });
    }
}

/// Runs the tasks of one company's policy that are due; what is to be told of them.
fn run_tasks_of(association: &mut Association, policy: &Policy, now: Timestamp) -> Vec<Event> {
    let due = association
        .ledger
        .due(policy, association.in_force_since(), now);
    if due.is_empty() {
        return Vec::new();
    }
    let mut events = Vec::new();
    for run in &due {
        let begun = match run.fate {
            Fate::Ran => Some(run.scheduled),
            Fate::RanLate => Some(now),
            Fate::Skipped => None,
        };
        if let Some(begun) = begun {
            let operation = Operation::of_task(run.task, begun);
            operation::begin(&mut association.operations, operation, policy.remote, now);
        }
        events.push(Event::Task {
            task: run.task.id.clone(),
            scheduled: run.scheduled,
            fate: run.fate,
        });
    }
    association.ledger.settle(policy, now);
    events
}

/// What a policy asks of the surroundings, beside what others ask.
fn wanted(mut wanted: Wanted, policy: &Policy) -> Wanted {
    wanted
        .servers
        .extend(policy.servers().into_iter().filter_map(to_reach));
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
