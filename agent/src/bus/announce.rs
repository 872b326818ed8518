//! Announcing what changed, and only that: the properties that an object gives now against those
//! that it gave when it was last announced.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use cardwarden_dbus::PATH;
use cardwarden_policy::Function;
use zbus::fdo::Properties;
use zbus::object_server::{Interface, InterfaceRef};
use zbus::{Connection, OwnedVariant, Variant};

use super::object::{AgentObject, AgentObjectSignals as _, FunctionObject};
use super::path;
use crate::denial::Denial;

/// How many refusals are announced at once; a burst beyond them is thinned to one for each
/// [`REFILL`]. Every one is counted in the function's `Denials` all the same.
const BURST: u32 = 20;
/// After how long one more refusal may be announced.
const REFILL: Duration = Duration::from_millis(200);

/// What was last announced of every object.
pub(super) struct Announcer {
    bus: Connection,
    agent: Announced<AgentObject>,
    functions: Vec<Announced<FunctionObject>>,
    allowance: Allowance,
}

impl Announcer {
    /// Starts from what the objects give now.
    pub(super) async fn new(bus: &Connection) -> zbus::Result<Self> {
        let mut functions = Vec::with_capacity(Function::ALL.len());
        for function in Function::ALL {
            functions.push(Announced::new(bus, &path(function)).await?);
        }
        Ok(Self {
            bus: bus.clone(),
            agent: Announced::new(bus, PATH).await?,
            functions,
            allowance: Allowance::full(Instant::now()),
        })
    }

    /// Announces every property that changed: functions first, so that whoever waits for
    /// `Settled` then finds them as they are.
    pub(super) async fn changed(&mut self) -> zbus::Result<()> {
        for function in &mut self.functions {
            function.announce(&self.bus).await?;
        }
        self.agent.announce(&self.bus).await
    }

    /// Announces a refusal, unless there were too many just now.
    pub(super) async fn denied(&mut self, denial: &Denial) -> zbus::Result<()> {
        if !self.allowance.take(Instant::now()) {
            return Ok(());
        }
        let Denial {
            function,
            reason,
            program,
            pid,
            uid,
            at,
        } = denial;
        let at = at.as_second();
        self.agent
            .object
            .denied(function, reason, program, *pid, *uid, at)
            .await
    }
}

/// One object, with the properties that were last announced.
struct Announced<I: Interface> {
    object: InterfaceRef<I>,
    properties: HashMap<String, OwnedVariant>,
}

impl<I: Interface> Announced<I> {
    async fn new(bus: &Connection, path: &str) -> zbus::Result<Self> {
        let object = bus.object_server().interface::<_, I>(path).await?;
        let properties = read(bus, &object).await?;
        Ok(Self { object, properties })
    }

    async fn announce(&mut self, bus: &Connection) -> zbus::Result<()> {
        let before = std::mem::replace(&mut self.properties, read(bus, &self.object).await?);
        let changed = self
            .properties
            .iter()
            .filter(|(name, value)| before.get(*name) != Some(*value))
            .map(|(name, value)| Ok((name.as_str(), Variant::try_from(value)?)))
            .collect::<zbus::Result<HashMap<_, _>>>()?;
        if changed.is_empty() {
            return Ok(());
        }
        let emitter = self.object.signal_emitter();
        Properties::properties_changed(emitter, I::name(), changed, Cow::Borrowed(&[])).await
    }
}

async fn read<I: Interface>(
    bus: &Connection,
    object: &InterfaceRef<I>,
) -> zbus::Result<HashMap<String, OwnedVariant>> {
    let interface = object.get().await;
    Ok(interface
        .get_all(bus.object_server(), bus, None, object.signal_emitter())
        .await?)
}

/// How many refusals may be announced; fills up while nobody asks, without a timer.
struct Allowance {
    left: u32,
    filled: Instant,
}

impl Allowance {
    const fn full(now: Instant) -> Self {
        Self {
            left: BURST,
            filled: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled);
        let earned = elapsed
            .as_millis()
            .checked_div(REFILL.as_millis())
            .unwrap_or_default();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(earned).min(BURST);
            self.filled = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_refusals_is_thinned_and_quiet_restores_it() {
        let start = Instant::now();
        let mut allowance = Allowance::full(start);
        let announced = (0..1000).filter(|_| allowance.take(start)).count();
        assert_eq!(announced, 20);
        assert!(allowance.take(start + REFILL));
        assert!(!allowance.take(start + REFILL));
        let later = start + Duration::from_hours(1);
        assert_eq!((0..1000).filter(|_| allowance.take(later)).count(), 20);
    }
}
