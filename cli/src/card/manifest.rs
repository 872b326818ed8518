//! What a card's manifest says, for people and programs, whether it is believed or not.

use cardwarden_policy::manifest::Manifest;
use cardwarden_policy::trust::{Introduction, Rejected, Verified};
use cardwarden_policy::{Anchors, KeyId};
use jiff::Timestamp;
use serde::Serialize;

use super::shown::{Entry, Problem, identity};
use crate::output::{Lines, harmless};

/// The directory of a card.
#[derive(Debug, Default, Serialize)]
pub(super) struct Directory {
    /// Whether a trusted key signed it.
    pub(super) verified: bool,
    /// Why not, or why there is none.
    pub(super) problem: Option<Problem>,
    pub(super) company: Option<String>,
    pub(super) version: Option<u64>,
    pub(super) issued: Option<Timestamp>,
    /// The key that vouches for it; of a stranger, the key that it shows.
    pub(super) signer: Option<String>,
    /// By what the card is known: `own-key`, or `copyable`.
    pub(super) identity: Option<&'static str>,
    /// The card that it is for, by its fingerprint.
    pub(super) card: Option<String>,
    #[serde(skip)]
    described: Option<String>,
    pub(super) groups: Vec<Entry>,
}

impl Directory {
    /// Nothing, and why.
    pub(super) fn unread(problem: Problem) -> Self {
        Self {
            problem: Some(problem),
            ..Self::default()
        }
    }

    /// Reads a directory; with it comes the belief, where there is one. What a stranger signed is
    /// shown with the stranger's own key, and marked as not believed.
    pub(super) fn read(
        bytes: &[u8],
        anchors: &Anchors,
        now: Timestamp,
    ) -> (Self, Result<Verified<Manifest>, Rejected>) {
        let believed = anchors.verify_at::<Manifest>(bytes, Some(now));
        let directory = match &believed {
            Ok(manifest) => Self {
                verified: true,
                ..Self::of(manifest, manifest.signer())
            },
            Err(rejected) => {
                let problem = Some(Problem::of_trust(rejected));
                let stranger = Introduction::read::<Manifest>(bytes)
                    .and_then(|stranger| {
                        let manifest = stranger.if_agreed().verify_at(bytes, Some(now))?;
                        Ok(Self::of(&manifest, stranger.anchor().id()))
                    })
                    .unwrap_or_default();
                Self {
                    problem,
                    ..stranger
                }
            }
        };
        (directory, believed)
    }

    fn of(manifest: &Manifest, signer: KeyId) -> Self {
        Self {
            verified: false,
            problem: None,
            company: Some(manifest.company.clone()),
            version: Some(manifest.version),
            issued: Some(manifest.issued),
            signer: Some(signer.to_string()),
            identity: Some(if manifest.card.is_copyable() {
                "copyable"
            } else {
                "own-key"
            }),
            card: Some(super::shown::hex(&manifest.card.fingerprint().0)),
            described: Some(identity(&manifest.card)),
            groups: manifest.groups.iter().map(Entry::from).collect(),
        }
    }

    /// For people.
    pub(super) fn describe(&self, lines: &mut Lines) {
        let mut line = |name: &str, what: &str| lines.pair(name, &harmless(what));
        if let Some(Problem { code, text }) = &self.problem {
            let name = if *code == "not-ours" {
                "State"
            } else {
                "Refused"
            };
            line(name, &format!("{text} ({code})"));
        }
        if let (Some(company), Some(version), Some(issued), Some(signer)) =
            (&self.company, self.version, self.issued, &self.signer)
        {
            let (trusted, claims) = if self.verified {
                ("trusted key", "")
            } else {
                ("its own key", " (not believed)")
            };
            line("Company", &format!("{company}{claims}"));
            line(
                "Version",
                &format!("{version}, issued {issued}, signed with {trusted} {signer}"),
            );
        }
        if let Some(card) = &self.described {
            line("For", card);
        }
        for entry in &self.groups {
            line("Group", &entry.line());
        }
    }
}

#[cfg(test)]
mod tests {
    use cardwarden_policy::trust::{SigningKey, sign, sign_introducing};
    use cardwarden_policy::{CardIdentity, GroupEntry};

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            layout: cardwarden_policy::manifest::LAYOUT,
            company: "B \u{1b}[2JCompany".to_owned(),
            version: 7,
            issued: Timestamp::UNIX_EPOCH,
            card: CardIdentity::Key(vec![4; 65]),
            groups: vec![GroupEntry::describing(1, "all", b"x", vec![0x005F_C11F])],
        }
    }

    #[test]
    fn a_stranger_is_shown_as_one_and_a_trusted_company_as_such() {
        let key = SigningKey::p256_from_seed(&[7; 32]).unwrap();
        let root = key.anchor().unwrap();
        let bytes = sign_introducing(&key, &manifest(), &root).unwrap();
        let now = Timestamp::now();
        let (shown, believed) = Directory::read(&bytes, &Anchors::default(), now);
        assert!(!shown.verified && believed.is_err() && shown.groups.len() == 1);
        let mut lines = Lines::default();
        shown.describe(&mut lines);
        let text = lines.into_text();
        assert!(
            text.contains("B \u{fffd}[2JCompany (not believed)"),
            "{text}"
        );

        let anchors: Anchors = [root].into_iter().collect();
        let (shown, believed) = Directory::read(&bytes, &anchors, now);
        assert!(shown.verified && believed.is_ok() && shown.problem.is_none());
    }

    #[test]
    fn a_stranger_that_shows_no_key_shows_nothing() {
        let key = SigningKey::p256_from_seed(&[7; 32]).unwrap();
        let bytes = sign(&key, &manifest()).unwrap();
        let (shown, _) = Directory::read(&bytes, &Anchors::default(), Timestamp::now());
        assert!(shown.company.is_none() && shown.groups.is_empty());
        assert!(shown.problem.is_some());
    }
}
