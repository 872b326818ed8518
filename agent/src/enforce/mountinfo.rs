//! The table of mounts, as the kernel writes it (`/proc/PID/mountinfo`, proc(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// One mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry<'table> {
    /// Major and minor of what is mounted, as in `8:17`.
    pub(super) number: &'table [u8],
    /// Where.
    pub(super) target: PathBuf,
    /// The options of the mount, with commas between.
    pub(super) options: &'table [u8],
    /// The kind of file system.
    pub(super) kind: &'table [u8],
    /// What is mounted: often the node of a block device.
    pub(super) source: PathBuf,
    /// The options of the file system.
    pub(super) own_options: &'table [u8],
}

/// Every mount of a table, in its order: what is mounted on another comes after it.
pub(super) fn entries(table: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    table.split(|byte| *byte == b'\n').filter_map(entry)
}

fn entry(line: &[u8]) -> Option<Entry<'_>> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let end = words.iter().position(|word| *word == b"-")?;
    let after = |place: usize| words.get(end.checked_add(place)?).copied();
    Some(Entry {
        number: words.get(2)?,
        target: path(words.get(4)?),
        options: words.get(5)?,
        kind: after(1)?,
        source: path(after(2)?),
        own_options: after(3)?,
    })
}

fn path(text: &[u8]) -> PathBuf {
    OsString::from_vec(unescaped(text)).into()
}

/// `\040` and its like (`mangle_path`, `fs/seq_file.c`).
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| after.split_first_chunk::<3>())
            .flatten()
            .and_then(|(digits, after)| {
                let digits = std::str::from_utf8(digits).ok()?;
                Some((u8::from_str_radix(digits, 8).ok()?, after))
            });
        let (byte, after) = octal.unwrap_or((*first, after));
        plain.push(byte);
        rest = after;
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_taken_apart_and_its_spaces_are_read() {
        let line = b"36 35 8:17 / /media/a\\040b\\134c rw,nosuid shared:1 master:2 - vfat /dev/sdb1 rw,uid=0\n";
        let found: Vec<Entry<'_>> = entries(line).collect();
        let wanted = Entry {
            number: b"8:17",
            target: "/media/a b\\c".into(),
            options: b"rw,nosuid",
            kind: b"vfat",
            source: "/dev/sdb1".into(),
            own_options: b"rw,uid=0",
        };
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn a_backslash_that_begins_no_number_stands_for_itself() {
        assert_eq!(unescaped(b"a\\04"), b"a\\04");
        assert_eq!(unescaped(b"\\999x"), b"\\999x");
        assert_eq!(unescaped(b"\\011"), b"\t");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(table in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(entries(&table).count() <= table.len());
        }
    }
}
