//! The command line of `cardwarden card`.

use std::path::PathBuf;

use cardwarden_card::modem::Place;
use cardwarden_policy::Function;
use clap::{Args, Subcommand};

use super::content::Spec;
pub(crate) use super::issue::args::Issue;
use super::reach::Source;
use crate::args::Signing;

#[derive(Debug, Subcommand)]
pub(crate) enum CardVerb {
    /// Makes a card ready: its own key or application, and says how much room it has.
    Init(Init),
    /// Lists the readers, the cards in them, and the groups of each card.
    List(List),
    /// Shows what a card holds, or one group of it, and whether this device believes it.
    Read(Read),
    /// Says whether a card is believed, is no copy, and which group a device would take.
    Verify(Box<Verify>),
    /// Writes a company's policies to a card.
    Write(Box<Write>),
    /// Takes everything of Cardwarden off a card, and nothing else.
    Erase(Erase),
    /// Makes an employee's card, or a box of cards from a list: key, certificate, groups, record.
    Issue(Box<Issue>),
}

/// Which card in a reader, and how to tell of it.
#[derive(Args, Debug)]
pub(crate) struct At {
    /// The reader (`card list`); may be left out when only one holds a card.
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which card, in a reader or in a modem, and how to tell of it.
#[derive(Args, Debug)]
pub(crate) struct Where {
    /// The reader (`card list`); may be left out when only one holds a card.
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
    /// The SIM in this modem, instead of a card in a reader: one of the modem's device files
    /// (/dev/ttyUSB2), `modemmanager`, or its object path there.
    #[arg(long, value_name = "MODEM", conflicts_with = "reader")]
    pub(crate) modem: Option<Place>,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Where {
    /// Where the card is.
    pub(super) fn source(&self) -> Source<'_> {
        match &self.modem {
            Some(modem) => Source::Modem(modem),
            None => Source::Reader(self.reader.as_deref()),
        }
    }
}

/// What lets us write to a card.
#[derive(Args, Debug)]
pub(crate) struct Authorities {
    /// PIV: the management key, hexadecimal, or @FILE that holds it. Without it, the key that
    /// cards leave the factory with; when that is not the card's, it is asked for.
    #[arg(
        long,
        value_name = "HEX|@FILE",
        env = "CARDWARDEN_MANAGEMENT_KEY",
        hide_env_values = true
    )]
    pub(crate) management_key: Option<String>,
    /// OpenPGP and PKCS#15: a file whose first line is the administrator's PIN. Without it, the
    /// PIN is asked for at the terminal.
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_pin_file: Option<PathBuf>,
    /// A file whose first line is the card's own PIN, which some cards want for groups with a PIN.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

const INIT: &str = "\
Examples:
  cardwarden card init
  cardwarden card init --reader 'Virtual PCD 00 00' --management-key @management.key
  cardwarden card init --admin-pin-file admin.pin --json";

#[derive(Args, Debug)]
#[command(after_help = INIT)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) authorities: Authorities,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only this reader.
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
    /// The SIM in this modem, instead of cards in readers: one of the modem's device files
    /// (/dev/ttyUSB2), `modemmanager`, or its object path there.
    #[arg(long, value_name = "MODEM", conflicts_with = "reader")]
    pub(crate) modem: Option<Place>,
    /// Trusts this public key as well as those in /etc/cardwarden/trust.d.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

const READ: &str = "\
Examples:
  cardwarden card read
  cardwarden card read laptops
  cardwarden card read laptops --pin-file pin --out laptops.wbxml
  cardwarden policy explain laptops.wbxml";

#[derive(Args, Debug)]
#[command(after_help = READ)]
pub(crate) struct Read {
    /// The group to show, by name or number; all of them in short without it.
    pub(crate) group: Option<String>,
    /// Writes the group there, as it lies on the card; must not exist yet.
    #[arg(long, value_name = "FILE", requires = "group")]
    pub(crate) out: Option<PathBuf>,
    /// A file whose first line is the card's PIN, for a group that needs one. Without it, the PIN
    /// is asked for at the terminal.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
    /// Trusts this public key as well as those in /etc/cardwarden/trust.d.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) at: Where,
}

const VERIFY: &str = "\
Exit status 5 when the card is not believed, is a copy, holds a group that is not the signed one,
or has no group for the device.

Examples:
  cardwarden card verify
  cardwarden card verify --trust company.pem --kind laptop --serial PF1ABCDE
  cardwarden card verify --kind handset --label field --function camera --json";

#[derive(Args, Debug)]
#[command(after_help = VERIFY)]
pub(crate) struct Verify {
    /// Trusts this public key as well as those in /etc/cardwarden/trust.d.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    /// The kind of the device in question, such as laptop or handset. Without this and the next
    /// five, it is this device.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Its model.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Its serial number.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) serial: Option<String>,
    /// Its own name, `urn:uuid:…`.
    #[arg(long, value_name = "URN")]
    pub(crate) device: Option<String>,
    /// A label that its settings give it.
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
    /// A function that it has.
    #[arg(long = "function", value_name = "FUNCTION")]
    pub(crate) functions: Vec<Function>,
    /// The group that its settings or its server name.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// A file whose first line is the card's PIN; without it, groups that need the PIN are left
    /// unread.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: Where,
}

const WRITE: &str = "\
SELECTORS narrow a group to some devices: kind=, model=, serial=, device=, label=, function=,
priority=, separated by commas; a bare word is a kind; `pin` puts the group behind the card's PIN.

Examples:
  cardwarden card write --policy office.toml --key company.pem --company 'B Company' --version 3
  cardwarden card write --policy laptop.toml --group laptops --kind laptop \\
      --and-group handsets:kind=handset,priority=5=phone.toml \\
      --and-group secret:label=lab,pin=lab.toml \\
      --key 'pkcs11:token=company;object=root' --company 'B Company' --version 4";

#[derive(Args, Debug)]
#[command(after_help = WRITE)]
pub(crate) struct Write {
    /// The policy: TOML, or TNDS in XML or WBXML.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// The company's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) company: String,
    /// The policy's version; devices refuse a lower one than they have seen.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) version: u64,
    /// The name of the group that holds the policy.
    #[arg(long, value_name = "NAME", default_value = "all")]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) selectors: SelectorOptions,
    /// Puts the group behind the card's PIN.
    #[arg(long)]
    pub(crate) pin: bool,
    /// A further group.
    #[arg(long, value_name = "NAME[:SELECTORS]=FILE")]
    pub(crate) and_group: Vec<Spec>,
    /// A signed release (`release issue`) that the card is to bring to its device.
    #[arg(long, value_name = "FILE")]
    pub(crate) release: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) showing: Showing,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    pub(crate) authorities: Authorities,
    #[command(flatten)]
    pub(crate) at: Where,
}

/// What cards show to devices that do not know the company.
#[derive(Args, Debug)]
pub(crate) struct Showing {
    /// Whether cards show the company's public key, so that a device that does not know it yet
    /// can ask the person at it.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) introduce: bool,
    /// The company's public key, PEM, when another key signs for it (--delegation). Without it,
    /// the key is looked for in /etc/cardwarden/trust.d.
    #[arg(long, value_name = "FILE", requires = "delegation")]
    pub(crate) company_key: Option<PathBuf>,
}

/// For which devices the first group is.
#[derive(Args, Debug)]
pub(crate) struct SelectorOptions {
    /// A kind of device that the group is for, such as laptop or handset; all without it.
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<String>,
    /// A model that the group is for; all without it.
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// The serial number of a device that the group is for; all without it.
    #[arg(long = "serial", value_name = "NUMBER")]
    pub(crate) serials: Vec<String>,
    /// A device that the group is for, `urn:uuid:…`; all without it.
    #[arg(long = "device", value_name = "URN")]
    pub(crate) devices: Vec<String>,
    /// A label that a device needs to take the group.
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
    /// A function that a device needs to have to take the group.
    #[arg(long = "function", value_name = "FUNCTION")]
    pub(crate) functions: Vec<Function>,
    /// Of several groups for a device, the one with the highest priority is taken.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) priority: i16,
}

/// The company's server.
#[derive(Args, Debug)]
pub(crate) struct ServerOptions {
    /// The company's server, https://….
    #[arg(id = "server_url", long = "server-url", value_name = "URL",
          requires_all = ["server_ca", "server_id"])]
    pub(crate) url: Option<String>,
    /// The authority that the server's certificate comes from, PEM.
    #[arg(
        id = "server_ca",
        long = "server-ca",
        value_name = "FILE",
        requires = "server_url"
    )]
    pub(crate) ca: Option<PathBuf>,
    /// The server's identifier (`ServerID` in the device's `DMAcc`).
    #[arg(
        id = "server_id",
        long = "server-id",
        value_name = "ID",
        requires = "server_url"
    )]
    pub(crate) id: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Erase {
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) authorities: Authorities,
    #[command(flatten)]
    pub(crate) at: Where,
}
