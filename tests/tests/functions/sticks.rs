//! Sticks: what may only be read, and what is taken away while it is in use.

use anyhow::{Result, ensure};
use cardwarden_tests::machine::Machine;
use cardwarden_tests::matrix::{Case, Record};
use cardwarden_tests::scenario::{self, expect};

use crate::table::without;

const READ_ONLY: &str = "contact = \"security@b-company.example\"\n\n[[rules]]\nid = \"law\"\nfunctions = [\"usb.storage\"]\naction = \"disable\"\nstorage = \"read-only\"\n";

/// As sticks are sold, and as this system would format one.
const FAT: &str = "/dev/disk/by-label/LAB-FAT";
const EXT: &str = "/dev/disk/by-label/LAB-USB";

const MOUNT: &str = "mkdir -p /mnt/fat /mnt/ext && mount -w /dev/disk/by-label/LAB-FAT /mnt/fat \
    && mount -w /dev/disk/by-label/LAB-USB /mnt/ext";

/// What is on them, whatever is mounted.
const ON_THEM: &str = "mkdir -p /mnt/look && mount -o loop,ro /srv/usb-storage.fat /mnt/look \
    && cat /mnt/look/note; umount /mnt/look; debugfs -R 'cat note' /srv/usb-storage.ext4 2>/dev/null";

/// How the two are mounted: `ro` or `rw`.
const MODES: &str = "for each in fat ext; do findmnt -no OPTIONS /mnt/$each | cut -d, -f1; done";

/// As root, by every way, to both.
fn ways() -> String {
    format!(
        "lab try overwrite {FAT} {EXT}; python3 /srv/write.py {FAT}; python3 /srv/write.py {EXT}"
    )
}

/// Each of [`ways`] says this.
fn each_says(machine: &mut Machine, word: &str) -> Result<()> {
    expect(machine, &ways(), &[word; 12].join(" "))
}

pub(crate) fn what_may_only_be_read_is_not_written_to(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new("usb.storage, read-only", machine.system());
    machine.put("/srv/write.py", 0o644, include_bytes!("write.py"))?;
    machine.put("/srv/map.py", 0o644, include_bytes!("map.py"))?;
    let fat = machine.ok("lab plug usb-storage-fat && lab plug usb-storage >/dev/null")?;
    machine.ok(&format!("udevadm wait --timeout=15 {FAT} {EXT}"))?;
    each_says(machine, "works")?;
    machine.ok(&format!(
        "{MOUNT} && echo kept >/mnt/fat/note && echo kept >/mnt/ext/note \
         && lab hold node --path {EXT} --name raw \
         && lab hold node --path /dev/$(ls /sys/block/$(basename $(realpath {EXT}))/device/scsi_generic) --name commands"
    ))?;
    expect(machine, "lab try use read commands --from held", "works")?;
    record.case(machine, Case::OpenBefore, |machine| {
        scenario::insert(machine, READ_ONLY, "")?;
        expect(machine, MODES, "ro ro")?;
        expect(machine, ON_THEM, "kept kept")?;
        machine.ok("fsck.vfat -n /srv/usb-storage.fat")?;
        expect(machine, "lab try use write raw --from held", "EPERM")?;
        expect(machine, "lab try use read commands --from held", "EPERM")?;
        machine.ok("! mount -o remount,rw /mnt/fat && ! mount -o remount,rw /mnt/ext")?;
        expect(machine, MODES, "ro ro")
    });
    machine.ok("lab held raw --end; lab held commands --end; umount /mnt/fat /mnt/ext")?;
    record.case(machine, Case::NewOpen, may_be_read);
    record.case(machine, Case::HotPlug, |machine| {
        comes_later(machine, fat.trim())
    });
    record.case(machine, Case::PolicyEnd, |machine| {
        scenario::insert(machine, &without(&["nfc"]), "")?;
        each_says(machine, "works")?;
        machine.ok(MOUNT)?;
        expect(machine, MODES, "rw rw")
    });
    let read_only = record.finish();
    [
        read_only,
        nothing_is_lost(machine),
        nothing_is_lost_out_of_sight(machine),
        nothing_is_lost_through_a_loop(machine),
        what_is_mapped_is_not_the_stick(machine),
    ]
    .into_iter()
    .collect()
}

/// And no more than that.
fn may_be_read(machine: &mut Machine) -> Result<()> {
    each_says(machine, "EPERM")?;
    machine.ok(&format!(
        "! mount -w {FAT} /mnt/fat && ! mount -w {EXT} /mnt/ext"
    ))?;
    machine.ok(&format!(
        "mount -r {FAT} /mnt/fat && mount -r {EXT} /mnt/ext"
    ))?;
    expect(machine, "cat /mnt/fat/note /mnt/ext/note", "kept kept")?;
    machine.ok("umount /mnt/fat /mnt/ext").map(drop)
}

/// It is plugged in while a program waits for it, to write before anybody else can do anything.
fn comes_later(machine: &mut Machine, name: &str) -> Result<()> {
    let disk = machine.ok(&format!("realpath {FAT}"))?;
    machine.ok(&format!(
        "lab unplug {name} && systemd-run --quiet --unit=hammer -p StandardOutput=file:/srv/hammered \
         lab try hammer --write {disk} --until /srv/enough && lab plug usb-storage-fat \
         && udevadm wait --timeout=15 {FAT} && lab settle"
    ))?;
    may_be_read(machine)?;
    let hammered = machine.ok(
        "touch /srv/enough && timeout 20 sh -c 'while systemctl is-active --quiet hammer; do :; done' \
         && cat /srv/hammered",
    )?;
    let refused = hammered.strip_prefix("open 0 refused ");
    ensure!(
        refused.is_some_and(|times| times.trim() != "0"),
        "{disk}, to one who waits for it: {hammered}"
    );
    expect(machine, &format!("realpath {FAT}"), &disk)
}

/// Memory that a program shares with a disk since before, without a descriptor: what it writes there does not arrive.
fn what_is_mapped_is_not_the_stick(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new("usb.storage, read-only", machine.system()).beside("-mapped");
    machine.put("/srv/map.py", 0o644, include_bytes!("map.py"))?;
    scenario::insert(machine, &without(&["nfc"]), "")?;
    machine.ok(&format!(
        "udevadm wait --timeout=15 {EXT} && systemd-run --quiet --unit=maps --service-type=notify -p NotifyAccess=all \
         -p StandardOutput=file:/srv/mapped python3 /srv/map.py {EXT}"
    ))?;
    record.case(machine, Case::OpenBefore, |machine| {
        scenario::insert(machine, READ_ONLY, "")?;
        machine.ok("touch /srv/write && timeout 20 sh -c 'while systemctl is-active --quiet maps; do :; done'")?;
        let tried = machine.ok("cat /srv/mapped; sync")?;
        ensure!(tried.starts_with("wrote"), "it did not try: {tried}");
        let stick = "for when in before after; do grep -c \"written $when\" /srv/usb-storage.ext4; done; true";
        expect(machine, stick, "1 0")?;
        // It is there again, to be read.
        machine.ok(&format!("udevadm wait --timeout=15 {EXT}"))?;
        expect(machine, &format!("lab try overwrite {EXT}"), "EPERM")
    });
    record.finish()
}

/// What is mounted by way of a loop device over the stick is on the stick when that may only be read, and when it goes.
fn nothing_is_lost_through_a_loop(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new("usb.storage", machine.system()).beside("-loop");
    let written = |machine: &mut Machine, policy: &str, note: &str| {
        scenario::insert(machine, &without(&["nfc"]), "")?;
        machine.ok(&format!(
            "udevadm wait --timeout=15 {EXT} && mount -w $(losetup -f --show $(realpath {EXT})) /mnt/ext \
             && echo {note} >/mnt/ext/note"
        ))?;
        scenario::insert(machine, policy, "")?;
        let look = "debugfs -R 'cat note' /srv/usb-storage.ext4 2>/dev/null";
        expect(machine, look, note)?;
        machine
            .ok("umount /mnt/ext 2>/dev/null; losetup -D; udevadm settle")
            .map(drop)
    };
    record.case(machine, Case::OpenBefore, |machine| {
        written(machine, READ_ONLY, "looped")?;
        written(machine, &without(&["usb.storage"]), "again")
    });
    record.finish()
}

/// A stick that nobody sees but one program, in a mount namespace of its own, has everything on it when it goes.
fn nothing_is_lost_out_of_sight(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new("usb.storage", machine.system()).beside("-out-of-sight");
    scenario::insert(machine, &without(&["nfc"]), "")?;
    machine.ok(&format!(
        "udevadm wait --timeout=15 {EXT} && systemd-run --quiet --unit=hidden --service-type=notify -p NotifyAccess=all \
         unshare --mount sh -c 'mount -w {EXT} /mnt/ext && echo hidden >/mnt/ext/note && systemd-notify --ready && exec sleep 600' \
         && ! findmnt /mnt/ext"
    ))?;
    record.case(machine, Case::OpenBefore, |machine| {
        scenario::insert(machine, &without(&["usb.storage"]), "")?;
        let look =
            "ls /dev/sd* 2>/dev/null; debugfs -R 'cat note' /srv/usb-storage.ext4 2>/dev/null";
        expect(machine, look, "hidden")
    });
    machine.ok("systemctl stop hidden; systemctl reset-failed hidden 2>/dev/null; true")?;
    record.finish()
}

/// Both are mounted, and programs have files open there. What they wrote is on the sticks when these go, though
/// nobody asked for it to be written back.
fn nothing_is_lost(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new("usb.storage", machine.system());
    machine.ok(
        "echo more >/mnt/fat/note && echo more >/mnt/ext/note \
         && for each in fat ext; do : >/mnt/$each/open \
         && lab hold node --path /mnt/$each/open --name $each && lab try use write $each --from held; done",
    )?;
    record.case(machine, Case::OpenBefore, |machine| {
        scenario::insert(machine, &without(&["usb.storage"]), "")?;
        expect(machine, "findmnt -n /mnt/fat; findmnt -n /mnt/ext; ls /dev/sd* 2>/dev/null; true", "")?;
        expect(machine, ON_THEM, "more more")?;
        let length = "mount -o loop,ro /srv/usb-storage.fat /mnt/look && stat -c %s /mnt/look/open; umount /mnt/look; \
             debugfs -R 'stat open' /srv/usb-storage.ext4 2>/dev/null | grep -o 'Size: 4'";
        expect(machine, length, "4 Size: 4")
    });
    machine.ok("lab held fat --end; lab held ext --end")?;
    record.finish()
}
