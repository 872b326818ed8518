//! What a card says of itself in its answer to reset (ISO/IEC 7816-3, 8.2): whether it takes
//! extended APDUs (ISO/IEC 7816-4, 8.1.1.2.7).

use crate::transport::{EXTENDED_ANSWER, EXTENDED_COMMAND, Lengths};

/// Longest answer to reset (ISO/IEC 7816-3, 8.2.1), in bytes.
const MAX_ATR: usize = 33;
/// Compact tag of the card capabilities.
const CAPABILITIES: u8 = 7;
/// Bit of the third byte of the capabilities: Lc and Le may be extended.
const EXTENDED: u8 = 0x40;
/// Bit of the same byte: the bounds stand in `EF.ATR`.
const BOUNDED: u8 = 0x20;

/// How long the card says that APDUs may be; short when it says nothing. A card with bounds in
/// `EF.ATR` is spoken to in short APDUs: reading that file would take as many as are saved.
pub fn lengths(atr: &[u8]) -> Lengths {
    match historical(atr).and_then(capabilities) {
        Some([_, _, third]) if third & (EXTENDED | BOUNDED) == EXTENDED => {
            Lengths::extended(EXTENDED_COMMAND, EXTENDED_ANSWER)
        }
        Some(_) | None => Lengths::Short,
    }
}

/// The historical bytes of an answer to reset.
pub fn historical(atr: &[u8]) -> Option<&[u8]> {
    if atr.len() > MAX_ATR {
        return None;
    }
    let (_ts, mut rest) = atr.split_first()?;
    let (&t0, after) = rest.split_first()?;
    rest = after;
    let mut present = t0 >> 4;
    loop {
        // TA, TB and TC, as far as they are there; then TD, which says which follow.
        let skipped = (present & 0b0111).count_ones();
        rest = rest.get(usize::try_from(skipped).ok()?..)?;
        if present & 0b1000 == 0 {
            break;
        }
        let (&td, after) = rest.split_first()?;
        rest = after;
        present = td >> 4;
    }
    rest.get(..usize::from(t0 & 0x0F))
}

/// The card capabilities among historical bytes.
fn capabilities(historical: &[u8]) -> Option<[u8; 3]> {
    let (category, rest) = historical.split_first()?;
    let mut rest = match category {
        0x80 => rest,
        // Three bytes of status are at the end.
        0x00 => rest.get(..rest.len().checked_sub(3)?)?,
        _proprietary => return None,
    };
    loop {
        let (head, after) = rest.split_first()?;
        let length = usize::from(head & 0x0F);
        let value = after.get(..length)?;
        if head >> 4 == CAPABILITIES {
            return value.try_into().ok();
        }
        rest = after.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect()
    }

    #[test]
    fn known_cards_are_told_apart() {
        let long = Lengths::extended(EXTENDED_COMMAND, EXTENDED_ANSWER);
        for (card, atr, expected) in [
            (
                "YubiKey 5",
                "3BFD1300008131FE158073C021C057597562694B657940",
                long,
            ),
            (
                "Nitrokey 3",
                "3B8F01805D4E6974726F6B65790000000000 6A",
                Lengths::Short,
            ),
            ("vicc", "3B951381018073FF01000B", Lengths::Short),
            (
                "a card with bounds",
                "3B848001 8073C021E0 00",
                Lengths::Short,
            ),
            ("with status bytes", "3B888001 0073C02140 079000 00", long),
            ("nothing", "", Lengths::Short),
        ] {
            assert_eq!(lengths(&hex(atr)), expected, "{card}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_card_says_is_read_within_its_bytes(
            atr in prop::collection::vec(any::<u8>(), 0..40)
        ) {
            let length = historical(&atr).map_or(0, <[u8]>::len);
            prop_assert!(length <= 15 && length <= atr.len());
            prop_assert!(lengths(&atr).answer() >= 256);
        }
    }
}
