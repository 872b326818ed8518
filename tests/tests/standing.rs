//! What a company's policy disables stays off, whatever happens to card, agent and machine, until the company lets
//! the device go.

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, CAMERA, expect, is_off, is_on};

laws! { from with_the_card:
    removing_the_card_keeps_the_camera_off,
    killing_the_agent_opens_nothing_for_a_moment,
    stopping_the_agent_keeps_the_camera_off,
    a_reboot_refuses_before_any_login,
    a_power_cut_changes_nothing,
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
    let policy = scenario::OFFICE.to_owned()
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
