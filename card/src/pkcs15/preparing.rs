//! Making a card a PKCS#15 card. Every step looks first whether it was done before, so that what
//! was interrupted is finished when it is begun again.

use std::time::{Duration, Instant};

use super::file::{Files, MF, Name, Structure};
use super::layout::{APPLICATION, DIR, ODF, ODF_FILE, OURS, TOKEN};
use super::object::{self, AID, Path, Token};
use super::{Pkcs15, find};
use crate::apdu::Channel;
use crate::authority::Authority;
use crate::profile::{Act, Application as _, Error, NotSelected, Profile as _};
use crate::transport::Transport;

/// Bytes of an EF.DIR that we make: an entry has about 40.
const DIR_FILE: usize = 128;
/// Bytes of the serial number that we give a card that has none.
const SERIAL: usize = 16;

/// Makes the PKCS#15 application on a card with an ISO/IEC 7816-9 file system: its directory, its
/// entry in EF.DIR, EF(ODF), and EF(TokenInfo) with a serial number. A card that has the
/// application gets what is missing of it. Nothing that is there changes.
pub fn initialise(
    transport: impl Transport,
    time: Duration,
    authority: &Authority,
) -> Result<(), Error> {
    let now = Instant::now();
    let channel = Channel::new(transport, now.checked_add(time).unwrap_or(now));
    let mut profile = match Pkcs15::begin(channel) {
        Ok(profile) => profile,
        Err(NotSelected::Failed(error)) => return Err(error),
        Err(NotSelected::Absent(channel)) => {
            // The officer's PIN is asked for as a card without the application has it.
            let files = Files { channel };
            let mut bare = Pkcs15::new(files, Name::Fid(MF));
            bare.authenticate(authority)?;
            make_application(&mut bare.files)?;
            Pkcs15::select(bare.into_channel())?
        }
    };
    profile.authenticate(authority)?;
    profile.prepare()?;
    profile.list_application()
}

/// Makes the application's directory in the master file.
fn make_application(files: &mut Files<'_>) -> Result<(), Error> {
    let act = Act::Write(APPLICATION.into());
    files.select(act, &Name::Fid(MF))?;
    files.create_application(act, APPLICATION, AID)?;
    match find(files)? {
        Some(_application) => Ok(()),
        None => Err(Error::NoApplication),
    }
}

impl Pkcs15<'_> {
    /// Makes the files that every PKCS#15 application has, where they are missing.
    pub(super) fn prepare(&mut self) -> Result<(), Error> {
        self.select_application()?;
        if !self.files.select(Act::Read(ODF.into()), &Name::Fid(ODF))? {
            self.files.create(Act::Write(ODF.into()), ODF, ODF_FILE)?;
        }
        if self.serial()?.is_some() {
            return Ok(());
        }
        let mut serial = [0; SERIAL];
        getrandom::fill(&mut serial).map_err(|_no_randomness| Error::NoIdentity {
            what: "serial number, and the system has no random number for one",
        })?;
        let token = object::write_token(&Token {
            serial: serial.to_vec(),
            manufacturer: OURS.to_owned(),
        });
        let act = Act::Write(TOKEN.into());
        let size = self.enter_or_create(act, TOKEN, token.len())?;
        if size < token.len() {
            return Err(Error::Full { needed: 1, free: 0 });
        }
        self.files.update(act, 0, &token)
    }

    /// Enters the application in EF.DIR, which is made where it is missing.
    fn list_application(&mut self) -> Result<(), Error> {
        let act = Act::Write(DIR.into());
        let entry = object::write_application(&object::Application {
            aid: AID.to_vec(),
            label: OURS.to_owned(),
            path: Some(Path {
                file: [MF.to_be_bytes(), APPLICATION.to_be_bytes()].concat(),
                ..Path::default()
            }),
        });
        self.files.select(act, &Name::Fid(MF))?;
        let done = match self.files.examine(act, &Name::Fid(DIR))? {
            Some(Structure::Transparent(size)) => self.list_in_bytes(act, size, &entry),
            Some(Structure::Records) => self.list_in_records(act, &entry),
            Some(Structure::Other) => Err(Error::Foreign { object: DIR.into() }),
            None => {
                self.files.create(act, DIR, DIR_FILE)?;
                self.files.update(act, 0, &entry)
            }
        };
        done?;
        self.select_application()
    }

    fn list_in_bytes(&mut self, act: Act, size: usize, entry: &[u8]) -> Result<(), Error> {
        let bytes = self.files.read(act, None, size, |_| false)?;
        let bytes = bytes.unwrap_or_default();
        if is_listed(&bytes) {
            return Ok(());
        }
        let at = object::end(&bytes).ok_or(Error::Foreign { object: DIR.into() })?;
        if at.saturating_add(entry.len()) > size {
            return Err(Error::Full { needed: 1, free: 0 });
        }
        self.files.update(act, at, entry)
    }

    fn list_in_records(&mut self, act: Act, entry: &[u8]) -> Result<(), Error> {
        let records = self.files.records(act)?;
        if records.iter().any(|record| is_listed(record)) {
            return Ok(());
        }
        let free = records
            .iter()
            .zip(1_u8..)
            .find(|(record, _)| object::is_blank(record) && record.len() >= entry.len());
        let (record, number) = free.ok_or(Error::Full { needed: 1, free: 0 })?;
        let mut bytes = entry.to_vec();
        bytes.resize(record.len(), 0xFF);
        self.files.write_record(act, number, bytes)
    }
}

fn is_listed(bytes: &[u8]) -> bool {
    object::read_applications(bytes)
        .iter()
        .any(|application| application.aid.starts_with(AID))
}
