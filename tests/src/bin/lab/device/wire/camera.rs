//! A camera by the USB video class 1.0: one format, one size, one bulk endpoint.

use std::time::Duration;

use super::{Device, Setup, Stream, configuration, descriptor};

const WIDTH: u16 = 160;
const HEIGHT: u16 = 120;
/// Two bytes for each point (YUY2).
const FRAME: u32 = 160 * 120 * 2;
/// Ten frames a second, in 100 ns.
const INTERVAL: u32 = 1_000_000;
/// The largest payload: as much as Linux asks for at once (32 packets of 512 bytes, `uvc_video.c`).
const PAYLOAD: u32 = 32 * 512;
/// A payload's header (UVC 1.0, 2.4.3.3): its own length, and the bits.
const HEADER: usize = 2;

/// A webcam of a kind that many have.
pub(super) fn device() -> Device {
    Device {
        identity: descriptor([0xef, 0x02, 0x01], (0x046d, 0x0825)),
        configuration: configuration(
            2,
            &[
                // Both interfaces are one function: video.
                &[8, 0x0b, 0, 2, 0x0e, 3, 0, 0],
                &control(),
                &[9, 4, 1, 0, 1, 0x0e, 2, 0, 0],
                &streaming(),
                &[7, 5, 0x81, 2, 0x00, 0x02, 0],
            ],
        ),
        class,
        stream: Box::new(Film::default()),
    }
}

/// The control interface: a camera that leads to USB (3.7.2).
fn control() -> Vec<u8> {
    let mut bytes = vec![9, 4, 0, 0, 0, 0x0e, 1, 0, 0];
    bytes.extend([13, 0x24, 1, 0x00, 0x01, 40, 0, 0x00, 0x6c, 0xdc, 0x02, 1, 1]);
    bytes.extend([
        18, 0x24, 2, 1, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
    ]);
    bytes.extend([9, 0x24, 3, 2, 0x01, 0x01, 0, 1, 0]);
    bytes
}

/// What the stream can be (3.9.2; Uncompressed payloads 1.0, 3.1).
fn streaming() -> Vec<u8> {
    const YUY2: [u8; 16] = [
        0x59, 0x55, 0x59, 0x32, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b,
        0x71,
    ];
    let rate = FRAME * 8 * 10;
    let mut bytes = vec![14, 0x24, 1, 1, 71, 0, 0x81, 0, 2, 0, 0, 0, 1, 0];
    bytes.extend([27, 0x24, 4, 1, 1]);
    bytes.extend(YUY2);
    bytes.extend([16, 1, 0, 0, 0, 0]);
    bytes.extend([30, 0x24, 5, 1, 0]);
    bytes.extend(WIDTH.to_le_bytes());
    bytes.extend(HEIGHT.to_le_bytes());
    for word in [rate, rate, FRAME, INTERVAL] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.push(1);
    bytes.extend(INTERVAL.to_le_bytes());
    bytes
}

/// Probe and commit, which are all that there is to agree on (4.3.1.1).
fn class(setup: Setup) -> Option<Vec<u8>> {
    if !matches!(setup.value >> 8, 1 | 2) {
        return None;
    }
    match setup.request {
        (0x21, 0x01) => Some(Vec::new()),
        (0xa1, 0x85) => Some(vec![26, 0]),
        (0xa1, 0x86) => Some(vec![3]),
        (0xa1, 0x81..=0x84 | 0x87) => {
            let mut bytes = vec![0, 0, 1, 1];
            bytes.extend(INTERVAL.to_le_bytes());
            bytes.extend([0; 10]);
            bytes.extend(FRAME.to_le_bytes());
            bytes.extend(PAYLOAD.to_le_bytes());
            Some(bytes)
        }
        _ => None,
    }
}

/// The film: grey pictures.
#[derive(Default)]
struct Film {
    /// How much of the picture has been sent.
    sent: usize,
    /// Changes with each picture.
    parity: u8,
}

impl Stream for Film {
    fn next(&mut self, length: usize) -> (Vec<u8>, Duration) {
        let frame = usize::try_from(FRAME).unwrap_or_default();
        let after = if self.sent == 0 {
            Duration::from_nanos(u64::from(INTERVAL) * 100)
        } else {
            Duration::ZERO
        };
        let part = (frame - self.sent).min(length.saturating_sub(HEADER));
        self.sent += part;
        let is_end = self.sent == frame;
        // End of header, end of picture, parity.
        let bits = 0x80 | (u8::from(is_end) << 1) | self.parity;
        if is_end {
            self.sent = 0;
            self.parity ^= 1;
        }
        let mut bytes = vec![2, bits];
        bytes.resize(HEADER + part, 0x80);
        (bytes, after)
    }
}
