//! OMA Device Management 1.2, without I/O.
//!
//! ```text
//!            client::start                              server::receive
//!   alerts ──────────────► package 1 ──── bytes ────► Turn ──► events (session, alerts)
//!                                                      │  ◄── answers, operations
//!   Awaiting::receive ◄─── bytes ──── package 2 ◄──── Turn::finish ──► Session, to be kept
//!      │  Get, Exec … go to the caller's Tree
//!      └──► Awaiting (package 3) … until the server has no command left ──► Finished
//! ```
//!
//! - [`message`]: SyncML 1.2 in types;
//! - [`xml`] and [`wbxml`]: its bytes; [`Encoding`] chooses by content type;
//! - [`client`] and [`server`]: the two ends of a session, as values that the caller moves forward with
//!   the bytes it received, over whatever transport it has;
//! - [`tree`]: the tree that a device keeps, with access lists; [`mo`]: the standard objects in it;
//! - [`auth`]: names, secrets and nonces, for peers without certificates; [`notification`]: Package 0,
//!   by which a server asks for a session;
//! - [`tnds`]: management trees as documents; [`ddf`]: what such a tree may hold;
//! - [`code`]: every number and name that the protocol gives a meaning.
//!
//! The crate opens no sockets, starts no threads, reads no clock, makes no random numbers and keeps
//! nothing between calls. Who the peers are is best left to TLS with client certificates. Where that
//! cannot be, they prove themselves by SyncML's own means: [`client::Authentication`],
//! [`server::Authentication`].
//!
//! # A whole session in memory
//!
//! ```
//! use omadm::{DevInfo, Encoding, GenericAlert, SessionId, client, code, server};
//!
//! let device = DevInfo::new("urn:uuid:5e9f0001", "Example", "phone");
//! let report = GenericAlert {
//!     correlator: Some("association-1/42".into()),
//!     source: Some("./DCMO/Camera/Operations/Disable".into()),
//!     data: code::dcmo::SUCCESS.to_string(),
//!     ..GenericAlert::new(code::alert_type::DCMO_OPERATION_COMPLETE, omadm::message::Format::Int)
//! };
//!
//! // The device begins.
//! let settings = client::Settings::new("https://dm.example.test/dm", device.clone());
//! let session = client::start(&settings, SessionId::from_number(0x7C), &[report])?;
//! assert_eq!(session.taken(), 1);
//!
//! // The server keeps what it is told, then says so.
//! let settings = server::Settings::new("https://dm.example.test/dm");
//! let request = Encoding::Xml.parse(session.request())?;
//! let server::Received::Turn(mut turn) = server::receive(&settings, None, &request)? else {
//!     unreachable!("nothing was sent before");
//! };
//! for event in turn.take_events() {
//!     if let server::Event::GenericAlert { id, alert } = event {
//!         assert_eq!(alert.correlator.as_deref(), Some("association-1/42"));
//!         turn.answer(&id, code::StatusCode::OK);
//!     }
//! }
//! let kept = turn.finish()?;
//! assert!(kept.is_over());
//!
//! // The device learns that its report has arrived.
//! let client::Next::Done(finished) = session.receive(kept.reply(), &mut device.clone())? else {
//!     unreachable!("the server sent no command");
//! };
//! assert!(finished.answers.iter().all(|answer| answer.is_acknowledged()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![expect(
    clippy::doc_markdown,
    reason = "SyncML, MetInf and DevInfo are proper names"
)]

pub mod auth;
mod chunks;
pub mod client;
pub mod code;
pub mod ddf;
mod dev_info;
mod encoding;
mod generic_alert;
pub mod message;
pub mod mo;
pub mod notification;
mod payload;
mod schema;
pub mod server;
pub mod tnds;
pub mod tree;
pub mod wbxml;
pub mod xml;

pub use dev_info::{DevInfo, MissingLeaf};
pub use encoding::{Encoding, ParseError};
pub use generic_alert::{GenericAlert, Incomplete};
pub use message::SessionId;
pub use payload::Payload;
pub use schema::{EncodeError, Violation};

/// What this crate takes at most; see also the lengths of ids in [`message`].
pub mod limits {
    pub use crate::auth::MAX_NONCE_LEN;
    pub use crate::chunks::MAX_OBJECT_LEN;
    pub use crate::client::{MAX_ALERTS, MAX_CHUNKS, MAX_ROUNDS};
    pub use crate::message::{MAX_COMMAND_ID_LEN, MAX_SESSION_ID_LEN};
    pub use crate::notification::MAX_VENDOR_LEN;
    pub use crate::schema::{
        MAX_COMMANDS, MAX_DEPTH, MAX_ELEMENTS, MAX_ITEMS, MAX_MESSAGE_LEN, MAX_STATUSES,
        MAX_TREE_DEPTH,
    };
    pub use crate::xml::MAX_ATTRIBUTES;
}
