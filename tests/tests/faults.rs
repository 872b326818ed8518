//! Faults: whatever ends, floods, fills or delays the agent, nothing opens and nothing is lost.

use anyhow::{Result, ensure};
use cardwarden_tests::faults;
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::pins::Kernel;
use cardwarden_tests::power;
use cardwarden_tests::scenario::{self, LOOSE, OFFICE, expect, is_off, is_on, unguarded};

/// Of each machine; `cargo xtask bench faults` has more.
const STARTS: u64 = 60;
const POLICIES: u64 = 8;
const CHANGES: u64 = 40;

/// Policies that come while the power is cut at every write, and states of the cuts with which an agent is started.
const UNDER_CUTS: usize = 8;
const STARTS_AFTER_CUTS: usize = 4;

laws! { from fresh:
    whenever_the_agent_is_killed_nothing_opens_and_nothing_is_lost,
    who_opens_the_camera_all_the_time_meets_the_policy_in_force,
    a_storm_of_events_hides_no_device,
    services_that_start_anew_beside_the_agent_change_nothing,
    a_state_that_cannot_be_written_stays_and_so_does_what_is_in_force,
}

laws! { from before_the_card:
    a_full_disk_changes_nothing,
}

/// One kernel: what is on the medium after a cut is for the file system to say, and it is the same.
#[test]
fn a_power_cut_at_any_write_loses_nothing() -> Result<()> {
    let found = power::cut(Kernel::V6_12, UNDER_CUTS, STARTS_AFTER_CUTS)?;
    ensure!(found.lost == 0 && found.gaps == 0, "{found:?}");
    ensure!(found.cuts >= 500, "too few: {found:?}");
    Ok(())
}

fn whenever_the_agent_is_killed_nothing_opens_and_nothing_is_lost(
    machine: &mut Machine,
) -> Result<()> {
    faults::prepare(machine)?;
    let found = faults::kill(machine, STARTS, POLICIES)?;
    ensure!(found.gaps == 0 && found.lost == 0, "{found:?}");
    ensure!(2 * found.kills > STARTS + POLICIES, "{found:?}");
    Ok(())
}

fn who_opens_the_camera_all_the_time_meets_the_policy_in_force(
    machine: &mut Machine,
) -> Result<()> {
    faults::prepare(machine)?;
    let met = faults::change(machine, CHANGES)?;
    ensure!(met.opened == 0 && met.refused == 0, "{met:?}");
    Ok(())
}

/// Every port is closed, and a device that nothing is said of is given: by the agent, which has to hear of it.
const CLOSED: &str = "\n[[rules]]\nid = \"named\"\nfunctions = [\"usb\"]\naction = \"disable\"\ndeny = [{ id = \"0627:ffff\" }]\n";

/// The kernel tells of ten thousand events, and of a device in the middle, while the agent does not listen.
fn a_storm_of_events_hides_no_device(machine: &mut Machine) -> Result<()> {
    scenario::insert(machine, &unguarded(&format!("{LOOSE}{CLOSED}")), "")?;
    let storm = |events: u32| {
        format!(
            "python3 -c 'for turn in range({events}): open(\"/sys/class/mem/null/uevent\", \"w\").write(\"change\")'"
        )
    };
    // Fewer at first: who plugs it in waits for udev.
    machine.ok(&format!(
        "set -e
        kill -STOP $(systemctl show -P MainPID cardwardend)
        {}
        lab plug usb-keyboard
        {}",
        storm(1000),
        storm(9000),
    ))?;
    // The ninth column: what did not fit; the last: the socket (`netlink_native_seq_show`, `net/netlink/af_netlink.c`).
    expect(
        machine,
        r#"agent=$(systemctl show -P MainPID cardwardend)
        own=$(ls -l /proc/$agent/fd | sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p' | tr '\n' ' ')
        awk -v own=" $own" '$2 == 15 && $9 > 0 && index(own, " " $NF " ") { lost = 1 } END { print lost + 0 }' /proc/net/netlink"#,
        "1",
    )?;
    machine.ok("kill -CONT $(systemctl show -P MainPID cardwardend)
        timeout 60 sh -c 'until ls -d /sys/bus/usb/drivers/usbhid/[0-9]*:*; do cardwarden status >/dev/null; done'")?;
    Ok(())
}

fn services_that_start_anew_beside_the_agent_change_nothing(machine: &mut Machine) -> Result<()> {
    machine.ok("lab plug camera && lab plug bluetooth")?;
    scenario::insert(machine, OFFICE, "")?;
    for service in ["pcscd", "cardwarden-server", "dbus"] {
        machine.ok(&format!("systemctl restart {service}"))?;
        expect(
            machine,
            "lab try open /dev/video0; lab try bluetooth",
            "EPERM EPERM",
        )?;
    }
    // It is on the new bus, hears the new card service, and speaks with the new server.
    machine.ok(
        "timeout 60 sh -c 'until cardwarden wait --settled --timeout 30; do udevadm settle; done'",
    )?;
    scenario::send(machine, LOOSE, "--version 7")?;
    expect(machine, "lab try open /dev/video0", "open")?;
    scenario::insert(machine, OFFICE, "--version 8")?;
    expect(machine, "lab try open /dev/video0", "EPERM")?;
    machine.ok("lab settle 60 --reported").map(drop)
}

fn a_state_that_cannot_be_written_stays_and_so_does_what_is_in_force(
    machine: &mut Machine,
) -> Result<()> {
    machine.ok("lab plug camera && lab plug bluetooth")?;
    scenario::insert(machine, &unguarded(OFFICE), "")?;
    machine.ok("lab settle 60 --reported")?;
    // Busy while the agent writes.
    let remount = |how: &str| {
        format!(
            "agent=$(systemctl show -P MainPID cardwardend)
            timeout 30 sh -c \"until nsenter --mount --target $agent mount -o remount,bind,{how} /var/lib/cardwarden; do udevadm settle; done\""
        )
    };
    machine.ok(&remount("ro"))?;
    machine.put("/srv/later.toml", 0o644, unguarded(LOOSE).as_bytes())?;
    let said = machine.sh("lab send /srv/later.toml --version 9")?;
    ensure!(
        said.status != 0 && said.stderr.contains("could not be saved"),
        "it is taken, or not said why not: {}{}",
        said.stdout,
        said.stderr
    );
    machine.ok("lab settle")?;
    is_off(machine)?;
    machine.ok(&remount("rw"))?;
    machine.ok("lab send /srv/later.toml --version 10 && lab settle")?;
    is_on(machine)
}

/// What cannot be kept does not count: the old policy is in force, before and after a restart of the agent, and the new
/// one when there is room.
fn a_full_disk_changes_nothing(machine: &mut Machine) -> Result<()> {
    scenario::insert(machine, &unguarded(OFFICE), "--version 1")?;
    machine.put("/srv/on.toml", 0o644, unguarded(LOOSE).as_bytes())?;
    machine.ok(
        "lab send /srv/on.toml --version 2 --out /srv/sent && systemctl stop cardwarden-server",
    )?;
    machine.sh("dd if=/dev/zero of=/var/lib/lab/filler bs=64k; dd if=/dev/zero of=/var/lib/lab/filler2 bs=1")?;
    let applied = machine.sh("cardwarden policy apply /srv/sent")?;
    ensure!(
        applied.status != 0,
        "it was accepted, and there is no room for it"
    );
    is_off(machine)?;
    machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 60")?;
    is_off(machine)?;
    machine.ok("rm /var/lib/lab/filler /var/lib/lab/filler2 && cardwarden policy apply /srv/sent && lab settle")?;
    is_on(machine)
}
