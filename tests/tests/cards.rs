//! A card that is not right changes nothing, and the reason is said once and clearly.

use anyhow::{Context as _, Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{OFFICE, insert, is_off, is_on, problems};

laws! { from before_the_card:
    a_card_that_is_not_believed_turns_nothing_off,
    a_card_that_does_not_work_turns_nothing_off,
}
laws! { from with_the_card:
    a_card_that_is_not_right_leaves_in_force_what_was,
    an_older_policy_is_refused,
    without_the_card_service_what_was_in_force_stays,
    a_full_disk_leaves_in_force_what_was,
}

/// Nothing is off in this one: it would loosen everything.
const LOOSE: &str = "contact = \"security@b-company.example\"\n";

fn a_card_that_is_not_believed_turns_nothing_off(machine: &mut Machine) -> Result<()> {
    let cards = [
        "--company Stranger",
        "--tamper unsigned",
        "--tamper wrong-signature",
        "--tamper truncated",
        "--tamper oversized",
        "--tamper group-hash",
        "--copied",
    ];
    for card in cards {
        insert(machine, OFFICE, card)?;
        is_on(machine).with_context(|| card.to_owned())?;
        ensure!(
            !problems(machine)?.is_empty(),
            "{card}: nobody says what is wrong"
        );
        machine.ok("lab card remove && lab settle")?;
    }
    // And a good one is taken after all of them.
    insert(machine, OFFICE, "--version 9")?;
    is_off(machine)
}

fn a_card_that_does_not_work_turns_nothing_off(machine: &mut Machine) -> Result<()> {
    for fault in ["drop-after:2", "drop-after:6", "garbage", "endless-61xx"] {
        insert(machine, OFFICE, &format!("--fault {fault}"))?;
        is_on(machine).with_context(|| fault.to_owned())?;
        machine.sh("lab card remove; lab settle")?;
    }
    insert(machine, OFFICE, "--version 9")?;
    is_off(machine)
}

fn a_card_that_is_not_right_leaves_in_force_what_was(machine: &mut Machine) -> Result<()> {
    for card in [
        "--company Stranger",
        "--tamper wrong-signature",
        "--fault drop-after:4",
    ] {
        insert(machine, LOOSE, &format!("{card} --version 7"))?;
        is_off(machine).with_context(|| card.to_owned())?;
    }
    Ok(())
}

fn an_older_policy_is_refused(machine: &mut Machine) -> Result<()> {
    insert(machine, OFFICE, "--version 5")?;
    insert(machine, LOOSE, "--version 4")?;
    is_off(machine)?;
    ensure!(
        !problems(machine)?.is_empty(),
        "nobody says that it is older"
    );
    insert(machine, LOOSE, "--version 6")?;
    is_on(machine)
}

fn without_the_card_service_what_was_in_force_stays(machine: &mut Machine) -> Result<()> {
    machine.ok("systemctl stop lab-card pcscd.socket pcscd.service && systemctl mask --runtime pcscd.socket pcscd.service")?;
    is_off(machine)?;
    machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
    is_off(machine)?;
    machine.ok(
        "systemctl unmask --runtime pcscd.socket pcscd.service && systemctl start pcscd.socket",
    )?;
    insert(machine, LOOSE, "--version 8")?;
    is_on(machine)
}

fn a_full_disk_leaves_in_force_what_was(machine: &mut Machine) -> Result<()> {
    machine.put("/srv/policy.toml", 0o644, LOOSE.as_bytes())?;
    // The card and the server lie on the same small disk: the card is written before the disk is full.
    machine.ok("lab card insert /srv/policy.toml --version 8 && lab card remove && lab settle")?;
    is_on(machine)?;
    insert(machine, OFFICE, "--version 9")?;
    is_off(machine)?;
    machine.ok("cp /var/lib/lab/cards/b-company.card /run/kept.card")?;
    machine.sh("dd if=/dev/zero of=/var/lib/lab/filler bs=64k; dd if=/dev/zero of=/var/lib/lab/filler2 bs=1")?;
    machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
    is_off(machine)?;
    machine.ok("rm /var/lib/lab/filler /var/lib/lab/filler2")?;
    insert(machine, LOOSE, "--version 10")?;
    is_on(machine)
}
