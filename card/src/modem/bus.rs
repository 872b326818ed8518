//! AT commands through `ModemManager` (`org.freedesktop.ModemManager1.Modem.Command`).

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

use super::answer::Line;
use super::port::is_number;
use super::{Failure, SESSION, Terminal};

/// `ModemManager`'s name on the bus, and the begin of its interfaces' names.
const SERVICE: &str = "org.freedesktop.ModemManager1";
/// The interface of what is a modem.
const MODEM: &str = "org.freedesktop.ModemManager1.Modem";
/// Where its objects are listed.
const ROOT: &str = "/org/freedesktop/ModemManager1";
/// How the names of errors begin with which it passes on what a modem said.
const EQUIPMENT: &str = "org.freedesktop.ModemManager1.Error.MobileEquipment.";
/// How it says that it does not run with `--debug`.
const UNAUTHORIZED: &str = "org.freedesktop.ModemManager1.Error.Core.Unauthorized";

/// Its objects, with their interfaces and properties.
type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

/// A modem of `ModemManager`'s. Not for use within another runtime: it waits.
pub struct Bus {
    runtime: Runtime,
    connection: Connection,
    modem: OwnedObjectPath,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("modem", &self.modem)
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// The modem of this object path, or the only one.
    pub fn open(modem: Option<&str>) -> Result<Self, Failure> {
        Self::over(Connection::system(), modem)
    }

    /// The same over a connection that is still to be made.
    pub(crate) fn over(
        connection: impl Future<Output = zbus::Result<Connection>>,
        modem: Option<&str>,
    ) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::Line { source })?;
        let no_service = |error| Failure::NoService(Box::new(error));
        let connection = runtime.block_on(connection).map_err(no_service)?;
        let modem = match modem {
            Some(path) => path.try_into().map_err(|_malformed| Failure::Setting {
                setting: path.to_owned(),
            })?,
            None => runtime.block_on(the_only_modem(&connection))?,
        };
        Ok(Self {
            runtime,
            connection,
            modem,
        })
    }
}

async fn the_only_modem(connection: &Connection) -> Result<OwnedObjectPath, Failure> {
    let interface = Some("org.freedesktop.DBus.ObjectManager");
    let listed = connection
        .call_method(Some(SERVICE), ROOT, interface, "GetManagedObjects", &())
        .await;
    let objects: Objects = listed
        .and_then(|reply| reply.body().deserialize())
        .map_err(|error| Failure::NoService(Box::new(error)))?;
    let count = objects.len();
    let mut modems = objects
        .into_iter()
        .filter(|(_, interfaces)| interfaces.contains_key(MODEM))
        .map(|(path, _)| path);
    match (modems.next(), modems.next()) {
        (Some(modem), None) => Ok(modem),
        (None, _) => Err(Failure::Modems { count: 0 }),
        (Some(_), Some(_)) => Err(Failure::Modems { count }),
    }
}

impl Terminal for Bus {
    fn command(
        &mut self,
        line: &str,
        name: &'static str,
        word: &str,
        time: Duration,
    ) -> Result<Vec<String>, Failure> {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1);
        let arguments = (line, seconds);
        let call = self.connection.call_method(
            Some(SERVICE),
            &self.modem,
            Some(MODEM),
            "Command",
            &arguments,
        );
        // ModemManager has its own time limit; this one is for ModemManager.
        let patience = time.saturating_mul(2);
        let reply = self
            .runtime
            .block_on(async { tokio::time::timeout(patience, call).await });
        let reply = match reply {
            Err(_late) => return Err(Failure::Silent { command: name }),
            Ok(Err(error)) => return Err(refused(name, error)),
            Ok(Ok(reply)) => reply,
        };
        let answer: String = reply
            .body()
            .deserialize()
            .map_err(|_malformed| Failure::Garbled { command: name })?;
        let lines = answer.lines().map(str::trim);
        Ok(lines
            .filter_map(|line| match Line::of(line, word) {
                Line::Answer(answer) => Some(answer.to_owned()),
                Line::Other if word == SESSION && is_number(line) => Some(line.to_owned()),
                Line::Other | Line::Done | Line::Refused(_) => None,
            })
            .collect())
    }
}

/// Tells what an error of `ModemManager`'s means.
fn refused(command: &'static str, error: zbus::Error) -> Failure {
    let zbus::Error::MethodError(name, detail, _) = &error else {
        return Failure::NoService(Box::new(error));
    };
    if name.as_str() == UNAUTHORIZED {
        return Failure::NotAllowed;
    }
    if name.as_str().starts_with(EQUIPMENT) {
        return Failure::Refused {
            command,
            reason: detail.clone().unwrap_or_else(|| name.to_string()),
        };
    }
    Failure::NoService(Box::new(error))
}
