//! The objects: each member is one line from the published status to the wire. What a member
//! means is written in `dbus/org.cardwarden.Agent1.xml`; a test holds the two together.

#![expect(clippy::too_many_arguments, reason = "the signal `Denied` has seven")]
#![expect(
    clippy::unused_self,
    reason = "a property of the object that is the same for all"
)]

use std::collections::BTreeMap;

use cardwarden_dbus::{
    ACTION_ASSOCIATE, ACTION_DELIVER, ACTION_PROMPT, ACTION_RELEASE, ACTION_SYNC, Association,
    Error, Pending, PinWanted, Problem,
};
use cardwarden_policy::{Function, Source};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath};

use super::Ends;
use super::authorise::{authorise, authorise_showing};
use super::consent;
use super::prompt::{self, Command, Prompter};
use super::refusal::refusal;
use crate::request::{Refused, Request};
use crate::status::{self, AssociationStatus, FunctionStatus, Published, Status, Timings};

/// `/org/cardwarden/Agent1`.
pub(super) struct AgentObject {
    ends: Ends,
}

impl AgentObject {
    pub(super) const fn new(ends: Ends) -> Self {
        Self { ends }
    }

    fn read<T>(&self, read: impl FnOnce(&Status) -> T) -> T {
        read(&self.ends.status.borrow())
    }

    /// Something of the first association, or nothing in its place.
    fn association<T: Default>(&self, read: impl FnOnce(&AssociationStatus) -> T) -> T {
        self.read(|status| status.associations.first().map(read).unwrap_or_default())
    }

    /// Passes a request on and waits for its answer.
    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<(), Refused>>) -> Request,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        pass_on(&self.ends.requests, request(reply))?;
        match answer.await {
            Ok(done) => done.map_err(|refused| refusal(&refused)),
            Err(_dropped) => Err(stopping()),
        }
    }

    /// Passes a command on to whoever has people asked for PINs.
    async fn command(&self, command: impl FnOnce(prompt::Reply) -> Command) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        pass_on(&self.ends.prompts, command(reply))?;
        answer.await.unwrap_or_else(|_dropped| Err(stopping()))
    }
}

#[zbus::interface(name = "org.cardwarden.Agent1", introspection_docs = false)]
impl AgentObject {
    async fn release(
        &self,
        statement: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        authorise(bus, &call, ACTION_RELEASE).await?;
        self.ask(|reply| Request::Release { statement, reply })
            .await
    }

    async fn deliver(
        &self,
        policy: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        authorise(bus, &call, ACTION_DELIVER).await?;
        self.ask(|reply| Request::Deliver {
            statement: policy,
            reply,
        })
        .await
    }

    async fn associate(
        &self,
        fingerprint: &str,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        let pending = self.read(|status| consent::find(&status.pending, fingerprint).cloned())?;
        let shown = consent::details(&pending);
        authorise_showing(bus, &call, ACTION_ASSOCIATE, shown).await?;
        self.ask(|reply| Request::Associate {
            fingerprint: pending.fingerprint,
            reply,
        })
        .await
    }

    async fn register_prompter(
        &self,
        path: OwnedObjectPath,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        authorise(bus, &call, ACTION_PROMPT).await?;
        let prompter = prompter(&call, path)?;
        self.command(|reply| Command::Register(prompter, reply))
            .await
    }

    async fn unregister_prompter(
        &self,
        path: OwnedObjectPath,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        let prompter = prompter(&call, path)?;
        self.command(|reply| Command::Unregister(prompter, reply))
            .await
    }

    async fn ask_pin(
        &self,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        authorise(bus, &call, ACTION_PROMPT).await?;
        self.command(Command::Ask).await
    }

    async fn sync(
        &self,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] call: Header<'_>,
    ) -> Result<(), Error> {
        authorise(bus, &call, ACTION_SYNC).await?;
        self.ask(|reply| Request::Sync { reply }).await
    }

    #[zbus(out_args("sentence"))]
    fn explain(&self, function: &str) -> Result<String, Error> {
        let unknown = |text: String| Error::UnknownFunction(text);
        let function: Function = function
            .parse()
            .map_err(|error| unknown(format!("{error}")))?;
        self.read(|status| {
            status
                .functions
                .get(&function)
                .map(|known| known.sentence.clone())
        })
        .ok_or_else(|| unknown(format!("nothing is known of {function} yet")))
    }

    #[zbus(signal)]
    async fn denied(
        emitter: &SignalEmitter<'_>,
        function: &str,
        reason: &str,
        program: &str,
        pid: u32,
        uid: u32,
        at: i64,
    ) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    #[zbus(property)]
    fn posture(&self) -> &'static str {
        self.read(|status| status.posture.name())
    }

    #[zbus(property)]
    fn settled(&self) -> bool {
        self.read(|status| status.settled)
    }

    #[zbus(property)]
    fn guard(&self) -> &'static str {
        self.read(|status| status.guard)
    }

    #[zbus(property)]
    fn generation(&self) -> u64 {
        self.read(|status| status.generation)
    }

    #[zbus(property)]
    fn device(&self) -> String {
        self.read(|status| status.device.clone())
    }

    #[zbus(property)]
    fn association_id(&self) -> String {
        self.read(|status| status.association_id.to_string())
    }

    #[zbus(property)]
    fn company(&self) -> String {
        self.association(|association| association.company.clone())
    }

    #[zbus(property)]
    fn policy_version(&self) -> u64 {
        self.association(|association| association.version)
    }

    #[zbus(property)]
    fn group(&self) -> String {
        self.association(|association| association.group.clone())
    }

    #[zbus(property)]
    fn contact(&self) -> String {
        self.association(|association| association.contact.clone().unwrap_or_default())
    }

    #[zbus(property)]
    fn since(&self) -> i64 {
        self.association(|association| association.since.as_second())
    }

    #[zbus(property)]
    fn signer(&self) -> String {
        self.association(|association| association.signer.clone())
    }

    #[zbus(property)]
    fn card_proof(&self) -> &'static str {
        self.association(|association| association.proof.name())
    }

    #[zbus(property)]
    fn associations(&self) -> Vec<Association> {
        self.read(|status| status.associations.iter().map(association).collect())
    }

    #[zbus(property)]
    fn pending(&self) -> Vec<Pending> {
        self.read(|status| status.pending.iter().map(pending).collect())
    }

    #[zbus(property)]
    fn pin_wanted(&self) -> PinWanted {
        let asked = *self.ends.asked.borrow();
        self.read(|status| {
            let wanted = |pin| pin_wanted(pin, prompt::state(pin, asked));
            status.pin.as_ref().map(wanted).unwrap_or_default()
        })
    }

    #[zbus(property)]
    fn reader(&self) -> String {
        self.read(|status| {
            status
                .card
                .inserted
                .as_ref()
                .map(|(reader, _)| reader.clone())
                .unwrap_or_default()
        })
    }

    #[zbus(property)]
    fn readers(&self) -> Vec<String> {
        self.read(|status| status.card.readers.clone())
    }

    #[zbus(property)]
    fn server_url(&self) -> String {
        self.read(|status| status.server.url.clone().unwrap_or_default())
    }

    #[zbus(property)]
    fn server_pending(&self) -> u64 {
        self.read(|status| status.server.pending)
    }

    #[zbus(property)]
    fn server_enrolled(&self) -> bool {
        self.read(|status| status.server.enrolled)
    }

    #[zbus(property)]
    fn server_last_contact(&self) -> i64 {
        self.read(|status| instant(status.server.last_contact))
    }

    #[zbus(property)]
    fn server_problem(&self) -> String {
        self.read(|status| status.server.problem.clone().unwrap_or_default())
    }

    #[zbus(property)]
    fn problems(&self) -> Vec<Problem> {
        let problem = |problem: &status::Problem| Problem {
            code: problem.code.clone(),
            text: problem.text.clone(),
            at: problem.at.as_second(),
        };
        self.read(|status| status.problems.iter().map(problem).collect())
    }

    #[zbus(property)]
    fn timings(&self) -> BTreeMap<&'static str, u64> {
        self.read(|status| status.timings.map(timings).unwrap_or_default())
    }
}

/// `/org/cardwarden/Agent1/functions/NAME`.
pub(super) struct FunctionObject {
    function: Function,
    status: watch::Receiver<Published>,
}

impl FunctionObject {
    pub(super) const fn new(function: Function, status: watch::Receiver<Published>) -> Self {
        Self { function, status }
    }

    /// Something of the function's status, or nothing in its place while it is not known.
    fn read<T: Default>(&self, read: impl FnOnce(&FunctionStatus) -> T) -> T {
        self.status
            .borrow()
            .functions
            .get(&self.function)
            .map(read)
            .unwrap_or_default()
    }
}

#[zbus::interface(name = "org.cardwarden.Agent1.Function", introspection_docs = false)]
impl FunctionObject {
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> &'static str {
        self.function.name()
    }

    #[zbus(property)]
    fn verdict(&self) -> &'static str {
        self.read(|known| known.ruling.verdict.name())
    }

    #[zbus(property)]
    fn source(&self) -> &'static str {
        self.read(|known| known.ruling.source.name())
    }

    #[zbus(property)]
    fn reason(&self) -> String {
        self.read(|known| known.ruling.source.reason())
    }

    #[zbus(property)]
    fn rule(&self) -> String {
        self.read(|known| match &known.ruling.source {
            Source::Rule { id, .. } => id.clone(),
            Source::Unmanaged
            | Source::Unproven { .. }
            | Source::Baseline
            | Source::Server { .. }
            | Source::Task { .. } => String::new(),
        })
    }

    #[zbus(property)]
    fn until(&self) -> i64 {
        self.read(|known| instant(known.ruling.until))
    }

    #[zbus(property)]
    fn since(&self) -> i64 {
        self.read(|known| known.since.as_second())
    }

    #[zbus(property)]
    fn achieved(&self) -> &'static str {
        self.read(|known| known.achieved.name())
    }

    #[zbus(property)]
    fn tier(&self) -> &'static str {
        self.read(|known| known.tier.name())
    }

    #[zbus(property)]
    fn enforcers(&self) -> Vec<String> {
        self.read(|known| known.enforcers.clone())
    }

    #[zbus(property)]
    fn proof(&self) -> String {
        self.read(|known| known.proof.clone())
    }

    #[zbus(property)]
    fn denials(&self) -> u64 {
        self.read(|known| known.denials)
    }

    #[zbus(property)]
    fn sentence(&self) -> String {
        self.read(|known| known.sentence.clone())
    }

    #[zbus(property)]
    fn company(&self) -> String {
        self.read(|known| known.company.clone())
    }

    #[zbus(property)]
    fn audited(&self) -> Vec<String> {
        self.read(|known| known.ruling.audited.clone())
    }
}

/// The caller's object, as a prompter.
fn prompter(call: &Header<'_>, path: OwnedObjectPath) -> Result<Prompter, Error> {
    let sender = call
        .sender()
        .ok_or_else(|| Error::NotAuthorized("the caller is not known to the bus".to_owned()))?;
    Ok(Prompter {
        name: sender.to_string(),
        path,
    })
}

fn association(known: &AssociationStatus) -> Association {
    Association {
        company: known.company.clone(),
        version: known.version,
        group: known.group.clone(),
        signer: known.signer.clone(),
        since: known.since.as_second(),
        proof: known.proof.name().to_owned(),
        contact: known.contact.clone().unwrap_or_default(),
        id: known.id.to_string(),
        ends: instant(known.ends),
    }
}

fn pending(known: &status::Pending) -> Pending {
    Pending {
        reader: known.reader.clone(),
        company: known.company.clone(),
        signer: known.signer.clone(),
        fingerprint: known.fingerprint.clone(),
        group: known.group.clone(),
        version: known.version,
        restricts: known.restricts.clone(),
        proof: known.proof.name().to_owned(),
    }
}

fn pin_wanted(known: &status::PinWanted, state: &str) -> PinWanted {
    PinWanted {
        reader: Some(known.reader.clone()),
        company: Some(known.company.clone()),
        group: Some(known.group.clone()),
        wrong: Some(known.wrong),
        tries_left: known.tries.map(u32::from),
        state: Some(state.to_owned()),
    }
}

/// Passes something on without waiting for room.
fn pass_on<T>(to: &mpsc::Sender<T>, what: T) -> Result<(), Error> {
    to.try_send(what).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => {
            Error::Busy("too many requests wait already; try again in a moment".to_owned())
        }
        mpsc::error::TrySendError::Closed(_) => stopping(),
    })
}

/// Seconds since 1970; 0 for none.
fn instant(at: Option<Timestamp>) -> i64 {
    at.map(Timestamp::as_second).unwrap_or_default()
}

fn timings(timings: Timings) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("apdus", timings.apdus.into()),
        ("read", timings.read),
        ("first", timings.first),
        ("exchange", timings.exchange),
        ("verify", timings.verify),
        ("decide", timings.decide),
        ("apply", timings.apply),
        ("probe", timings.probe),
        ("total", timings.total),
    ])
}

fn stopping() -> Error {
    Error::Stopping("the agent is going down; try again when it is back".to_owned())
}
