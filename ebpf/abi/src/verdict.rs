//! What a hook decides. The hook fetches the facts, calls one of these, records, and returns.

use crate::Decision;

/// Why something is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Which counter counts it.
    pub counter: u16,
    /// Number of the function.
    pub function: u16,
}

/// Whether a character device may not be opened. A minor beyond what can be excepted is refused.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn device(decision: &Decision, major: u32, minor: u32) -> Option<Refusal> {
    let index = *decision.majors.get(usize::try_from(major).ok()?)?;
    if index == 0 {
        return None;
    }
    let closed = decision.closed.get(usize::from(index).wrapping_sub(1))?;
    // The kernel's verifier must see that the index is in range, and it forgets what a comparison
    // said about a copy of a register: so it is masked, and the mask is hidden from the compiler,
    // which would otherwise drop it behind the comparison below.
    let index = core::hint::black_box(minor >> 6 & 3);
    let word = closed.except.get(usize::try_from(index).ok()?)?;
    if minor < 256 && word >> (minor & 63) & 1 == 1 {
        return None;
    }
    Some(Refusal {
        counter: closed.counter,
        function: closed.function,
    })
}

/// Whether a socket of this family may not be made.
#[expect(clippy::inline_always, reason = "a call costs more than the verdict")]
#[inline(always)]
pub fn socket(decision: &Decision, family: u32) -> Option<Refusal> {
    let family = decision.families.get(usize::try_from(family).ok()?)?;
    (family.closed != 0).then_some(Refusal {
        counter: family.counter,
        function: family.function,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClosedMajor, Family};

    fn camera_off() -> Decision {
        let mut decision = Decision::default();
        decision.majors[81] = 1;
        decision.closed[0] = ClosedMajor {
            except: [1 << 5, 0, 0, 1 << 63],
            counter: 9,
            function: 0,
            reserved: 0,
        };
        decision.families[31] = Family {
            closed: 1,
            counter: 10,
            function: 2,
            reserved: 0,
        };
        decision
    }

    #[test]
    fn a_closed_major_refuses_every_minor_but_the_excepted() {
        let decision = camera_off();
        for minor in (0..300).chain([u32::MAX]) {
            let refused = device(&decision, 81, minor).is_some();
            assert_eq!(refused, minor != 5 && minor != 255, "minor {minor}");
        }
    }

    #[test]
    fn other_majors_stay_open_however_large() {
        let decision = camera_off();
        for major in (0..81).chain(82..600).chain([u32::MAX]) {
            assert_eq!(device(&decision, major, 0), None, "major {major}");
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
        assert_eq!(device(&decision, 81, 0), None);
        assert_eq!(socket(&decision, 31), None);
    }
}
