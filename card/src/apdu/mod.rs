//! Commands and answers as types, and the exchange of one for the other.
//!
//! Short APDUs work on every card and reader (T=0 readers with small buffers wedge on long
//! answers); extended ones are used only where the card and the reader both say that they take
//! them. Longer data goes out by command chaining (CLA bit 5) and comes back by `61xx`/GET
//! RESPONSE; a wrong Le is corrected by `6Cxx`. Everything is bounded: bytes, rounds and time, so a
//! card that never ends costs a moment and no memory.

mod channel;
mod command;
mod failure;
mod status;

pub use self::channel::Channel;
pub use self::command::{Answer, Command, Header};
pub use self::failure::Failure;
pub use self::status::Status;

/// Most bytes of an answer. The largest object of a PIV card in the field has 3,052.
pub const MAX_ANSWER: usize = 4096;
