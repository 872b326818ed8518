//! The agent on the system bus: serves `org.cardwarden.Agent1` as
//! `dbus/org.cardwarden.Agent1.xml` describes it.
//!
//! It reads the published [`Status`](crate::status::Status), passes requests on, repeats refusals,
//! and has people asked for PINs; it decides nothing. The bus comes up long after the agent and may go and come
//! back: nothing else waits for it, and there is no timer while it is there or stays away.

mod announce;
mod authorise;
mod consent;
mod object;
mod prompt;
mod refusal;

use std::path::Path;
use std::time::Duration;

use cardwarden_dbus::{FUNCTIONS, NAME, PATH};
use cardwarden_policy::Function;
use tokio::sync::{broadcast, mpsc, watch};
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::{ObjectManager, RequestNameFlags};

use crate::denial::Denial;
use crate::nearby;
use crate::request::Request;
use crate::status::Published;
use announce::Announcer;
use object::{AgentObject, FunctionObject};
use prompt::{Asked, Command, Prompts};

/// The system bus, as the D-Bus specification places it.
const SOCKET: &str = "/run/dbus/system_bus_socket";
/// How long to wait after the first, second, … failed attempt at a bus whose socket is there: it
/// may be bound and not yet listen, or not yet have read our bus policy. After the last, only a
/// new socket counts.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// Commands that may wait for the prompters' owner.
const QUEUE: usize = 16;

/// What the objects read, and where they pass things on.
#[derive(Clone)]
struct Ends {
    status: watch::Receiver<Published>,
    asked: watch::Receiver<Option<Asked>>,
    requests: mpsc::Sender<Request>,
    prompts: mpsc::Sender<Command>,
}

/// Serves until the reconciler is gone.
pub(crate) async fn run(
    status: watch::Receiver<Published>,
    requests: mpsc::Sender<Request>,
    denials: broadcast::Sender<Denial>,
) {
    let socket = Path::new(SOCKET);
    let mut failures = PAUSES.iter();
    let (asked, asking) = watch::channel(None);
    loop {
        if let Err(error) = nearby::appeared(socket).await {
            tracing::error!("cannot watch for {SOCKET}: {error}; D-Bus stays away until a restart");
            return;
        }
        let refused = denials.subscribe();
        let (prompts, commands) = mpsc::channel(QUEUE);
        let ends = Ends {
            status: status.clone(),
            asked: asking.clone(),
            requests: requests.clone(),
            prompts,
        };
        match connect(&format!("unix:path={SOCKET}"), &ends).await {
            Ok(bus) => {
                tracing::info!("serving {NAME} on the system bus");
                failures = PAUSES.iter();
                let prompts = Prompts::new(&bus, &status, &requests, &asked);
                let ended = tokio::select! {
                    ended = serve(&bus, ends, refused) => ended,
                    () = prompts.run(commands) => Ended::Agent,
                };
                match ended {
                    Ended::Bus => tracing::info!("the system bus went away"),
                    Ended::Agent => return,
                }
            }
            Err(error) => {
                tracing::warn!("cannot serve {NAME} on the system bus: {error}");
                let pause = failures.next().copied();
                if let Err(error) = nearby::stirred(socket, pause).await {
                    tracing::error!("cannot watch {SOCKET}: {error}; D-Bus stays away");
                    return;
                }
            }
        }
    }
}

/// Joins a bus with every object in place before the name is asked for, so that nobody meets a
/// half-built agent. The name can neither be queued for nor taken over.
async fn connect(address: &str, ends: &Ends) -> zbus::Result<Connection> {
    let bus = offer(Builder::address(address), ends).build().await?;
    bus.request_name_with_flags(NAME, RequestNameFlags::DO_NOT_QUEUE)
        .await?;
    Ok(bus)
}

/// Every object of the agent.
fn offer<'a>(builder: Builder<'a>, ends: &Ends) -> Builder<'a> {
    let agent = AgentObject::new(ends.clone());
    let builder = builder.serve_at(PATH, agent).serve_at(PATH, ObjectManager);
    Function::ALL
        .into_iter()
        .fold(builder, |builder, function| {
            builder.serve_at(
                path(function),
                FunctionObject::new(function, ends.status.clone()),
            )
        })
}

fn path(function: Function) -> String {
    format!("{FUNCTIONS}/{}", function.name().replace(['-', '.'], "_"))
}

/// What ended the service.
enum Ended {
    /// The bus closed the connection.
    Bus,
    /// The reconciler is gone.
    Agent,
}

/// Announces what changes and what is refused.
async fn serve(
    bus: &Connection,
    mut ends: Ends,
    mut denials: broadcast::Receiver<Denial>,
) -> Ended {
    let mut announcer = match Announcer::new(bus).await {
        Ok(announcer) => announcer,
        Err(error) => {
            tracing::warn!("cannot read our own objects: {error}");
            return Ended::Bus;
        }
    };
    loop {
        // Cancel-safe: each arm only waits, and `changed` and `recv` keep what they did not give.
        let sent = tokio::select! {
            changed = ends.status.changed() => match changed {
                Ok(()) => announcer.changed().await,
                Err(_reconciler_gone) => return Ended::Agent,
            },
            Ok(()) = ends.asked.changed() => announcer.changed().await,
            denial = denials.recv() => match denial {
                Ok(denial) => announcer.denied(&denial).await,
                // Counted in the kernel; the function's `Denials` tells how many.
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return Ended::Agent,
            },
            () = bus.closed() => return Ended::Bus,
        };
        if let Err(error) = sent {
            tracing::debug!("cannot announce on the system bus: {error}");
        }
    }
}

#[cfg(test)]
mod authorise_tests;
#[cfg(test)]
mod tests;
