//! How soon what runs is stopped, and what is opened anew refused, when a policy's time comes.

use anyhow::{Context as _, Result, ensure};

use super::{Figure, number};
use crate::machine::Machine;
use crate::pins::Kernel;
use crate::scenario;

/// From when on camera and microphone are off: a moment that is known before, so that nothing but the agent and the
/// kernel lies between it and the last frame.
fn policy(from: &str) -> String {
    format!(
        "contact = \"security@b-company.example\"\n\n[[rules]]\nid = \"from\"\nfunctions = [\"camera\", \"microphone\"]\naction = \"disable\"\nwhen.period = {{ from = \"{from}\", to = \"2100-01-01\", zone = \"UTC\" }}\n"
    )
}

/// Milliseconds between the policy's moment and what each says of itself, with 10,000 rules, all others
/// about USB devices.
pub(super) fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    let mut machine = scenario::fresh(Kernel::V6_1)?;
    machine.ok("lab plug camera && lab plug microphone")?;
    machine.ok("date --utc --set 'next monday 17:59:30' && cardwarden sync")?;
    let from = machine.ok("date --utc +%FT18:00")?;
    let at = number(&machine.ok(&format!("date --utc --date '{from}Z' +%s"))?)? * 1000.0;
    scenario::insert(&mut machine, scenario::LOOSE, "")?;
    let many = format!(
        "{}{}",
        policy(&from),
        scenario::usb_rules(scenario::MOST_RULES - 1)
    );
    scenario::send(&mut machine, &many, "")?;
    machine.ok("lab hold camera && lab hold microphone --path /dev/snd/pcmC0D0c")?;
    let refused = machine.ok("lab try until EPERM /dev/video0 --seconds 60")?;
    let refused = refused.split_whitespace().next().unwrap_or_default();
    figures.push(Figure {
        key: "revoke.new_open_ms",
        value: number(refused)? - at,
        bound: Some(20.0),
        unit: "ms",
    });
    for (key, program) in [
        ("revoke.camera_ms", "camera"),
        ("revoke.microphone_ms", "microphone"),
    ] {
        figures.push(Figure {
            key,
            value: (last(&mut machine, program)? - at).max(0.0),
            bound: Some(50.0 + FRAME),
            unit: "ms, last frame",
        });
    }
    Ok(())
}

/// A frame's time: vivid's camera has 30 a second at most, the microphone is read a twentieth of a second at a time.
const FRAME: f64 = 50.0;

/// When it got something for the last time.
fn last(machine: &mut Machine, program: &str) -> Result<f64> {
    let said = machine.ok(&format!("lab held {program} --stopped 20"))?;
    let mut words = said.split_whitespace();
    ensure!(words.next() == Some("stopped"), "{program}: {said}");
    number(words.nth(1).context("no time")?)
}
