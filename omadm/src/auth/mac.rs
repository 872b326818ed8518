//! The transport header of [`Scheme::Mac`](super::Scheme::Mac).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// The header's name, in HTTP and wherever else headers are carried (DM 1.2 *Security*, 5.4).
pub const MAC_HEADER: &str = "x-syncml-hmac";

/// Longest header value read, in octets.
const MAX_LEN: usize = 1_024;

/// The value of [`MAC_HEADER`]: whose digest over the message, and the digest.
///
/// ```
/// use omadm::auth::{Login, MacHeader, Nonce};
///
/// let login = Login::new("dev1", "devsecret");
/// let nonce = Nonce::new(*b"nonce-0001");
/// let header: MacHeader = r#"algorithm=MD5, username="dev1", mac=NiVB8RvICTTGvAegHulW4A=="#.parse()?;
/// assert!(login.verify_mac(&header, &nonce, b"<SyncML/>").is_ok());
/// assert_eq!(login.mac(&nonce, b"<SyncML/>"), header);
/// # Ok::<(), omadm::auth::MalformedMac>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacHeader {
    /// `username`: the sender's `LocName`.
    pub name: String,
    /// `mac`: the digest.
    pub mac: [u8; 16],
}

/// A header value that says no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MalformedMac {
    /// Longer than any header of this kind, or not made of `name=value` pairs.
    #[error("the header is no list of parameters")]
    Shape,
    /// The digest is by another algorithm than MD5.
    #[error("the digest is by an unknown algorithm")]
    Algorithm,
    /// `username` or `mac` is missing, or there twice.
    #[error("{0} is not there once")]
    Parameter(&'static str),
    /// `mac` is no base64 of 16 octets.
    #[error("the digest is no base64 of 16 octets")]
    Mac,
}

impl fmt::Display for MacHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("algorithm=MD5, username=\"")?;
        for character in self.name.chars() {
            if matches!(character, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        write!(f, "\", mac={}", STANDARD.encode(self.mac))
    }
}

impl FromStr for MacHeader {
    type Err = MalformedMac;

    /// Parameters may come in any order, quoted or not; unknown ones are ignored.
    fn from_str(text: &str) -> Result<Self, MalformedMac> {
        if text.len() > MAX_LEN {
            return Err(MalformedMac::Shape);
        }
        let (mut name, mut mac) = (None, None);
        let mut rest = text.trim_ascii();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=').ok_or(MalformedMac::Shape)?;
            let (value, after) = value(after.trim_ascii_start())?;
            let key = key.trim_ascii().to_ascii_lowercase();
            let repeated = match key.as_str() {
                "algorithm" if !value.eq_ignore_ascii_case("MD5") => {
                    return Err(MalformedMac::Algorithm);
                }
                "username" => name.replace(value).map(|_| "username"),
                "mac" => mac.replace(value).map(|_| "mac"),
                _ => None,
            };
            if let Some(parameter) = repeated {
                return Err(MalformedMac::Parameter(parameter));
            }
            rest = after;
        }
        let name = name.ok_or(MalformedMac::Parameter("username"))?;
        let mac = mac.ok_or(MalformedMac::Parameter("mac"))?;
        let octets = STANDARD.decode(mac).ok();
        let mac = octets.and_then(|octets| octets.try_into().ok());
        mac.map(|mac| Self { name, mac }).ok_or(MalformedMac::Mac)
    }
}

/// A value, and what follows the comma after it.
fn value(text: &str) -> Result<(String, &str), MalformedMac> {
    let (value, rest) = match text.strip_prefix('"') {
        None => {
            let (value, rest) = text.split_once(',').unwrap_or((text, ""));
            return Ok((value.trim_ascii().to_owned(), rest.trim_ascii_start()));
        }
        Some(text) => quoted(text).ok_or(MalformedMac::Shape)?,
    };
    let rest = rest.trim_ascii_start();
    match rest.strip_prefix(',') {
        Some(rest) => Ok((value, rest.trim_ascii_start())),
        None if rest.is_empty() => Ok((value, rest)),
        None => Err(MalformedMac::Shape),
    }
}

/// The text up to the closing quote, and what follows that. A backslash takes the next as it is.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(rest.next()?),
            character => value.push(character),
        }
    }
}
