//! The numbers and names that OMA DM gives a meaning: status codes, alert codes, MIME types,
//! namespaces, generic alert types, DCMO.
//!
//! Everything that is a constant of the protocol stands here and nowhere else. Sources: OMA
//! DM 1.2 *Representation Protocol* (codes, namespaces, MIME types), OMNA's register of
//! generic alert types, and, for DCMO, the DM 2.0 and `LwM2M` descriptions of the same enabler.

use std::fmt;

/// The status of one command, or of a whole message.
///
/// Any number from 100 to 599 may come from a peer; [`StatusCode::meaning`] knows those that
/// DM 1.2 defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

macro_rules! status_codes {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl StatusCode {
            $(
                #[doc = concat!("`", $number, "`: ", $meaning, ".")]
                pub const $name: Self = Self($number);
            )*

            /// What the code says, in a few words; `None` for a code that DM 1.2 does not define.
            pub const fn meaning(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($meaning),)*
                    _ => None,
                }
            }

            /// Every code that has a [`meaning`](Self::meaning), ascending.
            pub const KNOWN: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

status_codes! {
    OK = 200, "done";
    ACCEPTED_FOR_PROCESSING = 202, "accepted, still being processed";
    AUTHENTICATED = 212, "authenticated for the session";
    CHUNK_ACCEPTED = 213, "chunk accepted and buffered";
    OPERATION_CANCELLED = 214, "operation cancelled by the user";
    NOT_EXECUTED = 215, "not executed";
    ATOMIC_ROLLED_BACK = 216, "rolled back with its atomic group";
    OK_WITH_INHERITED_ACL = 217, "done, with an inherited access list";
    BAD_REQUEST = 400, "malformed request";
    INVALID_CREDENTIALS = 401, "invalid credentials";
    FORBIDDEN = 403, "forbidden";
    NOT_FOUND = 404, "no such node";
    COMMAND_NOT_ALLOWED = 405, "command not allowed on this target";
    FEATURE_NOT_SUPPORTED = 406, "optional feature not supported";
    MISSING_CREDENTIALS = 407, "credentials missing";
    REQUEST_TIMEOUT = 408, "the user did not answer in time";
    SIZE_REQUIRED = 411, "the size of a chunked object is missing";
    INCOMPLETE_COMMAND = 412, "incomplete command";
    ENTITY_TOO_LARGE = 413, "too large";
    URI_TOO_LONG = 414, "address too long";
    UNSUPPORTED_FORMAT = 415, "unsupported media type or format";
    RANGE_NOT_SATISFIABLE = 416, "requested size too big";
    ALREADY_EXISTS = 418, "already exists";
    DEVICE_FULL = 420, "device full";
    SIZE_MISMATCH = 424, "size mismatch";
    PERMISSION_DENIED = 425, "refused by the access list";
    COMMAND_FAILED = 500, "command failed";
    DTD_VERSION_NOT_SUPPORTED = 505, "SyncML version not supported";
    ATOMIC_FAILED = 507, "atomic group failed";
    DATA_STORE_FAILURE = 510, "data store failure";
    PROTOCOL_VERSION_NOT_SUPPORTED = 513, "DM version not supported";
    ATOMIC_ROLL_BACK_FAILED = 516, "atomic group could not be rolled back";
    ATOMIC_RESPONSE_TOO_LARGE = 517, "the atomic group's answer does not fit one message";
}

impl StatusCode {
    /// The code with this number; `None` outside 100 to 599.
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            100..=599 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether the command was carried out or accepted (200 to 299, without 214 to 216, which
    /// say that it was given up, not reached, or undone).
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=213 | 217..=299)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Some(meaning) => write!(f, "{} ({meaning})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The kind of an `Alert` command: its `Data` (DM 1.2 §8.7 and *Representation Protocol*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertCode(u16);

impl AlertCode {
    /// `1100`: show a text to the user.
    pub const DISPLAY: Self = Self(1100);
    /// `1101`: ask the user to confirm or reject.
    pub const CONFIRM_OR_REJECT: Self = Self(1101);
    /// `1102`: ask the user for a text.
    pub const TEXT_INPUT: Self = Self(1102);
    /// `1103`: ask the user for one of several choices.
    pub const SINGLE_CHOICE: Self = Self(1103);
    /// `1104`: ask the user for any of several choices.
    pub const MULTIPLE_CHOICE: Self = Self(1104);
    /// `1200`: the session was asked for by the server (Package 0).
    pub const SERVER_INITIATED: Self = Self(1200);
    /// `1201`: the session was begun by the client.
    pub const CLIENT_INITIATED: Self = Self(1201);
    /// `1222`: send the next message of the package.
    pub const NEXT_MESSAGE: Self = Self(1222);
    /// `1223`: the session is given up.
    pub const SESSION_ABORT: Self = Self(1223);
    /// `1224`: something happened at the client; the item says what.
    pub const CLIENT_EVENT: Self = Self(1224);
    /// `1225`: the end of a chunked object never came.
    pub const NO_END_OF_DATA: Self = Self(1225);
    /// `1226`: a generic alert; see [`GenericAlert`](crate::GenericAlert).
    pub const GENERIC: Self = Self(1226);

    /// The code with this number. Numbers without a name here are reserved, but legal to carry.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `VerDTD` of every message of this crate.
pub const VER_DTD: &str = "1.2";
/// `VerProto` of every message of this crate.
pub const VER_PROTO: &str = "DM/1.2";

/// Namespace of the root element and of all commands.
pub const NAMESPACE_SYNCML: &str = "SYNCML:SYNCML1.2";
/// Namespace of the children of `Meta`.
pub const NAMESPACE_METINF: &str = "syncml:metinf";

/// Namespace of management trees and their descriptions.
pub const NAMESPACE_DDF: &str = "syncml:dmddf1.2";

/// Content types (DM 1.2 §6 and Appendix).
pub mod mime {
    /// A DM message as XML.
    pub const MESSAGE_XML: &str = "application/vnd.syncml.dm+xml";
    /// A DM message as WBXML.
    pub const MESSAGE_WBXML: &str = "application/vnd.syncml.dm+wbxml";
    /// Package 0.
    pub const NOTIFICATION: &str = "application/vnd.syncml.notification";
    /// A serialised management tree as XML.
    pub const TNDS_XML: &str = "application/vnd.syncml.dmtnds+xml";
    /// A serialised management tree as WBXML.
    pub const TNDS_WBXML: &str = "application/vnd.syncml.dmtnds+wbxml";
    /// A device description framework document as XML.
    pub const DDF_XML: &str = "application/vnd.syncml.dmddf+xml";
    /// A device description framework document as WBXML.
    pub const DDF_WBXML: &str = "application/vnd.syncml.dmddf+wbxml";
    /// Plain text: the type of a leaf that names none.
    pub const TEXT: &str = "text/plain";
}

/// Authentication types, as `Cred` and `Chal` name them.
pub mod auth {
    /// Name and password, base64.
    pub const BASIC: &str = "syncml:auth-basic";
    /// MD5 digest over name, password and nonce.
    pub const MD5: &str = "syncml:auth-md5";
    /// MD5 digest over the whole message, in a transport header.
    pub const MAC: &str = "syncml:auth-MAC";
}

/// Registered types of generic alerts (OMNA; DCMO's stands in the DM 2.0 examples only).
pub mod alert_type {
    /// An enable or disable operation on a device capability has ended.
    pub const DCMO_OPERATION_COMPLETE: &str = "urn:oma:at:dcmo:1.0:OperationComplete";
    /// The results of carrying out policy actions.
    pub const POLICY_REPORT: &str = "urn:oma:at:oma-mgmtpolicymo:1.0:policyreport";
    /// A software component operation has ended.
    pub const SCOMO_OPERATION_COMPLETE: &str = "urn:oma:at:scomo:1.0:OperationComplete";
    /// A diagnostic operation has ended.
    pub const DIAGMON_OPERATION_COMPLETE: &str = "urn:oma:at:diagmon:1.0:OperationComplete";
}

/// Device Capability Management Object 1.0: addresses and result codes.
pub mod dcmo {
    /// The management object's identifier, the `Type` of each instance's root.
    pub const URN: &str = "urn:oma:mo:oma-dcmo:1.0";
    /// Result code of an operation that succeeded. 12xx is success, 14xx the client's failure,
    /// 15xx the server's; the exact meaning of other numbers is not published.
    pub const SUCCESS: u16 = 1200;
    /// Result code of an operation that failed at the client for an unnamed reason.
    pub const CLIENT_ERROR: u16 = 1400;

    /// The operations of a capability.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Operation {
        /// Let the capability be used.
        Enable,
        /// Refuse its use, even when it is attached.
        Disable,
    }

    /// `<instance>/Enabled`: whether the capability may be used.
    pub fn enabled_uri(instance: &str) -> String {
        format!("{instance}/Enabled")
    }

    /// `<instance>/Operations/Enable` or `…/Disable`, the target of an `Exec` and the source of
    /// the alert that reports its end.
    pub fn operation_uri(instance: &str, operation: Operation) -> String {
        let name = match operation {
            Operation::Enable => "Enable",
            Operation::Disable => "Disable",
        };
        format!("{instance}/Operations/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_ascend_and_each_has_a_meaning() {
        assert!(StatusCode::KNOWN.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            StatusCode::KNOWN
                .iter()
                .all(|code| code.meaning().is_some())
        );
    }

    #[test]
    fn given_up_and_undone_commands_are_no_success() {
        for code in [214, 215, 216, 400, 500] {
            assert!(!StatusCode::new(code).unwrap().is_success());
        }
        for code in [200, 202, 212, 213, 217] {
            assert!(StatusCode::new(code).unwrap().is_success());
        }
    }

    #[test]
    fn codes_outside_three_digits_do_not_exist() {
        assert_eq!(StatusCode::new(99), None);
        assert_eq!(StatusCode::new(600), None);
    }
}
