//! The line protocol between the host and a guest, over a virtio serial port.
//!
//! A frame is a kind (1 byte), a length (4 bytes, little-endian), and that many bytes. The host asks one thing
//! at a time; the guest's end (`src/bin/lab-channel.rs`) answers. No network and no login is
//! involved, and the channel survives a snapshot.

use std::io::{Error, ErrorKind, Read, Result, Write};

/// Frames longer than this are a fault of the channel, not data: 64 MiB.
pub const LONGEST: usize = 64 * 1024 * 1024;

/// What a frame says. Upper case comes from the host, lower case from the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Run a program: JSON list of arguments. Answered by output and [`Kind::Ended`].
    Execute,
    /// Bytes for the running program's standard input.
    Input,
    /// No more input follows.
    InputEnd,
    /// Kill the running program and its group.
    Kill,
    /// Write a file: mode (octal), space, path, line end, content. Answered by [`Kind::Done`] or [`Kind::Refused`].
    Put,
    /// Read a file, by path. Answered by [`Kind::Content`] or [`Kind::Refused`].
    Take,
    /// Set the clock: nanoseconds since 1970 as decimal text. Answered as [`Kind::Put`].
    Clock,
    /// The guest has started; nothing is running.
    Hello,
    /// Standard output of the running program.
    Output,
    /// Standard error of the running program.
    ErrorOutput,
    /// The program has ended: its exit status as decimal text (128 + signal number when killed).
    Ended,
    /// Done.
    Done,
    /// Could not be done: why.
    Refused,
    /// A file's content.
    Content,
}

const KINDS: [(Kind, u8); 14] = [
    (Kind::Execute, b'X'),
    (Kind::Input, b'I'),
    (Kind::InputEnd, b'E'),
    (Kind::Kill, b'K'),
    (Kind::Put, b'P'),
    (Kind::Take, b'T'),
    (Kind::Clock, b'C'),
    (Kind::Hello, b'h'),
    (Kind::Output, b'o'),
    (Kind::ErrorOutput, b'e'),
    (Kind::Ended, b'x'),
    (Kind::Done, b'd'),
    (Kind::Refused, b'r'),
    (Kind::Content, b'c'),
];

/// Writes one frame.
pub fn write(to: &mut impl Write, kind: Kind, bytes: &[u8]) -> Result<()> {
    let code = KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or(0, |(_, code)| *code);
    let length =
        u32::try_from(bytes.len()).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
    let mut frame = Vec::with_capacity(bytes.len() + 5);
    frame.push(code);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(bytes);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads one frame; blocks until it is whole.
pub fn read(from: &mut impl Read) -> Result<(Kind, Vec<u8>)> {
    let mut head = [0_u8; 5];
    from.read_exact(&mut head)?;
    let [code, length @ ..] = head;
    let kind = KINDS
        .iter()
        .find(|(_, known)| *known == code)
        .map(|(kind, _)| *kind)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidData,
                format!("unknown frame kind {code:#04x}"),
            )
        })?;
    let length = usize::try_from(u32::from_le_bytes(length))
        .ok()
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "frame too long"))?;
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok((kind, bytes))
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind, read, write};

    #[test]
    fn what_is_written_is_read() {
        for (kind, _) in KINDS {
            let mut wire = Vec::new();
            write(&mut wire, kind, b"some bytes").unwrap();
            assert_eq!(
                read(&mut wire.as_slice()).unwrap(),
                (kind, b"some bytes".to_vec())
            );
        }
    }

    #[test]
    fn unknown_too_long_and_cut_frames_are_refused() {
        assert!(read(&mut [b'?', 0, 0, 0, 0].as_slice()).is_err());
        assert!(read(&mut [b'o', 0xff, 0xff, 0xff, 0xff].as_slice()).is_err());
        let mut wire = Vec::new();
        write(&mut wire, Kind::Output, b"abc").unwrap();
        wire.pop();
        assert!(read(&mut wire.as_slice()).is_err());
    }
}
