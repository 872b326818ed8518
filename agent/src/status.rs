//! What the agent tells the world: one immutable snapshot, published by the reconciler after each
//! turn. D-Bus and the command line show exactly this.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardwarden_policy::outcome::{Achieved, Tier};
use cardwarden_policy::{Authenticity, Function, Ruling};
use jiff::Timestamp;
use uuid::Uuid;

/// The published snapshot.
pub(crate) type Published = Arc<Status>;

/// How the device stands, in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Posture {
    /// No company has a say.
    Unmanaged,
    /// Everything that a company asks holds.
    Enforcing,
    /// Something that a company asks does not hold.
    Degraded,
    /// A company has a say, and what it says cannot be read: everything is off.
    Unproven,
}

impl Posture {
    /// The word for it, as shown everywhere.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unmanaged => "unmanaged",
            Self::Enforcing => "enforcing",
            Self::Degraded => "degraded",
            Self::Unproven => "unproven",
        }
    }
}

/// Something that went wrong, until it is right again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Problem {
    /// A stable word.
    pub(crate) code: String,
    /// One sentence: what, where, and what to do.
    pub(crate) text: String,
    /// When it was found.
    pub(crate) at: Timestamp,
}

/// How a card shows that it is the one that the company issued.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum CardProof {
    /// It signs with a key that never leaves it.
    #[default]
    OwnKey,
    /// It has no such key; its serial number is all that there is, and can be imitated.
    Copyable,
}

impl CardProof {
    /// What a card showed.
    pub(crate) const fn of(authenticity: Authenticity) -> Self {
        match authenticity {
            Authenticity::OwnKey => Self::OwnKey,
            Authenticity::Copyable => Self::Copyable,
        }
    }

    /// The word for it, as programs see it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OwnKey => "own-key",
            Self::Copyable => "copyable",
        }
    }
}

/// Who has a say here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AssociationStatus {
    /// The association's own identifier; a release names it.
    pub(crate) id: Uuid,
    /// The company's name.
    pub(crate) company: String,
    /// Version of the policy in force.
    pub(crate) version: u64,
    /// The group that the device took.
    pub(crate) group: String,
    /// Whom to ask.
    pub(crate) contact: Option<String>,
    /// When the association began.
    pub(crate) since: Timestamp,
    /// The key that signed, as people compare it.
    pub(crate) signer: String,
    /// How the card showed that it is no copy.
    pub(crate) proof: CardProof,
    /// When it ends, where its company said so ahead.
    pub(crate) ends: Option<Timestamp>,
}

/// A card of a company that nobody here trusts yet: it waits for the person at the device, and
/// is forgotten when it is pulled out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pending {
    /// The reader that holds it.
    pub(crate) reader: String,
    /// The company's name, as the card says.
    pub(crate) company: String,
    /// The key that signed, as [`AssociationStatus::signer`] shows it.
    pub(crate) signer: String,
    /// The same key in full: SHA-256 of its `SubjectPublicKeyInfo`, hexadecimal, in groups of four
    /// digits. What is agreed to is this key.
    pub(crate) fingerprint: String,
    /// Version of the policy.
    pub(crate) version: u64,
    /// The group that this device would take.
    pub(crate) group: String,
    /// What it would restrict, one sentence each.
    pub(crate) restricts: Vec<String>,
    /// How the card shows that it is no copy.
    pub(crate) proof: CardProof,
}

/// The card in a reader gives its group only after its user's PIN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PinWanted {
    /// The reader that holds it.
    pub(crate) reader: String,
    /// Which insertion of a card this is, counted from the agent's start: a PIN is given to no
    /// other card, and asked for once.
    pub(crate) insertion: u64,
    /// The company's name, as the card says.
    pub(crate) company: String,
    /// The group that wants it.
    pub(crate) group: String,
    /// How many more wrong PINs the card takes before it blocks, where it says so; 0 when it is
    /// blocked.
    pub(crate) tries: Option<u8>,
    /// How many PINs were wrong in this insertion.
    pub(crate) wrong: u32,
}

/// What holds for one function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FunctionStatus {
    /// What is to hold, and why.
    pub(crate) ruling: Ruling,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether it does hold.
    pub(crate) achieved: Achieved,
    /// How well it is held.
    pub(crate) tier: Tier,
    /// What holds it, such as `cgroup-device`.
    pub(crate) enforcers: Vec<String>,
    /// What an attempt to use the function found, and when.
    pub(crate) proof: String,
    /// How many attempts were refused since the policy came into force.
    pub(crate) denials: u64,
    /// The reason in one paragraph.
    pub(crate) sentence: String,
    /// The company whose policy or server gave the verdict; empty when none did.
    pub(crate) company: String,
}

/// What is known of readers and cards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct CardStatus {
    /// Whether pcscd answers.
    pub(crate) service: bool,
    /// The readers there are.
    pub(crate) readers: Vec<String>,
    /// The reader that holds a card that was understood, and that card's company.
    pub(crate) inserted: Option<(String, String)>,
}

/// How it stands with the company's server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ServerStatus {
    /// Its address.
    pub(crate) url: Option<String>,
    /// Whether this device has its certificate.
    pub(crate) enrolled: bool,
    /// Outcomes that the server has not yet taken.
    pub(crate) pending: u64,
    /// When it last took something.
    pub(crate) last_contact: Option<Timestamp>,
    /// When each association's server last took something.
    pub(crate) contacts: BTreeMap<Uuid, Timestamp>,
    /// What time it said it was then.
    pub(crate) time: Option<Timestamp>,
    /// What is wrong, in words.
    pub(crate) problem: Option<String>,
}

/// How long the pieces took from a card's insertion to what holds, in microseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Timings {
    /// Exchanges with the card.
    pub(crate) apdus: u32,
    /// From pcscd's event to the first command.
    pub(crate) first: u64,
    /// What card and reader took to answer, of all that follows.
    pub(crate) exchange: u64,
    /// From pcscd's event to the last byte read.
    pub(crate) read: u64,
    /// Signatures and hashes.
    pub(crate) verify: u64,
    /// `decide`.
    pub(crate) decide: u64,
    /// `observe`, `plan` and applying.
    pub(crate) apply: u64,
    /// Probing what the kernel really does.
    pub(crate) probe: u64,
    /// From pcscd's event to verified in force.
    pub(crate) total: u64,
}

/// One snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Status {
    /// Rises with every publication.
    pub(crate) generation: u64,
    /// Whether every input known so far is applied and verified.
    pub(crate) settled: bool,
    /// How the guard stands, in one word.
    pub(crate) guard: &'static str,
    /// How the device stands.
    pub(crate) posture: Posture,
    /// `urn:uuid:…`.
    pub(crate) device: String,
    /// The association now, or the one that the next card would begin.
    pub(crate) association_id: Uuid,
    /// Who has a say, in the order in which they came.
    pub(crate) associations: Vec<AssociationStatus>,
    /// Cards that wait for the person at the device.
    pub(crate) pending: Vec<Pending>,
    /// The card that wants a PIN.
    pub(crate) pin: Option<PinWanted>,
    /// What holds for each function.
    pub(crate) functions: BTreeMap<Function, FunctionStatus>,
    /// Readers and cards.
    pub(crate) card: CardStatus,
    /// The company's server.
    pub(crate) server: ServerStatus,
    /// What is wrong, most recent of each kind.
    pub(crate) problems: Vec<Problem>,
    /// The last insertion that changed what is in force.
    pub(crate) timings: Option<Timings>,
}

impl Status {
    /// What is published before anything is known.
    pub(crate) fn at_start(identity: &crate::identity::Identity) -> Self {
        Self {
            generation: 0,
            settled: false,
            guard: "down",
            posture: Posture::Unmanaged,
            device: identity.device.clone(),
            association_id: identity.association,
            associations: Vec::new(),
            pending: Vec::new(),
            pin: None,
            functions: BTreeMap::new(),
            card: CardStatus::default(),
            server: ServerStatus::default(),
            problems: Vec::new(),
            timings: None,
        }
    }
}
