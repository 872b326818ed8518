//! The layout before several companies could have a say: one association, and one floor by version
//! alone. An upgrade of the agent keeps what was in force.

use std::collections::BTreeMap;

use cardwarden_policy::clock::HighWater;
use cardwarden_policy::operation::Operation;
use cardwarden_policy::schedule::Ledger;
use cardwarden_policy::{Endorsement, Function, Proof};
use jiff::Timestamp;
use serde::Deserialize;

use super::floor::{Floors, Issue};
use super::{Association, Bytes, Released, State, Told, Untold};

/// The number of this layout.
pub(super) const LAYOUT: u8 = 2;

#[derive(Deserialize)]
struct OneAssociation {
    anchor: Bytes,
    manifest: Bytes,
    group: Bytes,
    endorsement: Endorsement,
    signature: Bytes,
    since: Timestamp,
    taken: Timestamp,
}

/// Everything that lasted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldState {
    #[serde(rename = "layout")]
    _layout: u8,
    association: Option<OneAssociation>,
    floors: BTreeMap<String, u64>,
    released: Option<Released>,
    high_water: Option<HighWater>,
    contact: Option<Timestamp>,
    operations: Vec<Operation>,
    ledger: Ledger,
    told: BTreeMap<Function, Told>,
    untold: Vec<Untold>,
}

impl From<OldState> for State {
    fn from(old: OldState) -> Self {
        let mut floors = Floors::default();
        for (company, version) in old.floors {
            // When it was issued was not kept: any issue of this version may follow.
            let issued = Timestamp::MIN;
            floors.raise(&company, Issue { version, issued });
        }
        let association = old.association.map(|one| Association {
            id: one.endorsement.association,
            anchor: one.anchor,
            manifest: one.manifest,
            group: one.group,
            endorsement: one.endorsement,
            proof: Proof::Signature(one.signature.0),
            since: one.since,
            delivered: None,
            taken: one.taken,
            wanted: None,
            ends: None,
            operations: old.operations,
            ledger: old.ledger,
            contact: old.contact,
            told: old.told.clone(),
        });
        Self {
            is_migrated: true,
            associations: association.into_iter().collect(),
            floors,
            released: old.released.into_iter().collect(),
            high_water: old.high_water,
            told: old.told,
            untold: old.untold,
            ..Self::default()
        }
    }
}
