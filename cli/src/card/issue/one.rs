//! One card for one person.

use cardwarden_card::{Authority, Issue, NamedGroup, fill, profile};
use cardwarden_policy::manifest::{CardIdentity, MAX_GROUP, MAX_NAME, Manifest};
use cardwarden_policy::{Anchors, Verified};
use jiff::Timestamp;

use super::certificate::CertificateAuthority;
use super::journal::{Batch, Journal, Stage};
use super::record::{Issued, IssuedGroup, Record};
use super::staff::Person;
use crate::card::authority::{Asking, Refusal};
use crate::card::manifest::Directory;
use crate::card::reach::{Reached, Trouble};
use crate::card::shown::hex;
use crate::card::write::{Company, not_issued};
use crate::failure::{Exit, Failure};

/// The word for a card that is not the one to write now.
pub(super) const OTHER_CARD: &str = "other-card";

/// Everything that cards are made with.
pub(super) struct Bench {
    pub(super) company: Company,
    pub(super) authority: Option<CertificateAuthority>,
    pub(super) asking: Asking,
    pub(super) batch: Batch,
    /// Whether a card may hold something already.
    pub(super) again: bool,
}

/// What is to be on whose card.
pub(super) struct Order<'o> {
    pub(super) person: &'o Person,
    pub(super) groups: &'o [NamedGroup],
}

/// Refuses what no card could hold, before any is asked for.
pub(super) fn check(person: &Person, groups: &[NamedGroup]) -> Result<(), Failure> {
    for group in groups {
        let wrong = |what: String| {
            Err(Failure::new(format!(
                "the group “{}” of {} {what}",
                group.name,
                person.name()
            )))
        };
        let bytes = group
            .group
            .to_bytes()
            .map_err(|error| Failure::because(format!("the group “{}”", group.name), &error))?;
        if bytes.len() > MAX_GROUP {
            return wrong(format!(
                "has {} bytes; at most {MAX_GROUP} are read",
                bytes.len()
            ));
        }
        if group.name.trim().is_empty() || group.name.len() > MAX_NAME {
            return wrong(format!(
                "has a name that is empty or longer than {MAX_NAME} bytes"
            ));
        }
    }
    Ok(())
}

impl Bench {
    /// Issues the card in a reader. With a journal, it is written down before the card changes
    /// and after it is whole.
    pub(super) fn issue(
        &mut self,
        reader: Option<&str>,
        order: &Order<'_>,
        mut journal: Option<&mut Journal>,
    ) -> Result<Record, Trouble> {
        let Self {
            company,
            authority,
            asking,
            batch,
            again,
        } = self;
        let maker = Maker {
            company,
            certificates: authority.as_ref(),
            batch,
            again: *again,
            order,
        };
        let doing = format!("issuing the card of {}", order.person.name());
        asking.with(reader.into(), &doing, |card, authority| {
            maker.make(card, authority, journal.as_deref_mut())
        })
    }
}

/// What one card is made with.
struct Maker<'b> {
    company: &'b Company,
    certificates: Option<&'b CertificateAuthority>,
    batch: &'b Batch,
    again: bool,
    order: &'b Order<'b>,
}

impl Maker<'_> {
    fn make(
        &self,
        card: &mut Reached<'_>,
        authority: &Authority,
        mut journal: Option<&mut Journal>,
    ) -> Result<Record, Refusal> {
        let known = card.profile.identity()?;
        self.admit(card, known.as_ref(), journal.as_deref())?;
        card.profile.authenticate(authority)?;
        let identity = card.profile.ensure_identity()?;
        if let Some(journal) = &mut journal {
            journal.begin(self.order.person.id(), &fingerprint(&identity))?;
        }
        let issued = Timestamp::now();
        let content = Issue {
            company: self.batch.company.clone(),
            version: self.batch.version,
            issued,
            groups: self.order.groups.to_vec(),
            releases: Vec::new(),
        };
        fill(card.profile, identity.clone(), &content, |manifest| {
            self.company.sign(manifest)
        })
        .map_err(|error| not_issued(&card.card(), error))?;
        let manifest = self.read_back(card)?;
        let certificate = self.certify(card, &identity, issued)?;
        let record = self.record(card, &manifest, certificate);
        if let Some(journal) = &mut journal {
            journal.finish(&record)?;
        }
        Ok(record)
    }

    /// Refuses a card that is somebody's, or was one's: nobody gets another one's card, and no
    /// card is written over unasked.
    fn admit(
        &self,
        card: &mut Reached<'_>,
        known: Option<&CardIdentity>,
        journal: Option<&Journal>,
    ) -> Result<(), Refusal> {
        let id = self.order.person.id();
        let known = known.map(fingerprint).unwrap_or_default();
        if let Some(journal) = journal {
            journal.admit(id, &known).map_err(|error| {
                other_card(Failure::because(card.card(), &error).exiting(Exit::Refused))
            })?;
            if journal.stage(id) == (Stage::Begun { card: known }) {
                return Ok(());
            }
        }
        if self.again {
            return Ok(());
        }
        let held = match card.profile.read_manifest() {
            // What is of ours and cannot be read was never whole: it may be written anew.
            Err(profile::Error::NoManifest | profile::Error::Torn { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(bytes) => Directory::read(&bytes, &Anchors::default(), Timestamp::now()).0,
        };
        let what = match (held.company, held.version) {
            (Some(company), Some(version)) => format!("version {version} of {company}"),
            _unknown => "a company's policy".to_owned(),
        };
        Err(other_card(
            Failure::new(format!(
                "{} was issued already, and holds {what}; --again writes it over",
                card.card()
            ))
            .exiting(Exit::Refused),
        ))
    }

    /// Reads what was written, as a device would that trusts the company.
    fn read_back(&self, card: &mut Reached<'_>) -> Result<Verified<Manifest>, Refusal> {
        let name = card.card();
        let unlike = |error: &dyn std::error::Error| {
            Failure::because(
                format!("{name} does not hold what was written to it"),
                error,
            )
        };
        let anchors = self.company.anchors();
        let bytes = card.profile.read_manifest()?;
        let manifest: Verified<Manifest> = anchors
            .verify_at(&bytes, Some(Timestamp::now()))
            .map_err(|error| unlike(&error))?;
        for entry in &manifest.groups {
            let bytes = match card.profile.read_group(entry) {
                Ok(bytes) => bytes,
                // Nobody but the person need know the PIN.
                Err(profile::Error::PinNeeded { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let fits = if entry.is_release() {
                manifest.release(entry, &bytes).map(drop)
            } else {
                manifest.group(entry, &bytes).map(drop)
            };
            fits.map_err(|error| unlike(&error))?;
        }
        Ok(manifest)
    }

    fn certify(
        &self,
        card: &mut Reached<'_>,
        identity: &CardIdentity,
        now: Timestamp,
    ) -> Result<Option<Issued>, Refusal> {
        let Some(authority) = self.certificates else {
            return Ok(None);
        };
        let person = self.order.person;
        let made = authority.certify(identity, person, &self.batch.company, now)?;
        let Some(made) = made else {
            return Ok(None);
        };
        let on_card = card.profile.write_certificate(&made.der)?;
        Ok(Some(Issued {
            on_card,
            ..made.issued
        }))
    }

    fn record(
        &self,
        card: &Reached<'_>,
        manifest: &Verified<Manifest>,
        certificate: Option<Issued>,
    ) -> Record {
        let groups = manifest.groups.iter().map(|entry| IssuedGroup {
            name: entry.name.clone(),
            selectors: entry.selectors.clone(),
            length: entry.length,
            sha256: hex(&entry.sha256),
            pin: entry.pin,
        });
        Record {
            name: self.order.person.name().to_owned(),
            id: self.order.person.id().to_owned(),
            company: manifest.company.clone(),
            version: manifest.version,
            issued: manifest.issued,
            card: fingerprint(&manifest.card),
            copyable: manifest.card.is_copyable(),
            profile: card.profile.name().to_owned(),
            reader: card.reader.to_owned(),
            signer: manifest.signer().to_string(),
            groups: groups.collect(),
            certificate,
            apdus: card.profile.exchanges(),
        }
    }
}

fn fingerprint(card: &CardIdentity) -> String {
    hex(&card.fingerprint().0)
}

/// Another card may do.
fn other_card(failure: Failure) -> Refusal {
    Refusal::Other(Trouble {
        failure,
        code: OTHER_CARD,
    })
}
