//! Package 0: how a server asks a device to begin a session (OMA DM 1.2 *Notification*, 6.2).
//!
//! ```text
//!  digest | version ui initiator future | session | length | server id | vendor's own
//!  16     | 10 b    2 b 1 b       27 b  | 16 b    | 8 b    | 1 to 255  | 0 to MAX_VENDOR_LEN octets
//! ```
//!
//! Numbers are big-endian. It may come over anything, as often as somebody likes to send it, so it
//! is believed in two steps: [`Unverified::parse`] says from which server it claims to be, and
//! [`Unverified::verify`] with that server's secret and nonce makes it a [`Notification`].
//!
//! ```
//! use omadm::auth::{Login, Nonce};
//! use omadm::notification::{Notification, UiMode, Unverified};
//!
//! let server = Login::new("dm.example.test", "srvsecret");
//! let nonce = Nonce::new(*b"nonce-0001");
//! let package = Notification {
//!     ui_mode: UiMode::Background,
//!     ..Notification::new("dm.example.test", 0x1A2B)
//! };
//! let bytes = package.to_bytes(&server, &nonce)?;
//!
//! let received = Unverified::parse(&bytes)?;
//! assert_eq!(received.server_id(), "dm.example.test");
//! let session = received.verify(&server, &nonce)?.session_id();
//! assert_eq!(session.as_str(), "1A2B");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;

pub use read::{Malformed, NotGenuine, Unverified, Verified};

use crate::SessionId;
use crate::auth::{Login, Nonce};
use crate::message::Initiator;

/// The version that DM 1.2 demands, in tenths: 1.1.
pub const VERSION: u16 = 11;
/// Most octets of the vendor's own that are written or read.
pub const MAX_VENDOR_LEN: usize = 1_024;

const DIGEST_LEN: usize = 16;

/// How much the user is to notice of the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UiMode {
    /// As the device likes.
    #[default]
    Unspecified,
    /// Nothing.
    Background,
    /// The user is told.
    Informative,
    /// The user is asked first.
    UserInteraction,
}

impl UiMode {
    const fn bits(self) -> u32 {
        match self {
            Self::Unspecified => 0,
            Self::Background => 1,
            Self::Informative => 2,
            Self::UserInteraction => 3,
        }
    }

    const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            1 => Self::Background,
            2 => Self::Informative,
            3 => Self::UserInteraction,
            _ => Self::Unspecified,
        }
    }
}

/// What a Package 0 says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notification {
    /// The notification's version, in tenths: 10 to 12; [`VERSION`] in what this crate makes.
    pub version: u16,
    /// How much the user is to notice.
    pub ui_mode: UiMode,
    /// Who wanted it: the user ([`Initiator::Client`]) or the server.
    pub initiator: Initiator,
    /// The id that the session is to have, 1 to 65535.
    pub session: u16,
    /// Which server: the `ServerID` of one of the device's accounts. 1 to 255 octets.
    pub server_id: String,
    /// What the vendor makes of the rest, at most [`MAX_VENDOR_LEN`] octets.
    pub vendor: Vec<u8>,
}

/// A Package 0 that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// The server's id has no octets, or more than 255.
    #[error("a server id of {0} octets, 1 to 255 expected")]
    ServerId(usize),
    /// The session has number 0.
    #[error("the session has no number")]
    Session,
    /// The version is none of 10 to 12.
    #[error("version {0} in tenths, 10 to 12 expected")]
    Version(u16),
    /// More than [`MAX_VENDOR_LEN`] octets of the vendor's own.
    #[error("{0} octets of the vendor's own, at most {MAX_VENDOR_LEN} expected")]
    Vendor(usize),
}

impl Notification {
    /// The server asks for a session with this number; the device may treat it as it likes.
    pub fn new(server_id: impl Into<String>, session: u16) -> Self {
        Self {
            version: VERSION,
            ui_mode: UiMode::Unspecified,
            initiator: Initiator::Server,
            session,
            server_id: server_id.into(),
            vendor: Vec::new(),
        }
    }

    /// The id that the session must have.
    pub fn session_id(&self) -> SessionId {
        SessionId::from_number(self.session)
    }

    /// The whole package, signed as this server (its account's `SRVCRED`) with the nonce that the
    /// device gave it last.
    pub fn to_bytes(&self, server: &Login, nonce: &Nonce) -> Result<Vec<u8>, Unwritable> {
        let trigger = self.trigger()?;
        let mut bytes = server.seal(nonce, &trigger).to_vec();
        bytes.extend(trigger);
        Ok(bytes)
    }

    /// Everything but the digest.
    fn trigger(&self) -> Result<Vec<u8>, Unwritable> {
        let len = self.server_id.len();
        let id_len = u8::try_from(len).ok().filter(|len| *len > 0);
        let id_len = id_len.ok_or(Unwritable::ServerId(len))?;
        if self.session == 0 {
            return Err(Unwritable::Session);
        }
        if !read::VERSIONS.contains(&self.version) {
            return Err(Unwritable::Version(self.version));
        }
        if self.vendor.len() > MAX_VENDOR_LEN {
            return Err(Unwritable::Vendor(self.vendor.len()));
        }
        let initiator = match self.initiator {
            Initiator::Client => 0_u32,
            Initiator::Server => 1,
        };
        // 10 bits of version, 2 of user interface, 1 of initiator, 27 for the future: 40 in all, of
        // which the last 8 are always zero.
        let head =
            (u32::from(self.version) << 22) | (self.ui_mode.bits() << 20) | (initiator << 19);
        let mut trigger = head.to_be_bytes().to_vec();
        trigger.push(0);
        trigger.extend(self.session.to_be_bytes());
        trigger.push(id_len);
        trigger.extend(self.server_id.as_bytes());
        trigger.extend(&self.vendor);
        Ok(trigger)
    }
}
