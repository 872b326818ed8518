//! A Bluetooth adapter, as far as its descriptors say so (Bluetooth Core, volume 4, part B, 2.2): nobody answers
//! what the host says to it.

use super::{Device, Setup, Silence, configuration, descriptor};

/// An adapter.
pub(super) fn device() -> Device {
    Device {
        identity: descriptor([0xe0, 0x01, 0x01], (0x1d6b, 0x0202)),
        configuration: configuration(
            1,
            &[
                &[9, 4, 0, 0, 3, 0xe0, 1, 1, 0],
                &[7, 5, 0x81, 3, 16, 0, 1],
                &[7, 5, 0x82, 2, 0x00, 0x02, 0],
                &[7, 5, 0x02, 2, 0x00, 0x02, 0],
            ],
        ),
        class,
        stream: Box::new(Silence),
    }
}

/// Commands are taken, and not answered.
fn class(setup: Setup) -> Option<Vec<u8>> {
    (setup.request == (0x20, 0)).then(Vec::new)
}
