//! From a card in a reader to a bond that lasts: whatever the card and the reader, whoever the company, and whoever
//! agrees to it.

use anyhow::{Context as _, Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{
    self, LOOSE, OFFICE, insert, is_off, is_on, problems, status, text, unguarded,
};

laws! { from before_the_card:
    a_card_in_a_usb_reader_is_read_through_the_machines_own_driver,
    a_card_without_a_key_of_its_own_is_taken_and_called_copyable,
    a_strangers_card_changes_nothing_until_a_person_agrees,
    a_device_takes_the_group_that_is_for_it,
}
laws! { from with_the_card:
    another_companys_card_is_refused_for_as_long_as_the_first_has_a_say,
    a_card_that_is_issued_anew_leaves_no_gap,
    a_policy_that_is_sent_holds_instead_of_the_cards,
}

/// Where the status shows the key of the first card that waits for consent.
const PENDING_KEY: &str = "/card/pending/0/fingerprint";

fn a_card_in_a_usb_reader_is_read_through_the_machines_own_driver(
    machine: &mut Machine,
) -> Result<()> {
    machine.put("/srv/policy.toml", 0o644, OFFICE.as_bytes())?;
    let image = machine.ok("lab card write /srv/policy.toml")?;
    machine.plug_reader()?;
    let card = machine.insert_into_reader(&image, &[])?;
    machine.ok("lab try until EPERM /dev/video0 --seconds 60 && lab settle")?;
    is_off(machine)?;
    ensure!(
        text(&status(machine)?, "/card/reader").contains("Gemplus"),
        "not read through the USB reader: {}",
        status(machine)?
    );
    drop(card);
    machine.ok("lab settle")?;
    is_off(machine).context("after the card came out")?;
    machine.unplug_reader()?;
    machine.ok("lab settle")?;
    is_off(machine).context("after the reader was pulled out")
}

fn a_card_without_a_key_of_its_own_is_taken_and_called_copyable(
    machine: &mut Machine,
) -> Result<()> {
    insert(machine, OFFICE, "--profile openpgp")?;
    is_off(machine)?;
    let said = machine.ok("cardwarden status")?;
    ensure!(said.contains("copyable"), "nobody says so: {said}");
    insert(machine, LOOSE, "--profile openpgp --copied --version 9")?;
    is_off(machine).context("after a copy was put in")
}

fn a_strangers_card_changes_nothing_until_a_person_agrees(machine: &mut Machine) -> Result<()> {
    insert(machine, OFFICE, "--company Stranger")?;
    is_on(machine)?;
    ensure!(
        problems(machine)?.contains(&"consent-needed".to_owned()),
        "nobody is asked"
    );
    let shown = status(machine)?;
    let fingerprint = text(&shown, PENDING_KEY).to_owned();
    ensure!(!fingerprint.is_empty(), "no fingerprint is shown: {shown}");
    let wrong = machine.sh("cardwarden associate --yes --fingerprint 0000")?;
    ensure!(wrong.status != 0, "another fingerprint was agreed to");
    is_on(machine)?;
    machine.ok(&format!(
        "cardwarden associate --yes --fingerprint '{fingerprint}' && lab settle"
    ))?;
    is_off(machine)?;
    machine.reboot()?;
    machine.ok("lab settle")?;
    machine.ok("lab plug camera")?;
    machine.ok("lab try until EPERM /dev/video0 --seconds 30")?;
    Ok(())
}

fn a_device_takes_the_group_that_is_for_it(machine: &mut Machine) -> Result<()> {
    // The guard would keep the settings.
    machine.put("/srv/loose.toml", 0o644, unguarded(LOOSE).as_bytes())?;
    let groups = "--group toasters --kind toaster --and-group everybody=/srv/loose.toml";
    insert(machine, OFFICE, groups)?;
    is_on(machine)?;
    ensure!(
        text(&status(machine)?, "/association/group") == "everybody",
        "another group: {}",
        status(machine)?
    );
    machine.ok("lab card remove && mkdir -p /etc/cardwarden && printf 'kind = \"toaster\"\\n' >/etc/cardwarden/agent.toml && systemctl restart cardwardend && lab settle")?;
    insert(machine, OFFICE, &format!("{groups} --version 9"))?;
    is_off(machine)
}

fn another_companys_card_is_refused_for_as_long_as_the_first_has_a_say(
    machine: &mut Machine,
) -> Result<()> {
    insert(machine, LOOSE, "--company Stranger --version 99")?;
    is_off(machine)?;
    let shown = status(machine)?;
    ensure!(
        shown.pointer(PENDING_KEY).is_none(),
        "somebody could agree to it: {shown}"
    );
    Ok(())
}

/// The lost card's successor has another key, and the same policy with the next number.
fn a_card_that_is_issued_anew_leaves_no_gap(machine: &mut Machine) -> Result<()> {
    machine.ok("lab card remove && rm /var/lib/lab/cards/b-company.card && lab settle")?;
    machine.ok("rm -f /run/gap; systemd-run --quiet --collect --unit=watch-gap sh -c 'while ! lab try open /dev/video0 | grep -q open; do :; done; touch /run/gap'")?;
    insert(machine, OFFICE, "--version 9")?;
    is_off(machine)?;
    machine.ok("systemctl stop watch-gap; test ! -e /run/gap")?;
    ensure!(
        scenario::number(&status(machine)?, "/association/version") == 9,
        "the new card was not taken"
    );
    Ok(())
}

fn a_policy_that_is_sent_holds_instead_of_the_cards(machine: &mut Machine) -> Result<()> {
    scenario::send(machine, LOOSE, "")?;
    is_on(machine)?;
    machine.ok("lab card remove && lab settle")?;
    is_on(machine).context("after the card came out")?;
    let many = format!("{OFFICE}{}", scenario::usb_rules(scenario::MOST_RULES - 1));
    scenario::send(machine, &many, "")?;
    is_off(machine)?;
    let older = machine.sh("lab send /srv/policy.toml --version 2")?;
    ensure!(
        older.status != 0 && older.stderr.contains("older"),
        "an older policy was taken: {older:?}"
    );
    let foreign = machine.sh("lab send /srv/policy.toml --company Stranger --version 99")?;
    ensure!(foreign.status != 0, "a stranger's policy was taken");
    is_off(machine)?;
    machine.reboot()?;
    machine.ok("lab settle && lab plug camera")?;
    machine.ok("lab try until EPERM /dev/video0 --seconds 30")?;
    Ok(())
}
