//! One turn with a server: what waits is sent, as far as it goes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use cardwarden_policy::explain::chain;
use cardwarden_policy::outcome::Outcome;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::board::Board;
use super::machine::Machine;
use super::record::{Certificate, Record, Records};
use super::session::{MAX_OUTCOMES, Sessions, Verdicts};
use super::talk::Wish;
use super::{Link, Queue, enrol, session};
use crate::clock;
use crate::request::Request;
use crate::status::ServerStatus;

/// How a turn went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// There is nothing left to do until something happens.
    Done,
    /// Something is left, to be tried again later.
    Failed,
    /// The association has ended, and all of it is told.
    Over,
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
    /// Where it is noted how things stand.
    pub(super) board: Board,
    queue: Arc<Queue>,
    records: Records,
    requests: mpsc::Sender<Request>,
}

impl Exchange {
    pub(super) fn new(
        state: &Path,
        queue: Arc<Queue>,
        requests: mpsc::Sender<Request>,
        status: watch::Sender<ServerStatus>,
    ) -> Self {
        Self {
            board: Board::new(Arc::clone(&queue), status),
            queue,
            records: Records::new(state),
            requests,
        }
    }

    /// The associations that something is remembered of.
    pub(super) fn remembered(&self) -> BTreeSet<Uuid> {
        self.records.associations().unwrap_or_else(|error| {
            tracing::warn!("what was left to tell servers cannot be read: {error}");
            BTreeSet::new()
        })
    }

    /// Enrols and reports where that is due; with a nudge it speaks with the link's server even
    /// if nothing waits. Blocks.
    pub(super) fn turn(&self, association: Uuid, wish: &Wish, is_nudged: bool) -> Turn {
        let result = match &wish.link {
            Some(link) => self.keep_up(link, is_nudged),
            None => self.wind_up(association, wish.is_followed),
        };
        match result {
            Ok(turn) => {
                self.board.problem(association, None);
                turn
            }
            Err(error) => {
                let problem = chain(&error);
                tracing::warn!("{problem}");
                self.board.problem(association, Some(problem));
                Turn::Failed
            }
        }
    }

    /// Brings the server of a present association up to date.
    fn keep_up(&self, link: &Link, is_nudged: bool) -> Result<Turn, Error> {
        let (mut record, saved) = self.records.adopt(link);
        self.board.enrolled(link.association, is_enrolled(&record));
        let served = self.serve(&mut record, is_nudged);
        self.board.enrolled(link.association, is_enrolled(&record));
        served?;
        saved.map_err(Error::Record)?;
        Ok(Turn::Done)
    }

    /// Says what is left of an association that has ended.
    fn wind_up(&self, association: Uuid, is_followed: bool) -> Result<Turn, Error> {
        if self.waiting(association) > 0 {
            let Some(mut record) = self.records.load(association) else {
                return self.forget(association);
            };
            self.serve(&mut record, false)?;
        }
        // Without any link it may be that the present association is not yet told.
        if is_followed {
            self.forget(association)
        } else {
            Ok(Turn::Done)
        }
    }

    fn forget(&self, association: Uuid) -> Result<Turn, Error> {
        self.records.remove(association).map_err(Error::Record)?;
        Ok(Turn::Over)
    }

    fn waiting(&self, association: Uuid) -> u64 {
        self.queue.count(&BTreeSet::from([association]))
    }

    /// Brings one association's server up to date.
    fn serve(&self, record: &mut Record, is_nudged: bool) -> Result<(), Error> {
        let machine = Machine::look(Path::new("/"));
        let certificate = match record.certificate(clock::now()) {
            Some(certificate) => certificate.clone(),
            None => self.enrol(record, &machine)?,
        };
        if !is_nudged && self.waiting(record.association) == 0 {
            return Ok(());
        }
        let sessions = Sessions::new(record, &certificate, &machine, self.requests.clone())?;
        let told = self.tell(&sessions, record.association);
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
    fn tell(&self, sessions: &Sessions, association: Uuid) -> Result<(), Error> {
        loop {
            let outcomes = self.queue.oldest(association, MAX_OUTCOMES);
            let (verdicts, result) = sessions.report(&outcomes);
            let is_progress = self.settle(&outcomes, &verdicts);
            if result.is_ok() {
                self.board
                    .contact(association, clock::now(), sessions.date());
            } else {
                self.board.recount();
            }
            result?;
            if self.waiting(association) == 0 {
                return Ok(());
            }
            // What came during a session that had nothing to say is said in the next.
            if !is_progress && !outcomes.is_empty() {
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
}

fn is_enrolled(record: &Record) -> bool {
    record.certificate(clock::now()).is_some()
}
