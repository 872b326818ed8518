//! A program that films: V4L2's streaming with buffers of the driver (`V4L2_MEMORY_MMAP`).

use std::fs::{File, OpenOptions};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::syscall::{Request, ioctl};

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE` and `V4L2_MEMORY_MMAP` (`include/uapi/linux/videodev2.h`).
const CAPTURE: u32 = 1;
const MMAP: u32 = 1;
const BUFFERS: u32 = 3;

/// A camera that films.
pub(crate) struct Camera(File);

impl Camera {
    /// Opens a node and starts filming.
    pub(crate) fn start(node: &Path) -> Result<Self, Errno> {
        let camera = Self(open(node)?);
        camera.restart()?;
        Ok(camera)
    }

    /// With a descriptor that somebody has opened. It is to wait for pictures, however it was opened.
    pub(crate) fn of(file: File) -> Result<Self, Errno> {
        let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL)?);
        fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
        Ok(Self(file))
    }

    /// The descriptor.
    pub(crate) fn file(&self) -> &File {
        &self.0
    }

    /// Starts filming, again if need be, with the descriptor that it has.
    pub(crate) fn restart(&self) -> Result<(), Errno> {
        let mut wish = vec![0; Request::CAMERA_BUFFERS.length()];
        put(&mut wish, 0, BUFFERS);
        put(&mut wish, 4, CAPTURE);
        put(&mut wish, 8, MMAP);
        ioctl(&self.0, Request::CAMERA_BUFFERS, &mut wish)?;
        for index in 0..BUFFERS {
            let mut buffer = buffer(Request::CAMERA_QUEUE);
            put(&mut buffer, 0, index);
            ioctl(&self.0, Request::CAMERA_QUEUE, &mut buffer)?;
        }
        ioctl(&self.0, Request::CAMERA_START, &mut CAPTURE.to_ne_bytes())
    }

    /// Waits for a frame and gives its buffer back.
    pub(crate) fn frame(&self) -> Result<(), Errno> {
        let mut buffer = buffer(Request::CAMERA_DEQUEUE);
        ioctl(&self.0, Request::CAMERA_DEQUEUE, &mut buffer)?;
        ioctl(&self.0, Request::CAMERA_QUEUE, &mut buffer)
    }
}

fn open(node: &Path) -> Result<File, Errno> {
    let file = OpenOptions::new().read(true).write(true).open(node);
    file.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// A `struct v4l2_buffer`: type at 4, memory at 60.
fn buffer(request: Request) -> Vec<u8> {
    let mut buffer = vec![0; request.length()];
    put(&mut buffer, 4, CAPTURE);
    put(&mut buffer, 60, MMAP);
    buffer
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
}
