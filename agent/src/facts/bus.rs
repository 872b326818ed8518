//! The providers' connection to the system bus: there while anything is asked for and the bus runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use zbus::Connection;
use zbus::connection::Builder;

use super::{Complaint, Wanted};
use crate::nearby::{self, Nearby};

/// Longest time for a service to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long to wait after the first, second, … failed attempt at a bus whose socket is there: it
/// may be bound and not yet listen. After the last, only a change beside the socket counts.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// The connection, when there is one.
pub(super) type Bus = watch::Receiver<Option<Connection>>;

/// Keeps `connection` for as long as anything is asked for.
pub(super) async fn keep(
    mut wanted: watch::Receiver<Wanted>,
    socket: PathBuf,
    connection: watch::Sender<Option<Connection>>,
) {
    loop {
        if wanted.wait_for(Wanted::bus).await.is_err() {
            return;
        }
        // Cancel-safe: a connection that is dropped half-way leaves nothing behind.
        let asked = tokio::select! {
            () = join(&socket, &connection) => return,
            changed = wanted.wait_for(|wanted| !wanted.bus()) => changed.is_ok(),
        };
        connection.send_replace(None);
        if !asked {
            return;
        }
    }
}

/// Joins the bus whenever it is there. Ends when the place of its socket cannot be watched.
async fn join(socket: &Path, connection: &watch::Sender<Option<Connection>>) {
    let mut complaint = Complaint::default();
    let mut pauses = PAUSES.iter();
    loop {
        let nearby = match nearby::appeared(socket)
            .await
            .and_then(|()| Nearby::of(&[socket]))
        {
            Ok(nearby) => nearby,
            Err(error) => {
                tracing::error!(
                    "cannot watch for {}: {error}; what its services know stays unknown",
                    socket.display()
                );
                return;
            }
        };
        match connect(socket).await {
            Ok(bus) => {
                complaint.settled();
                pauses = PAUSES.iter();
                connection.send_replace(Some(bus.clone()));
                bus.closed().await;
                connection.send_replace(None);
            }
            Err(error) => {
                complaint.say(format!("cannot ask the system bus for facts: {error}"));
                wait(&nearby, pauses.next().copied()).await;
            }
        }
    }
}

async fn connect(socket: &Path) -> zbus::Result<Connection> {
    let stream = tokio::net::UnixStream::connect(socket).await?.into_std()?;
    Builder::unix_stream(stream)
        .method_timeout(ANSWER)
        .build()
        .await
}

async fn wait(nearby: &Nearby, pause: Option<Duration>) {
    let changed = async {
        if let Err(error) = nearby.changed().await {
            tracing::debug!("cannot wait for a new bus: {error}");
            std::future::pending::<()>().await;
        }
    };
    match pause {
        Some(pause) => {
            // Whichever comes first, the next attempt is due.
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        None => changed.await,
    }
}
