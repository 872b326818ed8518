//! Laws of every shelf, on one in memory whose files can tear: a card that is taken out while it
//! writes one keeps the begin of the new value. What is shown is switched with one step.

use std::collections::BTreeMap;

use cardwarden_policy::GroupEntry;

use super::*;
use crate::profile::{Placement, Wanted};

/// Bytes that are written with one step.
const STEP: usize = 255;
/// The two places of a manifest, and what stands for neither.
const MANIFESTS: [u32; 2] = [0xA0, 0xB0];
const NOWHERE: u32 = 0xFF;

#[derive(Clone, Debug, Default)]
struct Drawer {
    files: BTreeMap<u32, Vec<u8>>,
    shown: Option<u32>,
    containers: Vec<Container>,
    /// Steps until the card is taken out; then nothing is possible.
    left: u32,
}

const fn container(id: u32, capacity: usize) -> Container {
    Container {
        id,
        capacity,
        pin: false,
    }
}

impl Drawer {
    fn new(capacities: &[usize]) -> Self {
        let containers = capacities.iter().zip(1_u32..);
        Self {
            containers: containers
                .map(|(capacity, id)| container(id, *capacity))
                .collect(),
            left: u32::MAX,
            ..Self::default()
        }
    }

    fn step(&mut self) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or(Error::NoApplication)?;
        Ok(())
    }
}

impl Shelf for Drawer {
    fn manifest(&self) -> Container {
        container(self.shown.unwrap_or(NOWHERE), 600)
    }

    fn next_manifest(&self) -> Container {
        let next = MANIFESTS.into_iter().find(|id| Some(*id) != self.shown);
        container(next.unwrap(), 600)
    }

    fn manifests(&self) -> Vec<u32> {
        MANIFESTS.to_vec()
    }

    fn containers(&self) -> &[Container] {
        &self.containers
    }

    fn peek(&mut self, id: u32) -> Result<Held, Error> {
        self.step()?;
        Ok(self
            .files
            .get(&id)
            .map_or(Held::Nothing, |value| Held::of(value)))
    }

    fn read(&mut self, id: u32) -> Result<Option<Vec<u8>>, Error> {
        self.step()?;
        Ok(self.files.get(&id).cloned())
    }

    fn write(&mut self, id: u32, value: &[u8]) -> Result<(), Error> {
        self.step()?;
        self.files.remove(&id);
        for piece in value.chunks(STEP) {
            self.step()?;
            self.files.entry(id).or_default().extend(piece);
        }
        Ok(())
    }

    fn publish(&mut self, shown: Option<&Shown>) -> Result<(), Error> {
        self.step()?;
        self.shown = shown.and_then(|shown| shown.manifest.first().copied());
        Ok(())
    }

    fn tries(&mut self) -> Result<Option<u8>, Error> {
        Ok(None)
    }
}

type Content = (Vec<u8>, Vec<Vec<u8>>);

fn content(mark: u8, manifest: usize, groups: &[usize]) -> Content {
    let groups = groups.iter().zip(1_u8..);
    (
        vec![mark; manifest],
        groups
            .map(|(length, number)| vec![mark ^ number; *length])
            .collect(),
    )
}

fn fill(drawer: &mut Drawer, (manifest, groups): &Content) -> Result<Placement, Error> {
    let wanted: Vec<Wanted> = groups
        .iter()
        .map(|group| Wanted {
            length: group.len(),
            pin: false,
        })
        .collect();
    let placement = place(drawer, &wanted)?;
    write(drawer, &placement, manifest, groups)?;
    Ok(placement)
}

fn shows(drawer: &Drawer, (manifest, groups): &Content, placement: &Placement) -> bool {
    let mut drawer = Drawer {
        left: u32::MAX,
        ..drawer.clone()
    };
    let is_whole = read_manifest(&mut drawer).is_ok_and(|read| read == *manifest);
    is_whole
        && groups.iter().zip(&placement.groups).all(|(group, places)| {
            let entry = GroupEntry::describing(1, "group", group, places.clone());
            read_group(&mut drawer, &entry).is_ok_and(|read| read == *group)
        })
}

#[test]
fn files_that_tear_never_show_but_what_was_written_whole() {
    let drawers = [
        (Drawer::new(&[700; 12]), false),
        // Containers of different sizes, too few for two issues.
        (Drawer::new(&[300, 2000, 256, 255, 900, 700]), true),
    ];
    let (old, new) = (
        content(0, 900, &[1500, 200]),
        content(0x40, 1000, &[900, 1200]),
    );
    for (mut empty, may_be_empty) in drawers {
        empty.files.insert(0x77, vec![1; 40]);
        let mut before = empty.clone();
        let old_places = fill(&mut before, &old).unwrap();
        let mut whole = before.clone();
        let new_places = fill(&mut whole, &new).unwrap();
        assert!(shows(&before, &old, &old_places) && shows(&whole, &new, &new_places));
        let steps = before.left - whole.left;
        for left in 0..steps {
            let mut drawer = Drawer {
                left,
                ..before.clone()
            };
            assert!(fill(&mut drawer, &new).is_err());
            let is_empty = may_be_empty && drawer.shown.is_none();
            assert!(
                is_empty || shows(&drawer, &old, &old_places) || shows(&drawer, &new, &new_places),
                "{left}"
            );
            drawer.left = u32::MAX;
            let again = fill(&mut drawer, &new).unwrap();
            assert!(shows(&drawer, &new, &again), "{left}");
            erase(&mut drawer).unwrap();
            assert_eq!(drawer.files, empty.files);
        }
    }
}

#[test]
fn what_is_split_is_linked_and_whole() {
    let containers = [
        container(0x0105, 100),
        container(0x0207, 300),
        container(9, 60),
    ];
    let bytes: Vec<u8> = (0..420_u32).map(|at| at.to_le_bytes()[0]).collect();
    let values = chain::split((Kind::Group, 7), &bytes, &containers).unwrap();
    let mut whole: Vec<u8> = Vec::new();
    for (at, (id, value)) in values.iter().enumerate() {
        let (header, piece) = Header::read(value).unwrap();
        assert_eq!((*id, header.issue), (containers[at].id, 7));
        assert_eq!(usize::from(header.part), at);
        assert_eq!(header.next, [Some(7), Some(9), None][at]);
        assert!(value.len() <= containers[at].capacity);
        whole.extend(piece);
    }
    assert_eq!(whole, bytes);
    for wrong in [88, 425, 1000] {
        assert_eq!(
            chain::split((Kind::Group, 7), &vec![0; wrong], &containers),
            None
        );
    }
}

#[test]
fn a_link_to_where_no_part_can_lie_leads_nowhere() {
    let mut drawer = Drawer::new(&[300; 3]);
    drawer.shown = Some(0xA0);
    for next in [0xA0, 0xB0, 0x77, 0xFF] {
        let header = Header {
            kind: Kind::Manifest { hides: false },
            part: 0,
            issue: 1,
            next: Some(next),
        };
        drawer.files.insert(0xA0, header.write(b"begin"));
        assert_eq!(read_manifest(&mut drawer).unwrap(), b"begin");
    }
}
