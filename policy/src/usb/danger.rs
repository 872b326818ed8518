//! Lists that would leave nobody able to work: no keyboard to type on, or no reader for the card
//! that could change the policy.

use super::{ClassPattern, Connection, Device, Interface, Match};

/// Whether the lists take every plain keyboard away, whoever made it and wherever it is, and no
/// entry of `allow` spares one.
///
/// A plain keyboard has one interface, `03:01:01`. What takes it by number, string, port or
/// descriptors takes particular keyboards only, and is not counted; nor is what takes only the
/// built-in ones, only those from outside, or only those at unknown ports, unless all three are
/// taken. An entry of `allow` spares a keyboard when it is about devices of any class or of one
/// that keyboards have: `class = "08"` does not.
///
/// For a rule that disables `usb` or `usb.hid` as a whole, `deny` is `id = "*:*"` or
/// `class = "03"`.
pub fn would_take_every_keyboard(deny: &[Match], allow: &[Match]) -> bool {
    takes_all(Interface::KEYBOARD, deny, allow)
}

/// Whether the lists take every plain smart-card reader away (one interface, `0b:00:00`); as for
/// [`would_take_every_keyboard`].
pub fn would_take_every_card_reader(deny: &[Match], allow: &[Match]) -> bool {
    takes_all(Interface::CARD_READER, deny, allow)
}

fn takes_all(class: Interface, deny: &[Match], allow: &[Match]) -> bool {
    let takes = |device: Device| {
        deny.iter()
            .any(|entry| !entry.is_particular() && entry.matches(&device))
    };
    Connection::ALL
        .into_iter()
        .all(|kind| takes(plain(class, kind)))
        && !allow
            .iter()
            .any(|entry| entry.can_be(ClassPattern::from(class)))
}

/// A device with one interface and no other mark.
fn plain(class: Interface, connection: Connection) -> Device {
    Device {
        vendor: 0,
        product: 0,
        revision: None,
        serial: None,
        manufacturer: None,
        name: None,
        port: String::new(),
        connection,
        descriptors: None,
        class: Interface::BY_INTERFACE,
        interfaces: vec![class],
    }
}
