//! Which of many entries mean a device, without asking each of them.
//!
//! Entries are filed by *shape*: which facts of a device an entry fixes. All entries of a shape
//! lie in a hash table under the values that they fix; a device is looked up once in each shape,
//! under its own values. There are few shapes, however many entries there are. What is found is
//! then asked itself ([`Match::matches`]), so that nothing is found that does not match.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use super::device::said;
use super::matching::classes;
use super::{ClassPattern, Device, IdPattern, Match};

/// The end of a chain of entries.
const END: u32 = u32::MAX;

/// `SipHash` with its fixed key: the same on every machine and in every run. Whoever makes a
/// device chooses what is looked up and never what is filed, so that no flood of collisions can
/// be prepared; one collision costs one comparison.
type Table = HashMap<u64, u32, BuildHasherDefault<DefaultHasher>>;

/// Many entries, filed for finding those that mean a device.
///
/// It holds the entries' numbers and not the entries: 30 to 50 bytes for each.
#[derive(Clone, Debug, Default)]
pub struct Index {
    shapes: Vec<Shape>,
    /// From the hash of a shape and its values to the first filed entry.
    table: Table,
    filed: Vec<Filed>,
}

#[derive(Clone, Copy, Debug)]
struct Filed {
    entry: u32,
    next: u32,
}

/// Which facts an entry fixes.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of facts, of which any may be in it"
)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
struct Shape {
    vendor: bool,
    product: bool,
    serial: bool,
    manufacturer: bool,
    name: bool,
    connection: bool,
    descriptors: bool,
    port: Port,
    /// How many numbers of a class.
    class: u8,
}

/// How much of the port is fixed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
enum Port {
    #[default]
    Free,
    Whole,
    /// So many bytes.
    Beginning(usize),
}

impl Shape {
    /// What an entry fixes, beside the class.
    fn of(entry: &Match) -> Self {
        let (vendor, product) = entry.id.map_or((None, None), IdPattern::numbers);
        Self {
            vendor: vendor.is_some(),
            product: product.is_some(),
            serial: entry.serial.is_some(),
            manufacturer: entry.manufacturer.is_some(),
            name: entry.name.is_some(),
            connection: entry.connection.is_some(),
            descriptors: entry.descriptors.is_some(),
            port: entry.port.as_ref().map_or(Port::Free, |port| {
                port.beginning()
                    .map_or(Port::Whole, |beginning| Port::Beginning(beginning.len()))
            }),
            class: 0,
        }
    }

    /// The entry's own values, in the order of [`Shape::looked_up`].
    fn filed(self, entry: &Match, class: ClassPattern) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let (vendor, product) = entry.id.map_or((None, None), IdPattern::numbers);
        vendor
            .into_iter()
            .chain(product)
            .for_each(|number| number.hash(&mut hasher));
        let texts = [&entry.serial, &entry.manufacturer, &entry.name];
        texts
            .into_iter()
            .flatten()
            .for_each(|text| text.hash(&mut hasher));
        entry
            .connection
            .iter()
            .for_each(|kind| kind.hash(&mut hasher));
        entry
            .descriptors
            .iter()
            .for_each(|hash| hash.hash(&mut hasher));
        if let Some(port) = &entry.port {
            let bytes = port.beginning().unwrap_or(port.as_str()).as_bytes();
            bytes.hash(&mut hasher);
        }
        class.hash(&mut hasher);
        hasher.finish()
    }

    /// The same values of a device, all but the class; `None` when it lacks one that is fixed.
    fn looked_up(self, device: &Device) -> Option<DefaultHasher> {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        if self.vendor {
            device.vendor.hash(&mut hasher);
        }
        if self.product {
            device.product.hash(&mut hasher);
        }
        let texts = [
            (self.serial, &device.serial),
            (self.manufacturer, &device.manufacturer),
            (self.name, &device.name),
        ];
        for (_, text) in texts.into_iter().filter(|(fixed, _)| *fixed) {
            said(text.as_ref()).hash(&mut hasher);
        }
        if self.connection {
            device.connection.hash(&mut hasher);
        }
        if self.descriptors {
            device.descriptors?.hash(&mut hasher);
        }
        let port = device.port.as_bytes();
        match self.port {
            Port::Free => {}
            Port::Whole => port.hash(&mut hasher),
            Port::Beginning(length) => port.get(..length)?.hash(&mut hasher),
        }
        Some(hasher)
    }
}

/// The classes of which a device must have one for the entry to mean it: [`ClassPattern::ANY`]
/// where it need not have any.
fn wanted(entry: &Match) -> BTreeSet<ClassPattern> {
    let set = entry.interfaces.as_deref();
    let (all, one) = set.map_or((&[][..], &[][..]), |set| {
        let all = if set.equals.is_empty() {
            &set.all_of
        } else {
            &set.equals
        };
        (all.as_slice(), set.one_of.as_slice())
    });
    let narrowest = all
        .iter()
        .copied()
        .chain(entry.class)
        .max_by_key(|pattern| pattern.depth())
        .filter(|pattern| *pattern != ClassPattern::ANY);
    match narrowest {
        Some(pattern) => BTreeSet::from([pattern]),
        None if one.is_empty() => BTreeSet::from([ClassPattern::ANY]),
        None => one.iter().copied().collect(),
    }
}

impl Index {
    /// Whether any entry fixes a text that a device says of itself: serial number, maker or name. Where
    /// none does, what is found for a device is the same whatever its texts are.
    pub fn asks_texts(&self) -> bool {
        self.shapes
            .iter()
            .any(|shape| shape.serial || shape.manufacturer || shape.name)
    }

    /// Files entries. Their numbers are the caller's; each entry has its own.
    pub fn new<'a, I: IntoIterator<Item = (u32, &'a Match)>>(entries: I) -> Self {
        let mut index = Self::default();
        let mut shapes = BTreeSet::new();
        for (number, entry) in entries {
            let plain = Shape::of(entry);
            for class in wanted(entry) {
                let shape = Shape {
                    class: class.depth(),
                    ..plain
                };
                shapes.insert(shape);
                index.file(shape.filed(entry, class), number);
            }
        }
        index.shapes = shapes.into_iter().collect();
        index.filed.shrink_to_fit();
        index.table.shrink_to_fit();
        index
    }

    fn file(&mut self, key: u64, entry: u32) {
        let Ok(position) = u32::try_from(self.filed.len()) else {
            // Four thousand million entries fit no memory that a device has.
            return;
        };
        let next = self.table.insert(key, position).unwrap_or(END);
        self.filed.push(Filed { entry, next });
    }

    /// The numbers of the entries that mean the device, ascending. `entry` gives the entry of a
    /// number, as it was filed.
    pub fn matching<'a>(
        &self,
        device: &Device,
        entry: impl Fn(u32) -> Option<&'a Match>,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        self.candidates(device, |number| {
            if entry(number).is_some_and(|entry| entry.matches(device)) {
                found.push(number);
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How many entries are asked themselves whether they mean the device.
    pub fn examined(&self, device: &Device) -> usize {
        let mut count: usize = 0;
        self.candidates(device, |_| count = count.saturating_add(1));
        count
    }

    /// How many bytes it takes, as far as it can be told.
    pub fn bytes(&self) -> usize {
        // A table has a byte of its own beside each place (hashbrown), and is up to 7/8 full.
        let place = size_of::<(u64, u32)>().saturating_add(1);
        let places = self.table.capacity().saturating_mul(8) / 7;
        places
            .saturating_mul(place)
            .saturating_add(self.filed.capacity().saturating_mul(size_of::<Filed>()))
            .saturating_add(self.shapes.capacity().saturating_mul(size_of::<Shape>()))
    }

    fn candidates(&self, device: &Device, mut found: impl FnMut(u32)) {
        let around: [Vec<ClassPattern>; 4] = [0, 1, 2, 3].map(|depth| prefixes(device, depth));
        for shape in &self.shapes {
            let Some(hasher) = shape.looked_up(device) else {
                continue;
            };
            for class in around.get(usize::from(shape.class)).into_iter().flatten() {
                let mut hasher = hasher.clone();
                class.hash(&mut hasher);
                self.chain(hasher.finish(), &mut found);
            }
        }
    }

    fn chain(&self, key: u64, found: &mut impl FnMut(u32)) {
        let mut position = self.table.get(&key).copied();
        while let Some(filed) = position.and_then(|at| self.filed.get(usize::try_from(at).ok()?)) {
            found(filed.entry);
            position = Some(filed.next);
        }
    }
}

/// The classes of the device, each cut to so many numbers and named once.
fn prefixes(device: &Device, depth: u8) -> Vec<ClassPattern> {
    if depth == 0 {
        return vec![ClassPattern::ANY];
    }
    let mut prefixes: Vec<ClassPattern> = classes(device)
        .map(|class| ClassPattern::around(class, depth))
        .collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}
