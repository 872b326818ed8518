//! Smart cards that carry a company's policy: reading them, believing them, and issuing them.
//!
//! ```text
//!  Readers ─► Connection ─► Exclusive ─► open() ─► dyn Profile ─► read_selected() ─► Selected
//!  (PC/SC)                  : Transport           (on a Shelf) └► issue()          (verified)
//! ```
//!
//! A [`Transport`] carries bytes, [`apdu`] makes commands and answers of them, a [`Profile`] makes
//! objects and signatures of those, and [`read_selected`] and [`issue()`] make sense of it all.
//! What a card says is believed in `cardwarden-policy` only, and all that it says has a bound.
//!
//! # Reading
//!
//! ```no_run
//! use cardwarden_card::{READING_TIME, Readers, open, read_selected};
//! use cardwarden_policy::Properties;
//! # fn show(anchors: &cardwarden_policy::Anchors) -> Result<(), Box<dyn std::error::Error>> {
//! let readers = Readers::open()?;
//! for slot in readers.list()? {
//!     println!("{}: {}", slot.name, slot.presence.name());
//! }
//! // The reader of this name, or with `None` the only one that holds a card.
//! let mut connection = readers.connect(None)?;
//! let mut profile = open(connection.transaction()?, READING_TIME)?;
//! let device = Properties { kind: "laptop".to_owned(), ..Properties::default() };
//! let selected = read_selected(profile.as_mut(), anchors, &device, None)?;
//! println!("{} version {}", selected.verified.company, selected.verified.version);
//! # Ok(())
//! # }
//! ```
//!
//! # Issuing
//!
//! ```no_run
//! use cardwarden_card::{
//!     Authority, Issue, ManagementKey, NamedGroup, Readers, WRITING_TIME, issue, open,
//! };
//! # fn write(
//! #     key: &cardwarden_policy::SigningKey, group: cardwarden_policy::Group,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let content = Issue {
//!     company: "B Company".to_owned(),
//!     version: 7,
//!     issued: jiff::Timestamp::now(),
//!     groups: vec![NamedGroup {
//!         name: "all".to_owned(),
//!         selectors: Default::default(),
//!         pin: false,
//!         group,
//!     }],
//!     releases: vec![],
//! };
//! let readers = Readers::open()?;
//! let mut connection = readers.connect(Some("Virtual PCD 00 00"))?;
//! let mut profile = open(connection.transaction()?, WRITING_TIME)?;
//! let authority = Authority::ManagementKey(ManagementKey::factory());
//! let receipt = issue(profile.as_mut(), &authority, &content, |manifest| key.sign(manifest))?;
//! println!("{} bytes in {} APDUs", receipt.length, receipt.exchanges);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod apdu;
pub mod authority;
pub mod beside;
pub mod issue;
pub mod management;
pub mod modem;
pub mod openpgp;
pub mod piv;
pub mod pkcs15;
pub mod profile;
pub mod reader;
pub mod room;
mod shelf;
pub mod tlv;
pub mod transport;
pub mod watch;

pub use authority::{Authority, NoPin, Pin};
pub use issue::{Issue, NamedGroup, NotIssued, Receipt, SignedRelease, fill, issue};
pub use management::ManagementKey;
pub use profile::{
    NotTaken, Placement, Profile, READING_TIME, Selected, WRITING_TIME, Wanted, open, read_selected,
};
pub use reader::{Connection, Prepared, Presence, Readers, Slot};
pub use room::{Holds, Room};
pub use transport::{Lengths, Transport};
pub use watch::{Sighting, Watch};
