//! A device that only its maker's programs know how to use (class `ff`).

use super::{Device, Silence, configuration, descriptor};

/// Such a device.
pub(super) fn device() -> Device {
    Device {
        identity: descriptor([0, 0, 0], (0x1d6b, 0x0203)),
        configuration: configuration(
            1,
            &[
                &[9, 4, 0, 0, 1, 0xff, 0, 0, 0],
                &[7, 5, 0x81, 2, 0x00, 0x02, 0],
            ],
        ),
        class: |_setup| None,
        stream: Box::new(Silence),
    }
}
