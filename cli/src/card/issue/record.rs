//! The record of one issued card: for the file of whoever issued it, and for programs.

use cardwarden_policy::manifest::Selectors;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::shown::audience;
use crate::output::{Lines, harmless};

/// What was issued to whom.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Record {
    /// The person's name.
    pub(crate) name: String,
    /// What tells the person from others.
    pub(crate) id: String,
    /// The company.
    pub(crate) company: String,
    /// The version of what the card holds.
    pub(crate) version: u64,
    /// When the card's content was signed.
    pub(crate) issued: Timestamp,
    /// The card, by its fingerprint: SHA-256 of its own key or of its serial number.
    pub(crate) card: String,
    /// Whether another card could pass for this one, since it has no key of its own.
    pub(crate) copyable: bool,
    /// The profile by which the card is read.
    pub(crate) profile: String,
    /// The reader that it was issued in.
    pub(crate) reader: String,
    /// The key that signed.
    pub(crate) signer: String,
    /// The groups.
    pub(crate) groups: Vec<IssuedGroup>,
    /// The certificate of the card's key, where one was made.
    pub(crate) certificate: Option<Issued>,
    /// Commands that went to the card.
    pub(crate) apdus: u32,
}

/// A group on an issued card.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct IssuedGroup {
    /// Its name.
    pub(crate) name: String,
    /// For whom it is.
    #[serde(rename = "for")]
    pub(crate) selectors: Selectors,
    /// Bytes.
    pub(crate) length: u32,
    /// SHA-256 of the bytes, hexadecimal.
    pub(crate) sha256: String,
    /// Whether it is read with the card's PIN only.
    pub(crate) pin: bool,
}

/// A certificate that was made for a card.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Issued {
    /// Its serial number, hexadecimal.
    pub(crate) serial: String,
    /// When it ends.
    pub(crate) until: Timestamp,
    /// SHA-256 of the certificate in DER, hexadecimal.
    pub(crate) sha256: String,
    /// Whether it lies on the card; not where its place was taken, or the profile has none.
    pub(crate) on_card: bool,
    /// The certificate itself.
    pub(crate) pem: String,
}

impl Record {
    /// For people: Markdown that also reads well as it is.
    pub(crate) fn to_markdown(&self) -> String {
        let mut lines = Lines::default();
        lines.add(&format!("# Card of {}", plain(&self.name)));
        lines.add("");
        let mut item = |name: &str, what: &str| lines.add(&format!("- {name}: {what}"));
        item(
            "Issued to",
            &format!("{} ({})", plain(&self.name), plain(&self.id)),
        );
        item("Issued by", &plain(&self.company));
        item("Issued at", &self.issued.to_string());
        item("Version", &self.version.to_string());
        item("Signed with", &format!("key {}", self.signer));
        item(
            "Card",
            &format!("{} ({})", grouped(&self.card), self.identity()),
        );
        item(
            "Written in",
            &format!(
                "{}, {} APDUs, profile {}",
                plain(&self.reader),
                self.apdus,
                self.profile
            ),
        );
        if let Some(certificate) = &self.certificate {
            let place = if certificate.on_card {
                "on the card"
            } else {
                "not on the card"
            };
            item(
                "Certificate",
                &format!(
                    "serial {}, until {}, {place}, SHA-256 {}",
                    certificate.serial, certificate.until, certificate.sha256
                ),
            );
        }
        lines.add("");
        lines.add("## Groups");
        lines.add("");
        for group in &self.groups {
            let pin = if group.pin {
                ", with the card's PIN"
            } else {
                ""
            };
            lines.add(&format!(
                "- {}: for {}{pin}; {} bytes, SHA-256 {}",
                plain(&group.name),
                plain(&audience(&group.selectors)),
                group.length,
                group.sha256
            ));
        }
        lines.into_text()
    }

    fn identity(&self) -> &'static str {
        if self.copyable {
            "its serial number: a copyable card"
        } else {
            "its own key"
        }
    }
}

/// A fingerprint in groups of four digits, as people compare it.
fn grouped(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint.chars().collect();
    let groups: Vec<String> = digits.chunks(4).map(|four| four.iter().collect()).collect();
    groups.join(" ")
}

/// Text that means itself in Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in harmless(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|'
        ) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn record(id: &str, card: &str) -> Record {
        Record {
            name: "Ada *Lovelace*".to_owned(),
            id: id.to_owned(),
            company: "B Company".to_owned(),
            version: 7,
            issued: Timestamp::UNIX_EPOCH,
            card: card.to_owned(),
            copyable: false,
            profile: "piv".to_owned(),
            reader: "Virtual PCD 00 00".to_owned(),
            signer: "0011223344556677".to_owned(),
            groups: vec![IssuedGroup {
                name: "laptops".to_owned(),
                selectors: Selectors {
                    kinds: ["laptop".to_owned()].into(),
                    ..Selectors::default()
                },
                length: 120,
                sha256: "ab".repeat(32),
                pin: true,
            }],
            certificate: None,
            apdus: 34,
        }
    }

    #[test]
    fn a_record_says_who_has_which_card_with_what_on_it() {
        let text = record("17", "0123456789abcdef").to_markdown();
        let expected = format!(
            "\
# Card of Ada \\*Lovelace\\*

- Issued to: Ada \\*Lovelace\\* (17)
- Issued by: B Company
- Issued at: 1970-01-01T00:00:00Z
- Version: 7
- Signed with: key 0011223344556677
- Card: 0123 4567 89ab cdef (its own key)
- Written in: Virtual PCD 00 00, 34 APDUs, profile piv

## Groups

- laptops: for kind laptop, with the card's PIN; 120 bytes, SHA-256 {}
",
            "ab".repeat(32)
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_record_is_the_same_after_a_round_through_json() {
        let mut record = record("17", "01");
        record.certificate = Some(Issued {
            serial: "0a".to_owned(),
            until: Timestamp::UNIX_EPOCH,
            sha256: "cd".repeat(32),
            on_card: true,
            pem: String::new(),
        });
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
