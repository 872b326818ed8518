//! Signals, taken as nudges to look again.

use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_core::Stream;
use zbus::{Connection, MatchRule, MessageStream};

use super::service::{DBUS, Service};

/// Signals that may wait; each only says “look again”.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN;

/// The signals of a service, and of its coming and going, as nudges.
pub(super) struct Nudges {
    streams: Vec<MessageStream>,
    nudged: bool,
    closed: bool,
}

impl Nudges {
    /// Listens; whatever changes from now on is a nudge.
    pub(super) async fn new<S: Service>(bus: &Connection) -> zbus::Result<Self> {
        let mut rules = vec![
            MatchRule::builder()
                .msg_type(zbus::message::Type::Signal)
                .sender(DBUS)
                .interface(DBUS)
                .member("NameOwnerChanged")
                .arg(0, S::NAME)
                .build()?,
        ];
        for signal in S::signals() {
            rules.push(signal.rule(S::NAME)?);
        }
        let mut streams = Vec::new();
        for rule in rules {
            streams.push(MessageStream::for_match_rule(rule, bus, Some(QUEUE)).await?);
        }
        Ok(Self {
            streams,
            nudged: false,
            closed: false,
        })
    }

    /// Takes what has come.
    fn take(&mut self, context: &mut std::task::Context<'_>) {
        for stream in &mut self.streams {
            while let Poll::Ready(message) = Pin::new(&mut *stream).poll_next(context) {
                self.nudged = true;
                if !matches!(message, Some(Ok(_))) {
                    self.closed = true;
                    break;
                }
            }
        }
    }

    /// Runs `work` while taking the nudges that come: a full queue would hold up the answers that
    /// the work waits for. `None` when the connection ended.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.take(context);
            if self.closed {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Waits for a nudge, or takes one that came during work. False when the connection ended.
    pub(super) async fn next(&mut self) -> bool {
        poll_fn(|context| {
            self.take(context);
            if self.nudged || self.closed {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.nudged = false;
        !self.closed
    }
}
