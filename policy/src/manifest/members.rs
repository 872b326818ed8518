//! How a manifest spells the identifiers of Management Objects: those that nearly every group has
//! are one byte, since a card is small.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RELEASE;
use crate::mo::{ACCOUNT, POLICY};

/// The identifiers with a number, which is their place here. Only ever add at the end.
const NUMBERED: [&str; 3] = [POLICY, ACCOUNT, RELEASE];

/// An identifier, by number or in full.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelt {
    Number(u8),
    Full(String),
}

pub(super) fn serialize<S: Serializer>(
    members: &BTreeSet<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let spell = |member: &String| {
        let number = (0_u8..).zip(NUMBERED).find(|(_, known)| known == member);
        number.map_or_else(
            || Spelt::Full(member.clone()),
            |(number, _)| Spelt::Number(number),
        )
    };
    serializer.collect_seq(members.iter().map(spell))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeSet<String>, D::Error> {
    let spelt = Vec::<Spelt>::deserialize(deserializer)?;
    spelt
        .into_iter()
        .map(|member| match member {
            Spelt::Full(member) => Ok(member),
            Spelt::Number(number) => NUMBERED
                .get(usize::from(number))
                .map(|&known| known.to_owned())
                .ok_or_else(|| serde::de::Error::custom(format!("no object has number {number}"))),
        })
        .collect()
}
