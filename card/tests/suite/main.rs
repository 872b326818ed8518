//! The card crate without a card: conversations as data, and laws that hold for every card.

#![forbid(unsafe_code)]

#[cfg(test)]
mod card;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod removal;
#[cfg(test)]
mod sessions;
