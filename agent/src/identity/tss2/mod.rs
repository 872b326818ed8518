//! A key of a TPM as it is kept outside: the two halves as the TPM gave them out, the private one
//! encrypted by the TPM for itself. The format is that of "ASN.1 Specification for TPM 2.0 Key
//! Files", which other software for TPMs reads too; PEM says `TSS2 PRIVATE KEY`.

use der::asn1::{ObjectIdentifier, OctetString};
use der::pem::{LineEnding, PemLabel};
use der::{DecodePem, EncodePem, Sequence};
use p256::ecdsa::VerifyingKey;

/// A key that is loaded to be used: `id-loadablekey`, section 3.1.
const LOADABLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.10.1.3");

/// `TPM_ALG_ECC`, `TPM_ALG_SHA256`, `TPM_ALG_NULL`, `TPM_ALG_ECDSA` (TPM 2.0 Library, Part 2, 6.3)
/// and `TPM_ECC_NIST_P256` (6.4).
const ALG_ECC: u16 = 0x0023;
const ALG_SHA256: u16 = 0x000B;
const ALG_NULL: u16 = 0x0010;
const ALG_ECDSA: u16 = 0x0018;
const NIST_P256: u16 = 0x0003;

/// Bytes of a coordinate of a point on P-256.
const COORDINATE: usize = 32;

/// What a TPM needs to be told to sign with a key of its own.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(super) struct Tss2Key {
    kind: ObjectIdentifier,
    /// Whether the key has no password. Ours never has one.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    empty_auth: Option<bool>,
    /// The handle of what it lies under: a persistent key, or a hierarchy that makes one anew.
    parent: u32,
    /// `TPM2B_PUBLIC`.
    public: OctetString,
    /// `TPM2B_PRIVATE`.
    private: OctetString,
}

impl PemLabel for Tss2Key {
    const PEM_LABEL: &'static str = "TSS2 PRIVATE KEY";
}

impl Tss2Key {
    /// A key under `parent`, with its halves as `TPM2B_PUBLIC` and `TPM2B_PRIVATE`; `None` for
    /// halves that are too long.
    #[cfg(feature = "tpm")]
    pub(super) fn new(parent: u32, public: Vec<u8>, private: Vec<u8>) -> Option<Self> {
        Some(Self {
            kind: LOADABLE,
            empty_auth: Some(true),
            parent,
            public: OctetString::new(public).ok()?,
            private: OctetString::new(private).ok()?,
        })
    }

    /// Reads what [`to_pem`](Self::to_pem) wrote; `None` for anything but a key without password
    /// that is to be loaded.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        <Self as DecodePem>::from_pem(pem)
            .ok()
            .filter(|key| key.kind == LOADABLE && key.empty_auth == Some(true))
    }

    /// The key to be kept.
    pub(super) fn to_pem(&self) -> Option<String> {
        <Self as EncodePem>::to_pem(self, LineEnding::LF).ok()
    }

    /// Whether this PEM is meant to be such a key.
    pub(super) fn is_meant(pem: &str) -> bool {
        der::pem::decode_label(pem.as_bytes()) == Ok(Self::PEM_LABEL)
    }

    /// The handle of what it lies under.
    #[cfg(feature = "tpm")]
    pub(super) const fn parent(&self) -> u32 {
        self.parent
    }

    /// `TPM2B_PUBLIC`.
    #[cfg(feature = "tpm")]
    pub(super) fn public(&self) -> &[u8] {
        self.public.as_bytes()
    }

    /// `TPM2B_PRIVATE`.
    #[cfg(feature = "tpm")]
    pub(super) fn private(&self) -> &[u8] {
        self.private.as_bytes()
    }

    /// The public key, if it is one of P-256 that signs with ECDSA and SHA-256. The TPM need not
    /// be there for it.
    pub(super) fn verifying_key(&self) -> Option<VerifyingKey> {
        let mut whole = self.public.as_bytes();
        let mut rest = take_sized(&mut whole)?;
        let rest = &mut rest;
        // TPMT_PUBLIC with TPMS_ECC_PARMS (Part 2, 12.2.4 and 12.2.3.6).
        expect(rest, &[ALG_ECC, ALG_SHA256])?;
        let _attributes: &[u8] = take(rest, 4)?;
        let _policy: &[u8] = take_sized(rest)?;
        expect(
            rest,
            &[ALG_NULL, ALG_ECDSA, ALG_SHA256, NIST_P256, ALG_NULL],
        )?;
        let mut point = vec![4];
        point.extend(coordinate(take_sized(rest)?)?);
        point.extend(coordinate(take_sized(rest)?)?);
        if !(rest.is_empty() && whole.is_empty()) {
            return None;
        }
        VerifyingKey::from_sec1_bytes(&point).ok()
    }
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

fn take_number(from: &mut &[u8]) -> Option<u16> {
    let bytes = take(from, 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

/// Takes a `TPM2B`: two bytes of length, and so many bytes.
fn take_sized<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(from)?;
    take(from, length.into())
}

/// Takes these numbers, or fails.
fn expect(from: &mut &[u8], numbers: &[u16]) -> Option<()> {
    numbers
        .iter()
        .all(|number| take_number(from) == Some(*number))
        .then_some(())
}

/// In its full length: some TPMs leave zeros out at the beginning.
fn coordinate(short: &[u8]) -> Option<[u8; COORDINATE]> {
    let mut full = [0; COORDINATE];
    let place = full.len().checked_sub(short.len())?;
    full.get_mut(place..)?.copy_from_slice(short);
    Some(full)
}

#[cfg(test)]
mod tests;
