//! What a modem answers to an AT command (ITU-T V.250, 5.7; 3GPP TS 27.007): lines, of which one
//! ends the answer. Between them lie an echo of the command and whatever else the modem has to
//! say just then. Reading is total and bounded.

/// Longest line that is kept. The longest of use has 516 digits, for 256 bytes and a status word.
const MAX_LINE: usize = 1024;

/// The word before a session's number.
pub(super) const SESSION: &str = "+CCHO";

/// Cuts what arrives, in whatever pieces, into lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    is_too_long: bool,
}

impl Lines {
    /// Takes one byte; the line that it ends, if it ends one that is not empty. Bytes that are no
    /// text and lines that are too long are noise, and left out.
    pub fn push(&mut self, byte: u8) -> Option<String> {
        if !matches!(byte, b'\r' | b'\n') {
            if self.line.len() < MAX_LINE {
                self.line.push(byte);
            } else {
                self.is_too_long = true;
            }
            return None;
        }
        let line = std::mem::take(&mut self.line);
        let is_kept = !std::mem::take(&mut self.is_too_long);
        let text = String::from_utf8(line).ok()?;
        let text = text.trim();
        (is_kept && !text.is_empty()).then(|| text.to_owned())
    }
}

/// What a line is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Line<'a> {
    /// The end of the answer: it was done.
    Done,
    /// The end of the answer: it was not done.
    Refused(&'a str),
    /// The answer itself.
    Answer(&'a str),
    /// An echo, or something that was not asked for.
    Other,
}

impl<'a> Line<'a> {
    /// Tells what a line is, when the answer begins with this word (`+CSIM`).
    pub fn of(line: &'a str, word: &str) -> Self {
        if line == "OK" {
            Self::Done
        } else if line == "ERROR"
            || line.starts_with("+CME ERROR")
            || line.starts_with("+CMS ERROR")
        {
            Self::Refused(line)
        } else if let Some(answer) = line
            .strip_prefix(word)
            .and_then(|rest| rest.strip_prefix(':'))
            .filter(|_answer| !word.is_empty())
        {
            Self::Answer(answer.trim())
        } else if word == SESSION && is_number(line) {
            // Some modems answer +CCHO with the bare number (TS 27.007 before release 12).
            Self::Answer(line)
        } else {
            Self::Other
        }
    }
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// The bytes in the answer to `+CSIM` and `+CGLA`: `<digits>,"<hexadecimal>"` (3GPP TS 27.007,
/// 8.17 and 8.43). Some modems leave out the quotation marks.
pub fn bytes(answer: &str) -> Option<Vec<u8>> {
    let (length, digits) = answer.split_once(',')?;
    let digits = digits.trim().trim_matches('"');
    let length: usize = length.trim().parse().ok()?;
    if length != digits.len() || !length.is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            // `from_str_radix` would take a sign.
            let is_number = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_number.then_some(())?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// Digits for bytes, as a command has them.
pub(super) fn digits(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0F)])
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::default();
        bytes.iter().filter_map(|byte| lines.push(*byte)).collect()
    }

    #[test]
    fn noise_is_left_out_and_what_follows_it_is_read() {
        let noise = [&[0xFF, 0xFE, b'\r'][..], &[b'A'; 2000], b"\r\n OK \r\n"].concat();
        assert_eq!(lines(&noise), ["OK"]);
    }

    #[test]
    fn a_line_is_known_by_its_word() {
        for (line, expected) in [
            ("OK", Line::Done),
            ("ERROR", Line::Refused("ERROR")),
            ("+CME ERROR: 10", Line::Refused("+CME ERROR: 10")),
            ("+CSIM: 4,\"9000\"", Line::Answer("4,\"9000\"")),
            ("AT+CSIM=10,\"00A4000C00\"", Line::Other),
            ("+CREG: 1", Line::Other),
            ("+CSIMX: 1", Line::Other),
            ("12", Line::Other),
        ] {
            assert_eq!(Line::of(line, "+CSIM"), expected);
        }
        assert_eq!(Line::of("12", SESSION), Line::Answer("12"));
        assert_eq!(Line::of("-12", SESSION), Line::Other);
    }

    #[test]
    fn a_lying_length_is_no_answer() {
        for answer in [
            "4,\"90\"",
            "4,9000FF",
            "3,\"900\"",
            "4,\"90+0\"",
            "4",
            "",
            "2,\"é\"",
        ] {
            assert_eq!(bytes(answer), None, "{answer}");
        }
        assert_eq!(bytes("4,9000"), Some(vec![0x90, 0]));
        assert_eq!(bytes(" 4, \"6F1a\""), Some(vec![0x6F, 0x1A]));
    }

    proptest! {
        #[test]
        fn bytes_are_read_as_they_were_written(value in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = digits(&value);
            let answer = format!("{},\"{text}\"", text.len());
            prop_assert_eq!(bytes(&answer), Some(value));
        }

        #[test]
        fn whatever_arrives_is_lines_without_ends(noise in prop::collection::vec(any::<u8>(), 0..3000)) {
            for line in lines(&noise) {
                prop_assert!(!line.contains(['\r', '\n']) && line.len() <= MAX_LINE);
                prop_assert!(bytes(&line).is_none_or(|bytes| bytes.len() <= MAX_LINE));
            }
        }
    }
}
