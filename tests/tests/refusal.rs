//! What is off is off for everybody and by every way, and nothing else is.

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, CAMERA, COPY, expect};

laws! { from with_the_card in both tiers:
    root_cannot_open_the_camera_by_any_way,
    a_person_cannot_open_the_camera_by_any_way,
    what_is_no_camera_stays_usable,
    a_camera_that_is_plugged_in_later_is_off_from_the_start,
    the_kernel_itself_tells_who_has_something_open,
}
laws! { from with_the_card:
    nobody_gets_a_bluetooth_socket,
    status_and_why_name_rule_version_and_mechanism,
}
laws! { from before_the_card:
    without_a_company_everything_works,
    the_second_lock_holds_when_the_first_is_taken_away,
}

fn root_cannot_open_the_camera_by_any_way(machine: &mut Machine) -> Result<()> {
    let look = format!("lab try open {CAMERA} {COPY}");
    let ways = [
        look.clone(),
        format!("unshare --mount {look}"),
        format!("unshare --mount --pid --fork --uts --ipc --net --cgroup {look}"),
        format!(
            "mkdir -p /sys/fs/cgroup/new && echo $$ >/sys/fs/cgroup/new/cgroup.procs && {look}"
        ),
        format!("echo $$ >/sys/fs/cgroup/cgroup.procs && {look}"),
        format!(
            "systemd-run --quiet --pipe --wait -p DevicePolicy=closed -p DeviceAllow={CAMERA} -p DeviceAllow='char-video4linux rw' {look}"
        ),
        format!("chroot / {look}"),
        format!("setpriv --bounding-set -all --groups video {look}"),
    ];
    for way in ways {
        expect(machine, &way, "EPERM EPERM")?;
    }
    let other_dev =
        "mkdir -p /mnt/dev && mount -t devtmpfs dev /mnt/dev && lab try open /mnt/dev/video0";
    expect(
        machine,
        &format!("unshare --mount sh -c '{other_dev}'"),
        "EPERM",
    )?;
    // Making another node may be refused, and if it is not, opening it is.
    let node = "mknod /srv/copies/new c 81 0 2>/dev/null || { echo EPERM; exit; }; lab try open /srv/copies/new";
    expect(machine, node, "EPERM")
}

/// The agent is restarted with LSM `file_open` asked for, so the programs are loaded with offsets of
/// this very kernel; then root takes the first lock away.
fn the_second_lock_holds_when_the_first_is_taken_away(machine: &mut Machine) -> Result<()> {
    machine.put("/etc/cardwarden/agent.toml", 0o644, b"second-lock = true\n")?;
    machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
    scenario::insert(machine, &scenario::unguarded(scenario::OFFICE), "")?;
    scenario::is_off(machine)?;
    machine.ok("rm /sys/fs/bpf/cardwarden/*/link_device_open")?;
    expect(
        machine,
        &format!("lab try open {CAMERA} {COPY}"),
        "EPERM EPERM",
    )?;
    expect(machine, "lab try open /dev/null", "open")?;
    // Another look brings the first lock back.
    machine.ok("cardwarden sync && test -e /sys/fs/bpf/cardwarden/*/link_device_open")?;
    scenario::is_off(machine)
}

fn a_person_cannot_open_the_camera_by_any_way(machine: &mut Machine) -> Result<()> {
    expect(
        machine,
        &format!("lab as-user lab try open {COPY}"),
        "EPERM",
    )?;
    expect(
        machine,
        &format!("lab as-user unshare --user --map-root-user --mount lab try open {COPY}"),
        "EPERM",
    )?;
    expect(
        machine,
        &format!("lab as-user lab try open {CAMERA}"),
        "EPERM",
    )?;
    let frames = machine.sh(&format!(
        "lab as-user v4l2-ctl -d {CAMERA} --stream-mmap --stream-count=1"
    ))?;
    ensure!(frames.status != 0, "v4l2-ctl got a frame");
    Ok(())
}

fn nobody_gets_a_bluetooth_socket(machine: &mut Machine) -> Result<()> {
    for way in [
        "",
        "lab as-user",
        "unshare --net",
        "lab as-user unshare --user --map-root-user --net",
    ] {
        expect(machine, &format!("{way} lab try bluetooth"), "EPERM")?;
    }
    // Every protocol of the family (include/net/bluetooth/bluetooth.h: 0 to 8).
    let every = "import socket\nfor protocol in range(9):\n for kind in (1,2,3,5):\n  try: socket.socket(31,kind,protocol); print('open')\n  except PermissionError as error: pass\n";
    machine.put("/srv/every.py", 0o644, every.as_bytes())?;
    expect(machine, "python3 /srv/every.py", "")
}

fn what_is_no_camera_stays_usable(machine: &mut Machine) -> Result<()> {
    expect(
        machine,
        "lab try open /dev/null /dev/zero /dev/urandom /dev/tty1",
        "open open open open",
    )?;
    let inputs = machine.ok("ls /dev/input/event* 2>/dev/null | head -1")?;
    if !inputs.is_empty() {
        expect(machine, &format!("lab try open {inputs}"), "open")?;
    }
    // An output node has the camera's major number, as a codec has, and is no camera.
    machine.ok(&format!(
        "lab unplug {CAMERA} && modprobe vivid n_devs=1 node_types=0x101 && udevadm settle && cardwarden sync"
    ))?;
    expect(
        machine,
        "lab try open /dev/video0 /dev/video1",
        "EPERM open",
    )?;
    machine.ok("lab plug microphone && lab settle")?;
    expect(
        machine,
        "lab try open /dev/snd/controlC0 /dev/snd/pcmC0D0p",
        "open open",
    )?;
    machine.ok("python3 -c 'import socket; socket.socket(socket.AF_INET); socket.socket(socket.AF_UNIX); socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'")?;
    scenario::is_off(machine)
}

fn a_camera_that_is_plugged_in_later_is_off_from_the_start(machine: &mut Machine) -> Result<()> {
    machine.ok(&format!("lab unplug {CAMERA}"))?;
    // No waiting for the agent here: a new device is refused until something says otherwise.
    let camera = machine.ok("lab plug camera && lab try open /dev/video0 | sed 's/^/ /'")?;
    ensure!(camera.ends_with(" EPERM"), "the new camera said {camera:?}");
    machine.ok("lab settle")?;
    scenario::is_off(machine)
}

/// Without its program the agent walks through `/proc`: that holds as well, but slower, and does not see what
/// single threads have open.
fn the_kernel_itself_tells_who_has_something_open(machine: &mut Machine) -> Result<()> {
    machine.ok("test -e /sys/fs/bpf/cardwarden/*/prog_open_files")?;
    let journal = machine.ok("journalctl --unit cardwardend --no-pager")?;
    ensure!(journal.contains("in force"), "not the agent's: {journal}");
    ensure!(!journal.contains("who has something open"), "{journal}");
    Ok(())
}

fn status_and_why_name_rule_version_and_mechanism(machine: &mut Machine) -> Result<()> {
    let why = machine.ok("cardwarden why camera")?;
    for word in ["office", "B Company", "cgroup-device"] {
        ensure!(
            why.contains(word),
            "`why camera` does not say {word}: {why}"
        );
    }
    let said = scenario::status(machine)?.to_string();
    for word in [
        "rule:office",
        "B Company",
        "cgroup-device",
        "lsm/socket_create",
        "enforced",
    ] {
        ensure!(
            said.contains(word),
            "`status --json` does not say {word}: {said}"
        );
    }
    let bus = machine.ok(
        "lab as-user busctl get-property org.cardwarden.Agent1 /org/cardwarden/Agent1/functions/camera org.cardwarden.Agent1.Function Verdict",
    )?;
    ensure!(bus == "s \"disabled\"", "over D-Bus: {bus}");
    Ok(())
}

fn without_a_company_everything_works(machine: &mut Machine) -> Result<()> {
    scenario::is_on(machine)?;
    let count = machine.ok(&format!(
        "lab as-user v4l2-ctl -d {CAMERA} --set-fmt-video=width=320,height=180 --stream-mmap --stream-count=2 --stream-to=- | wc -c"
    ))?;
    ensure!(count.parse::<u64>()? > 0, "no frames for a person");
    expect(machine, "lab as-user lab try bluetooth", "open")
}
