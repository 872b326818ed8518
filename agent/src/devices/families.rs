//! Generic netlink families, by which devices can be spoken with beside their nodes and sockets.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use cardwarden_policy::Function;
use netlink_packet_core::{DecodeError, ParseableParametrized as _};
use netlink_packet_generic::GenlMessage;
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use nix::sys::socket::SockProtocol;

use crate::netlink::{Answer, query};

/// `GENL_ID_CTRL` (`include/uapi/linux/genetlink.h`).
const CONTROLLER: u16 = 16;
/// `NFC_GENL_NAME` (`include/uapi/linux/nfc.h`).
const NFC: &str = "nfc";

/// The families that carry a function, by the numbers that the kernel gave them.
///
/// All families are asked for and not one by its name, which would load its module; and nothing is
/// asked while the module is not there (`nfc_init` makes the class).
pub(super) fn families(sysfs: &Path) -> BTreeMap<u16, Function> {
    if !sysfs.join("class/nfc").exists() {
        return BTreeMap::new();
    }
    all().unwrap_or_else(|error| {
        tracing::warn!("cannot ask for the generic netlink families: {error}");
        BTreeMap::new()
    })
}

fn all() -> io::Result<BTreeMap<u16, Function>> {
    let mut families = BTreeMap::new();
    let wish = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: Vec::new(),
    });
    query(
        SockProtocol::NetlinkGeneric,
        CONTROLLER,
        Answer::All,
        &wish,
        |body| families.extend(of_answer(body).ok().flatten()),
    )?;
    Ok(families)
}

/// The number of a family and its function, when it carries one.
fn of_answer(body: &[u8]) -> Result<Option<(u16, Function)>, DecodeError> {
    let message = GenlMessage::<GenlCtrl>::parse_with_param(body, CONTROLLER)?;
    let (mut number, mut is_nfc) = (None, false);
    for attribute in &message.payload.nlas {
        if let GenlCtrlAttrs::FamilyId(id) = attribute {
            number = Some(*id);
        } else if let GenlCtrlAttrs::FamilyName(name) = attribute {
            is_nfc = name == NFC;
        }
    }
    Ok(number
        .filter(|_| is_nfc)
        .map(|number| (number, Function::Nfc)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable as _;

    fn answer(name: &str, number: u16) -> Vec<u8> {
        let message = GenlMessage::from_payload(GenlCtrl {
            cmd: GenlCtrlCmd::NewFamily,
            nlas: vec![
                GenlCtrlAttrs::FamilyName(name.to_owned()),
                GenlCtrlAttrs::FamilyId(number),
            ],
        });
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    #[test]
    fn only_the_family_of_nfc_carries_a_function() {
        let found = of_answer(&answer("nfc", 30)).unwrap();
        assert_eq!(found, Some((30, Function::Nfc)));
        for name in ["nlctrl", "nfcd", "NFC", ""] {
            assert_eq!(of_answer(&answer(name, 30)).unwrap(), None, "{name}");
        }
    }

    #[test]
    fn a_cut_answer_names_nothing_else() {
        let whole = answer("nfc", 30);
        for length in 0..whole.len() {
            let found = of_answer(&whole[..length]).ok().flatten();
            assert!(found.is_none_or(|(number, _)| number == 30), "{length}");
        }
    }

    #[test]
    fn the_kernel_names_its_families() {
        all().unwrap();
        let nowhere = tempfile::tempdir().unwrap();
        assert!(families(nowhere.path()).is_empty());
    }
}
