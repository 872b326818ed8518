//! Data objects, as EF(DODF) lists them.

use super::{Path, framed, tag};
use crate::tlv;

/// A data object that lies in a file (PKCS#15 v1.1, 6.8).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DataObject {
    /// Its label, for people.
    pub label: String,
    /// The program that it is of.
    pub application: String,
    /// What it is, by object identifier (the content octets).
    pub oid: Option<Vec<u8>>,
    /// Where it lies.
    pub path: Path,
    /// Whether it is read after the user's PIN only.
    pub is_private: bool,
}

impl DataObject {
    fn read(kind: u32, bytes: &[u8]) -> Option<Self> {
        if kind != tag::SEQUENCE && kind != tag::OID_DO {
            return None;
        }
        let mut parts = tlv::objects(bytes);
        let common = parts.next()?.ok().filter(|it| it.tag == tag::SEQUENCE)?;
        let class = parts.next()?.ok().filter(|it| it.tag == tag::SEQUENCE)?;
        let typed = parts
            .find_map(|part| part.ok().filter(|it| it.tag == tag::TYPE))?
            .value;
        let text = |bytes, tag| {
            let text = tlv::find(bytes, tag).unwrap_or_default();
            String::from_utf8_lossy(text).into_owned()
        };
        let (oid, value) = if kind == tag::OID_DO {
            let sequence = tlv::find(typed, tag::SEQUENCE).ok()?;
            (tlv::find(sequence, tag::OID).ok(), sequence)
        } else {
            (tlv::find(class.value, tag::OID).ok(), typed)
        };
        let flags = tlv::find(common.value, tag::BITS).unwrap_or_default();
        Some(Self {
            label: text(common.value, tag::TEXT),
            application: text(class.value, tag::TEXT),
            oid: oid.map(<[u8]>::to_vec),
            path: Path::read(tlv::find(value, tag::SEQUENCE).ok()?)?,
            is_private: flags.get(1).is_some_and(|bits| bits & 0x80 != 0),
        })
    }

    /// Its entry, as an opaque object.
    pub fn write(&self) -> Vec<u8> {
        let mut common = tlv::encode(tag::TEXT, self.label.as_bytes());
        if self.is_private {
            // private, modifiable; authId 1 is the user's PIN (as pkcs15-init makes it).
            tlv::push(&mut common, tag::BITS, &[6, 0xC0]);
            tlv::push(&mut common, tag::OCTETS, &[1]);
        } else {
            tlv::push(&mut common, tag::BITS, &[6, 0x40]);
        }
        let mut class = tlv::encode(tag::TEXT, self.application.as_bytes());
        if let Some(oid) = &self.oid {
            tlv::push(&mut class, tag::OID, oid);
        }
        let mut entry = tlv::encode(tag::SEQUENCE, &common);
        tlv::push(&mut entry, tag::SEQUENCE, &class);
        tlv::push(&mut entry, tag::TYPE, &self.path.write());
        tlv::encode(tag::SEQUENCE, &entry)
    }
}

/// The data objects of EF(DODF) that lie in files; others are passed over.
pub fn read_dodf(bytes: &[u8]) -> Vec<DataObject> {
    framed(bytes)
        .into_iter()
        .filter_map(|object| DataObject::read(object.tag, object.value))
        .collect()
}
