//! The account with the company's server, as the standard's `DMAcc` has it (OMA-TS-DM-StdObj 1.2,
//! 5.3), as far as a device needs it here. Its authority's certificate lies under `Ext`.

use omadm::tnds::{Format, Node};

use super::{ACCOUNT, ACCOUNT_ROOT, Unreadable};
use crate::manifest::Account;

/// `AppID` of OMA DM.
const APP_ID: &str = "w7";

impl Account {
    pub(super) fn to_mo(&self) -> Node {
        let text = |name, value: &str| Node::leaf(name, Format::Chr, value);
        let address = Node::interior("1", [text("Addr", &self.server_url)]);
        let authority = Node::leaf("CA", Format::Bin, self.ca.clone());
        Node::interior(
            ACCOUNT_ROOT,
            [
                text("AppID", APP_ID),
                text("ServerID", &self.server_id),
                Node::interior("AppAddr", [address]),
                Node::interior("Ext", [authority]),
            ],
        )
        .of_kind(ACCOUNT)
    }

    pub(super) fn from_mo(root: &Node) -> Result<Self, Unreadable> {
        let missing = |at: &str, wanted| Unreadable::Value {
            at: format!("/{ACCOUNT_ROOT}/{at}"),
            wanted,
        };
        let text = |at: &str| {
            root.at(at)
                .and_then(Node::text)
                .map(str::to_owned)
                .ok_or_else(|| missing(at, "a leaf with a text"))
        };
        if text("AppID")? != APP_ID {
            return Err(missing("AppID", "w7, for OMA DM"));
        }
        let ca = root
            .at("Ext/CA")
            .and_then(Node::value)
            .ok_or_else(|| missing("Ext/CA", "a certificate (DER)"))?;
        Ok(Self {
            server_url: text("AppAddr/1/Addr")?,
            server_id: text("ServerID")?,
            ca: ca.as_bytes().to_vec(),
        })
    }
}
