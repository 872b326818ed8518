//! The whole loop on a kernel in memory.

use std::path::{Path, PathBuf};

use cardwarden_policy::manifest::{Group, Manifest};
use cardwarden_policy::outcome::{Achieved, Event};
use cardwarden_policy::{
    Authenticity, CardIdentity, Endorsement, Function, GroupEntry, Hook, KernelState, Policy,
    Proof, Release, SigningKey, Verdict, Verified,
};
use tempfile::TempDir;
use tokio::sync::{broadcast, mpsc, watch};
use uuid::Uuid;

use super::*;
use crate::card::{CardEvent, CardReading};
use crate::devices::Node;
use crate::enforce::memory::Memory;
use crate::enforce::probe::Met;
use crate::facts::Wanted;
use crate::request::Refused as Refusal;
use crate::status::{Posture, Status};

mod association;
mod guard;
mod newcomers;
mod release;
mod sent;
mod situation;
mod turns;
mod verify;

/// A machine with one camera. What it meets follows from the kernel as of the last scan.
struct Fake {
    clocks: Reading,
    /// What attempts meet instead of a refusal.
    leaks: bool,
    announced: Vec<(Function, bool)>,
    netlink: BTreeMap<u16, Function>,
    /// What an attempt to make a Bluetooth socket meets.
    socket: Option<Met>,
    /// What an attempt to undo what is in force meets.
    undo: Met,
    /// The USB devices that wait to be let in, by name.
    newcomers: BTreeMap<String, Found>,
    /// Whether the texts of the last were wanted.
    texts: Option<Texts>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            clocks: Reading {
                wall: "2026-11-23T13:00:00Z".parse().unwrap(),
                since_boot: SignedDuration::from_mins(1),
                boot: Uuid::from_u128(1),
            },
            leaks: false,
            announced: Vec::new(),
            netlink: BTreeMap::new(),
            socket: None,
            undo: Met::Refused,
            newcomers: BTreeMap::new(),
            texts: None,
        }
    }
}

impl World for Fake {
    fn clocks(&mut self) -> Reading {
        self.clocks
    }

    fn scan(&mut self, _kernel: &mut dyn Kernel) -> Found {
        let mut found = Found::default();
        found.inventory.netlink.clone_from(&self.netlink);
        found.inventory.majors.insert(81, Function::Camera);
        found.inventory.others.insert(81, [5].into());
        found.nodes.push(Node {
            function: Function::Camera,
            number: (81, 0),
            path: "/dev/video0".into(),
            syspath: "/sys/video0".into(),
        });
        found
    }

    fn newcomer(&mut self, name: &str, texts: Texts) -> Option<Found> {
        self.texts = Some(texts);
        self.newcomers.get(name).cloned()
    }

    fn prober(&mut self) -> Option<u32> {
        None
    }

    fn try_open(&mut self, _node: &Path) -> Met {
        if self.leaks {
            Met::Passed
        } else {
            Met::Refused
        }
    }

    fn try_socket(&mut self, function: Function) -> Option<(&'static str, Met)> {
        let met = self.socket?;
        (function == Function::Bluetooth).then_some(("socket(AF_BLUETOOTH)", met))
    }

    fn try_undo(&mut self) -> Met {
        self.undo
    }

    fn announce(&mut self, _found: &Found, function: Function, decided: bool) {
        self.announced.push((function, decided));
    }

    fn functions(&mut self) -> BTreeSet<Function> {
        [Function::Camera].into()
    }
}

struct Bench {
    folder: TempDir,
    owner: Reconciler<Memory, Fake>,
    status: watch::Receiver<Published>,
    links: watch::Receiver<Vec<Arc<Link>>>,
    orders: mpsc::Receiver<Order>,
    expectation: watch::Receiver<Expectation>,
    wanted: watch::Receiver<Wanted>,
}

fn company() -> SigningKey {
    SigningKey::ed25519_from_seed(&[1; 32])
}

const CAMERA_OFF: &str = "[baseline]\ncamera = \"disable\"\n";
const ALL_ON: &str = "";

impl Bench {
    fn new() -> Self {
        Self::in_folder(
            tempfile::tempdir().unwrap(),
            Memory::default(),
            Fake::default(),
        )
    }

    /// Starts an agent on what another left: its state and its kernel.
    fn in_folder(folder: TempDir, kernel: Memory, world: Fake) -> Self {
        let identity = Identity::load_or_make(folder.path()).unwrap();
        let anchors: Anchors = [company().anchor().unwrap()].into_iter().collect();
        let settings = Settings {
            floor: folder.path().join("elsewhere/floor.json"),
            kind: Some("laptop".to_owned()),
            ..Settings::default()
        };
        let properties = Properties {
            kind: "laptop".to_owned(),
            model: "Book 1".to_owned(),
            device: identity.device.clone(),
            ..Properties::default()
        };
        let (status, published) = watch::channel(Arc::new(Status::at_start(&identity)));
        let (links, linked) = watch::channel(Vec::new());
        let (expectation, expected) = watch::channel(Expectation {
            properties: properties.clone(),
            association: identity.association,
            bonds: Vec::new(),
            device_key: identity.spki.clone(),
            anchors: Arc::new(anchors.clone()),
        });
        let (order, orders) = mpsc::channel(4);
        let (wanted, asked) = watch::channel(Wanted::default());
        let outputs = Outputs {
            status,
            links,
            expectation,
            orders: order,
            wanted,
            nudge: Arc::default(),
            denials: broadcast::channel(4).0,
        };
        let fixed = Fixed {
            settings,
            folder: folder.path().to_owned(),
            anchors,
            properties,
            queue: Arc::new(Queue::open(folder.path()).unwrap()),
        };
        let mut owner = Reconciler::new(kernel, world, fixed, outputs, identity);
        owner.turn();
        Self {
            folder,
            owner,
            status: published,
            links: linked,
            orders,
            expectation: expected,
            wanted: asked,
        }
    }

    /// The agent ends without a word, and another starts.
    fn restarted(self) -> Self {
        let Self { folder, owner, .. } = self;
        let clocks = owner.world.clocks;
        let world = Fake {
            clocks,
            ..Fake::default()
        };
        Self::in_folder(folder, owner.kernel, world)
    }

    fn insert(&mut self, policy: &str, version: u64) {
        self.put_in(&Card::new(company, policy, version));
    }

    /// Puts a card in.
    fn put_in(&mut self, card: &Card) {
        let reading = card.read(&self.expectation.borrow());
        self.owner.on_card(CardEvent::Reading(Box::new(reading)));
        self.owner.turn();
    }

    fn pull_out(&mut self, reader: &str) {
        let reader = reader.to_owned();
        self.owner.on_card(CardEvent::Removed { reader });
        self.owner.turn();
    }

    fn has_problem(&self, code: &str) -> bool {
        let status = self.status();
        status.problems.iter().any(|problem| problem.code == code)
    }

    fn achieved(&self, function: Function) -> Achieved {
        self.status().functions[&function].achieved
    }

    fn status(&self) -> Published {
        self.status.borrow().clone()
    }

    fn camera(&self) -> Verdict {
        self.status().functions[&Function::Camera].ruling.verdict
    }

    fn is_refused(&self) -> bool {
        self.owner.kernel.state.refuses_device(81, 0)
    }

    fn outcomes(&self) -> Vec<Event> {
        self.owner
            .fixed
            .queue
            .pending()
            .unwrap()
            .into_iter()
            .map(|outcome| outcome.event)
            .collect()
    }

    fn release(&mut self, key: &SigningKey, association: Uuid) -> Result<(), Refusal> {
        let release = Release {
            company: "B Company".to_owned(),
            device: self.owner.identity.device.clone(),
            association,
            from: None,
        };
        let result = self.owner.release(&key.sign(&release).unwrap());
        self.owner.turn();
        result
    }
}

fn reading(key: &SigningKey, policy: &str, version: u64, expected: &Expectation) -> CardEvent {
    let card = Card::new(company, policy, version);
    CardEvent::Reading(Box::new(card.read_of(key, expected)))
}

/// A card, as its company issued it.
struct Card {
    key: fn() -> SigningKey,
    manifest: Manifest,
    groups: Vec<Vec<u8>>,
    reader: String,
    /// Whether the device has never heard of the company.
    strange: bool,
    was_inside: bool,
}

impl Card {
    fn new(key: fn() -> SigningKey, policy: &str, version: u64) -> Self {
        let mut card = Self {
            key,
            manifest: Manifest {
                layout: cardwarden_policy::manifest::LAYOUT,
                company: "B Company".to_owned(),
                version,
                issued: "2026-01-01T00:00:00Z".parse().unwrap(),
                card: CardIdentity::Key(vec![4; 65]),
                groups: Vec::new(),
            },
            groups: Vec::new(),
            reader: "reader".to_owned(),
            strange: false,
            was_inside: false,
        };
        card.add("office", policy);
        card
    }

    /// Another group, of a higher priority.
    fn add(&mut self, name: &str, policy: &str) {
        let policy = Policy::from_toml(policy).unwrap();
        let group = Group {
            policy,
            account: None,
        };
        let bytes = group.to_bytes().unwrap();
        let id = u16::try_from(self.groups.len()).unwrap() + 1;
        let mut entry = GroupEntry::describing(id, name, &bytes, vec![u32::from(id)]);
        entry.selectors.priority = i16::try_from(id).unwrap();
        self.manifest.groups.push(entry);
        self.groups.push(bytes);
    }

    fn of(mut self, company: &str) -> Self {
        company.clone_into(&mut self.manifest.company);
        self
    }

    fn issued(mut self, at: &str) -> Self {
        self.manifest.issued = at.parse().unwrap();
        self
    }

    fn in_reader(mut self, reader: &str) -> Self {
        reader.clone_into(&mut self.reader);
        self
    }

    fn strange(mut self) -> Self {
        self.strange = true;
        self
    }

    fn copyable(mut self) -> Self {
        self.manifest.card = CardIdentity::Serial {
            profile: "pkcs15".to_owned(),
            serial: vec![7; 8],
        };
        self
    }

    /// What the card thread makes of it.
    fn read(&self, expected: &Expectation) -> CardReading {
        self.read_of(&(self.key)(), expected)
    }

    fn read_of(&self, key: &SigningKey, expected: &Expectation) -> CardReading {
        let root = key.anchor().unwrap();
        let signed = key.sign(&self.manifest).unwrap();
        let anchors: Anchors = [root.clone()].into_iter().collect();
        let manifest: Verified<Manifest> = anchors.verify(&signed).unwrap();
        let (association, properties) = expected.of(manifest.signer());
        let entry = manifest.select(&properties).unwrap();
        let group = &self.groups[usize::from(entry.id) - 1];
        let mandate = manifest.group(entry, group).unwrap();
        let (proof, authenticity) = if manifest.card.is_copyable() {
            (Proof::Serial(vec![7; 8]), Authenticity::Copyable)
        } else {
            (Proof::Signature(Vec::new()), Authenticity::OwnKey)
        };
        CardReading {
            reader: self.reader.clone(),
            manifest: signed,
            group: group.clone(),
            mandate,
            stranger: self.strange.then(|| root.spki().to_vec()),
            endorsement: Endorsement {
                device: expected.properties.device.clone(),
                association,
                device_key: expected.device_key.clone(),
                nonce: vec![0; 32],
            },
            proof,
            authenticity,
            was_inside: self.was_inside,
            event_at: Instant::now(),
            apdus: 5,
            read: Duration::ZERO,
            verify: Duration::ZERO,
            first: Duration::ZERO,
            exchange: Duration::ZERO,
        }
    }
}
