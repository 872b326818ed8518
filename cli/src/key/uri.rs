//! `pkcs11:` URIs (RFC 7512), as far as they name one key on one token.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The scheme.
const SCHEME: &str = "pkcs11:";

/// Which key on which token, and how to get at it. What is not given is not asked of the token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Uri {
    /// The token's label.
    pub(crate) token: Option<String>,
    /// The token's serial number.
    pub(crate) serial: Option<String>,
    /// Who made the token.
    pub(crate) manufacturer: Option<String>,
    /// What the maker calls it.
    pub(crate) model: Option<String>,
    /// The key's label (`CKA_LABEL`).
    pub(crate) object: Option<String>,
    /// The key's id (`CKA_ID`).
    pub(crate) id: Option<Vec<u8>>,
    /// Where the module lies.
    pub(crate) module_path: Option<PathBuf>,
    /// What the module is called, without `lib` and `.so`.
    pub(crate) module_name: Option<String>,
    /// The file that holds the PIN.
    pub(crate) pin_source: Option<PathBuf>,
}

/// Why text names no key on a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NoUri {
    /// It begins otherwise.
    Scheme,
    /// `%` is followed by something else than two hexadecimal digits, or text is not UTF-8.
    Escape(String),
    /// Not `name=value`.
    Shape(String),
    /// Known to the standard or not, but not here.
    Unknown(String),
    /// Given twice.
    Twice(String),
    /// The PIN itself.
    Pin,
    /// A name of a module with a directory in it.
    ModuleName,
    /// Something else than a private key is asked for.
    Kind,
}

impl fmt::Display for NoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => write!(f, "a key on a token begins with `{SCHEME}`"),
            Self::Escape(part) => write!(f, "`{part}`: `%` wants two hexadecimal digits of UTF-8"),
            Self::Shape(part) => write!(f, "`{part}` is not `name=value`"),
            Self::Unknown(name) => write!(
                f,
                "`{name}` is not known here; there are token, serial, manufacturer, model, object, \
                 id and type, and after `?` module-path, module-name and pin-source"
            ),
            Self::Twice(name) => write!(f, "`{name}` is given twice"),
            Self::Pin => f.write_str(
                "a PIN on the command line can be read by everybody on this machine; leave it out \
                 to be asked for it, or name its file with pin-source or CARDWARDEN_PIN_FILE",
            ),
            Self::ModuleName => {
                f.write_str("module-name is a name without a directory; use module-path")
            }
            Self::Kind => f.write_str("the key has to be a private one (type=private)"),
        }
    }
}

impl std::error::Error for NoUri {}

impl FromStr for Uri {
    type Err = NoUri;

    fn from_str(text: &str) -> Result<Self, NoUri> {
        let rest = text.strip_prefix(SCHEME).ok_or(NoUri::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            uri.take(part, Part::Path)?;
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            uri.take(part, Part::Query)?;
        }
        Ok(uri)
    }
}

/// The two parts of such a URI.
#[derive(Clone, Copy)]
enum Part {
    Path,
    Query,
}

impl Uri {
    fn take(&mut self, part: &str, of: Part) -> Result<(), NoUri> {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| NoUri::Shape(part.to_owned()))?;
        let bytes = decode(value)?;
        let text =
            || String::from_utf8(bytes.clone()).map_err(|_binary| NoUri::Escape(value.to_owned()));
        let twice = || NoUri::Twice(name.to_owned());
        match (of, name) {
            (Part::Path, "token") => once(&mut self.token, text()?),
            (Part::Path, "serial") => once(&mut self.serial, text()?),
            (Part::Path, "manufacturer") => once(&mut self.manufacturer, text()?),
            (Part::Path, "model") => once(&mut self.model, text()?),
            (Part::Path, "object") => once(&mut self.object, text()?),
            (Part::Path, "id") => once(&mut self.id, bytes),
            (Part::Path, "type") if text()? == "private" => Some(()),
            (Part::Path, "type") => return Err(NoUri::Kind),
            (Part::Query, "module-path") => once(&mut self.module_path, text()?.into()),
            (Part::Query, "module-name") if text()?.contains('/') => {
                return Err(NoUri::ModuleName);
            }
            (Part::Query, "module-name") => once(&mut self.module_name, text()?),
            (Part::Query, "pin-source") => {
                let source = text()?;
                let path = source.strip_prefix("file:").unwrap_or(&source);
                // `file:///etc/pin` and `file:/etc/pin` are the same file.
                let path = path.strip_prefix("//").unwrap_or(path);
                once(&mut self.pin_source, path.into())
            }
            (Part::Query, "pin-value") => return Err(NoUri::Pin),
            (Part::Path | Part::Query, _) => return Err(NoUri::Unknown(name.to_owned())),
        }
        .ok_or_else(twice)
    }
}

/// Sets what was not set.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<Vec<u8>, NoUri> {
    let wrong = || NoUri::Escape(text.to_owned());
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = bytes.next().and_then(|byte| char::from(byte).to_digit(16));
            digit.and_then(|digit| u8::try_from(digit).ok())
        };
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(wrong());
        };
        decoded.push(high << 4 | low);
    }
    Ok(decoded)
}

impl fmt::Display for Uri {
    /// The key for people; where the PIN lies is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_ref().map(|id| {
            id.iter()
                .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        });
        let named = [
            ("token", &self.token),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("object", &self.object),
            ("id", &id),
        ];
        let named: Vec<String> = named
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} `{value}`")))
            .collect();
        if named.is_empty() {
            return f.write_str("any key");
        }
        f.write_str(&named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let uri: Uri = "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;\
            manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;type=private;\
            id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:///etc/token_pin\
            &module-path=/mnt/libmypkcs11.so.1"
            .parse()
            .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
        assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
        assert_eq!(
            uri.id.as_deref(),
            Some([0x69, 0x95, 0x3E, 0x5C, 0xF4, 0xBD, 0xEC, 0x91].as_slice())
        );
        assert_eq!(uri.pin_source, Some("/etc/token_pin".into()));
        assert_eq!(uri.module_path, Some("/mnt/libmypkcs11.so.1".into()));
        assert_eq!("pkcs11:".parse(), Ok(Uri::default()));
    }

    #[test]
    fn what_is_not_understood_is_refused_rather_than_left_out() {
        let refused = |text: &str| text.parse::<Uri>().unwrap_err();
        assert_eq!(refused("key.pem"), NoUri::Scheme);
        assert_eq!(refused("pkcs11:token"), NoUri::Shape("token".into()));
        assert_eq!(refused("pkcs11:slot=1"), NoUri::Unknown("slot".into()));
        assert_eq!(refused("pkcs11:?token=a"), NoUri::Unknown("token".into()));
        assert_eq!(refused("pkcs11:id=1;id=2"), NoUri::Twice("id".into()));
        assert_eq!(refused("pkcs11:token=a%2"), NoUri::Escape("a%2".into()));
        assert_eq!(refused("pkcs11:token=%ff"), NoUri::Escape("%ff".into()));
        assert_eq!(refused("pkcs11:type=cert"), NoUri::Kind);
        assert_eq!(refused("pkcs11:?module-name=../x"), NoUri::ModuleName);
    }

    #[test]
    fn a_pin_on_the_command_line_is_refused_and_not_repeated() {
        let refused = "pkcs11:?pin-value=4711".parse::<Uri>().unwrap_err();
        assert_eq!(refused, NoUri::Pin);
        assert!(!refused.to_string().contains("4711"));
    }
}
