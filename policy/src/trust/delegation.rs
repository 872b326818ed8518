//! Delegation: a company lends its word to the key of a server, within limits and until an end, so
//! that its own key can stay locked away.
//!
//! A delegation is a statement that a root signs. It travels in the protected header of what the
//! delegate signs, so a signature is over the delegation that it relies on. The chain is exactly
//! one link long: a delegation counts only when a root signed it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Anchor, Rejected, Signed};
use crate::document::{Direction, Switch};
use crate::function::Function;
use crate::manifest::MAX_NAME;

/// Most bytes of a signed delegation. The largest, with every function and the longest name of a
/// company, needs 720.
pub const MAX_DELEGATION: usize = 1024;

/// What a company lets another key say in its name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Delegation {
    /// The company's name, exactly as in what the delegate will sign.
    pub company: String,
    /// The delegate's public key, `SubjectPublicKeyInfo` in DER.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// The kinds of statement that the delegate may sign.
    pub powers: BTreeSet<Power>,
    /// The functions that it may speak of; `usb` stands for each of its parts, too.
    pub functions: BTreeSet<Function>,
    /// Whether it may only take away, or also give.
    pub may: Direction,
    /// Not before this instant.
    pub not_before: Timestamp,
    /// Not from this instant on.
    pub not_after: Timestamp,
}

/// A kind of statement that a delegate can be allowed to sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Manifests of cards. A manifest replaces all that the company said before, about every
    /// function, so this power needs all functions and [`Direction::Loosen`].
    Manifests,
    /// Releases of devices. A release gives back every function, so this power needs the same.
    Releases,
    /// Orders to one device ([`crate::statement::Order`]).
    Orders,
}

impl Power {
    /// Every power.
    pub const ALL: [Self; 3] = [Self::Manifests, Self::Releases, Self::Orders];

    /// The word for it, on command lines and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifests => "manifests",
            Self::Releases => "releases",
            Self::Orders => "orders",
        }
    }

    /// Whether what it lets sign is about every function and can give each back.
    const fn is_about_everything(self) -> bool {
        match self {
            Self::Manifests | Self::Releases => true,
            Self::Orders => false,
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The word is not the name of a power.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no power; there are manifests, releases and orders")]
pub struct UnknownPower(pub String);

impl FromStr for Power {
    type Err = UnknownPower;

    fn from_str(word: &str) -> Result<Self, UnknownPower> {
        Self::ALL
            .into_iter()
            .find(|power| power.name() == word)
            .ok_or_else(|| UnknownPower(word.to_owned()))
    }
}

/// Why a delegation means nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Pointless {
    /// It gives no power.
    #[error("it lets its key sign nothing")]
    NoPower,
    /// It names no function.
    #[error("it names no function")]
    NoFunction,
    /// It ends when or before it begins.
    #[error("it ends before it begins")]
    NoTime,
    /// Its key is no key.
    #[error("its key is no public key of P-256 or Ed25519")]
    NoKey,
    /// It lets its key sign manifests or releases, which are about everything, but not all that
    /// they do.
    #[error("who signs manifests or releases must be allowed every function, and to loosen")]
    TooNarrow,
}

impl Delegation {
    /// What signed bytes claim to delegate. Nothing is believed yet: it is for people to read, and
    /// for a delegate to know its own limits.
    pub fn claimed(bytes: &[u8]) -> Result<Self, Rejected> {
        super::Statement::<Self>::read(bytes)?.value()
    }

    /// The delegate's key.
    pub fn anchor(&self) -> Result<Anchor, Rejected> {
        Anchor::from_der(&self.key).map_err(|_malformed| Rejected::Pointless(Pointless::NoKey))
    }

    /// Whether it is about a function.
    pub fn is_about(&self, function: Function) -> bool {
        self.functions.iter().any(|named| named.covers(function))
    }

    /// Refuses what no delegation can mean.
    pub(super) fn check(&self) -> Result<(), Rejected> {
        if self.company.trim().is_empty() || self.company.len() > MAX_NAME {
            return Err(Rejected::Name);
        }
        let everything =
            self.may == Direction::Loosen && Function::ALL.into_iter().all(|f| self.is_about(f));
        let pointless = if self.powers.is_empty() {
            Pointless::NoPower
        } else if self.functions.is_empty() {
            Pointless::NoFunction
        } else if self.not_after <= self.not_before {
            Pointless::NoTime
        } else if !everything && self.powers.iter().any(|power| power.is_about_everything()) {
            Pointless::TooNarrow
        } else {
            return self.anchor().map(drop);
        };
        Err(Rejected::Pointless(pointless))
    }

    /// Whether it lets its key say this now. Both what the clock shows and when the statement says
    /// that it was made have to lie within it; with neither, it is taken to have ended.
    pub(super) fn permit<T: Signed>(
        &self,
        statement: &T,
        now: Option<Timestamp>,
    ) -> Result<(), Rejected> {
        if self.company != statement.company() {
            return Err(Rejected::DelegatedByOther {
                delegating: self.company.clone(),
                company: statement.company().to_owned(),
            });
        }
        if T::POWER.is_none_or(|power| !self.powers.contains(&power)) {
            return Err(Rejected::NoPower { what: T::WHAT });
        }
        self.permit_time(statement.issued(), now)?;
        let (functions, action) = statement.switches();
        if let Some(function) = functions.iter().find(|function| !self.is_about(**function)) {
            return Err(Rejected::FunctionNotDelegated {
                function: *function,
            });
        }
        if action == Some(Switch::Enable) && self.may != Direction::Loosen {
            return Err(Rejected::LooseningNotDelegated);
        }
        Ok(())
    }

    fn permit_time(
        &self,
        issued: Option<Timestamp>,
        now: Option<Timestamp>,
    ) -> Result<(), Rejected> {
        let first = issued.into_iter().chain(now).min();
        let last = issued.into_iter().chain(now).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Rejected::DelegationUntimed);
        };
        if last >= self.not_after {
            return Err(Rejected::DelegationEnded {
                end: self.not_after,
            });
        }
        if first < self.not_before {
            return Err(Rejected::DelegationEarly {
                begin: self.not_before,
            });
        }
        Ok(())
    }
}
