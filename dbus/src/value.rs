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
    pub generation: u64,
    pub device: String,
    pub association_id: String,
    pub company: String,
    pub policy_version: u64,
    pub group: String,
    pub contact: String,
    pub since: i64,
    pub signer: String,
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
