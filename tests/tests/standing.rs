//! What a company's policy disables stays off, whatever happens to card, agent and machine, until the company lets
//! the device go.

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, CAMERA, OFFICE, expect, is_off, is_on};
use serde_json::Value;

laws! { from with_the_card:
    removing_the_card_keeps_the_camera_off,
    killing_the_agent_opens_nothing_for_a_moment,
    stopping_the_agent_keeps_the_camera_off,
    a_reboot_refuses_before_any_login,
    a_power_cut_changes_nothing,
    another_version_of_the_agent_waits_for_the_next_start_and_opens_nothing,
    another_version_takes_over_at_once_where_no_company_has_a_say,
    what_is_unmounted_is_free_though_the_agent_started_while_it_was_mounted,
    a_release_gives_everything_back_and_the_server_knows,
    a_release_for_another_device_changes_nothing,
}
laws! { from before_the_card:
    a_weekly_window_ends_by_itself,
}

fn removing_the_card_keeps_the_camera_off(machine: &mut Machine) -> Result<()> {
    machine.ok("lab card remove && lab settle")?;
    is_off(machine)
}

/// Something tries to open the camera all the time while the agent is killed, starts again, and is restarted.
fn killing_the_agent_opens_nothing_for_a_moment(machine: &mut Machine) -> Result<()> {
    let script = format!(
        "set -e
        lab try hammer {CAMERA} --until /srv/enough >/srv/hammered & hammer=$!
        old=$(systemctl show -P MainPID cardwardend)
        systemctl kill --signal=KILL cardwardend
        lab try open {CAMERA}
        timeout 30 sh -c 'until [ \"$(systemctl show -P MainPID cardwardend)\" -gt 0 ] && systemctl is-active -q cardwardend; do udevadm settle; done'
        test \"$(systemctl show -P MainPID cardwardend)\" != \"$old\"
        cardwarden wait --settled --timeout 30
        systemctl restart cardwardend
        cardwarden wait --settled --timeout 30
        touch /srv/enough
        wait $hammer
        cat /srv/hammered"
    );
    let said = machine.ok(&script)?;
    let refused: Vec<&str> = said.split_whitespace().collect();
    let [during, "open", opened, "refused", refused] = refused.as_slice() else {
        anyhow::bail!("not understood: {said}")
    };
    ensure!(*during == "EPERM", "while the agent was dead: {during}");
    ensure!(
        *opened == "0" && refused.parse::<u64>()? > 100,
        "the hammer: {said}"
    );
    is_off(machine)
}

fn stopping_the_agent_keeps_the_camera_off(machine: &mut Machine) -> Result<()> {
    machine.ok("systemctl stop cardwardend")?;
    is_off(machine)?;
    machine.ok("systemctl start cardwardend && cardwarden wait --settled --timeout 30")?;
    is_off(machine)
}

fn a_reboot_refuses_before_any_login(machine: &mut Machine) -> Result<()> {
    let early = format!(
        "modprobe vivid n_devs=1 node_types=0x1\nlab try open {CAMERA}\nlab try bluetooth\nsystemctl is-active systemd-user-sessions.service\ntrue\n"
    );
    machine.put("/var/lib/lab/early", 0o755, early.as_bytes())?;
    machine.reboot()?;
    expect(
        machine,
        "cat /var/lib/lab/early.log",
        "EPERM EPERM inactive",
    )?;
    machine.ok("lab settle")?;
    is_off(machine)?;
    let status = scenario::status(machine)?;
    ensure!(
        scenario::text(&status, "/association/company") == "B Company",
        "after the reboot: {status}"
    );
    Ok(())
}

fn a_power_cut_changes_nothing(machine: &mut Machine) -> Result<()> {
    machine.cut_power()?;
    machine.ok("lab plug camera && lab settle")?;
    is_off(machine)
}

/// As a package's new version comes: another file gets the name, and the service is started anew. The version that the
/// guard knows goes on, so that what the next hour asks for still happens; the new one takes over at the next start.
fn another_version_of_the_agent_waits_for_the_next_start_and_opens_nothing(
    machine: &mut Machine,
) -> Result<()> {
    let replace = format!(
        "set -e
        lab try hammer {CAMERA} --until /srv/enough >/srv/hammered & hammer=$!
        cp /usr/libexec/cardwardend /usr/libexec/cardwardend.dpkg-new
        echo >>/usr/libexec/cardwardend.dpkg-new
        mv /usr/libexec/cardwardend.dpkg-new /usr/libexec/cardwardend
        systemctl restart cardwardend
        cardwarden wait --settled --timeout 30
        touch /srv/enough
        wait $hammer
        cut -d' ' -f1,2 /srv/hammered"
    );
    expect(machine, &replace, "open 0")?;
    let waits = |status: &Value| status.to_string().contains("another version");
    let status = scenario::status(machine)?;
    ensure!(waits(&status), "nothing is said of it: {status}");
    ensure!(scenario::text(&status, "/guard") == "up", "{status}");
    machine.reboot()?;
    machine.ok("lab plug camera && lab settle")?;
    let status = scenario::status(machine)?;
    ensure!(!waits(&status), "it still waits: {status}");
    is_off(machine)
}

/// While no company has a say there is nothing to keep, and whichever version is installed is the agent.
fn another_version_takes_over_at_once_where_no_company_has_a_say(
    machine: &mut Machine,
) -> Result<()> {
    machine.ok("lab settle 60 --reported && lab card remove && lab release && lab settle")?;
    machine.ok("set -e
        cp /usr/libexec/cardwardend /usr/libexec/cardwardend.dpkg-new
        echo >>/usr/libexec/cardwardend.dpkg-new
        mv /usr/libexec/cardwardend.dpkg-new /usr/libexec/cardwardend
        systemctl restart cardwardend
        cardwarden wait --settled --timeout 30")?;
    scenario::insert(machine, OFFICE, "--version 9")?;
    for _ in 0..2 {
        let status = scenario::status(machine)?;
        let problems = status.get("problems").and_then(Value::as_array);
        ensure!(problems.is_some_and(Vec::is_empty), "{status}");
        ensure!(scenario::text(&status, "/guard") == "up", "{status}");
        is_off(machine)?;
        machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
    }
    Ok(())
}

/// Its mounts are its own, and it keeps nobody's disk in them.
fn what_is_unmounted_is_free_though_the_agent_started_while_it_was_mounted(
    machine: &mut Machine,
) -> Result<()> {
    machine.ok("set -e
        truncate -s 8M /srv/disk && mke2fs -q -F /srv/disk && mkdir /srv/stick
        disk=$(losetup --find --show /srv/disk)
        mount $disk /srv/stick
        systemctl restart cardwardend && cardwarden wait --settled --timeout 30
        umount /srv/stick
        mke2fs -q $disk")?;
    Ok(())
}

fn a_release_gives_everything_back_and_the_server_knows(machine: &mut Machine) -> Result<()> {
    machine.ok("lab settle 60 --reported && lab card remove && lab settle")?;
    machine.ok("lab release && lab settle")?;
    is_on(machine)?;
    machine.ok(&format!(
        "v4l2-ctl -d {CAMERA} --set-fmt-video=width=320,height=180 --stream-mmap --stream-count=2 --stream-to=/dev/null"
    ))?;
    expect(machine, "lab as-user lab try bluetooth", "open")?;
    machine.ok("lab settle 60 --reported")?;
    let told = scenario::outcomes(machine)?;
    ensure!(
        told.iter()
            .any(|outcome| outcome.to_string().contains("\"released\"")),
        "the server was told {told:?}"
    );
    Ok(())
}

/// A release names a device and its association; one for another, or for an association that has ended, is refused.
fn a_release_for_another_device_changes_nothing(machine: &mut Machine) -> Result<()> {
    let other = "cardwarden release issue --company 'B Company' --key /var/lib/lab/companies/b-company/key.pem --out /srv/other \
        --device urn:uuid:00000000-0000-4000-8000-000000000000 --association 00000000-0000-4000-8000-000000000000";
    machine.ok(other)?;
    let applied = machine.sh("cardwarden release apply /srv/other")?;
    ensure!(applied.status != 0, "it was accepted");
    is_off(machine)
}

fn a_weekly_window_ends_by_itself(machine: &mut Machine) -> Result<()> {
    let policy = OFFICE.to_owned()
        + "when.weekly = { days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], from = \"08:00\", to = \"18:00\", zone = \"UTC\" }\n";
    machine.ok("date --utc --set 'next monday 17:59:20' && cardwarden sync")?;
    scenario::insert(machine, &policy, "")?;
    is_off(machine)?;
    let status = scenario::status(machine)?;
    let generation = scenario::number(&status, "/generation");
    machine.ok(&format!(
        "cardwarden wait --settled --after {generation} --timeout 90"
    ))?;
    while machine.ok("date --utc +%H%M")? == "1759" {
        let status = scenario::status(machine)?;
        let generation = scenario::number(&status, "/generation");
        machine.ok(&format!(
            "cardwarden wait --settled --after {generation} --timeout 90"
        ))?;
    }
    is_on(machine)
}
