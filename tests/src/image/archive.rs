//! The start-up archive (initrd): busybox, a few kernel modules, and a script that puts the root together.
//!
//! The guest's root is an overlay: product layer over Debian, both read-only, with a writable layer in memory.
//! Only three folders lie on the small disk and so outlive a reboot, as the product's state does on a real
//! machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::place;
use crate::run::{Key, Run, find};

/// The first program; its messages start with `lab:`, and [`crate::machine`] looks for them.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
stop() { $b echo "lab: cannot start: $*"; $b poweroff -f; }
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
case " $($b cat /proc/cmdline) " in
*" lab.probe "*) $b echo "lab: probe reached"; $b poweroff -f ;;
esac
for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do
  [ ! -f "$cpu" ] || $b echo 1 >"$cpu" || stop "$cpu"
done
$b echo "lab: start-up archive reached"
for module in /modules/*.ko; do $b insmod "$module" || stop "$module"; done
for disk in vda vdb vdc vdd; do
  n=0
  while [ ! -b /dev/$disk ]; do
    n=$((n + 1)); [ $n -lt 100 ] || stop "no disk $disk"
    $b usleep 20000
  done
done
$b mount -t squashfs -o ro /dev/vda /base || stop base
$b mount -t squashfs -o ro /dev/vdc /product || stop product
$b mount -t tmpfs -o size=60%,mode=755 rw /rw || stop rw
$b mkdir /rw/upper /rw/work
$b mount -t overlay -o lowerdir=/product:/base,upperdir=/rw/upper,workdir=/rw/work root /new || stop overlay
$b mount -t squashfs -o ro /dev/vdb /new/usr/lib/modules || stop modules
$b mount -t ext4 -o noatime /dev/vdd /disk || stop disk
keep() {
  [ -d "/disk/$1" ] || { $b mkdir "/disk/$1"; $b chmod "$3" "/disk/$1"; }
  $b mkdir -p "/new$2"
  $b mount --bind "/disk/$1" "/new$2" || stop "$2"
}
keep state /var/lib/cardwarden 700
keep floor /var/lib/cardwarden-floor 700
keep config /etc/cardwarden 755
keep lab /var/lib/lab 755
for dir in dev proc sys; do $b mount --move /$dir /new/$dir; done
exec $b switch_root /new /lib/systemd/systemd
"#;

/// The archive for a kernel whose early modules are these files, in this order.
pub fn initrd(modules: &[PathBuf]) -> Result<PathBuf> {
    let busybox = find("busybox").context("busybox-static is not installed")?;
    let mut key = Key::default().with(INIT).with_file(&busybox)?;
    for module in modules {
        key = key.with_file(module)?;
    }
    let path = place::lab("initrd")?.join(format!("{}.cpio", key.name()));
    if path.is_file() {
        return Ok(path);
    }
    let mut archive = Archive::default();
    for dir in [
        "bin", "dev", "proc", "sys", "modules", "base", "product", "rw", "new", "disk",
    ] {
        archive.add(dir, 0o040_755, &[]);
    }
    let read =
        |path: &Path| std::fs::read(path).with_context(|| format!("read {}", path.display()));
    archive.add("bin/busybox", 0o100_755, &read(&busybox)?);
    archive.add("init", 0o100_755, INIT.as_bytes());
    for (index, module) in modules.iter().enumerate() {
        let name = module.file_stem().unwrap_or_default().to_string_lossy();
        archive.add(
            &format!("modules/{index:02}-{name}.ko"),
            0o100_644,
            &read(module)?,
        );
    }
    place::write_whole(&path, archive.finish())?;
    Ok(path)
}

/// A cpio archive of the kernel's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst).
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a file or folder; `mode` includes the type bits.
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
        let fields: [usize; 13] = [
            usize::try_from(self.entries).unwrap_or_default(),
            usize::try_from(mode).unwrap_or_default(),
            0,
            0,
            links,
            0,
            content.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(length, 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

/// Unpacks an xz- or zstd-compressed stream, or returns the bytes as they are.
///
/// What follows the stream (a bzImage's payload ends with its length) is ignored.
pub(crate) fn unpack(bytes: &[u8], scratch: &Path) -> Result<Vec<u8>> {
    let program = if bytes.starts_with(b"\xfd7zXZ\0") {
        "xz"
    } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        "zstd"
    } else {
        return Ok(bytes.to_vec());
    };
    std::fs::write(scratch, bytes).with_context(|| format!("write {}", scratch.display()))?;
    let output = Run::new(program).args(["-dcq"]).arg(scratch).output()?;
    std::fs::remove_file(scratch).with_context(|| format!("remove {}", scratch.display()))?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::Archive;

    #[test]
    fn every_part_of_the_archive_starts_at_a_multiple_of_four() {
        let mut archive = Archive::default();
        archive.add("a", 0o100_644, b"hello");
        let start = archive.bytes.len();
        assert_eq!(start % 4, 0);
        let bytes = archive.finish();
        assert_eq!(&bytes[start..start + 6], b"070701");
        assert_eq!(&bytes[..14], b"07070100000001");
    }
}
