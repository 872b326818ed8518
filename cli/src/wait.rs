//! `cardwarden wait`: until the agent is settled, by signals alone.

use cardwarden_dbus::{Changes, Error, Snapshot};
use zbus::Connection;

use crate::args::Wait;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Waits as long as it may.
pub(crate) async fn wait(bus: &Connection, until: &Wait) -> Result<Output, Failure> {
    let Some(timeout) = until.timeout else {
        return settled(bus, until.after).await;
    };
    match tokio::time::timeout(timeout, settled(bus, until.after)).await {
        Ok(ended) => ended,
        Err(_elapsed) => Err(Failure {
            exit: Exit::TimedOut,
            text: format!(
                "the agent was not settled within {} s; `cardwarden status` says how it stands",
                timeout.as_secs_f64()
            ),
        }),
    }
}

/// An agent that is not there (yet, or just now) is waited for as well.
async fn settled(bus: &Connection, after: Option<u64>) -> Result<Output, Failure> {
    let mut changes = Changes::subscribe(bus).await?;
    loop {
        match Snapshot::read(bus).await {
            Ok(Snapshot { agent, .. })
                if agent.settled && after.is_none_or(|after| agent.generation > after) =>
            {
                return Ok(Output::text(""));
            }
            Ok(_) => {}
            Err(error) if error.is_unreachable() && !is_bus_gone(&error) => {}
            Err(error) => return Err(error.into()),
        }
        changes.next().await?;
    }
}

fn is_bus_gone(error: &Error) -> bool {
    matches!(error, Error::Bus(zbus::Error::InputOutput(_)))
}
