//! The properties of each object as one value, so that a reader gets them in one exchange.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zbus::{DeserializeDict, SerializeDict, Type};

/// Something that is wrong: `(ssx)`.
#[derive(
    Clone, Debug, Eq, PartialEq, Serialize, Deserialize, Type, zbus::Variant, zbus::OwnedVariant,
)]
pub struct Problem {
    /// A stable word.
    pub code: String,
    /// One sentence: what, where, and what to do.
    pub text: String,
    /// When it was found, in seconds since 1970.
    pub at: i64,
}

/// One association: `(stssxsssx)`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, Type)]
pub struct Association {
    /// The company's name.
    pub company: String,
    /// Version of its policy.
    pub version: u64,
    /// The group that this device took.
    pub group: String,
    /// The key that signed, as people compare it.
    pub signer: String,
    /// When the association began, in seconds since 1970.
    pub since: i64,
    /// How the card showed that it is no copy: `own-key` or `copyable`.
    pub proof: String,
    /// Whom to ask; empty when the policy does not say.
    pub contact: String,
    /// The association's identifier; a release names it.
    pub id: String,
    /// When it ends, in seconds since 1970, where its company said so ahead; 0 otherwise.
    pub ends: i64,
}

/// A card that waits for the person at the device: `(ssssstass)`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, Type)]
pub struct Pending {
    /// The reader that holds it.
    pub reader: String,
    /// The company's name, as the card says.
    pub company: String,
    /// The key that signed, as [`Association::signer`] shows it.
    pub signer: String,
    /// The same key in full: SHA-256, hexadecimal, in groups of four digits.
    pub fingerprint: String,
    /// The group that this device would take.
    pub group: String,
    /// Version of the policy.
    pub version: u64,
    /// What it would restrict, one sentence each.
    pub restricts: Vec<String>,
    /// How the card showed that it is no copy: `own-key` or `copyable`.
    pub proof: String,
}

/// What a prompter is told of the PIN that it is to ask for.
#[derive(Clone, Debug, Default, Eq, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct PinDetails {
    /// The reader that holds the card.
    pub reader: String,
    /// Whose card it says it is.
    pub company: String,
    /// What the PIN is for.
    pub group: String,
    /// How many PINs were wrong since the card was put in.
    pub wrong: u32,
    /// How many more wrong ones block the card, where the card says so.
    pub tries_left: Option<u32>,
}

/// A PIN that is wanted; everything is missing when none is.
#[derive(Clone, Debug, Default, Eq, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct PinWanted {
    /// The reader that holds the card.
    pub reader: Option<String>,
    /// Whose card it says it is.
    pub company: Option<String>,
    /// What the PIN is for.
    pub group: Option<String>,
    /// How many PINs were wrong since the card was put in.
    pub wrong: Option<u32>,
    /// How many more wrong ones block the card, where the card says so.
    pub tries_left: Option<u32>,
    /// How far it is: `waiting`, `asking`, `checking`, `wrong`, `cancelled` or `blocked`.
    pub state: Option<String>,
}

/// The properties of [`PATH`](crate::PATH); the XML says what each means. Instants are seconds
/// since 1970, 0 for none; an empty text stands for none.
#[derive(Clone, Debug, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "org.cardwarden.Agent1.xml is the documentation"
)]
pub struct Agent {
    pub version: String,
    pub posture: String,
    pub settled: bool,
    pub guard: String,
    pub generation: u64,
    pub device: String,
    pub association_id: String,
    pub company: String,
    pub policy_version: u64,
    pub group: String,
    pub contact: String,
    pub since: i64,
    pub signer: String,
    pub card_proof: String,
    pub associations: Vec<Association>,
    pub pending: Vec<Pending>,
    pub pin_wanted: PinWanted,
    pub reader: String,
    pub readers: Vec<String>,
    pub server_url: String,
    pub server_pending: u64,
    pub server_enrolled: bool,
    pub server_last_contact: i64,
    pub server_problem: String,
    pub problems: Vec<Problem>,
    pub timings: BTreeMap<String, u64>,
}

/// The properties of a function's object; the XML says what each means.
#[derive(Clone, Debug, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "org.cardwarden.Agent1.xml is the documentation"
)]
pub struct Function {
    pub name: String,
    pub verdict: String,
    pub source: String,
    pub reason: String,
    pub rule: String,
    pub until: i64,
    pub since: i64,
    pub achieved: String,
    pub tier: String,
    pub enforcers: Vec<String>,
    pub proof: String,
    pub denials: u64,
    pub sentence: String,
    pub company: String,
    pub audited: Vec<String>,
}

/// The interfaces of one managed object, as far as this version knows them.
#[derive(Clone, Debug, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sa{sv}}")]
pub struct Managed {
    /// What it is as a function.
    #[zbus(rename = "org.cardwarden.Agent1.Function")]
    pub function: Option<Function>,
}
