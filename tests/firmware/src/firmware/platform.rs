//! What the firmwares run on: the platform's software version, with everything that lasts in an
//! image file.

use std::path::Path;

use anyhow::Context as _;
use iso7816::Status;
use iso7816::command::CommandView;
use piv_authenticator::Authenticator;
use trussed::ClientImplementation;
use trussed::pipe::{ServiceEndpoint, TrussedChannel};
use trussed::platform::Syscall;
use trussed::service::Service;
use trussed::types::CoreContext;
use trussed::virt::{Platform, StorageConfig, StoreConfig, with_platform};
use trussed_core::types::{Location, Message, PathBuf};
use trussed_core::{FilesystemClient as _, try_syscall};

use super::{Application, MESSAGE, fresh_seed};
use crate::dispatch::{BACKENDS, Backend, Contexts, Dispatch};

/// Bytes of an image (`trussed::virt`: 128 blocks of 512 bytes).
pub(super) const IMAGE: u64 = 64 * 1024;
/// Nitrokey's number among the makers of `OpenPGP` cards.
const MAKER: [u8; 2] = [0x00, 0x0F];
/// The image's file with the card's serial number.
const SERIAL: &str = "serial";

type Client<'a> = ClientImplementation<'a, Direct<'a>, Dispatch>;

/// Serves a request of the firmware at once, in the caller's thread.
pub(super) struct Direct<'a> {
    service: Service<Platform<'a>, Dispatch>,
    endpoint: [ServiceEndpoint<'a, Backend, Contexts>; 1],
}

impl Syscall for Direct<'_> {
    fn syscall(&mut self) {
        self.service.process(&mut self.endpoint);
    }
}

/// What runs on the card.
pub(super) enum Firmware<'a> {
    Piv(Box<Authenticator<Client<'a>>>),
    OpenPgp(Box<opcard::Card<Client<'a>>>),
}

impl Firmware<'_> {
    /// Runs one command whose data are whole.
    pub(super) fn run(
        &mut self,
        command: CommandView<'_>,
        reply: &mut heapless::Vec<u8, MESSAGE>,
    ) -> Result<(), Status> {
        match self {
            Self::Piv(card) => card.respond(command, reply),
            Self::OpenPgp(card) => card.handle(command, reply),
        }
    }
}

/// Starts an application on an image.
pub(super) fn boot<R>(
    image: &Path,
    application: Application,
    session: impl FnOnce(Firmware<'_>) -> R,
) -> anyhow::Result<R> {
    let seed = fresh_seed()?;
    let client = PathBuf::try_from(match application {
        Application::Piv => "piv",
        Application::Openpgp => "opcard",
    })
    .map_err(|_path| anyhow::anyhow!("no client path"))?;
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
        let mut client = Client::new(requester, Direct { service, endpoint }, None);
        let firmware = match application {
            Application::Piv => {
                let options = piv_authenticator::Options::new().storage(Location::Internal);
                Firmware::Piv(Box::new(Authenticator::new(client, options)))
            }
            Application::Openpgp => {
                let mut options = opcard::Options::default();
                options.storage = Location::Internal;
                options.button_available = false;
                options.manufacturer = MAKER;
                options.serial = serial(&mut client)?;
                Firmware::OpenPgp(Box::new(opcard::Card::new(client, options)))
            }
        };
        Ok(session(firmware))
    })
}

/// The card's serial number, which a fresh image gets by chance.
fn serial(client: &mut Client<'_>) -> anyhow::Result<[u8; 4]> {
    let path = PathBuf::try_from(SERIAL).map_err(|_path| anyhow::anyhow!("no path"))?;
    if let Ok(found) = try_syscall!(client.read_file(Location::Internal, path.clone())) {
        let bytes: &[u8] = &found.data;
        return bytes.try_into().context("the image's serial number");
    }
    let [a, b, c, d, ..] = fresh_seed()?;
    let bytes = Message::try_from([a, b, c, d].as_slice())
        .map_err(|_full| anyhow::anyhow!("a serial number is too long"))?;
    let written = try_syscall!(client.write_file(Location::Internal, path, bytes, None));
    written.map_err(|error| anyhow::anyhow!("the image takes no serial number: {error:?}"))?;
    Ok([a, b, c, d])
}
