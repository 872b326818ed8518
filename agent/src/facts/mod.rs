//! What the device knows of its surroundings: providers that listen to the system's services and
//! to the kernel, and tell what they hear as [`Facts`].
//!
//! A provider that no policy asks for does not run. None of them polls: each looks once, then again
//! when its source says that something changed. What an event says is not believed; whoever is
//! nudged looks again, asking the name's present owner. A source that is missing or fails makes
//! its fact unknown, and nothing else.
//!
//! ```text
//! Wanted (watch) ──► bus ──► connection (watch) ──► network, place, sessions, power ──► Facts (watch)
//!                            netlink, resolv.conf ──► network
//!                            udev, sysfs ───────────────────────────────────► power
//! ```

mod bus;
mod network;
mod nudges;
mod place;
mod power;
mod service;
mod sessions;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use cardwarden_policy::facts::Facts;
use tokio::sync::watch;

/// After looking, this long passes before the next look: a source that changes all the time costs
/// a bounded amount of work.
const PAUSE: Duration = Duration::from_millis(100);

/// What the policy in force asks of the surroundings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wanted {
    /// The networks.
    pub(crate) network: bool,
    /// Servers that tell a network apart; asking for any asks for the networks too.
    pub(crate) servers: Vec<ServerToReach>,
    /// The place: how fine it must be, in metres (the smallest accuracy or radius that is asked
    /// for).
    pub(crate) place: Option<u32>,
    /// Who is logged in.
    pub(crate) sessions: bool,
    /// Where the power comes from.
    pub(crate) power: bool,
}

impl Wanted {
    fn networks(&self) -> Option<Vec<ServerToReach>> {
        (self.network || !self.servers.is_empty()).then(|| self.servers.clone())
    }

    fn bus(&self) -> bool {
        self.networks().is_some() || self.place.is_some() || self.sessions || self.power
    }
}

/// A server whose certificate tells that a network is the company's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerToReach {
    /// Its name or address.
    pub(crate) host: String,
    /// Its TCP port.
    pub(crate) port: u16,
}

/// Where the system keeps what the providers read.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// The system bus's socket, as the D-Bus specification places it.
    pub(crate) bus: PathBuf,
    /// The resolver's configuration (`resolv.conf(5)`).
    pub(crate) resolver: PathBuf,
    /// The kernel's power supplies (`Documentation/ABI/testing/sysfs-class-power`).
    pub(crate) supplies: PathBuf,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            bus: PathBuf::from("/run/dbus/system_bus_socket"),
            resolver: PathBuf::from("/etc/resolv.conf"),
            supplies: PathBuf::from("/sys/class/power_supply"),
        }
    }
}

/// Starts the providers on the present `LocalSet`, and gives what they tell. They end when
/// `wanted` has no sender any more. Never filled in here: card and contact.
pub(crate) fn watch(wanted: &watch::Receiver<Wanted>, sources: &Sources) -> watch::Receiver<Facts> {
    let (facts, told) = watch::channel(Facts::default());
    let facts = Rc::new(facts);
    let (connection, bus) = watch::channel(None);
    tokio::task::spawn_local(bus::keep(wanted.clone(), sources.bus.clone(), connection));

    let slot = Slot::new(&facts, |facts| &mut facts.network);
    let (from, around) = (bus.clone(), sources.resolver.clone());
    tokio::task::spawn_local(run(
        wanted.clone(),
        Wanted::networks,
        slot.clone(),
        async move |servers| network::provide(servers, from.clone(), &around, &slot).await,
    ));
    let slot = Slot::new(&facts, |facts| &mut facts.place);
    let from = bus.clone();
    tokio::task::spawn_local(run(
        wanted.clone(),
        |wanted| wanted.place,
        slot.clone(),
        async move |metres| place::provide(metres, from.clone(), &slot).await,
    ));
    let slot = Slot::new(&facts, |facts| &mut facts.sessions);
    let from = bus.clone();
    tokio::task::spawn_local(run(
        wanted.clone(),
        |wanted| wanted.sessions.then_some(()),
        slot.clone(),
        async move |()| sessions::provide(from.clone(), &slot).await,
    ));
    let slot = Slot::new(&facts, |facts| &mut facts.power);
    let supplies = sources.supplies.clone();
    tokio::task::spawn_local(run(
        wanted.clone(),
        |wanted| wanted.power.then_some(()),
        slot.clone(),
        async move |()| power::provide(bus.clone(), &supplies, &slot).await,
    ));
    told
}

/// Runs one provider for as long as its question is asked, anew for each other question. It may
/// end by itself when it can never tell anything; it has said why.
async fn run<Q: PartialEq, T: PartialEq>(
    mut wanted: watch::Receiver<Wanted>,
    question: impl Fn(&Wanted) -> Option<Q>,
    slot: Slot<T>,
    provide: impl AsyncFn(Q),
) {
    loop {
        let asked = match wanted.wait_for(|wanted| question(wanted).is_some()).await {
            Ok(wanted) => (question(&wanted), question(&wanted)),
            Err(_nobody_asks) => return,
        };
        let (Some(asked), present) = asked else {
            continue;
        };
        let provided = async {
            provide(asked).await;
            std::future::pending::<()>().await;
        };
        // Cancel-safe: a provider that is dropped has nothing to keep, and the wish is looked at
        // again above.
        tokio::select! {
            () = provided => {}
            changed = wanted.wait_for(|wanted| question(wanted) != present) => {
                if changed.is_err() {
                    return;
                }
            }
        }
        if question(&wanted.borrow()).is_none() {
            slot.tell(None);
        }
    }
}

/// The place of one fact among all.
struct Slot<T> {
    facts: Rc<watch::Sender<Facts>>,
    field: fn(&mut Facts) -> &mut Option<T>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self {
            facts: Rc::clone(&self.facts),
            field: self.field,
        }
    }
}

impl<T: PartialEq> Slot<T> {
    fn new(facts: &Rc<watch::Sender<Facts>>, field: fn(&mut Facts) -> &mut Option<T>) -> Self {
        Self {
            facts: Rc::clone(facts),
            field,
        }
    }

    /// Tells what is known now; `None` is “not known”. Only a difference is an event.
    fn tell(&self, fact: Option<T>) {
        self.facts.send_if_modified(|facts| {
            let known = (self.field)(facts);
            if *known == fact {
                return false;
            }
            *known = fact;
            true
        });
    }
}

/// Says what is wrong once, not at every attempt.
#[derive(Debug, Default)]
struct Complaint(Option<String>);

impl Complaint {
    fn say(&mut self, text: String) {
        if self.0.as_ref() != Some(&text) {
            tracing::warn!("{text}");
            self.0 = Some(text);
        }
    }

    fn settled(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests;
