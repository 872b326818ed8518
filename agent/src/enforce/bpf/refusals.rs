//! The ring buffer of refusals, as an asynchronous stream of typed records.

use std::io;

use aya::maps::{MapData, RingBuf};
use cardwarden_ebpf_abi::Denial as Record;
use cardwarden_ebpf_abi::guard::{Act, GUARD};
use nix::time::{ClockId, clock_gettime};
use tokio::io::unix::AsyncFd;
use zerocopy::FromBytes as _;

use cardwarden_policy::Function;

use crate::ready::readable;

/// Most records taken at once; the rest wait in the kernel, and what it has no room for is still
/// counted.
const BATCH: usize = 64;

/// What somebody tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Tried {
    /// To use a function.
    Function(Function),
    /// To undo what is in force.
    Undo(Act),
}

/// One refusal, as the kernel told it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refused {
    /// What was tried.
    pub(crate) tried: Tried,
    /// Which counter counted it.
    pub(crate) counter: u16,
    /// The program's name.
    pub(crate) program: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its user.
    pub(crate) uid: u32,
    /// Whether it was told of and not refused.
    pub(crate) is_audited: bool,
}

/// The stream.
pub(crate) struct Refusals(AsyncFd<RingBuf<MapData>>);

impl Refusals {
    /// Listens to a ring buffer.
    pub(crate) fn new(events: RingBuf<MapData>) -> io::Result<Self> {
        readable(events).map(Self)
    }

    /// Waits for refusals. Safe to cancel: nothing is taken before it returns.
    pub(crate) async fn next(&mut self) -> io::Result<Vec<Refused>> {
        loop {
            let mut ready = self.0.readable_mut().await?;
            let events = ready.get_inner_mut();
            let mut batch = Vec::new();
            while let Some(item) = events.next() {
                batch.extend(parse(&item));
                if batch.len() >= BATCH {
                    return Ok(batch);
                }
            }
            ready.clear_ready();
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}

/// A record that is no record of ours is left out.
fn parse(bytes: &[u8]) -> Option<Refused> {
    let record = Record::read_from_bytes(bytes).ok()?;
    let name = record
        .comm
        .iter()
        .copied()
        .take_while(|byte| *byte != 0)
        .collect::<Vec<u8>>();
    Some(Refused {
        tried: tried(&record)?,
        counter: record.counter,
        program: String::from_utf8_lossy(&name).into_owned(),
        pid: record.tgid,
        uid: record.uid,
        is_audited: record.audited != 0,
    })
}

fn tried(record: &Record) -> Option<Tried> {
    if record.function == GUARD {
        let act = Act::ALL
            .into_iter()
            .find(|act| act.number() == record.major);
        return act.map(Tried::Undo);
    }
    super::table::function(record.function).map(Tried::Function)
}

/// `CLOCK_BOOTTIME` in nanoseconds.
pub(super) fn boot_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::try_from(time.tv_nsec()).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let parsed = parse(&bytes);
            prop_assert!(parsed.is_none() || bytes.len() == size_of::<Record>());
        }
    }
}
