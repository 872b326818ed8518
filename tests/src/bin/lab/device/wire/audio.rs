//! A microphone by the USB audio class 1.0: two channels of 48,000 samples a second, one isochronous endpoint.

use std::time::Duration;

use super::{Device, Setup, Stream, configuration, descriptor};

/// Bytes in a millisecond, which is a packet.
const PACKET: usize = 192;

/// A microphone.
pub(super) fn device() -> Device {
    Device {
        identity: descriptor([0, 0, 0], (0x1d6b, 0x0201)),
        configuration: configuration(
            2,
            &[
                // The control interface: a microphone that leads to USB (4.3).
                &[9, 4, 0, 0, 0, 1, 1, 0, 0],
                &[9, 0x24, 1, 0x00, 0x01, 30, 0, 1, 1],
                &[12, 0x24, 2, 1, 0x01, 0x02, 0, 2, 3, 0, 0, 0],
                &[9, 0x24, 3, 2, 0x01, 0x01, 0, 1, 0],
                // Its stream, off and on (4.5).
                &[9, 4, 1, 0, 0, 1, 2, 0, 0],
                &[9, 4, 1, 1, 1, 1, 2, 0, 0],
                &[7, 0x24, 1, 2, 1, 1, 0],
                &[11, 0x24, 2, 1, 2, 2, 16, 1, 0x80, 0xbb, 0x00],
                &[9, 5, 0x81, 5, 192, 0, 4, 0, 0],
                &[7, 0x25, 1, 0, 0, 0, 0],
            ],
        ),
        class,
        stream: Box::new(Sound),
    }
}

/// There is nothing to set.
fn class(_setup: Setup) -> Option<Vec<u8>> {
    None
}

struct Sound;

impl Stream for Sound {
    fn next(&mut self, length: usize) -> (Vec<u8>, Duration) {
        let packets = u64::try_from(length / PACKET).unwrap_or_default();
        (vec![0; length], Duration::from_millis(packets))
    }
}
