//! What surrounds the device is known from the real services, and rules follow it as it changes.

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, CAMERA, expect};

laws! { from before_the_card:
    a_rule_about_a_network_follows_its_interface,
    a_rule_about_people_follows_logins_and_a_lost_service_restricts,
}

/// Puts in a card with one rule that turns the camera off under a condition.
fn insert(machine: &mut Machine, when: &str) -> Result<()> {
    let policy = format!(
        "[[rules]]\nid = \"around\"\nfunctions = [\"camera\"]\naction = \"disable\"\nwhen.{when}\n"
    );
    scenario::insert(machine, &policy, "")
}

/// The kernel's answer becomes this one, by itself.
fn becomes(machine: &mut Machine, answer: &str) -> Result<()> {
    machine.ok(&format!("lab try until {answer} {CAMERA} --seconds 30"))?;
    Ok(())
}

/// There is no `NetworkManager` in these machines: the kernel itself is asked.
fn a_rule_about_a_network_follows_its_interface(machine: &mut Machine) -> Result<()> {
    insert(machine, "network = { id = \"office0\" }")?;
    becomes(machine, "open")?;
    machine.ok("ip link add office0 type dummy && ip address add 192.0.2.2/24 dev office0 && ip link set office0 up")?;
    becomes(machine, "EPERM")?;
    machine.ok("ip link delete office0")?;
    becomes(machine, "open")
}

fn a_rule_about_people_follows_logins_and_a_lost_service_restricts(
    machine: &mut Machine,
) -> Result<()> {
    insert(machine, "session = { user = \"nobody\" }")?;
    becomes(machine, "open")?;
    machine.ok(
        "systemd-run --quiet --unit=visit --property=User=nobody --property=PAMName=login \
         --setenv=XDG_SESSION_CLASS=user --setenv=XDG_SESSION_TYPE=tty sleep infinity",
    )?;
    becomes(machine, "EPERM")?;
    machine.ok("systemctl stop visit")?;
    becomes(machine, "open")?;
    machine.ok("systemctl mask --runtime --now systemd-logind")?;
    becomes(machine, "EPERM")?;
    let status = scenario::status(machine)?;
    let reason = scenario::text(&status, "/functions/camera/reason");
    ensure!(reason == "rule:around", "{status}");
    machine.ok("systemctl unmask --runtime systemd-logind && systemctl start systemd-logind")?;
    becomes(machine, "open")?;
    expect(machine, "systemctl is-active cardwardend", "active")
}
