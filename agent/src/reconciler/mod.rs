//! The one owner of what is in force. Each turn looks at every input, decides, plans, applies,
//! verifies and publishes; nothing else ever changes enforcement.
//!
//! ```text
//!            ┌──────────────────────────── turn ───────────────────────────┐
//!  inputs ─► │ scan · decide · observe · plan · tighten ─► loosen · probe  │ ─► told · published
//!            └────────────────────────────────┬────────────────────────────┘
//!                                    a failed tightening: nothing is loosened, tried again later
//! ```
//!
//! Facts that last (whose policy, which versions) are saved before they count: a change that
//! cannot be saved does not happen.

mod accept;
mod ahead;
mod cards;
mod links;
mod newcomers;
mod publish;
mod release;
mod report;
mod sent;
mod situation;
#[cfg(test)]
mod tests;
mod turn;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardwarden_ebpf_abi::guard::Act;
use cardwarden_policy::clock::{HighWater, Reading};
use cardwarden_policy::facts::Facts;
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::outcome::Tier;
use cardwarden_policy::{
    Anchors, Function, Joint, KernelState, Properties, Standing, Step, Verdict, Verified,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{broadcast, mpsc, watch};

use self::cards::Inserted;
use crate::card::{CardReading, Expectation, Order};
use crate::clock;
use crate::denial::{Denial, Fold};
use crate::devices::Found;
use crate::devices::usb::Texts;
use crate::dm::{Link, Nudge, Queue};
use crate::enforce::bpf::refusals::{Refused, Tried};
use crate::enforce::revoke::Revoke;
use crate::enforce::{Enforcer, Held, Kernel, Shortfall};
use crate::facts::Wanted;
use crate::identity::Identity;
use crate::settings::Settings;
use crate::status::{CardStatus, PinWanted, Problem, Published, ServerStatus, Timings};
use crate::store::{Association, State, Store};

/// The first wait after a failure; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// Most characters of a published problem.
const MAX_PROBLEM: usize = 500;

/// The machine around the kernel programs, as far as the reconciler needs it. A trait, so that the
/// loop runs in tests without devices.
pub(crate) trait World {
    /// What its clocks show.
    fn clocks(&mut self) -> Reading;
    /// What there is.
    fn scan(&mut self, kernel: &mut dyn Kernel) -> Found;
    /// A USB device that has just been plugged in, alone; nothing when there is none that waits.
    fn newcomer(&mut self, name: &str, texts: Texts) -> Option<Found>;
    /// The process that tries, where there is one.
    fn prober(&mut self) -> Option<u32>;
    /// What an attempt to open a node meets.
    fn try_open(&mut self, node: &std::path::Path) -> crate::enforce::probe::Met;
    /// What an attempt to make the function's socket meets, and the call that was tried.
    fn try_socket(
        &mut self,
        function: Function,
    ) -> Option<(&'static str, crate::enforce::probe::Met)>;
    /// What an attempt to undo what is in force meets.
    fn try_undo(&mut self) -> crate::enforce::probe::Met;
    /// Lets udev rules know whether a function is decided on (it may be used, or is refused), and run
    /// anew.
    fn announce(&mut self, found: &Found, function: Function, decided: bool);
    /// The functions that there is a device for.
    fn functions(&mut self) -> BTreeSet<Function>;
}

/// Where the reconciler's results go.
pub(crate) struct Outputs {
    /// The snapshot for everybody.
    pub(crate) status: watch::Sender<Published>,
    /// How to reach the companies' servers.
    pub(crate) links: watch::Sender<Vec<Arc<Link>>>,
    /// What a card is measured against.
    pub(crate) expectation: watch::Sender<Expectation>,
    /// What the card thread is asked to do.
    pub(crate) orders: mpsc::Sender<Order>,
    /// What is asked of the device's surroundings.
    pub(crate) wanted: watch::Sender<Wanted>,
    /// Wakes the exchange with the server.
    pub(crate) nudge: Arc<Nudge>,
    /// Refusals, one by one.
    pub(crate) denials: broadcast::Sender<Denial>,
}

/// What does not change while the agent runs.
pub(crate) struct Fixed {
    /// The settings.
    pub(crate) settings: Settings,
    /// The folder of what lasts.
    pub(crate) folder: PathBuf,
    /// The company keys in `trust.d`.
    pub(crate) anchors: Anchors,
    /// What the device says of itself, but for what changes.
    pub(crate) properties: Properties,
    /// The outcomes for the server.
    pub(crate) queue: Arc<Queue>,
}

/// The owner.
pub(crate) struct Reconciler<K, W> {
    kernel: K,
    /// The switches beside the kernel programs.
    enforcers: Vec<Box<dyn Enforcer>>,
    world: W,
    fixed: Fixed,
    outputs: Outputs,
    store: Store,
    state: State,
    /// What each association proves; one that proves nothing when the state was lost.
    standings: Vec<Standing>,
    identity: Identity,
    card: CardStatus,
    /// The cards that were understood, by reader, the latest last.
    cards: Vec<Inserted>,
    /// The cards of companies that nobody here trusts, which wait for a person's consent.
    pending: Vec<CardReading>,
    /// The cards that want a PIN.
    pins: Vec<PinWanted>,
    /// The companies that let this device go, while there is something left to tell them.
    farewells: Vec<Arc<Link>>,
    /// What the providers tell.
    facts: Facts,
    /// The latest time that this device has seen.
    mark: Option<HighWater>,
    /// How far the wall clock was ahead of what counts as the time, when it was last looked at.
    ahead: SignedDuration,
    server: ServerStatus,
    problems: BTreeMap<&'static str, Problem>,
    /// What stops what was open before.
    revoke: Revoke,
    fold: Fold,
    /// Of each act that the guard refused: when the companies were told, and how often it was since.
    undone: BTreeMap<Act, (Option<Instant>, u64)>,
    /// The results of the last turn.
    last: Option<Turn>,
    /// What the udev rules were last told of each function: its verdict, and whether it is decided.
    announced: BTreeMap<Function, (Verdict, bool)>,
    /// Whether something was tightened that may still be under way: who looks for what is open sees it
    /// all only after that.
    unsettled: bool,
    /// When a card that is now coming into force was put in, and what it took so far.
    inserted: Option<(Instant, Timings)>,
    timings: Option<Timings>,
    generation: u64,
    retry: Option<Duration>,
}

/// What a turn found and did.
#[derive(Clone, Debug)]
struct Turn {
    joint: Joint,
    /// When the next turn is due by time alone.
    until: Option<Timestamp>,
    goal: KernelState,
    held: KernelState,
    /// The steps that make it tighter when the decision that follows comes into force.
    soon: Vec<Step>,
    found: Found,
    /// What the switches hold, by the name of each.
    switched: Vec<(&'static str, Tier, Vec<Held>)>,
    /// What they could not do.
    shortfalls: Vec<Shortfall>,
}

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// An owner of what the store holds. Nothing is in force before the first [`turn`](Self::turn).
    pub(crate) fn new(
        kernel: K,
        world: W,
        fixed: Fixed,
        outputs: Outputs,
        identity: Identity,
    ) -> Self {
        let store = Store::new(&fixed.folder, &fixed.settings.floor);
        let found = store.load();
        let mut reconciler = Self {
            kernel,
            enforcers: Vec::new(),
            world,
            fixed,
            outputs,
            store,
            state: found.state,
            standings: found.standings,
            identity,
            card: CardStatus::default(),
            cards: Vec::new(),
            pending: Vec::new(),
            pins: Vec::new(),
            farewells: Vec::new(),
            facts: Facts::default(),
            mark: None,
            ahead: SignedDuration::ZERO,
            server: ServerStatus::default(),
            problems: BTreeMap::new(),
            revoke: Revoke::new(std::path::Path::new("")),
            fold: Fold::default(),
            undone: BTreeMap::new(),
            last: None,
            announced: BTreeMap::new(),
            unsettled: false,
            inserted: None,
            timings: None,
            generation: 0,
            retry: None,
        };
        if let Some(healed) = found.healed {
            reconciler.problem("floor-healed", &healed);
        }
        if let Some(problem) = reconciler.unproven() {
            let text = format!("{problem}. Everything stays off; ask your administrator");
            reconciler.problem("state-damaged", &text);
        }
        reconciler.mark = reconciler.state.high_water;
        reconciler.server.last_contact = reconciler.last_contact();
        reconciler.expect();
        reconciler.publish_links();
        reconciler
    }

    /// Lets these switches hold functions too, from the next turn on.
    pub(crate) fn with_enforcers(mut self, enforcers: Vec<Box<dyn Enforcer>>) -> Self {
        self.enforcers = enforcers;
        self
    }

    /// Stops what the processes of this procfs have open that is refused, from the next turn on.
    pub(crate) fn with_processes(mut self, proc: &std::path::Path) -> Self {
        self.revoke = Revoke::new(proc);
        self
    }

    /// Each association with what it proves.
    fn bonds(&self) -> impl Iterator<Item = (&Association, &Standing)> {
        self.state.associations.iter().zip(&self.standings)
    }

    /// What each company says, with its association.
    fn mandates(&self) -> impl Iterator<Item = (&Association, &Verified<Mandate>)> {
        self.bonds()
            .filter_map(|(association, standing)| match standing {
                Standing::Proven(mandate) => Some((association, &**mandate)),
                Standing::Absent | Standing::Unproven { .. } => None,
            })
    }

    /// Why something that a company says cannot be believed.
    fn unproven(&self) -> Option<&str> {
        self.standings.iter().find_map(|standing| match standing {
            Standing::Unproven { problem } => Some(problem.as_str()),
            Standing::Absent | Standing::Proven(_) => None,
        })
    }

    /// Says that something is wrong. The log has all of it; what is published is bounded, since a
    /// kernel's complaint about a program can run to pages.
    pub(crate) fn problem(&mut self, code: &'static str, text: &str) {
        let mut shown: String = text.chars().take(MAX_PROBLEM).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        if self
            .problems
            .get(code)
            .is_some_and(|known| known.text == shown)
        {
            return;
        }
        tracing::warn!(code, "{text}");
        let problem = Problem {
            code: code.to_owned(),
            text: shown,
            at: clock::now(),
        };
        self.problems.insert(code, problem);
    }

    /// Says that it no longer is.
    pub(crate) fn solved(&mut self, code: &'static str) {
        if self.problems.remove(code).is_some() {
            tracing::info!(code, "solved");
        }
    }

    /// Does ahead what the next card may need.
    pub(crate) fn prepare(&mut self) {
        self.kernel.prepare();
    }

    /// Speaks with the server as soon as can be.
    pub(crate) fn exchange(&self) {
        self.outputs.nudge.speak();
    }

    /// When the current decision ends by time alone, by the wall clock.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.last
            .as_ref()
            .and_then(|last| last.until)
            .and_then(|until| until.checked_add(self.ahead).ok())
    }

    /// How long to wait before a failure is tried again, or who had something open is looked for.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry.into_iter().chain(self.revoke.wait()).min()
    }

    /// Passes refusals on.
    pub(crate) fn on_refusals(&mut self, batch: Vec<Refused>) {
        let now = Instant::now();
        for refused in batch {
            let kind = (refused.tried, refused.pid, refused.is_audited);
            let Some(folded) = self.fold.tell(kind, now) else {
                continue;
            };
            match refused.tried {
                Tried::Function(function) if refused.is_audited => tracing::info!(
                    %function, program = refused.program, pid = refused.pid,
                    uid = refused.uid, folded, "would have been refused"
                ),
                Tried::Function(function) => {
                    let reason = self.reason_of(function);
                    self.denied(refused, function.name(), reason, folded);
                }
                Tried::Undo(act) => {
                    self.tell_of(act, &refused, folded);
                    self.denied(refused, "guard", act.name().to_owned(), folded);
                }
            }
        }
    }

    fn denied(&self, refused: Refused, function: &'static str, reason: String, folded: u64) {
        let denial = Denial {
            function,
            reason,
            program: refused.program,
            pid: refused.pid,
            uid: refused.uid,
            at: clock::now(),
        };
        tracing::info!(
            function = denial.function,
            program = denial.program,
            pid = denial.pid,
            uid = denial.uid,
            reason = denial.reason,
            folded,
            "refused"
        );
        if self.outputs.denials.send(denial).is_err() {
            tracing::trace!("nobody listens to refusals");
        }
    }

    /// Writes what lasts; `false` when it could not, and a problem says so.
    fn save(&mut self) -> bool {
        match self.store.save(&self.state) {
            Ok(()) => {
                self.solved("not-saved");
                true
            }
            Err(error) => {
                self.problem("not-saved", &not_saved(&error));
                false
            }
        }
    }
}

/// What cannot be saved, in one sentence.
fn not_saved(error: &std::io::Error) -> String {
    format!(
        "the state could not be saved ({error}). What was in force stays; free some space in its \
         folder and in that of the floor"
    )
}
