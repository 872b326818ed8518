//! A card: Nitrokey's PIV firmware on an image file, and the framing of its answers into short
//! APDUs, which on a real token is the work of the layer below.

use std::path::Path;

use anyhow::{Context as _, ensure};
use cardwarden_card::Transport;
use cardwarden_card::reader::Error;
use iso7816::Status;
use iso7816::command::CommandView;
use piv_authenticator::{Authenticator, Options};
use trussed::ClientImplementation;
use trussed::pipe::{ServiceEndpoint, TrussedChannel};
use trussed::platform::Syscall;
use trussed::service::Service;
use trussed::types::CoreContext;
use trussed::virt::{Platform, StorageConfig, StoreConfig, with_platform};
use trussed_core::types::{Location, PathBuf};

use crate::dispatch::{BACKENDS, Backend, Contexts, Dispatch};

/// Bytes of an image (`trussed::virt`: 128 blocks of 512 bytes).
const IMAGE: u64 = 64 * 1024;
/// Most bytes of a command or an answer; the firmware's objects have at most 7,500.
const MESSAGE: usize = 8192;
/// Most bytes of an answer to a short command.
const SHORT: usize = 256;
/// Offset of CLA's bit that announces more (ISO/IEC 7816-4, 5.1.1).
const CHAINED: u8 = 0x10;
/// GET RESPONSE.
const GET_RESPONSE: u8 = 0xC0;

type Client<'a> = ClientImplementation<'a, Direct<'a>, Dispatch>;

/// Serves a request of the firmware at once, in the caller's thread.
struct Direct<'a> {
    service: Service<Platform<'a>, Dispatch>,
    endpoint: [ServiceEndpoint<'a, Backend, Contexts>; 1],
}

impl Syscall for Direct<'_> {
    fn syscall(&mut self) {
        self.service.process(&mut self.endpoint);
    }
}

/// A card under power.
pub struct Card<'a> {
    firmware: Authenticator<Client<'a>>,
    /// Data of a chained command so far.
    gathered: Vec<u8>,
    /// Rest of an answer.
    waiting: Vec<u8>,
}

/// Puts the card of this image under power for as long as `session` lasts; a new image is a
/// card fresh from the factory, with keys that no other has.
pub fn power<R>(image: &Path, session: impl FnOnce(&mut Card<'_>) -> R) -> anyhow::Result<R> {
    if let Ok(found) = image.metadata() {
        ensure!(
            found.len() == IMAGE,
            "{} is no image of a card",
            image.display()
        );
    } else {
        // The storage layer panics where it cannot create the file.
        let folder = image
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        ensure!(
            folder.is_none_or(Path::is_dir),
            "there is no folder for {}",
            image.display()
        );
    }
    let seed = fresh_seed()?;
    let client = PathBuf::try_from("piv").map_err(|_path| anyhow::anyhow!("no client path"))?;
    let store = StoreConfig {
        internal: StorageConfig::filesystem(image.to_path_buf()),
        external: StorageConfig::ram(),
        volatile: StorageConfig::ram(),
    };
    with_platform(store, |platform| {
        let channel = TrussedChannel::new();
        let (requester, responder) = channel.split().context("a fresh channel is in use")?;
        let mut service = Service::with_dispatch(platform, Dispatch::new());
        // The software platform's own generator always begins alike.
        service.set_seed_if_uninitialized(&seed);
        let endpoint = [ServiceEndpoint::new(
            responder,
            CoreContext::new(client),
            BACKENDS,
        )];
        let client = Client::new(requester, Direct { service, endpoint }, None);
        let options = Options::new().storage(Location::Internal);
        let firmware = Authenticator::new(client, options);
        Ok(session(&mut Card {
            firmware,
            gathered: Vec::new(),
            waiting: Vec::new(),
        }))
    })
}

/// Random bytes of the system.
pub fn fresh_seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random bytes")?;
    Ok(seed)
}

impl Card<'_> {
    /// Answers one command APDU.
    pub fn respond(&mut self, apdu: &[u8]) -> Vec<u8> {
        let Ok(command) = CommandView::try_from(apdu) else {
            return status_only(Status::WrongLength);
        };
        let [cla, ins, p1, p2, ..] = *apdu else {
            return status_only(Status::WrongLength);
        };
        let most = match (command.expected(), command.extended) {
            (0, _) | (SHORT.., false) => SHORT,
            (expected, _) => expected,
        };
        if ins == GET_RESPONSE {
            return self.next_part(most);
        }
        self.waiting.clear();
        self.gathered.extend(command.data());
        if self.gathered.len() > MESSAGE {
            self.gathered.clear();
            return status_only(Status::WrongLength);
        }
        if cla & CHAINED != 0 {
            return status_only(Status::Success);
        }
        let data = std::mem::take(&mut self.gathered);
        match self.run([cla, ins, p1, p2], &data) {
            Ok(answer) => {
                self.waiting = answer;
                self.next_part(most)
            }
            Err(status) => status_only(status),
        }
    }

    /// Runs a whole command.
    fn run(&mut self, header: [u8; 4], data: &[u8]) -> Result<Vec<u8>, Status> {
        let mut whole = header.to_vec();
        let length = u16::try_from(data.len()).map_err(|_too_long| Status::WrongLength)?;
        whole.push(0);
        if length > 0 {
            whole.extend(length.to_be_bytes());
            whole.extend(data);
        }
        whole.extend([0, 0]);
        let command =
            CommandView::try_from(whole.as_slice()).map_err(|_malformed| Status::WrongLength)?;
        let mut reply = heapless::Vec::<u8, MESSAGE>::new();
        self.firmware.respond(command, &mut reply)?;
        Ok(reply.to_vec())
    }

    /// As much of the answer as fits.
    fn next_part(&mut self, most: usize) -> Vec<u8> {
        let rest = self.waiting.split_off(most.min(self.waiting.len()));
        let mut answer = std::mem::replace(&mut self.waiting, rest);
        let status = match u8::try_from(self.waiting.len()) {
            Ok(0) => Status::Success,
            Ok(left) => Status::MoreAvailable(left),
            Err(_many) => Status::MoreAvailable(0),
        };
        answer.extend(status_only(status));
        answer
    }
}

fn status_only(status: Status) -> Vec<u8> {
    u16::from(status).to_be_bytes().to_vec()
}

impl Transport for Card<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.respond(command))
    }
}
