//! AT commands through `ModemManager` (`org.freedesktop.ModemManager1.Modem.Command`).

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

use super::answer::Line;
use super::{COMMAND_TIME, Failure, Terminal};

/// `ModemManager`'s name on the bus.
pub(super) const SERVICE: &str = "org.freedesktop.ModemManager1";
/// The interface of what is a modem.
const MODEM: &str = "org.freedesktop.ModemManager1.Modem";
/// Where its objects are listed.
pub(super) const ROOT: &str = "/org/freedesktop/ModemManager1";
/// How they are.
pub(super) const OBJECTS: &str = "org.freedesktop.DBus.ObjectManager";
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
    pub fn open(modem: Option<&OwnedObjectPath>) -> Result<Self, Failure> {
        let runtime = runtime().map_err(Failure::NoRuntime)?;
        let (connection, modem) = runtime.block_on(async {
            let connection = connect().await.map_err(no_service)?;
            let modem = match modem {
                Some(path) => path.clone(),
                None => the_only_modem(&connection).await?,
            };
            Ok((connection, modem))
        })?;
        Ok(Self {
            runtime,
            connection,
            modem,
        })
    }
}

/// A runtime for the bus alone.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Joins the system bus.
pub(super) async fn connect() -> zbus::Result<Connection> {
    within(COMMAND_TIME, Connection::system()).await
}

/// The modems that `ModemManager` has, by whichever of its names on the bus.
pub(super) async fn modems(
    connection: &Connection,
    name: &str,
) -> zbus::Result<Vec<OwnedObjectPath>> {
    let list = connection.call_method(Some(name), ROOT, Some(OBJECTS), "GetManagedObjects", &());
    let objects: Objects = within(COMMAND_TIME, list).await?.body().deserialize()?;
    let mut modems: Vec<OwnedObjectPath> = objects
        .into_iter()
        .filter(|(_, interfaces)| interfaces.contains_key(MODEM))
        .map(|(path, _)| path)
        .collect();
    modems.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(modems)
}

async fn the_only_modem(connection: &Connection) -> Result<OwnedObjectPath, Failure> {
    let mut modems = modems(connection, SERVICE).await.map_err(no_service)?;
    let count = modems.len();
    match modems.pop() {
        Some(modem) if count == 1 => Ok(modem),
        Some(_) | None => Err(Failure::Modems { count }),
    }
}

/// What the bus says within some time.
pub(super) async fn within<T>(
    time: Duration,
    asked: impl Future<Output = zbus::Result<T>>,
) -> zbus::Result<T> {
    match tokio::time::timeout(time, asked).await {
        Ok(answer) => answer,
        Err(_late) => Err(io::Error::from(ErrorKind::TimedOut).into()),
    }
}

fn is_late(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::InputOutput(error) if error.kind() == ErrorKind::TimedOut)
}

fn no_service(error: zbus::Error) -> Failure {
    Failure::NoService(Box::new(error))
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
        let asked = within(time.saturating_mul(2), call);
        let reply = self
            .runtime
            .block_on(asked)
            .map_err(|error| refused(name, error))?;
        let answer: String = reply
            .body()
            .deserialize()
            .map_err(|_malformed| Failure::Garbled { command: name })?;
        let lines = answer.lines().map(str::trim);
        Ok(lines
            .filter_map(|line| match Line::of(line, word) {
                Line::Answer(answer) => Some(answer.to_owned()),
                Line::Other | Line::Done | Line::Refused(_) => None,
            })
            .collect())
    }
}

/// Tells what an error of `ModemManager`'s means.
fn refused(command: &'static str, error: zbus::Error) -> Failure {
    if is_late(&error) {
        return Failure::Silent { command };
    }
    let zbus::Error::MethodError(name, detail, _) = &error else {
        return no_service(error);
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
    no_service(error)
}
