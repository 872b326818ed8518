//! What scenario tests share: machines in a known state, attempts, and evidence when a law does not hold.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::lab;
use crate::machine::Machine;
use crate::pins::{System, Tier};

/// The policy of "B Company" in most tests: camera and Bluetooth are off.
pub const OFFICE: &str = r#"contact = "security@b-company.example"

[[rules]]
id = "office"
functions = ["camera", "bluetooth"]
action = "disable"
notify = "No pictures and no radio in the office."
"#;

/// A policy that switches nothing off.
pub const LOOSE: &str = "contact = \"security@b-company.example\"\n";

/// The same policy for a machine on which root may undo what is in force: where a law is about something else than
/// the guard.
pub fn unguarded(policy: &str) -> String {
    format!("guard = \"off\"\n{policy}")
}

const DEVICES: &str = "set -e\nlab plug camera\nlab plug bluetooth\nmkdir /srv/copies\nmknod -m 666 /srv/copies/camera c 81 0\nlab settle\n";

/// A copy of the camera's node that everybody may open as far as its mode goes, made before any card.
pub const COPY: &str = "/srv/copies/camera";

/// The camera's node in a machine where it is plugged in.
pub const CAMERA: &str = "/dev/video0";

/// A machine as it is after its first start.
pub fn fresh(system: impl Into<System>) -> Result<Machine> {
    lab::ready(system)
}

/// A machine with camera and Bluetooth plugged in, and no card yet.
pub fn before_the_card(system: impl Into<System>) -> Result<Machine> {
    lab::prepared(system, DEVICES)
}

/// The same machine with the card of [`OFFICE`] put in, and everything applied.
pub fn with_the_card(system: impl Into<System>) -> Result<Machine> {
    let write = format!("cat >/srv/policy.toml <<'END'\n{OFFICE}END\n");
    lab::prepared(
        system,
        &format!("{DEVICES}{write}lab card insert /srv/policy.toml\nlab settle\n"),
    )
}

/// Holds a law against a machine; keeps the evidence if it is broken.
pub fn holds(mut machine: Machine, law: impl FnOnce(&mut Machine) -> Result<()>) -> Result<()> {
    let result = law(&mut machine);
    if result.is_err() {
        machine.keep_evidence();
    }
    result
}

/// Puts in a card with this policy and waits until the agent is done with it.
pub fn insert(machine: &mut Machine, policy: &str, options: &str) -> Result<()> {
    machine.put("/srv/policy.toml", 0o644, policy.as_bytes())?;
    machine.ok(&format!(
        "lab card insert /srv/policy.toml {options} && lab settle"
    ))?;
    Ok(())
}

/// The company sends a policy in a file; waits until the agent is done with it.
pub fn send(machine: &mut Machine, policy: &str, options: &str) -> Result<()> {
    machine.put("/srv/sent.toml", 0o644, policy.as_bytes())?;
    machine.ok(&format!("lab send /srv/sent.toml {options} && lab settle"))?;
    Ok(())
}

/// As many rules as a policy may have.
pub const MOST_RULES: u32 = 10_000;

/// So many rules about one USB device each, none of which is there.
pub fn usb_rules(count: u32) -> String {
    (0..count).map(usb_rule).collect()
}

fn usb_rule(number: u32) -> String {
    let (vendor, product) = (0x4000 + number / 0x1000, number % 0x1000);
    format!(
        "\n[[rules]]\nid = \"usb-{number}\"\nfunctions = [\"usb\"]\naction = \"disable\"\ndeny = [{{ id = \"{vendor:04x}:{product:04x}\" }}]\n"
    )
}

/// Camera and Bluetooth are refused, to root; how, is for the tier to say.
pub fn is_off(machine: &mut Machine) -> Result<()> {
    expect(machine, &format!("lab try open {CAMERA}"), "EPERM")?;
    match machine.system().tier {
        Tier::Kernel => expect(machine, "lab try bluetooth", "EPERM"),
        Tier::KernelOpen => expect(machine, RADIO, "1"),
    }
}

/// Camera and Bluetooth work, for root.
pub fn is_on(machine: &mut Machine) -> Result<()> {
    expect(machine, &format!("lab try open {CAMERA}"), "open")?;
    if machine.system().tier == Tier::KernelOpen {
        expect(machine, RADIO, "0")?;
    }
    expect(machine, "lab try bluetooth", "open")
}

/// Whether the radio is blocked: without programs at LSM hooks, that is how Bluetooth is off.
const RADIO: &str = "cat /sys/class/bluetooth/hci0/rfkill*/soft";

/// A command succeeds and prints exactly this (spaces and line ends count as one space).
pub fn expect(machine: &mut Machine, command: &str, wanted: &str) -> Result<()> {
    let printed = machine.ok(command)?;
    let printed: Vec<&str> = printed.split_whitespace().collect();
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    ensure!(
        printed == wanted,
        "`{command}` printed {printed:?}, not {wanted:?}"
    );
    Ok(())
}

/// What `cardwarden status --json` says.
pub fn status(machine: &mut Machine) -> Result<Value> {
    let text = machine.ok("cardwarden status --json")?;
    serde_json::from_str(&text).context("read the status")
}

/// A text in a JSON value, by pointer; empty if it is not there.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A number in a JSON value, by pointer; 0 if it is not there.
pub fn number(value: &Value, pointer: &str) -> u64 {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// The codes of the status's problems.
pub fn problems(machine: &mut Machine) -> Result<Vec<String>> {
    let status = status(machine)?;
    let list = status
        .get("problems")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let code = |problem: &Value| {
        problem
            .get("code")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Ok(list.iter().filter_map(code).collect())
}

/// What the server was told.
pub fn outcomes(machine: &mut Machine) -> Result<Vec<Value>> {
    let text = machine.ok("lab server outcomes --json")?;
    serde_json::from_str(&text).context("read the server's list")
}

/// Makes one `#[test]` for each kernel of each law: a law is a function over a machine, and every law of the list
/// starts from the same state. With `in both tiers`, there is one more for each kernel started without the `bpf`
/// LSM.
#[macro_export]
macro_rules! laws {
    (from $start:ident: $($law:ident),+ $(,)?) => {$(
        mod $law {
            $crate::law!(on_6_1, V6_1, Kernel, $start, $law);
            $crate::law!(on_6_12, V6_12, Kernel, $start, $law);
        }
    )+};
    (from $start:ident in both tiers: $($law:ident),+ $(,)?) => {$(
        mod $law {
            $crate::law!(on_6_1, V6_1, Kernel, $start, $law);
            $crate::law!(on_6_12, V6_12, Kernel, $start, $law);
            $crate::law!(on_6_1_without_lsm, V6_1, KernelOpen, $start, $law);
            $crate::law!(on_6_12_without_lsm, V6_12, KernelOpen, $start, $law);
        }
    )+};
    (from $start:ident in kernel_open: $($law:ident),+ $(,)?) => {$(
        mod $law {
            $crate::law!(on_6_1_without_lsm, V6_1, KernelOpen, $start, $law);
            $crate::law!(on_6_12_without_lsm, V6_12, KernelOpen, $start, $law);
        }
    )+};
}

/// One test of [`laws!`].
#[macro_export]
macro_rules! law {
    ($name:ident, $kernel:ident, $tier:ident, $start:ident, $law:ident) => {
        #[test]
        fn $name() -> anyhow::Result<()> {
            let system = $crate::pins::System {
                kernel: $crate::pins::Kernel::$kernel,
                tier: $crate::pins::Tier::$tier,
            };
            $crate::scenario::holds($crate::scenario::$start(system)?, super::$law)
        }
    };
}
