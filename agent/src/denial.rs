//! A refusal that the kernel reported.

use cardwarden_policy::Function;
use jiff::Timestamp;

/// Somebody tried to use what is disabled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Denial {
    /// Which function.
    pub(crate) function: Function,
    /// `rule:<id>`, `baseline` or `unproven`.
    pub(crate) reason: String,
    /// The program's name (`comm`, at most 15 bytes).
    pub(crate) program: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its user.
    pub(crate) uid: u32,
    /// When.
    pub(crate) at: Timestamp,
}
