//! Builds the channels and tasks, runs the loop, and stops.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cardwarden_policy::Function;
use cardwarden_policy::clock::Reading;
use cardwarden_policy::explain::chain;
use cardwarden_policy::facts::Facts;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio::time::Instant;

use crate::card::{self, CardEvent, Expectation, Order};
use crate::clock::{self, Alarm, Clock};
use crate::denial::Denial;
use crate::devices::monitor::Monitor;
use crate::devices::usb::Texts;
use crate::devices::{self, Devices, Found};
use crate::dm::{self, Queue};
use crate::enforce::bpf::Programs;
use crate::enforce::bpf::guard::kept;
use crate::enforce::bpf::refusals::Refusals;
use crate::enforce::probe::{self, Met};
use crate::enforce::{self, Kernel};
use crate::facts::{self, Wanted};
use crate::identity::{Identity, Keys};
use crate::prober::{Attempt, Prober};
use crate::properties;
use crate::reconciler::{Fixed, Outputs, Reconciler, World};
use crate::request::{Refused, Request};
use crate::settings::Settings;
use crate::status::{ServerStatus, Status};
use crate::store::Store;
use crate::{bus, identity, rest};

/// After passing refusals on, this long passes before the next: a program that tries in a loop
/// costs a bounded amount of work. The kernel's counters miss nothing meanwhile.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);
/// Requests, card events and refusals that may wait.
const QUEUE: usize = 64;

/// What is said while the version that the guard knows stands in for the one that is installed.
const UPGRADE: &str = "another version of the agent is installed; it takes over when the device starts anew, \
                       and the one that was there goes on until then";

/// Why the agent cannot run at all. Everything smaller is a problem that it reports.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folders of the state or of the runtime marks cannot be made.
    #[error("cannot use the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kernel refuses what every part of the agent needs.
    #[error("cannot {what}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kernel programs cannot be loaded.
    #[error("the kernel programs are not to be had")]
    Kernel(#[source] enforce::Error),
    /// The outcomes cannot be kept.
    #[error("the queue of outcomes cannot be opened")]
    Queue(#[source] dm::QueueError),
    /// There is no identity to be had.
    #[error("this device has no identity")]
    Identity(#[source] identity::Error),
}

/// Runs until it is asked to stop. What is in force stays in force.
pub(crate) fn run(config: &Path) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .map_err(system("start the runtime"))?;
    let result = tokio::task::LocalSet::new().block_on(&runtime, serve(config));
    // An exchange with a server that hangs is not waited for.
    runtime.shutdown_background();
    result
}

/// The real devices of this machine.
struct Machine {
    devices: Devices,
    prober: Prober,
    runtime: PathBuf,
}

impl World for Machine {
    fn clocks(&mut self) -> Reading {
        clock::reading()
    }

    fn scan(&mut self, kernel: &mut dyn Kernel) -> Found {
        self.devices.scan(kernel)
    }

    fn newcomer(&mut self, name: &str, texts: Texts) -> Option<Found> {
        self.devices.newcomer(name, texts)
    }

    fn prober(&mut self) -> Option<u32> {
        self.prober.process()
    }

    fn try_open(&mut self, node: &Path) -> Met {
        self.prober.attempt(Attempt::Open(node))
    }

    fn try_socket(&mut self, function: Function) -> Option<(&'static str, Met)> {
        let call = probe::call(function)?;
        Some((call, self.prober.attempt(Attempt::Socket(function))))
    }

    fn try_undo(&mut self) -> Met {
        self.prober.attempt(Attempt::Undo)
    }

    fn announce(&mut self, found: &Found, function: Function, decided: bool) {
        if let Err(error) = devices::mark_decided(&self.runtime, function, decided) {
            tracing::warn!(
                "cannot mark {function} in {}: {error}",
                self.runtime.display()
            );
        }
        devices::announce(&found.nodes, function);
    }

    fn functions(&mut self) -> BTreeSet<Function> {
        properties::functions(Path::new("/"))
    }
}

/// What the loop listens to.
struct Inputs {
    /// The card threads run for as long as this lives.
    readers: card::Threads,
    orders: mpsc::Receiver<Order>,
    cards: mpsc::Receiver<CardEvent>,
    requests: mpsc::Receiver<Request>,
    server: watch::Receiver<ServerStatus>,
    facts: watch::Receiver<Facts>,
    monitor: Monitor,
    /// The switches' own events.
    switched: Rc<Notify>,
    alarm: Alarm,
    refusals: Refusals,
    /// Rung when the guard stands, or could not be had.
    guard: Arc<Notify>,
}

async fn serve(config: &Path) -> Result<(), Error> {
    let (settings, complaint) = match Settings::read(config) {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::default(), Some(chain(&error))),
    };
    for folder in [&settings.state, &settings.runtime] {
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
            path: folder.clone(),
            source,
        })?;
    }
    let folders = settings.folders(config);
    let programs = Programs::open(settings.second_lock, &folders)
        .inspect_err(|error| {
            if matches!(error, enforce::Error::Stranger { .. }) {
                kept::go_on(&settings.state);
            }
        })
        .map_err(Error::Kernel)?;
    if programs.is_guarded() && !Store::new(&settings.state, &settings.floor).is_there() {
        let problem = "the state of what it guards cannot be seen".to_owned();
        return Err(Error::Kernel(enforce::Error::Stranger { problem }));
    }
    let guard = programs.bell();
    let refusals = programs
        .events()
        .map_err(Error::Kernel)
        .and_then(|events| Refusals::new(events).map_err(system("listen to refusals")))?;
    let (mut reconciler, inputs) = assemble(settings, programs, refusals, guard)?;
    if let Some(complaint) = complaint {
        reconciler.problem("settings", &format!("{complaint}. The defaults hold"));
    }
    if kept::is_this(&folders.state) {
        reconciler.problem("upgrade", UPGRADE);
    }
    reconciler.turn();
    notify_ready();
    tracing::info!("in force");
    reconciler.prepare();
    run_loop(reconciler, inputs).await
}

type Owner = Reconciler<Programs, Machine>;

/// Starts every task and thread, and the owner that they serve.
fn assemble(
    settings: Settings,
    programs: Programs,
    refusals: Refusals,
    guard: Arc<Notify>,
) -> Result<(Owner, Inputs), Error> {
    let (identity, complaint) = identify(&settings).map_err(Error::Identity)?;
    let queue = Queue::open(&settings.state)
        .map(Arc::new)
        .map_err(Error::Queue)?;
    let (fixed, problems) = fixed(settings, &identity, &queue);
    let (expectation, expected) = watch::channel(before_any_card(&fixed, &identity));
    let (order, orders) = mpsc::channel(QUEUE);
    let (status, published) = watch::channel(Arc::new(Status::at_start(&identity)));
    let (links, linked) = watch::channel(Vec::new());
    let (wanted, asked) = watch::channel(Wanted::default());
    let (server_status, server) = watch::channel(ServerStatus::default());
    let (denials, _) = broadcast::channel::<Denial>(QUEUE);
    let (request, requests) = mpsc::channel(QUEUE);
    let (event, cards) = mpsc::channel(QUEUE);
    let nudge = Arc::new(dm::Nudge::default());

    let folder = fixed.folder.clone();
    let nudged = Rc::default();
    let switches = enforce::switches(&fixed.settings.runtime, &fixed.settings.state, &nudged);
    let modem = fixed.settings.modem.clone();
    let machine = Machine {
        devices: Devices::default(),
        prober: Prober::default(),
        runtime: fixed.settings.runtime.clone(),
    };
    let outputs = Outputs {
        status,
        links,
        expectation,
        orders: order,
        wanted,
        nudge: Arc::clone(&nudge),
        denials: denials.clone(),
    };
    let mut owner = Reconciler::new(programs, machine, fixed, outputs, identity)
        .with_enforcers(switches)
        .with_processes(Path::new("/proc"));
    complain(&mut owner, complaint.as_ref(), problems);
    let ends = dm::Ends {
        links: linked,
        nudge,
        requests: request.clone(),
        status: server_status,
    };
    tokio::task::spawn_local(dm::run(folder, queue, ends));
    tokio::task::spawn_local(bus::run(published, request, denials));
    let readers = card::spawn(modem, expected, event).map_err(system("start the card threads"))?;
    let inputs = Inputs {
        readers,
        orders,
        cards,
        requests,
        server,
        facts: facts::watch(&asked, &facts::Sources::default()),
        monitor: Monitor::new().map_err(system("listen to udev"))?,
        switched: nudged,
        alarm: Alarm::new().map_err(system("make a timer"))?,
        refusals,
        guard,
    };
    Ok((owner, inputs))
}

/// What does not change while the agent runs, and the files of `trust.d` that hold no key.
fn fixed(settings: Settings, identity: &Identity, queue: &Arc<Queue>) -> (Fixed, Vec<String>) {
    let (anchors, problems) = settings.anchors();
    let properties = properties::of_device(&settings, &identity.device, &dm::model());
    let fixed = Fixed {
        folder: settings.state.clone(),
        settings,
        anchors,
        properties,
        queue: Arc::clone(queue),
    };
    (fixed, problems)
}

/// What cards are measured by before the owner says so.
fn before_any_card(fixed: &Fixed, identity: &Identity) -> Expectation {
    Expectation {
        properties: fixed.properties.clone(),
        association: identity.association,
        bonds: Vec::new(),
        device_key: identity.spki.clone(),
        anchors: Arc::new(fixed.anchors.clone()),
    }
}

/// Who this device is. While no company relies on it, a key that is lost is made anew.
fn identify(settings: &Settings) -> Result<(Identity, Option<identity::Error>), identity::Error> {
    let keys = Keys::at(settings.device_key);
    let (identity, complaint) = Identity::load_or_stand_in(&settings.state, &keys)?;
    let kept = Store::new(&settings.state, &settings.floor).load().state;
    let is_free = kept.lost.is_none() && kept.associations.is_empty() && kept.untold.is_empty();
    if is_free && complaint.is_none() {
        return Ok((identity.with_a_key(&settings.state, &keys), None));
    }
    Ok((identity, complaint))
}

/// Tells what was found wrong before there was an owner to tell it.
fn complain(owner: &mut Owner, identity: Option<&identity::Error>, keys: Vec<String>) {
    if let Some(error) = identity {
        let text = format!(
            "{}. Until it is repaired, a passing identity serves",
            chain(error)
        );
        owner.problem("identity", &text);
    }
    for problem in keys {
        owner.problem(
            "trust",
            &format!("a file of trusted keys is not used: {problem}"),
        );
    }
}

/// The loop. Each arm is safe to cancel: channels keep what was not received, the alarm and the
/// monitor what was not read, the ring buffer what was not taken.
async fn run_loop(mut owner: Owner, mut inputs: Inputs) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(system("listen to signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("listen to signals"))?;
    let mut pause: Option<Instant> = None;
    let mut is_at_rest = false;
    loop {
        while inputs
            .alarm
            .set(owner.alarm())
            .map_err(system("set the timer"))?
            == Clock::WasSet
        {
            owner.turn();
        }
        let retry = owner.retry().map(|wait| Instant::now() + wait);
        let rest = (!is_at_rest).then(|| Instant::now() + rest::AFTER);
        is_at_rest = false;
        tokio::select! {
            Some(event) = inputs.cards.recv() => {
                if owner.on_card(event) {
                    owner.turn();
                }
            }
            Some(order) = inputs.orders.recv() => inputs.readers.order(order),
            Some(request) = inputs.requests.recv() => answer(&mut owner, request),
            changed = inputs.monitor.changed() => {
                owner.on_nudge(&changed.map_err(system("listen to udev"))?);
            }
            () = inputs.switched.notified() => owner.turn(),
            () = inputs.guard.notified() => owner.turn(),
            rung = inputs.alarm.ring() => {
                rung.map_err(system("read the timer"))?;
                owner.on_alarm();
            }
            batch = inputs.refusals.next(), if pause.is_none() => {
                owner.on_refusals(batch.map_err(system("listen to refusals"))?);
                owner.refresh();
                pause = Some(Instant::now() + REFUSAL_PAUSE);
            }
            Ok(()) = inputs.server.changed() => hear(&mut owner, &mut inputs.server),
            Ok(()) = inputs.facts.changed() => learn(&mut owner, &mut inputs.facts),
            () = at(pause), if pause.is_some() => pause = None,
            () = at(retry), if retry.is_some() => owner.turn(),
            () = at(rest), if rest.is_some() => {
                rest::give_back();
                is_at_rest = true;
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping; what is in force stays in force");
    Ok(())
}

fn hear(owner: &mut Owner, server: &mut watch::Receiver<ServerStatus>) {
    let server = server.borrow_and_update().clone();
    if owner.on_server(server) {
        owner.turn();
    } else {
        owner.refresh();
    }
}

fn learn(owner: &mut Owner, facts: &mut watch::Receiver<Facts>) {
    let facts = facts.borrow_and_update().clone();
    if owner.on_facts(facts) {
        owner.turn();
    }
}

fn answer(owner: &mut Owner, request: Request) {
    let (result, reply): (Result<(), Refused>, _) = match request {
        Request::Release { statement, reply } => (owner.release(&statement), reply),
        Request::Deliver { statement, reply } => (owner.take_policy(&statement), reply),
        Request::Associate { fingerprint, reply } => (owner.associate(&fingerprint), reply),
        Request::Pin {
            reader,
            insertion,
            pin,
            reply,
        } => (owner.give_pin(reader, insertion, &pin), reply),
        Request::WantGroup {
            association,
            group,
            reply,
        } => (owner.want_group(association, group), reply),
        Request::Sync { reply } => {
            owner.exchange();
            (Ok(()), reply)
        }
    };
    owner.turn();
    if reply.send(result).is_err() {
        tracing::debug!("who asked has gone");
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Tells the service manager that what a policy disables is disabled.
fn notify_ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!("cannot tell the service manager: {error}");
    }
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::System { what, source }
}
