//! One turn with the servers: what waits is sent, as far as it goes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use cardwarden_policy::outcome::Outcome;
use tokio::sync::watch;
use uuid::Uuid;

use super::machine::Machine;
use super::record::{Certificate, Record, Records};
use super::session::{MAX_OUTCOMES, Sessions, Verdicts};
use super::{Link, Queue, enrol, session};
use crate::clock;
use crate::status::ServerStatus;
use cardwarden_policy::explain::chain;

/// How a turn went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// There is nothing left to do until something happens.
    Done,
    /// Something is left, to be tried again later.
    Failed,
}

/// Why a server could not be told everything.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("what is needed to reach the server cannot be kept")]
    Record(#[source] std::io::Error),
    #[error("there is no certificate for this device")]
    Enrol(#[from] enrol::Error),
    #[error("the server cannot be told")]
    Session(#[from] session::Error),
    #[error("the server took none of what it was told")]
    NoProgress,
}

/// What a turn needs.
#[derive(Debug)]
pub(super) struct Exchange {
    queue: Arc<Queue>,
    records: Records,
    status: watch::Sender<ServerStatus>,
}

impl Exchange {
    pub(super) fn new(
        state: &Path,
        queue: Arc<Queue>,
        status: watch::Sender<ServerStatus>,
    ) -> Self {
        Self {
            queue,
            records: Records::new(state),
            status,
        }
    }

    /// Enrols and reports where that is due; with a nudge it speaks with the link's server even
    /// if nothing waits. Blocks.
    pub(super) fn turn(&self, link: Option<&Link>, is_nudged: bool) -> Turn {
        let mut failure = None;
        let mut note = |result: Result<(), Error>| {
            if let Err(error) = result {
                tracing::warn!("{}", chain(&error));
                failure = Some(chain(&error));
            }
        };
        let current = link.map(|link| {
            let (record, saved) = self.records.adopt(link);
            note(saved.map_err(Error::Record));
            record
        });
        let mut known = self.records.associations().unwrap_or_else(|error| {
            note(Err(Error::Record(error)));
            BTreeSet::new()
        });
        let current_id = current.as_ref().map(|record| record.association);
        known.extend(current_id);
        self.publish(|status| {
            status.pending = self.queue.count(&known);
            status.url = current
                .as_ref()
                .map(|record| record.account.server_url.clone());
            status.enrolled = current.as_ref().is_some_and(is_enrolled);
        });
        for association in known.iter().filter(|known| current_id != Some(**known)) {
            let wound_up = self.wind_up(*association, &known);
            // Without a link it may be that the present association is not yet told.
            let is_over = wound_up.is_ok() && current_id.is_some();
            note(wound_up);
            if is_over {
                note(self.forget(*association));
            }
        }
        if let Some(mut record) = current {
            let result = self.serve(&mut record, is_nudged, &known);
            self.publish(|status| status.enrolled = is_enrolled(&record));
            note(result);
        }
        let turn = if failure.is_some() {
            Turn::Failed
        } else {
            Turn::Done
        };
        self.publish(|status| status.problem = failure);
        turn
    }

    /// Says what is left of an association that has ended.
    fn wind_up(&self, association: Uuid, known: &BTreeSet<Uuid>) -> Result<(), Error> {
        if self.queue.count(&BTreeSet::from([association])) == 0 {
            return Ok(());
        }
        let Some(mut record) = self.records.load(association) else {
            return self.forget(association);
        };
        self.serve(&mut record, false, known)
    }

    fn forget(&self, association: Uuid) -> Result<(), Error> {
        self.records.remove(association).map_err(Error::Record)
    }

    /// Brings one association's server up to date.
    fn serve(
        &self,
        record: &mut Record,
        is_nudged: bool,
        known: &BTreeSet<Uuid>,
    ) -> Result<(), Error> {
        let machine = Machine::look(Path::new("/"));
        let certificate = match record.certificate(clock::now()) {
            Some(certificate) => certificate.clone(),
            None => self.enrol(record, &machine)?,
        };
        if !is_nudged && self.queue.count(&BTreeSet::from([record.association])) == 0 {
            return Ok(());
        }
        let sessions = Sessions::new(record, &certificate, &machine)?;
        let told = self.tell(&sessions, record.association, known);
        if let Err(Error::Session(session::Error::Exchange(error))) = &told
            && error.is_about_certificate()
        {
            self.forget_certificate(record);
        }
        told
    }

    /// Asks for a certificate. If the disk has no room for it, it serves this once.
    fn enrol(&self, record: &mut Record, machine: &Machine) -> Result<Certificate, Error> {
        let certificate = enrol::enrol(record, machine)?;
        record.certificate = Some(certificate.clone());
        tracing::info!(server = record.account.server_url, "enrolled");
        self.remember(record);
        Ok(certificate)
    }

    /// The next turn enrols anew.
    fn forget_certificate(&self, record: &mut Record) {
        record.certificate = None;
        self.remember(record);
    }

    fn remember(&self, record: &Record) {
        if let Err(error) = self.records.save(record) {
            tracing::warn!("what is known of the server cannot be kept: {error}");
        }
    }

    /// Session after session until nothing waits; at least one.
    fn tell(
        &self,
        sessions: &Sessions,
        association: Uuid,
        known: &BTreeSet<Uuid>,
    ) -> Result<(), Error> {
        loop {
            let outcomes = self.queue.oldest(association, MAX_OUTCOMES);
            let (verdicts, result) = sessions.report(&outcomes);
            let is_progress = self.settle(&outcomes, &verdicts);
            self.publish(|status| {
                status.pending = self.queue.count(known);
                if result.is_ok() {
                    status.last_contact = Some(clock::now());
                    status.time = sessions.date();
                    status.problem = None;
                }
            });
            result?;
            if self.queue.count(&BTreeSet::from([association])) == 0 {
                return Ok(());
            }
            if !is_progress {
                return Err(Error::NoProgress);
            }
        }
    }

    /// Does what the server's verdicts say; whether there were any.
    fn settle(&self, outcomes: &[Outcome], verdicts: &Verdicts) -> bool {
        let acknowledged: Vec<Outcome> = verdicts
            .acknowledged
            .iter()
            .filter_map(|place| outcomes.get(*place))
            .cloned()
            .collect();
        if !acknowledged.is_empty() {
            self.queue.acknowledge(&acknowledged);
        }
        for (place, code) in &verdicts.refused {
            if let Some(outcome) = outcomes.get(*place) {
                tracing::warn!(id = outcome.id, %code, "the server will not take this outcome");
                self.queue.refuse(outcome);
            }
        }
        !(acknowledged.is_empty() && verdicts.refused.is_empty())
    }

    fn publish(&self, change: impl FnOnce(&mut ServerStatus)) {
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            *status != before
        });
    }
}

fn is_enrolled(record: &Record) -> bool {
    record.certificate(clock::now()).is_some()
}
