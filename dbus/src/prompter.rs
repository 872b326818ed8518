//! What asks a person for a PIN, and the PIN on its way.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zbus::{DBusError, Signature, Type};
use zeroize::Zeroizing;

use crate::value::PinDetails;

/// A PIN: `ay`. It is shown nowhere, and wiped when it is let go of. The message that carries it
/// belongs to the bus connection, which frees it unwiped.
#[derive(Clone, Eq, PartialEq)]
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Takes the bytes over.
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Gives the bytes away; they are still wiped when they are let go of.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

impl Type for Pin {
    const SIGNATURE: &'static Signature = <[u8]>::SIGNATURE;
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pin {
    /// Copies once, into exactly as much memory as it takes: memory that grew would leave parts of
    /// the PIN behind.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(PinVisitor)
    }
}

struct PinVisitor;

impl Visitor<'_> for PinVisitor {
    type Value = Pin;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PIN")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Pin, E> {
        Ok(Pin(Zeroizing::new(bytes.to_vec())))
    }
}

/// What a prompter answers when it gives no PIN: `org.cardwarden.Prompter1.Error.…`.
#[derive(Clone, Debug, PartialEq, DBusError)]
#[zbus(prefix = "org.cardwarden.Prompter1.Error")]
pub enum PromptError {
    /// Something else went wrong between here and the prompter.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The person does not want to.
    Cancelled(String),
}

/// A prompter's object; `org.cardwarden.Prompter1.xml` describes every member. Where it is, is what
/// was registered.
#[zbus::proxy(interface = "org.cardwarden.Prompter1", assume_defaults = false)]
pub trait Prompter {
    /// Asks for the PIN and waits for the person.
    fn request_pin(&self, details: &PinDetails) -> Result<Pin, PromptError>;
}

#[cfg(test)]
mod tests {
    use zbus::message::Message;

    use super::*;

    #[test]
    fn a_pin_goes_over_the_bus_as_bytes_and_is_never_shown() {
        let pin = Pin::new(Zeroizing::new(b"4711".to_vec()));
        assert_eq!(format!("{pin:?}"), "Pin");
        let message = Message::method_call("/a", "B").build(&pin).unwrap();
        assert_eq!(message.body().signature(), "ay");
        assert_eq!(message.body().deserialize::<Vec<u8>>().unwrap(), b"4711");
        assert_eq!(message.body().deserialize::<Pin>().unwrap(), pin);
    }
}
