//! A policy as Management Objects (OMA DM 1.2): the *Policy* object of this project, and the `DMAcc`
//! that leads to the company's server. Their bytes are a TNDS document in WBXML.
//!
//! What a table in TOML is, is an interior node; a condition, a schedule and a list of USB devices
//! are one leaf each, in TOML's words: they only mean something as a whole, and a card is small.

mod account;
mod describe;
mod read;
mod shape;
mod vendor;
mod write;

use std::collections::BTreeSet;

use omadm::tnds::{Document, Node};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::describe::description;
pub use self::vendor::{GROUP_NODE, POLICY_NODE, RELEASE_NODE, STATEMENT_TYPE, VENDOR_NODE};
use crate::diagnosis::Malformed;
use crate::document::Policy;
use crate::manifest::{Account, Group};

/// Identifier of the Policy object. A reversed domain name, as for everything that OMA does not
/// register.
pub const POLICY: &str = "org.cardwarden.policy/1.0";
/// Identifier of the standard object for a server's account (OMNA).
pub const ACCOUNT: &str = "urn:oma:mo:oma-dm-dmacc:1.0";
/// Names of the objects' roots in a group.
const POLICY_ROOT: &str = "Policy";
const ACCOUNT_ROOT: &str = "DMAcc";

/// Why something is no Policy object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are no TNDS document.
    #[error("no tree of Management Objects: {0}")]
    Tree(String),
    /// An object is not there.
    #[error("there is no object {0}")]
    Missing(&'static str),
    /// An object is there that nobody knows here.
    #[error("the object {0} is not known")]
    Unknown(String),
    /// A node is not known.
    #[error("{at}: there is no such node")]
    Node {
        /// Its address below the object's root.
        at: String,
    },
    /// A node holds something else than it should.
    #[error("{at}: it should be {wanted}")]
    Value {
        /// Its address below the object's root.
        at: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The policy makes no sense.
    #[error(transparent)]
    Policy(#[from] Malformed),
}

/// Why a policy cannot be written as Management Objects.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the policy cannot be written as Management Objects: {0}")]
pub struct Unwritable(String);

impl Policy {
    /// The policy as a Policy object.
    pub fn to_mo(&self) -> Result<Node, Unwritable> {
        let value = serde_json::to_value(self).map_err(|error| Unwritable(error.to_string()))?;
        let nodes = write::table(shape::POLICY, &value)?;
        Ok(Node::interior(POLICY_ROOT, nodes).of_kind(POLICY))
    }

    /// Reads a Policy object.
    pub fn from_mo(root: &Node) -> Result<Self, Unreadable> {
        let mut rules = Vec::new();
        // One at a time: what lies between a node and its rule takes many times their place.
        let value = read::policy(root, |rule| {
            rules.push(spelt(rule)?);
            Ok(())
        })?;
        let mut policy: Self = spelt(value)?;
        policy.rules = rules;
        policy.check()?;
        Ok(policy)
    }
}

fn spelt<T: DeserializeOwned>(value: Value) -> Result<T, Malformed> {
    serde_json::from_value(value).map_err(|error| Malformed::unspelt(&error.to_string()))
}

/// The identifiers of the Management Objects in some bytes; none when they are no tree.
pub(crate) fn members(bytes: &[u8]) -> BTreeSet<String> {
    let Ok(document) = Document::from_wbxml(bytes) else {
        return BTreeSet::new();
    };
    let objects = document.nodes.iter().filter_map(Node::object);
    objects.map(str::to_owned).collect()
}

impl Group {
    /// The bytes that lie on a card.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Unwritable> {
        let account = self.account.as_ref().map(Account::to_mo);
        let nodes = [self.policy.to_mo()?].into_iter().chain(account);
        Document::of(nodes)
            .to_wbxml()
            .map_err(|error| Unwritable(error.to_string()))
    }

    /// Reads what lies on a card.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let document =
            Document::from_wbxml(bytes).map_err(|error| Unreadable::Tree(error.to_string()))?;
        let known = [POLICY, ACCOUNT];
        let stranger = document
            .nodes
            .iter()
            .find(|node| node.object().is_none_or(|object| !known.contains(&object)));
        if let Some(stranger) = stranger {
            let name = stranger.object().unwrap_or(&stranger.name);
            return Err(Unreadable::Unknown(name.to_owned()));
        }
        let find = |object| {
            document
                .nodes
                .iter()
                .find(|node| node.object() == Some(object))
        };
        Ok(Self {
            policy: Policy::from_mo(find(POLICY).ok_or(Unreadable::Missing(POLICY))?)?,
            account: find(ACCOUNT).map(Account::from_mo).transpose()?,
        })
    }
}
