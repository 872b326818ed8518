//! Rules begin and end on the second, by the policy's zone and by nobody's tampering with the clock.

use anyhow::{Context as _, Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, CAMERA, expect, is_off, is_on};

laws! { from before_the_card:
    a_window_begins_and_ends_on_the_second,
    a_window_across_midnight_is_one_window,
    the_zone_of_the_policy_counts_and_not_the_machines,
    a_clock_that_is_set_forward_is_followed_at_once,
    a_clock_that_is_set_back_ends_no_restriction,
    a_clock_that_is_set_all_the_time_stops_nothing,
    a_clock_that_is_back_after_a_boot_ends_no_restriction,
}

/// How much later than its instant a change may come, in milliseconds.
const LATE: i64 = 1000;

/// Puts in a card whose rule holds in a window of Mondays, and returns the next Monday. The clocks of these machines
/// are only ever set forward from there on, except where a law says otherwise.
fn on_mondays(machine: &mut Machine, from: &str, to: &str, zone: &str) -> Result<String> {
    let window = format!(
        "when.weekly = {{ days = [\"mon\"], from = \"{from}\", to = \"{to}\", zone = \"{zone}\" }}\n"
    );
    quieten(machine)?;
    let monday = machine.ok("date --utc --date 'next monday' +%F")?;
    set_clock(machine, "UTC", &format!("{monday} 00:00:00"))?;
    // The guard would keep the clock.
    let policy = scenario::unguarded(&(scenario::OFFICE.to_owned() + &window));
    scenario::insert(machine, &policy, "")?;
    is_on(machine)?;
    Ok(monday)
}

/// Nothing but the agent is to wake when the clock jumps by hours: what a boot starts has started, and no timer is left.
fn quieten(machine: &mut Machine) -> Result<()> {
    machine.ok("systemctl is-system-running --wait || true; systemctl stop '*.timer'")?;
    Ok(())
}

/// Nobody tells the agent: that the clock is set is an event by itself.
fn set_clock(machine: &mut Machine, zone: &str, instant: &str) -> Result<()> {
    machine.ok(&format!("TZ={zone} date --set '{instant}'"))?;
    Ok(())
}

/// Sets the clock shortly before an instant, and looks when the kernel's answer changes.
fn changes(machine: &mut Machine, zone: &str, instant: &str, to: &str) -> Result<()> {
    let script = format!(
        "edge=$(TZ={zone} date --date '{instant}' +%s)
        date --set @$((edge - 8)) >/dev/null
        echo $edge
        lab try until {to} {CAMERA} --seconds 30"
    );
    let (edge, at, others) = numbers(&machine.ok(&script)?)?;
    let late = at - edge * 1000;
    ensure!(others > 0, "{instant}: the answer was {to} all the time");
    ensure!(
        (0..=LATE).contains(&late),
        "{instant}: the answer changed to {to} {late} ms after it"
    );
    Ok(())
}

fn numbers(printed: &str) -> Result<(i64, i64, u64)> {
    let mut words = printed.split_whitespace();
    let mut next = || words.next().context("too few numbers");
    Ok((next()?.parse()?, next()?.parse()?, next()?.parse()?))
}

/// A camera is in use all the while: who opened it before the window keeps it (so far, see SECURITY.md), who opens it
/// anew is refused from the first second to the last.
fn a_window_begins_and_ends_on_the_second(machine: &mut Machine) -> Result<()> {
    const ZONE: &str = "Europe/Berlin";
    let monday = on_mondays(machine, "14:00", "14:35", ZONE)?;
    machine.ok(&format!(
        "systemd-run --quiet --unit user-of-camera sh -c 'exec sleep infinity <{CAMERA}'"
    ))?;
    changes(machine, ZONE, &format!("{monday} 14:00:00"), "EPERM")?;
    set_clock(machine, ZONE, &format!("{monday} 14:34:00"))?;
    is_off(machine)?;
    changes(machine, ZONE, &format!("{monday} 14:35:00"), "open")?;
    is_on(machine)?;
    expect(machine, "systemctl is-active user-of-camera", "active")
}

fn a_window_across_midnight_is_one_window(machine: &mut Machine) -> Result<()> {
    const ZONE: &str = "Europe/Berlin";
    let monday = on_mondays(machine, "23:30", "00:30", ZONE)?;
    let next = machine.ok(&format!("date --date '{monday} + 1 day' +%F"))?;
    // The small hours of Monday belong to Sunday's window, and there is none.
    set_clock(machine, ZONE, &format!("{monday} 00:10:00"))?;
    is_on(machine)?;
    changes(machine, ZONE, &format!("{monday} 23:30:00"), "EPERM")?;
    set_clock(machine, ZONE, &format!("{monday} 23:59:56"))?;
    let through = machine.sh(&format!("lab try until open {CAMERA} --seconds 8"))?;
    ensure!(through.status != 0, "at midnight: {}", through.stdout);
    changes(machine, ZONE, &format!("{next} 00:30:00"), "open")?;
    is_on(machine)
}

fn the_zone_of_the_policy_counts_and_not_the_machines(machine: &mut Machine) -> Result<()> {
    // 5 h 45 min ahead of Greenwich.
    const ZONE: &str = "Asia/Kathmandu";
    machine.ok("timedatectl set-timezone Europe/Berlin")?;
    let monday = on_mondays(machine, "14:00", "14:35", ZONE)?;
    changes(machine, "UTC", &format!("{monday} 08:15:00"), "EPERM")?;
    for zone in ["America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu"] {
        machine.ok(&format!(
            "timedatectl set-timezone {zone} && cardwarden sync"
        ))?;
        is_off(machine)?;
    }
    machine.ok("ln -sf /usr/share/zoneinfo/Pacific/Pago_Pago /etc/localtime")?;
    machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
    is_off(machine)?;
    changes(machine, ZONE, &format!("{monday} 14:35:00"), "open")
}

fn a_clock_that_is_set_forward_is_followed_at_once(machine: &mut Machine) -> Result<()> {
    let monday = on_mondays(machine, "14:00", "14:35", "UTC")?;
    for (to, answer) in [("14:10", "EPERM"), ("14:20", "EPERM"), ("15:00", "open")] {
        let script = format!(
            "date --utc --set '{monday} {to}:00' >/dev/null
            date --utc --date '{monday} {to}:00' +%s
            lab try until {answer} {CAMERA} --seconds 30"
        );
        let (set, at, _) = numbers(&machine.ok(&script)?)?;
        let late = at - set * 1000;
        ensure!((0..=LATE).contains(&late), "set to {to}: {late} ms later");
        expect(machine, &format!("lab try open {CAMERA}"), answer)?;
    }
    Ok(())
}

fn a_clock_that_is_set_back_ends_no_restriction(machine: &mut Machine) -> Result<()> {
    let monday = on_mondays(machine, "14:00", "14:35", "UTC")?;
    changes(machine, "UTC", &format!("{monday} 14:00:00"), "EPERM")?;
    let sunday = format!("$(date --utc --date '{monday} - 1 day' +%F)");
    for back in [
        format!("{monday} 13:59:59"),
        format!("{monday} 09:00:00"),
        format!("{sunday} 14:10:00"),
        "1999-12-31 23:59:00".to_owned(),
    ] {
        machine.ok(&format!("date --utc --set \"{back}\" && cardwarden sync"))?;
        is_off(machine).with_context(|| format!("set back to {back}"))?;
        machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
        is_off(machine).with_context(|| format!("set back to {back}, agent restarted"))?;
    }
    // Nobody is punished for ever: with the right time, the window ends when it should.
    changes(machine, "UTC", &format!("{monday} 14:35:00"), "open")
}

fn a_clock_that_is_set_all_the_time_stops_nothing(machine: &mut Machine) -> Result<()> {
    let monday = on_mondays(machine, "14:00", "14:35", "UTC")?;
    machine.ok(&format!(
        "for minute in $(seq 10 30); do
            for second in $(seq 10 19); do date --utc --set '{monday} 14:'$minute:$second >/dev/null; done
        done
        cardwarden sync"
    ))?;
    is_off(machine)?;
    expect(machine, "systemctl show -P NRestarts cardwardend", "0")
}

fn a_clock_that_is_back_after_a_boot_ends_no_restriction(machine: &mut Machine) -> Result<()> {
    let monday = on_mondays(machine, "14:00", "14:35", "UTC")?;
    changes(machine, "UTC", &format!("{monday} 14:00:00"), "EPERM")?;
    machine.ok("cardwarden sync")?;
    // The machine's battery clock was never set to that Monday: it shows an earlier day when it starts anew.
    machine.reboot()?;
    let now = machine.ok("date --utc +%F")?;
    ensure!(now < monday, "the battery clock shows {now}");
    machine.ok("lab plug camera && lab settle")?;
    quieten(machine)?;
    is_off(machine)?;
    set_clock(machine, "UTC", &format!("{now} 15:00:00"))?;
    machine.ok("cardwarden sync")?;
    is_off(machine)?;
    changes(machine, "UTC", &format!("{monday} 14:35:00"), "open")?;
    is_on(machine)
}
