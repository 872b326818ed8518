//! The talk with one association's server, at its own pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::Link;
use super::exchange::{Exchange, Turn};
use super::pace::Pace;

/// What a talk is to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    /// Whom to speak with; when there is none, only what is left is said.
    pub(super) link: Option<Arc<Link>>,
    /// Some company has a say: an association without a link has ended.
    pub(super) is_followed: bool,
    /// Rises with each wish to speak although nothing waits.
    pub(super) spoken: u64,
}

/// Speaks with a server for as long as its association has something to say, now or later.
pub(super) async fn talk(
    exchange: Arc<Exchange>,
    association: Uuid,
    mut wish: watch::Receiver<Wish>,
) {
    let mut pace = Pace::default();
    let mut spoken = 0;
    let mut is_nudged = false;
    loop {
        let current = wish.borrow_and_update().clone();
        // A nudge that came to nothing still counts at the next try.
        is_nudged |= current.spoken != spoken;
        spoken = current.spoken;
        let pause = match turn(&exchange, association, current, is_nudged).await {
            Turn::Over => return,
            Turn::Done => {
                is_nudged = false;
                pace.reset();
                None
            }
            Turn::Failed => Some(pace.next()),
        };
        // Both arms are cancel-safe: a change of the wish stays marked, and a pause that is cut
        // short has served its purpose.
        tokio::select! {
            changed = wish.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = rest(pause) => {}
        }
    }
}

/// One turn, away from the loop that enforces: it waits for disks and networks. On a thread of its
/// own, since no server may wait for another's.
async fn turn(exchange: &Arc<Exchange>, association: Uuid, wish: Wish, is_nudged: bool) -> Turn {
    let exchange = Arc::clone(exchange);
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name("server".to_owned());
    let turn = move || {
        let turn = exchange.turn(association, &wish, is_nudged);
        if tell.send(turn).is_err() {
            tracing::debug!("who waited for the server has gone");
        }
    };
    if let Err(error) = thread.spawn(turn) {
        tracing::error!("there is no thread for the exchange with the server: {error}");
        return Turn::Failed;
    }
    told.await.unwrap_or_else(|_gone| {
        tracing::error!("the exchange with the server broke down");
        Turn::Failed
    })
}

async fn rest(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
