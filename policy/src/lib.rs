//! The pure heart of Cardwarden: what a company can say, what follows from it, and what has to
//! change for it to hold.
//!
//! Data flows one way, and every arrow is one function of this crate:
//!
//! ```text
//!  card bytes ─► Anchors::verify ─► Verified<Manifest> ─► Verified::group ─► Verified<Mandate>
//!                     └─ Rejected                            (mo, Compiled)       │
//!  server, tasks ─► Operation ─────────────────────────┐              Standing ◄──┘
//!  Facts, USB devices ─► Context ──────────────────► decide ◄────────────┘
//!  clocks ─► HighWater ─► now ─────────────────────────┘ └─► Decision: rulings, reasons, until
//!                                                                │
//!  kernel ─► KernelState ───────────────► plan ◄── goal ◄────────┘
//!                                          └─► Plan: ordered, safe to crash in anywhere
//! ```
//!
//! Nothing in here does I/O, reads a clock, starts a task or keeps a global. Bytes become trusted
//! in one function ([`Anchors::verify`]), and what is downstream takes only [`Verified`].
//!
//! Reading order: [`document`], [`condition`], [`mo`], [`trust`], [`decide`](mod@decide),
//! [`plan`](mod@plan); [`describe`] and [`explain`] say all of it in words.

pub mod clock;
pub mod compiled;
pub mod condition;
pub mod decide;
pub mod describe;
pub mod diagnosis;
pub mod document;
pub mod explain;
pub mod facts;
pub mod function;
mod guarding;
pub mod manifest;
pub mod many;
pub mod mo;
mod nearest;
pub mod operation;
pub mod outcome;
pub mod plan;
pub mod schedule;
pub mod span;
mod spelt;
pub mod statement;
pub mod trust;
pub mod usb;

pub use compiled::Compiled;
pub use decide::{
    Access, Context, Decision, DeviceRuling, Joint, Ruling, Say, Source, Standing, decide,
    decide_all,
};
pub use document::Policy;
pub use function::{Function, Verdict};
pub use guarding::{Guarding, guarding};
pub use manifest::{Account, CardIdentity, Group, GroupEntry, Manifest, Properties, Selectors};
pub use plan::{Hook, Inventory, KernelState, Plan, Step, Table, goal, plan};
pub use statement::{Authenticity, Endorsement, Proof, Release};
pub use trust::{Anchors, Floor, KeyId, Rejected, SigningKey, Verified};
