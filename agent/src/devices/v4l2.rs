//! The one question that a video node is asked: `VIDIOC_QUERYCAP`.
#![expect(unsafe_code, reason = "an ioctl has no safe wrapper")]

use std::fs::OpenOptions;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// `struct v4l2_capability` (`include/uapi/linux/videodev2.h`).
#[repr(C)]
#[derive(Default)]
struct Capability {
    driver: [u8; 16],
    card: [u8; 32],
    bus: [u8; 32],
    version: u32,
    capabilities: u32,
    device_caps: u32,
    reserved: [u32; 3],
}

/// `V4L2_CAP_VIDEO_CAPTURE` and `_MPLANE`.
const CAPTURE: u32 = 0x0000_0001 | 0x0000_1000;
/// `V4L2_CAP_VIDEO_OUTPUT`, `_MPLANE`, `V4L2_CAP_VIDEO_M2M`, `_MPLANE`: codecs, scalers, displays.
const OUTPUT: u32 = 0x0000_0002 | 0x0000_2000 | 0x0000_8000 | 0x0000_4000;
/// `V4L2_CAP_DEVICE_CAPS`: `device_caps` says what this very node can do.
const DEVICE_CAPS: u32 = 0x8000_0000;

nix::ioctl_read!(querycap, b'V', 0, Capability);

/// Whether a node delivers pictures, and only that.
pub(super) fn is_camera(node: &Path) -> std::io::Result<bool> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(node)?;
    let mut capability = Capability::default();
    // SAFETY: the request writes one `struct v4l2_capability`, which `Capability` mirrors, and the
    // descriptor is open.
    unsafe { querycap(file.as_raw_fd(), &raw mut capability) }?;
    Ok(delivers_pictures(&capability))
}

fn delivers_pictures(capability: &Capability) -> bool {
    let own = capability.capabilities & DEVICE_CAPS != 0;
    let caps = if own {
        capability.device_caps
    } else {
        capability.capabilities
    };
    caps & CAPTURE != 0 && caps & OUTPUT == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(capabilities: u32, device_caps: u32) -> Capability {
        Capability {
            capabilities,
            device_caps,
            ..Capability::default()
        }
    }

    #[test]
    fn a_codec_is_no_camera_though_it_shares_the_major() {
        assert!(delivers_pictures(&node(DEVICE_CAPS | 0x3, 0x1)));
        assert!(delivers_pictures(&node(0x1, 0)));
        assert!(!delivers_pictures(&node(DEVICE_CAPS | 0x1, 0x4000)));
        assert!(!delivers_pictures(&node(DEVICE_CAPS | 0x1, 0x2)));
        assert!(!delivers_pictures(&node(0x8001, 0)));
        assert_eq!(size_of::<Capability>(), 104);
    }
}
