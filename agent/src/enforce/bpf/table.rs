//! From a [`Table`] to what the programs read, and back from what is in force.

use std::collections::BTreeMap;

use cardwarden_ebpf_abi as abi;
use cardwarden_ebpf_abi::{Decision, ENDS, READS, Row, WIDE, WRITES, Watched};
use cardwarden_policy::plan::{Kind, Major, Mode, Opens, Reason, USB_MAJOR};
use cardwarden_policy::{Function, Table};

use crate::enforce::Error;

/// The reasons of a decision, each with its number.
#[derive(Default)]
struct Reasons(BTreeMap<Reason, u8>);

impl Reasons {
    fn number(&mut self, reason: Option<Reason>) -> Result<u8, Error> {
        let Some(reason) = reason else {
            return Ok(0);
        };
        let next = u8::try_from(self.0.len().saturating_add(1));
        if let Some(known) = self.0.get(&reason) {
            return Ok(*known);
        }
        let next = next.map_err(|_too_many| Error::TooMany { what: "reasons" })?;
        self.0.insert(reason, next);
        Ok(next)
    }
}

/// What the programs read.
pub(super) fn encode(table: &Table) -> Result<Box<Decision>, Error> {
    let mut decision = Box::<Decision>::default();
    let mut reasons = Reasons::default();
    let mut rows: Vec<(&Major, u8)> = Vec::new();
    for ((kind, number), major) in &table.majors {
        let place = if (*kind, *number) == (Kind::Character, USB_MAJOR) {
            for (minor, place) in (0_u32..).zip(&mut decision.wide) {
                *place = reasons.number(major.at(minor))?;
            }
            WIDE
        } else if let Some((_, place)) = rows.iter().find(|(known, _)| *known == major) {
            *place
        } else {
            let place = u8::try_from(rows.len().saturating_add(1)).unwrap_or(u8::MAX);
            let row = decision.rows.get_mut(usize::from(place));
            let row = row.ok_or(Error::TooMany {
                what: "device majors",
            })?;
            for (minor, place) in (0_u32..).zip(&mut row.minors) {
                *place = reasons.number(major.at(minor))?;
            }
            row.beyond = reasons.number(major.default_reason())?;
            rows.push((major, place));
            place
        };
        let majors = match kind {
            Kind::Character => &mut decision.characters,
            Kind::Block => &mut decision.blocks,
        };
        let index = usize::try_from(*number).unwrap_or(usize::MAX);
        if let Some(entry) = majors.get_mut(index) {
            *entry = place;
        }
    }
    for (family, reason) in &table.families {
        if let Some(entry) = decision.families.get_mut(usize::from(*family)) {
            *entry = reasons.number(Some(*reason))?;
        }
    }
    for (discipline, reason) in &table.disciplines {
        if let Some(entry) = decision.disciplines.get_mut(usize::from(*discipline)) {
            *entry = reasons.number(Some(*reason))?;
        }
    }
    if table.netlink.len() > abi::NETLINKS {
        return Err(Error::TooMany {
            what: "netlink families",
        });
    }
    for ((number, reason), entry) in table.netlink.iter().zip(&mut decision.netlinks) {
        entry.number = *number;
        entry.reason = u16::from(reasons.number(Some(*reason))?);
    }
    for (reason, number) in reasons.0 {
        if let Some(entry) = decision.reasons.get_mut(usize::from(number)) {
            *entry = written(reason);
        }
    }
    Ok(decision)
}

/// The majors that a table speaks of.
pub(super) fn watched(table: &Table) -> Watched {
    let mut watched = Watched::default();
    for (kind, number) in table.majors.keys() {
        let index = usize::try_from(*number).unwrap_or(usize::MAX);
        if let Some(entry) = watched.majors.get_mut(index) {
            *entry |= u8::try_from(bit(*kind)).unwrap_or_default();
        }
    }
    for family in table.families.keys() {
        watched.families |= 1_u64.checked_shl(u32::from(*family)).unwrap_or_default();
    }
    watched
}

const fn bit(kind: Kind) -> u32 {
    match kind {
        Kind::Character => abi::CHARACTER,
        Kind::Block => abi::BLOCK,
    }
}

/// What is in force: what the programs look at and the decision speaks of.
pub(super) fn decode(decision: &Decision, watched: &Watched) -> Table {
    let reason = |number: u8| read(*decision.reasons.get(usize::from(number))?, number);
    let mut table = Table::default();
    for (kind, majors) in [
        (Kind::Character, &decision.characters),
        (Kind::Block, &decision.blocks),
    ] {
        for (number, place) in (0_u32..).zip(majors) {
            if !watched.has(bit(kind), number) || *place == 0 {
                continue;
            }
            let major = match decision.rows.get(usize::from(*place)) {
                Some(row) => of_row(row, reason),
                None => of_minors(None, decision.wide.iter().map(|number| reason(*number))),
            };
            if !major.is_open() {
                table.majors.insert((kind, number), major);
            }
        }
    }
    for (family, number) in (0_u8..).zip(&decision.families) {
        if !watched.has_family(u32::from(family)) {
            continue;
        }
        table
            .families
            .extend(reason(*number).map(|one| (family, one)));
    }
    for (discipline, number) in (0_u8..).zip(&decision.disciplines) {
        table
            .disciplines
            .extend(reason(*number).map(|one| (discipline, one)));
    }
    for entry in &decision.netlinks {
        let number = u8::try_from(entry.reason).unwrap_or_default();
        table
            .netlink
            .extend(reason(number).map(|one| (entry.number, one)));
    }
    table
}

fn of_row(row: &Row, reason: impl Fn(u8) -> Option<Reason>) -> Major {
    let minors = row.minors.iter().map(|number| reason(*number));
    of_minors(reason(row.beyond), minors)
}

fn of_minors(default: Option<Reason>, minors: impl Iterator<Item = Option<Reason>>) -> Major {
    let mut major = Major::new(default);
    for (minor, reason) in (0_u32..).zip(minors) {
        major.set(minor, reason);
    }
    major
}

fn written(reason: Reason) -> abi::Reason {
    abi::Reason {
        counter: reason.counter,
        function: reason.function.index(),
        uses: match reason.opens {
            Opens::Reading => READS,
            Opens::Writing => WRITES,
            Opens::All => READS | WRITES,
        } | if reason.ends { ENDS } else { 0 },
        audits: match reason.mode {
            Mode::Refuse => 0,
            Mode::Audit => 1,
        },
        reserved: 0,
    }
}

fn read(entry: abi::Reason, number: u8) -> Option<Reason> {
    if number == 0 {
        return None;
    }
    Some(Reason {
        function: function(entry.function)?,
        counter: entry.counter,
        mode: if entry.audits == 0 {
            Mode::Refuse
        } else {
            Mode::Audit
        },
        ends: entry.uses & ENDS != 0,
        opens: match entry.uses & (READS | WRITES) {
            READS => Opens::Reading,
            WRITES => Opens::Writing,
            _ => Opens::All,
        },
    })
}

/// The function of a number.
pub(super) fn function(index: u16) -> Option<Function> {
    Function::ALL.get(usize::from(index)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwarden_policy::plan::{MINORS, USB_MINORS, families};
    use proptest::prelude::*;

    prop_compose! {
        fn reason()(
            function in prop::sample::select(Function::ALL.to_vec()),
            counter in 0_u16..4,
            mode in prop::sample::select(vec![Mode::Refuse, Mode::Audit]),
            opens in prop::sample::select(vec![Opens::Reading, Opens::Writing, Opens::All]),
            ends in any::<bool>(),
        ) -> Reason {
            Reason { function, counter, mode, opens, ends }
        }
    }

    prop_compose! {
        fn major()(
            default in prop::option::of(reason()),
            minors in prop::collection::btree_map(0_u32..256, prop::option::of(reason()), 0..6),
        ) -> Major {
            let mut major = Major::new(default);
            for (minor, reason) in minors {
                major.set(minor, reason);
            }
            major
        }
    }

    prop_compose! {
        fn table()(
            majors in prop::collection::btree_map(
                (prop::sample::select(vec![Kind::Character, Kind::Block]), 0_u32..180), major(), 0..9,
            ),
            wide in prop::collection::btree_map(0_u32..8192, reason(), 0..9),
            families in prop::collection::btree_map(0_u8..64, reason(), 0..9),
            netlink in prop::collection::btree_map(1_u16.., reason(), 0..=abi::NETLINKS),
            disciplines in prop::collection::btree_map(0_u8..32, reason(), 0..3),
        ) -> Table {
            let mut table = Table { majors, families, netlink, disciplines };
            let mut usb = Major::default();
            for (minor, reason) in wide {
                usb.set(minor, Some(reason));
            }
            table.majors.insert((Kind::Character, USB_MAJOR), usb);
            table.majors.retain(|_, major| !major.is_open());
            table
        }
    }

    proptest! {
        #[test]
        fn what_the_programs_read_is_what_was_meant(table in table()) {
            prop_assert_eq!(&decode(&encode(&table).unwrap(), &watched(&table)), &table);
        }

        #[test]
        fn the_programs_refuse_exactly_what_the_table_refuses(
            table in table(), minor in 0_u32..9000, family in 0_u8..64, any in 0_u32..600,
        ) {
            let decision = encode(&table).unwrap();
            let watched = watched(&table);
            let majors: Vec<u32> = table.majors.keys().map(|(_, major)| *major).collect();
            for major in majors.into_iter().chain([any]) {
                for kind in [Kind::Character, Kind::Block] {
                    for minor in [minor, minor & 255] {
                        for (uses, opens) in [
                            (READS, Opens::Reading), (WRITES, Opens::Writing), (0, Opens::All),
                        ] {
                            let refused = watched.has(bit(kind), major)
                                && abi::device(&decision, bit(kind), major, minor, uses)
                                    .is_some_and(|verdict| verdict.refuses);
                            prop_assert_eq!(refused, table.refuses(kind, major, minor, opens));
                        }
                    }
                }
            }
            let counted = |verdict: abi::Verdict| (verdict.counter, verdict.refuses);
            let meant = |reason: &Reason| (reason.counter, reason.mode == Mode::Refuse);
            let socket = watched
                .has_family(u32::from(family))
                .then(|| abi::socket(&decision, u32::from(family)).map(counted))
                .flatten();
            prop_assert_eq!(socket, table.families.get(&family).map(meant));
            for (number, reason) in &table.netlink {
                let sent = abi::netlink(&decision, *number).map(counted);
                prop_assert_eq!(sent, Some(meant(reason)));
            }
        }
    }

    #[test]
    fn plans_and_programs_tell_as_many_minors_apart() {
        assert_eq!(usize::try_from(MINORS), Ok(abi::MINORS));
        assert_eq!(usize::try_from(USB_MINORS), Ok(abi::WIDE_MINORS));
    }

    #[test]
    fn plans_and_programs_know_the_same_families() {
        for family in 0..=u8::MAX {
            let has = |function: &Function| families(*function).contains(&family);
            let is_used = Function::ALL.iter().any(has);
            assert_eq!(abi::may_carry(u32::from(family)), is_used, "{family}");
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
