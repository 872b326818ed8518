//! A USB card reader in a machine, and a card in it: QEMU's CCID reader, which the guest's own libccid drives, and
//! the lab's card, which runs on the host.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Deadline, Machine, qemu};
use crate::image::product;
use crate::run::Run;

/// The socket between QEMU and the card, in the machine's folder.
const SOCKET: &str = "ccid";

/// A card in a machine's reader. It comes out when this is dropped.
#[derive(Debug)]
pub struct Card {
    process: Child,
}

impl Drop for Card {
    fn drop(&mut self) {
        // The end of its input tells the card to go; should it not listen, it is ended.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(20))
}

impl Machine {
    /// Plugs a card reader in.
    pub fn plug_reader(&mut self) -> Result<()> {
        let address = json!({"type": "unix", "data": {"path": SOCKET}});
        let backend =
            json!({"type": "socket", "data": {"addr": address, "server": true, "wait": false}});
        let steps = [
            ("chardev-add", json!({"id": "ccid", "backend": backend})),
            (
                "device_add",
                json!({"driver": "usb-ccid", "id": "reader", "bus": "usb.0"}),
            ),
            (
                "device_add",
                json!({"driver": "ccid-card-passthru", "id": "slot", "bus": "reader.0", "chardev": "ccid"}),
            ),
        ];
        for (command, arguments) in steps {
            self.qemu.qmp.command(command, &arguments, soon())?;
        }
        Ok(())
    }

    /// Pulls the reader out, with the card in it if there is one. QEMU keeps its end of the card's wire, so a machine
    /// has one reader in its life.
    pub fn unplug_reader(&mut self) -> Result<()> {
        self.qemu
            .qmp
            .command("device_del", &json!({"id": "reader"}), soon())
            .map(drop)
    }

    /// Puts the card of an image that lies in the guest into the reader.
    pub fn insert_into_reader(&mut self, image: &str, options: &[&str]) -> Result<Card> {
        let content = self.take(image)?;
        let copy = self.dir.join("card");
        std::fs::write(&copy, content).context("copy the card")?;
        let mut command = Run::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(product::card_program("lab-card"))
            .args(["run", "--image"])
            .arg(&copy)
            .arg("--ccid")
            .arg(Path::new(SOCKET))
            .args(options)
            .current_dir(&self.dir)
            .into_command();
        let errors = std::fs::File::create(self.dir.join("card.log")).context("make card.log")?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors);
        let process = qemu::spawn(command).context("start the card")?;
        Ok(Card { process })
    }
}
