//! The one thing that a card can do: answer a command.

use crate::reader;

/// Carries short command APDUs (ISO/IEC 7816-4, 5.1) to one card, and its answers back. Nobody
/// else talks to the card while a transport exists.
pub trait Transport {
    /// Sends one command and returns the whole answer, status word included.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, reader::Error>;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, reader::Error> {
        T::transmit(self, command)
    }
}
