//! The folder of one device in sysfs, held open.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, fstatat};

/// The most that an attribute can say: one page.
const PAGE: usize = 4096;

/// A device's folder. All that is read from it is of this one device, whoever comes by its name
/// meanwhile; and the kernel looks the way to it up once, not for each attribute.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens it by a path or a link; `None` when the device has gone.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        open(path, flags, Mode::empty()).ok().map(Self)
    }

    /// The number by which it is told from what had or has the same name.
    pub(super) fn inode(&self) -> Option<u64> {
        fstat(&self.0).ok().map(|met| met.st_ino)
    }

    /// Whether there is something of this name in it.
    pub(super) fn has(&self, name: &str) -> bool {
        fstatat(&self.0, name, AtFlags::empty()).is_ok()
    }

    /// The text of an attribute without the line's end; nothing when it is not there or not to be
    /// read.
    pub(super) fn text(&self, attribute: &str) -> Option<String> {
        let mut page = [0; PAGE];
        // The kernel gives all of an attribute at once.
        let length = self.file(attribute)?.read(&mut page).ok()?;
        // Strings of devices are UTF-8 when the kernel has made them (`usb_string`); a byte that is
        // not, is shown as such and matches nothing.
        let text = String::from_utf8_lossy(page.get(..length)?);
        Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// A decimal number.
    pub(super) fn number(&self, attribute: &str) -> Option<u32> {
        self.text(attribute)?.trim().parse().ok()
    }

    /// All bytes of an attribute that is no text.
    pub(super) fn bytes(&self, attribute: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(attribute)?.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The names in a folder near by.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut opened) = Dir::openat(&self.0, folder, flags, Mode::empty()) else {
            return Vec::new();
        };
        let entries = opened.iter().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
            .collect()
    }

    fn file(&self, attribute: &str) -> Option<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let opened = openat(&self.0, attribute, flags, Mode::empty());
        opened.ok().map(File::from)
    }
}
