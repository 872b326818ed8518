//! Where our content lies in a PKCS#15 application.
//!
//! ```text
//! 5031  ODF      … | dataObjects: path of our DODF           (the switch: one UPDATE BINARY)
//! 4401  DODF     "Cardwarden": manifest, then one object per group   ┐ one is shown,
//! 4402                                                               ┘ the other is free
//! 4543  manifest                                                     ┐ likewise
//! 4544                                                               ┘
//! 4545…455E      groups and further parts of the manifest; of these,
//! 4559…455E      behind the user's PIN, where the card's maker made them so
//! ```
//!
//! Identifiers are such that each file's last five bits, by which it is read without selecting it
//! (ISO/IEC 7816-4, 7.3.1.1), are its own: so 17 and 18, of ODF and `TokenInfo`, are left out.
//! Where a card's maker put other files at 4401 and 4402, ours lie at 4461 and 4462.
//!
//! A file of a group begins with its value's length in two bytes, big-endian; a manifest's length
//! is in the DODF, since both change together. A file is as large as the longest value it may
//! hold, and what is behind the value means nothing.

use crate::shelf::Container;

/// The application's own directory (PKCS#15 v1.1, 5.4.1).
pub(super) const APPLICATION: u16 = 0x5015;
/// EF.DIR (ISO/IEC 7816-4, 12.2.2.1).
pub(super) const DIR: u16 = 0x2F00;
/// EF(ODF) and EF(TokenInfo) (PKCS#15 v1.1, 6.2 and 6.9).
pub(super) const ODF: u16 = 0x5031;
/// See [`ODF`].
pub(super) const TOKEN: u16 = 0x5032;
/// EF(ICCID) of a UICC, in the master file (TS 102 221, 13.2).
pub(super) const ICCID: u16 = 0x2FE2;
/// Files that may list our objects; two of them are used in turn.
pub(super) const DODF: [u16; 4] = [0x4401, 0x4402, 0x4461, 0x4462];
/// Files in which the manifest begins, in turn.
pub(super) const MANIFESTS: [u16; 2] = [0x4543, 0x4544];
/// What stands for the manifest's file while the card shows none. No file has this identifier.
pub(super) const NOWHERE: u32 = 0x4500;
/// Files for groups.
const FIRST_GROUP: u16 = 0x4545;
const LAST_GROUP: u16 = 0x455E;
/// The first of the files for groups that are behind the PIN.
const FIRST_HIDDEN: u16 = 0x4559;
/// Bytes of a file that we make: a group of 1,500 bytes fits, and 26 files fit a SIM of 64 KiB.
pub(super) const FILE: usize = 2048;
/// Most bytes of a file that are used, so that short offsets reach them all.
const MOST: usize = 0x7FFF;
/// Bytes of a file that are taken for too few when it is not known how many it has.
const LEAST: usize = 256;
/// Bytes of the length before a group's value.
pub(super) const PREFIX: usize = 2;
/// Bytes before a value's content.
pub(super) const HEADER: usize = {
    let file = Container {
        id: 0,
        capacity: FILE,
        pin: false,
    };
    FILE.saturating_sub(file.room())
};
/// Bytes of an ODF that we make: 30 entries.
pub(super) const ODF_FILE: usize = 256;
/// The program that our objects are of, and the label of the manifest.
pub(super) const OURS: &str = "Cardwarden";
/// Most bytes of a label, so that all objects' entries fit [`FILE`].
pub(super) const MOST_LABEL: usize = 32;

/// All files for groups.
pub(super) fn groups() -> impl Iterator<Item = u16> {
    (FIRST_GROUP..=LAST_GROUP).filter(|fid| {
        let short = super::file::short_id(*fid);
        short != super::file::short_id(ODF) && short != super::file::short_id(TOKEN)
    })
}

/// Whether a file is behind the user's PIN.
pub(super) const fn is_hidden(fid: u16) -> bool {
    fid >= FIRST_HIDDEN
}

/// Whether a file's value begins with its length.
pub(super) fn has_prefix(fid: u16) -> bool {
    !MANIFESTS.contains(&fid)
}

/// A container, when the file has so many bytes.
pub(super) fn container(fid: u16, size: usize) -> Container {
    let prefix = if has_prefix(fid) { PREFIX } else { 0 };
    Container {
        id: u32::from(fid),
        capacity: size.min(MOST).saturating_sub(prefix),
        pin: is_hidden(fid),
    }
}

/// The containers of a card whose files were not looked at: for reading, which takes what there
/// is, each is as small as one can be.
pub(super) fn unseen() -> Vec<Container> {
    groups().map(|fid| container(fid, LEAST)).collect()
}

/// Whether a file has room for something worth its entry.
pub(super) const fn is_of_use(size: usize) -> bool {
    size >= LEAST
}

/// The file of a container.
pub(super) fn fid(id: u32) -> Option<u16> {
    u16::try_from(id).ok().filter(|_fid| id != NOWHERE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::pkcs15::file::short_id;

    #[test]
    fn no_two_files_have_one_short_identifier() {
        let every: Vec<u16> = groups()
            .chain(MANIFESTS)
            .chain([ODF, TOKEN, DODF[0], DODF[1]])
            .collect();
        let short: BTreeSet<u8> = every.iter().map(|fid| short_id(*fid)).collect();
        assert_eq!(short.len(), every.len());
        assert!(short.iter().all(|short| (1..=30).contains(short)));
    }

    #[test]
    fn a_group_of_1500_bytes_fits_one_file_and_six_answers() {
        let header = 12;
        assert!(1500 + header + PREFIX <= FILE.min(6 * 256));
        assert!(500 + header <= 2 * 256);
    }
}
