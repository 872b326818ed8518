//! A policy that the company sends, by its server or in a file: it holds instead of what the card says,
//! until a newer one comes from either.

use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::operation::Origin;
use cardwarden_policy::outcome::Event;
use cardwarden_policy::schedule::Ledger;
use cardwarden_policy::trust::{Anchor, SignedPolicy};
use cardwarden_policy::{Anchors, Rejected, Standing, Verified};
use jiff::Timestamp;

use super::{Reconciler, World};
use crate::clock;
use crate::enforce::Kernel;
use crate::request::Refused;
use crate::rest::read_apart;
use crate::store::{Association, Bytes, Delivered, Issue, TooOld, Untold};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Takes a policy. That it is in force already is no error.
    pub(crate) fn take_policy(&mut self, statement: &[u8]) -> Result<(), Refused> {
        let now = self.time();
        let associations = &self.state.associations;
        let place = sender(associations, statement, now)?;
        let association = associations.get(place).ok_or(Refused::NotAssociated)?;
        let known = association.delivered.as_ref();
        if known.is_some_and(|known| known.statement.0 == statement) {
            return Ok(());
        }
        let read = || read(association, statement, now);
        let mandate = read_apart(read).unwrap_or_else(read)?;
        self.learn_time(mandate.issued);
        self.is_for_us(&mandate).map_err(Refused::Rejected)?;
        self.replace_policy(place, statement, mandate)
    }

    /// Puts a policy in force that was sent. What the old policy's tasks did ends with it; what the server
    /// asked for goes on.
    fn replace_policy(
        &mut self,
        place: usize,
        statement: &[u8],
        mandate: Verified<Mandate>,
    ) -> Result<(), Refused> {
        let company = mandate.signer().to_string();
        let issue = Issue {
            version: mandate.version,
            issued: mandate.issued,
        };
        self.state.floors.admit(&company, issue).map_err(|why| {
            Refused::Rejected(match why {
                TooOld::Version(why) => why,
                TooOld::Replaced { version, .. } => Rejected::RolledBack {
                    version,
                    floor: version,
                },
            })
        })?;
        let taken = self.time().unwrap_or(mandate.issued);
        let mut next = self.state.clone();
        let Some(association) = next.associations.get_mut(place) else {
            return Err(Refused::NotAssociated);
        };
        association.delivered = Some(Delivered {
            statement: Bytes(statement.to_vec()),
            taken,
        });
        association.ledger = Ledger::default();
        association
            .operations
            .retain(|operation| matches!(operation.origin, Origin::Server(_)));
        next.untold.push(Untold {
            association: association.id,
            at: clock::now(),
            event: Event::Associated {
                company: mandate.company.clone(),
                version: mandate.version,
                group: mandate.group_name.clone(),
            },
        });
        next.floors.raise(&company, issue);
        let believed = Standing::Proven(Box::new(mandate));
        self.commit_believed(next, Some((place, &believed)))?;
        self.make_room();
        self.expect();
        self.publish_links();
        Ok(())
    }
}

/// Which company sent a policy.
fn sender(
    associations: &[Association],
    statement: &[u8],
    now: Option<Timestamp>,
) -> Result<usize, Refused> {
    let mut refused = Refused::NotAssociated;
    for (place, association) in associations.iter().enumerate() {
        match signed(association, statement, now) {
            Ok(_) => return Ok(place),
            // That another company did not sign it says nothing.
            Err(Rejected::UnknownSigner { .. }) if refused != Refused::NotAssociated => {}
            Err(rejected) => refused = Refused::Rejected(rejected),
        }
    }
    Err(refused)
}

/// A policy that the company of this association signed.
fn signed(
    association: &Association,
    statement: &[u8],
    now: Option<Timestamp>,
) -> Result<Verified<SignedPolicy>, Rejected> {
    let anchor = Anchor::from_der(&association.anchor.0).into_iter();
    anchor.collect::<Anchors>().verify_at(statement, now)
}

/// What a policy says that was sent to this association.
fn read(
    association: &Association,
    statement: &[u8],
    now: Option<Timestamp>,
) -> Result<Verified<Mandate>, Refused> {
    let card = association.card().map_err(|problem| {
        Refused::Rejected(Rejected::Malformed {
            what: "policy that is in force",
            problem,
        })
    })?;
    signed(association, statement, now)
        .and_then(|policy| policy.instead_of(&card))
        .map_err(Refused::Rejected)
}
