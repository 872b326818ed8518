//! The record of a disk's writes, as QEMU's `blklogwrites` leaves it (the format of the kernel's dm-log-writes), and
//! the disks that power cuts would have left.
//!
//! What was written before a flush is on the medium after it. What was written since may be there or not, in any order:
//! of each moment, these cuts take everything, nothing, and only the newest write.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::run::Run;

/// dm-log-writes.c: `WRITE_LOG_MAGIC`.
const MAGIC: u64 = 0x006a_7366_7773_6872;
/// What QEMU is told to count in.
const SECTOR: u64 = 512;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;

/// One write.
#[derive(Debug)]
struct Write {
    at: u64,
    bytes: Vec<u8>,
}

/// One entry of the record.
#[derive(Debug)]
struct Entry {
    flags: u64,
    write: Option<Write>,
}

/// Everything that was written so far.
#[derive(Debug)]
pub(super) struct Record {
    entries: Vec<Entry>,
}

/// A moment at which the power goes, and what is then on the medium of what was not flushed.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// How many entries of the record there were.
    pub(super) entries: usize,
    /// The entries that reached the medium after the last flush before.
    unflushed: Vec<usize>,
    /// How many entries the last flush had made sure of.
    flushed: usize,
}

/// How many entries a record has by now.
pub(super) fn length(path: &Path) -> Result<usize> {
    let mut head = [0; 24];
    let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    file.read_exact(&mut head).context("read the record")?;
    ensure!(word(&head, 0)? == MAGIC, "this is no record of writes");
    usize::try_from(word(&head, 16)?).context("the record's length")
}

fn word(bytes: &[u8], at: usize) -> Result<u64> {
    let part = bytes.get(at..at + 8).context("the record ends early")?;
    Ok(u64::from_le_bytes(part.try_into()?))
}

impl Record {
    /// Reads it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let count = length(path)?;
        let bytes = std::fs::read(path).context("read the record")?;
        let mut at = usize::try_from(SECTOR)?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let (start, sectors) = (word(&bytes, at)?, word(&bytes, at + 8)?);
            let flags = word(&bytes, at + 16)?;
            at += usize::try_from(SECTOR)?;
            let size = usize::try_from(sectors * SECTOR)?;
            let write = if size == 0 {
                None
            } else if flags & DISCARD != 0 {
                Some(vec![0; size])
            } else {
                let data = bytes.get(at..at + size).context("the record ends early")?;
                at += size;
                Some(data.to_vec())
            };
            let write = write.map(|bytes| Write {
                at: start * SECTOR,
                bytes,
            });
            entries.push(Entry { flags, write });
        }
        Ok(Self { entries })
    }

    /// How many writes there are.
    pub(super) fn writes(&self) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.write.is_some()).count()
    }

    /// A power cut at every write, in the order of time.
    pub(super) fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let (mut flushed, mut unflushed) = (0, Vec::new());
        for (index, entry) in self.entries.iter().enumerate() {
            let entries = index + 1;
            if entry.flags & FLUSH != 0 {
                flushed = index;
                unflushed.clear();
            }
            if entry.write.is_none() {
                continue;
            }
            let mut cut = |unflushed: Vec<usize>| {
                cuts.push(Cut {
                    entries,
                    unflushed,
                    flushed,
                });
            };
            if unflushed.is_empty() {
                cut(Vec::new());
            } else {
                cut(vec![index]);
            }
            unflushed.push(index);
            cut(unflushed.clone());
            if entry.flags & FUA != 0 {
                // On the medium by itself; what was before it need not be. No guest of ours does so (virtio has none).
                flushed = entries;
                unflushed.clear();
            }
        }
        cuts
    }
}

/// The disks after cuts, one after the other.
#[derive(Debug)]
pub(super) struct Rebuilt<'a> {
    record: &'a Record,
    medium: File,
    applied: usize,
}

impl<'a> Rebuilt<'a> {
    /// Begins with the disk as it was before the first write; `medium` is made for what is flushed.
    pub(super) fn new(record: &'a Record, first: &Path, medium: &Path) -> Result<Self> {
        copy(first, medium)?;
        let medium = File::options().read(true).write(true).open(medium);
        Ok(Self {
            record,
            medium: medium.context("open the medium")?,
            applied: 0,
        })
    }

    /// Writes to `disk` what this cut leaves, where `medium` is the file given at first; cuts come in the order of time.
    pub(super) fn disk(&mut self, cut: &Cut, medium: &Path, disk: &Path) -> Result<()> {
        ensure!(self.applied <= cut.flushed, "a cut before the last one");
        for index in self.applied..cut.flushed {
            self.record.apply(index, &mut self.medium)?;
        }
        self.applied = cut.flushed;
        copy(medium, disk)?;
        let mut file = File::options().write(true).open(disk)?;
        for index in &cut.unflushed {
            self.record.apply(*index, &mut file)?;
        }
        Ok(())
    }
}

impl Record {
    fn apply(&self, index: usize, disk: &mut File) -> Result<()> {
        let entry = self.entries.get(index).context("no such entry")?;
        if let Some(write) = &entry.write {
            disk.seek(SeekFrom::Start(write.at))?;
            disk.write_all(&write.bytes)?;
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    Run::new("cp")
        .args(["--sparse=always", "--reflink=auto"])
        .args([from, to])
        .quietly()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: u64, byte: u8) -> Entry {
        let bytes = vec![byte; 512];
        Entry {
            flags: 0,
            write: Some(Write { at, bytes }),
        }
    }

    /// What is on the medium, one byte of each sector.
    fn left(record: &Record, cut: &Cut) -> Vec<u8> {
        let dir = std::env::temp_dir().join(format!("lab-record-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let [first, medium, disk] = ["first", "medium", "disk"].map(|name| dir.join(name));
        std::fs::write(&first, [0; 1024]).unwrap();
        let mut rebuilt = Rebuilt::new(record, &first, &medium).unwrap();
        rebuilt.disk(cut, &medium, &disk).unwrap();
        let bytes = std::fs::read(&disk).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        vec![bytes[0], bytes[512]]
    }

    #[test]
    fn what_was_flushed_stays_and_the_rest_may_go_in_any_order() {
        let flush = Entry {
            flags: FLUSH,
            write: None,
        };
        let record = Record {
            entries: vec![
                write(0, 1),
                write(512, 2),
                flush,
                write(0, 3),
                write(512, 4),
            ],
        };
        assert_eq!(record.writes(), 4);
        let cuts = record.cuts();
        let left: Vec<_> = cuts.iter().map(|cut| left(&record, cut)).collect();
        let wanted = [
            // Nothing, the first write, the second alone, both.
            [0, 0],
            [1, 0],
            [0, 2],
            [1, 2],
            // Both for good: then the same again.
            [1, 2],
            [3, 2],
            [1, 4],
            [3, 4],
        ];
        assert_eq!(left, wanted.map(Vec::from));
    }
}
