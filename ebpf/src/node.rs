//! What the programs on files have in common: from a file to the verdict on its device node.

use cardwarden_ebpf_abi::{BLOCK, CHARACTER, Verdict, device, held};

use crate::kernel::File;

/// `S_IFMT`, `S_IFCHR` and `S_IFBLK` (`include/uapi/linux/stat.h`).
const FORMAT: u16 = 0o170_000;
const CHARACTER_DEVICE: u16 = 0o020_000;
const BLOCK_DEVICE: u16 = 0o060_000;
/// `MINORBITS` (`include/linux/kdev_t.h`).
const MINOR_BITS: u32 = 20;

/// A device node that is open.
#[derive(Clone, Copy)]
pub struct Node {
    pub kind: u32,
    pub major: u32,
    pub minor: u32,
}

impl Node {
    /// The node of a file; `None` for a file of another kind, at the price of one look.
    #[inline(always)]
    pub fn of(file: File) -> Option<Self> {
        let inode = file.inode();
        let kind = match inode.mode() & FORMAT {
            CHARACTER_DEVICE => CHARACTER,
            BLOCK_DEVICE => BLOCK,
            _ => return None,
        };
        let number = inode.rdev();
        Some(Self {
            kind,
            major: number >> MINOR_BITS,
            minor: number & ((1 << MINOR_BITS) - 1),
        })
    }

    /// Whether it may not be opened so.
    #[inline(always)]
    pub fn verdict(self, file: File) -> Option<Verdict> {
        let decision = crate::DECISION.get_value(0, &0)?;
        device(decision, self.kind, self.major, self.minor, uses(file))
    }

    /// Whether it may no longer be used as the file was opened.
    #[inline(always)]
    pub fn held(self, file: File) -> Option<Verdict> {
        let decision = crate::DECISION.get_value(0, &0)?;
        held(decision, self.kind, self.major, self.minor, uses(file))
    }
}

/// For what a file was opened, in the numbers of the table.
#[inline(always)]
pub fn uses(file: File) -> u8 {
    // `FMODE_READ` is 1 and `FMODE_WRITE` 2 (`include/linux/fs.h`).
    ((file.mode() & 3) << 1) as u8
}
