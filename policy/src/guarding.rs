//! What is to be guarded against being undone: [`guarding`].

use crate::decide::{Decision, Standing};
use crate::document::Guard;
use crate::function::{Function, Verdict};

/// What the guard is to keep, beside the enforcement and the agent themselves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five things, each kept or not by itself"
)]
pub struct Guarding {
    /// Switches of USB devices and of drivers.
    pub devices: bool,
    /// The soft block of radios.
    pub radio: bool,
    /// Infrared protocols.
    pub infrared: bool,
    /// What makes the device a USB gadget.
    pub gadget: bool,
    /// The clock.
    pub clock: bool,
}

/// What is to be guarded while this is to hold; nothing, where no company asks for it.
///
/// A policy that cannot be read is guarded like one that asks. The clock is guarded while time may change
/// what holds, and is known: a clock that is wrong must be set.
pub fn guarding(
    standings: &[Standing],
    decision: &Decision,
    is_time_known: bool,
) -> Option<Guarding> {
    let asks = |standing: &Standing| match standing {
        Standing::Absent => false,
        Standing::Unproven { .. } => true,
        Standing::Proven(mandate) => mandate.policy.guard == Guard::On,
    };
    if !standings.iter().any(asks) {
        return None;
    }
    let is_off = |function: Function| {
        let ruling = decision.rulings.get(&function);
        ruling.is_some_and(|ruling| ruling.verdict == Verdict::Disabled)
    };
    let any = Function::ALL.into_iter().any(is_off);
    let radios = [Function::Bluetooth, Function::Nfc];
    Some(Guarding {
        devices: any || decision.names_devices,
        radio: radios.into_iter().any(is_off),
        infrared: is_off(Function::Infrared),
        gadget: is_off(Function::UsbGadget),
        clock: is_time_known && decision.until.is_some(),
    })
}
