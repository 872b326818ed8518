//! `cardwarden card`: what is in the readers, what a card holds, and making cards.

pub(crate) mod args;
mod authority;
mod content;
mod erase;
mod init;
mod issue;
mod list;
mod manifest;
mod pin;
mod reach;
mod read;
mod shown;
mod this_device;
mod verify;
mod write;

use args::CardVerb;

use crate::failure::Failure;
use crate::output::Output;

/// Does what a verb says.
pub(crate) fn run(verb: &CardVerb) -> Result<Output, Failure> {
    match verb {
        CardVerb::Init(arguments) => init::init(arguments),
        CardVerb::List(arguments) => list::list(arguments),
        CardVerb::Read(arguments) => read::read(arguments),
        CardVerb::Verify(arguments) => verify::verify(arguments),
        CardVerb::Write(arguments) => write::write(arguments),
        CardVerb::Erase(arguments) => erase::erase(arguments),
        CardVerb::Issue(arguments) => issue::issue(arguments),
    }
}
