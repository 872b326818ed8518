//! From a [`Table`] to what the programs read, and back from what is in force.

use cardwarden_ebpf_abi::{CLOSED_MAJORS, ClosedMajor, Decision, Family, Watched};
use cardwarden_policy::plan::{self, ClosedFamily};
use cardwarden_policy::{Function, Table};

use crate::enforce::Error;

/// What the programs read.
pub(super) fn encode(table: &Table) -> Result<Decision, Error> {
    let mut decision = Decision::default();
    if table.majors.len() > CLOSED_MAJORS {
        return Err(Error::TooManyMajors {
            count: table.majors.len(),
        });
    }
    let places = decision.closed.iter_mut().zip(1_u8..);
    for ((major, closed), (place, number)) in table.majors.iter().zip(places) {
        let index = usize::try_from(*major).unwrap_or(usize::MAX);
        let Some(entry) = decision.majors.get_mut(index) else {
            continue;
        };
        *entry = number;
        *place = ClosedMajor {
            except: bits(closed.except.iter().copied()),
            counter: closed.counter,
            function: closed.function.index(),
            reserved: 0,
        };
    }
    for (family, closed) in &table.families {
        if let Some(entry) = decision.families.get_mut(usize::from(*family)) {
            *entry = Family {
                closed: 1,
                counter: closed.counter,
                function: closed.function.index(),
                reserved: 0,
            };
        }
    }
    Ok(decision)
}

/// The majors that a table closes.
pub(super) fn watched(table: &Table) -> Watched {
    let mut watched = Watched::default();
    for (major, entry) in (0_u32..).zip(&mut watched.majors) {
        *entry = u8::from(table.majors.contains_key(&major));
    }
    watched
}

/// What is in force: what the programs look at and the decision closes.
pub(super) fn decode(decision: &Decision, watched: &Watched) -> Table {
    let mut table = Table::default();
    for (major, number) in (0_u32..).zip(&decision.majors) {
        if !watched.has(major) {
            continue;
        }
        let place = usize::from(*number).checked_sub(1);
        let Some(closed) = place.and_then(|place| decision.closed.get(place)) else {
            continue;
        };
        if let Some(function) = function(closed.function) {
            let except = (0..256)
                .filter(|minor| has_bit(&closed.except, *minor))
                .collect();
            let closed = plan::ClosedMajor {
                function,
                counter: closed.counter,
                except,
            };
            table.majors.insert(major, closed);
        }
    }
    for (family, entry) in (0_u8..).zip(&decision.families) {
        if let (1.., Some(function)) = (entry.closed, function(entry.function)) {
            table.families.insert(
                family,
                ClosedFamily {
                    function,
                    counter: entry.counter,
                },
            );
        }
    }
    table
}

/// The function of a number.
pub(super) fn function(index: u16) -> Option<Function> {
    Function::ALL.get(usize::from(index)).copied()
}

fn bits(minors: impl Iterator<Item = u32>) -> [u64; 4] {
    let mut words = [0_u64; 4];
    for minor in minors {
        if let Some(word) = usize::try_from(minor >> 6)
            .ok()
            .and_then(|word| words.get_mut(word))
        {
            *word |= 1 << (minor & 63);
        }
    }
    words
}

fn has_bit(words: &[u64; 4], minor: u32) -> bool {
    usize::try_from(minor >> 6)
        .ok()
        .and_then(|word| words.get(word))
        .is_some_and(|word| word >> (minor & 63) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn function() -> impl Strategy<Value = Function> {
        (0..Function::ALL.len()).prop_map(|index| Function::ALL[index])
    }

    prop_compose! {
        fn table()(
            majors in prop::collection::btree_map(
                0_u32..512,
                (function(), 0_u16..1009, prop::collection::btree_set(0_u32..256, 0..9)),
                0..=CLOSED_MAJORS,
            ),
            families in prop::collection::btree_map(0_u8..64, (function(), 0_u16..1009), 0..9),
        ) -> Table {
            Table {
                majors: majors
                    .into_iter()
                    .map(|(major, (function, counter, except))| {
                        (major, plan::ClosedMajor { function, counter, except })
                    })
                    .collect(),
                families: families
                    .into_iter()
                    .map(|(family, (function, counter))| (family, ClosedFamily { function, counter }))
                    .collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_the_programs_read_is_what_was_meant(table in table()) {
            prop_assert_eq!(&decode(&encode(&table).unwrap(), &watched(&table)), &table);
        }

        #[test]
        fn the_programs_refuse_exactly_what_the_table_refuses(
            table in table(), major in 0_u32..600, minor in 0_u32..300, family in 0_u8..64,
        ) {
            let decision = encode(&table).unwrap();
            let device = watched(&table).has(major)
                && cardwarden_ebpf_abi::device(&decision, major, minor).is_some();
            prop_assert_eq!(device, table.refuses_device(major, minor));
            let socket = cardwarden_ebpf_abi::socket(&decision, u32::from(family)).is_some();
            prop_assert_eq!(socket, table.families.contains_key(&family));
        }
    }

    #[test]
    fn nothing_in_force_is_an_empty_table() {
        assert_eq!(
            decode(&Decision::default(), &Watched::default()),
            Table::default()
        );
    }
}
