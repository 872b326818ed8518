//! What a hook decides. The hook fetches the facts, calls one of these, records, and does as it says.
//!
//! The kernel's verifier must see that every index is in range, and it forgets what a comparison said
//! about a copy of a register: so indices are masked, and the mask is hidden from the compiler, which
//! would otherwise drop it behind the comparison.

use core::hint::black_box;

use crate::{BLOCK, Decision, ENDS, READS, Reason, WIDE, WRITES};

/// What is to be recorded, and whether it is refused too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Which counter counts it.
    pub counter: u16,
    /// Number of the function.
    pub function: u16,
    /// Whether it is refused, and not just told of.
    pub refuses: bool,
}

/// Whether a device node of a kind may not be used: for reading, for writing, or for both. A use for
/// neither counts as for both.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn device(decision: &Decision, kind: u32, major: u32, minor: u32, uses: u8) -> Option<Verdict> {
    of_device(decision, kind, major, minor, uses).map(verdict)
}

/// Whether a device node may not be used that was opened before, for these purposes. What is only to be
/// told of was told of when it was opened.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn held(decision: &Decision, kind: u32, major: u32, minor: u32, uses: u8) -> Option<Verdict> {
    let reason = of_device(decision, kind, major, minor, uses)?;
    if reason.audits != 0 || reason.uses & ENDS == 0 {
        return None;
    }
    Some(verdict(reason))
}

#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
fn of_device(decision: &Decision, kind: u32, major: u32, minor: u32, uses: u8) -> Option<&Reason> {
    let index = usize::try_from(major).ok()?;
    let place = if kind == BLOCK {
        *decision.blocks.get(index)?
    } else {
        *decision.characters.get(index)?
    };
    if place == 0 {
        return None;
    }
    let number = if place == WIDE {
        wide(decision, minor)
    } else {
        in_row(decision, place, minor)
    }?;
    let reason = reason(decision, number)?;
    let uses = if uses & (READS | WRITES) == 0 {
        READS | WRITES
    } else {
        uses
    };
    (reason.uses & uses != 0).then_some(reason)
}

#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
fn wide(decision: &Decision, minor: u32) -> Option<u8> {
    if minor >= 8192 {
        return None;
    }
    let index = black_box(minor & 8191);
    decision.wide.get(usize::try_from(index).ok()?).copied()
}

#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
fn in_row(decision: &Decision, place: u8, minor: u32) -> Option<u8> {
    let place = black_box(u32::from(place) & 31);
    let row = decision.rows.get(usize::try_from(place).ok()?)?;
    if minor >= 256 {
        return Some(row.beyond);
    }
    let index = black_box(minor & 255);
    row.minors.get(usize::try_from(index).ok()?).copied()
}

/// Whether a socket of this family may not be made or used.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn socket(decision: &Decision, family: u32) -> Option<Verdict> {
    if family >= 64 {
        return None;
    }
    let index = black_box(family & 63);
    let number = *decision.families.get(usize::try_from(index).ok()?)?;
    reason(decision, number).map(verdict)
}

/// Whether a serial line may not be given this line discipline.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn line_discipline(decision: &Decision, discipline: u32) -> Option<Verdict> {
    let number = *decision
        .disciplines
        .get(usize::try_from(discipline).ok()?)?;
    reason(decision, number).map(verdict)
}

/// Whether nothing may be sent to the generic netlink family of this number.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn netlink(decision: &Decision, number: u16) -> Option<Verdict> {
    let [first, second, third, fourth] = &decision.netlinks;
    let found = if first.number == number {
        first
    } else if second.number == number {
        second
    } else if third.number == number {
        third
    } else if fourth.number == number {
        fourth
    } else {
        return None;
    };
    let index = u8::try_from(found.reason & 255).ok()?;
    reason(decision, index).map(verdict)
}

#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
fn reason(decision: &Decision, number: u8) -> Option<&Reason> {
    if number == 0 {
        return None;
    }
    let index = black_box(u32::from(number) & 255);
    decision.reasons.get(usize::try_from(index).ok()?)
}

#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
fn verdict(reason: &Reason) -> Verdict {
    Verdict {
        counter: reason.counter,
        function: reason.function,
        refuses: reason.audits == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CHARACTER, Row};

    fn camera_off() -> Decision {
        let mut decision = Decision::default();
        decision.characters[81] = 1;
        decision.rows[1] = Row {
            minors: [1; 256],
            beyond: 1,
            reserved: [0; 7],
        };
        decision.rows[1].minors[5] = 0;
        decision.rows[1].minors[255] = 2;
        decision.characters[189] = WIDE;
        decision.wide[8191] = 1;
        let reason = |counter, uses, audits| Reason {
            counter,
            function: 0,
            uses,
            audits,
            reserved: 0,
        };
        decision.reasons[1] = reason(9, READS | WRITES | ENDS, 0);
        decision.reasons[2] = reason(10, WRITES, 1);
        decision.families[31] = 1;
        decision
    }

    #[test]
    fn a_closed_major_refuses_every_minor_but_the_excepted() {
        let decision = camera_off();
        for minor in (0..300).chain([u32::MAX]) {
            let refused = device(&decision, CHARACTER, 81, minor, READS).is_some();
            assert_eq!(refused, minor != 5 && minor != 255, "minor {minor}");
            assert_eq!(device(&decision, BLOCK, 81, minor, READS), None);
        }
    }

    #[test]
    fn a_reason_holds_for_the_uses_that_it_names_and_says_whether_it_refuses() {
        let decision = camera_off();
        assert_eq!(device(&decision, CHARACTER, 81, 255, READS), None);
        for uses in [0, WRITES, READS | WRITES] {
            let audited = device(&decision, CHARACTER, 81, 255, uses).unwrap();
            assert_eq!((audited.counter, audited.refuses), (10, false));
        }
        assert!(device(&decision, CHARACTER, 81, 0, 0).unwrap().refuses);
    }

    #[test]
    fn what_was_open_before_is_refused_where_the_reason_ends_it() {
        let mut decision = camera_off();
        let used = |decision: &Decision, minor| held(decision, CHARACTER, 81, minor, WRITES);
        assert_eq!(
            used(&decision, 0),
            device(&decision, CHARACTER, 81, 0, WRITES)
        );
        assert_eq!(used(&decision, 255), None, "it is only told of");
        decision.reasons[1].uses = READS | WRITES;
        assert_eq!(used(&decision, 0), None);
        assert!(device(&decision, CHARACTER, 81, 0, WRITES).unwrap().refuses);
    }

    #[test]
    fn the_wide_major_tells_all_its_minors_apart() {
        let decision = camera_off();
        for minor in [0, 255, 256, 8190, 8192, u32::MAX] {
            assert_eq!(device(&decision, CHARACTER, 189, minor, READS), None);
        }
        assert!(device(&decision, CHARACTER, 189, 8191, READS).is_some());
    }

    #[test]
    fn other_majors_stay_open_however_large() {
        let decision = camera_off();
        for major in (0..81).chain(82..189).chain(190..600).chain([u32::MAX]) {
            assert_eq!(
                device(&decision, CHARACTER, major, 0, READS),
                None,
                "major {major}"
            );
        }
    }

    #[test]
    fn only_closed_families_are_refused() {
        let decision = camera_off();
        for family in (0..100).chain([u32::MAX]) {
            assert_eq!(
                socket(&decision, family).is_some(),
                family == 31,
                "family {family}"
            );
        }
    }

    #[test]
    fn an_empty_decision_refuses_nothing() {
        let decision = Decision::default();
        assert_eq!(device(&decision, CHARACTER, 81, 0, READS), None);
        assert_eq!(socket(&decision, 31), None);
        assert_eq!(line_discipline(&decision, 15), None);
        assert_eq!(netlink(&decision, 0), None);
        assert_eq!(netlink(&decision, 30), None);
    }
}
