//! The command line of `cardwarden policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::document::Format;
use super::surroundings::Around;
use crate::args::{Delegate, Keygen, Signing};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Writes a new policy: asks a few questions, or starts from a template.
    New(New),
    /// Says whether policies are well formed, and where not.
    Check(Check),
    /// Lays policies out the usual way; comments stay.
    Fmt(Fmt),
    /// Says in sentences what changes from one policy to another.
    Diff(Diff),
    /// Says in plain words what a policy does.
    Explain(Explain),
    /// Says what a policy would decide at a time and place, and why.
    Simulate(Box<Simulate>),
    /// Shows a week of a policy, hour by hour, here or as a picture.
    Calendar(Box<Calendar>),
    /// Writes a policy as TOML or as Management Objects (TNDS, XML or WBXML).
    Convert(Convert),
    /// Signs a policy for devices that get it from a server or a file.
    Sign(Box<Sign>),
    /// Says whether a signed policy is believed, and what is in it.
    Verify(Verify),
    /// Hands a signed policy to the agent of this device: it holds instead of what the company's card says.
    Apply {
        /// What `policy sign` wrote.
        file: PathBuf,
    },
    #[command(about = "Turns the rules of USBGuard into rules of a policy, as far as can be")]
    ImportUsbguard(ImportUsbguard),
    /// Makes a company's signing key.
    Keygen(Keygen),
    /// Lets another key, such as a server's, speak for the company, within limits and until an end.
    Delegate(Delegate),
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// Starts from this template instead of asking.
    #[arg(long, value_enum)]
    pub(crate) template: Option<Template>,
    /// Whose policy it is.
    #[arg(long, value_name = "NAME")]
    pub(crate) organisation: Option<String>,
    /// Whom people ask: an address or a telephone number.
    #[arg(long, value_name = "TEXT")]
    pub(crate) contact: Option<String>,
    /// The time zone, such as Europe/Berlin; this computer's without it.
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// Where to write it; must not exist yet. Without it, the policy is printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Policies to start from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Template {
    /// Working hours without pictures; only known USB devices.
    Office,
    /// Next to nothing, at any time; the server may only tighten.
    SecureLab,
    /// People's own devices: on the premises only.
    Byod,
    /// A device for the public: a screen, and what is built in.
    Kiosk,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The policies: TOML, or TNDS in XML or WBXML.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Fmt {
    /// The policies, TOML.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Changes nothing; exit status 1 when something would change.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The policy before.
    pub(crate) before: PathBuf,
    /// The policy after.
    pub(crate) after: PathBuf,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The policy.
    pub(crate) file: PathBuf,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// The policy.
    pub(crate) file: PathBuf,
    /// When: 2027-01-15T09:00 by the policy's zone, or with a zone of its own; now, without it.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) around: Around,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Calendar {
    /// The policy.
    pub(crate) file: PathBuf,
    /// A day of the week that is shown; this week, without it.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) week: Option<Date>,
    /// Draws a picture (PNG) into this file; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) png: Option<PathBuf>,
    /// Draws a picture (SVG) into this file; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) around: Around,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Convert {
    /// The policy: TOML, or TNDS in XML or WBXML.
    #[arg(value_name = "IN")]
    pub(crate) from: PathBuf,
    /// Where to write it (.toml, .xml, .wbxml or .tnds); must not exist yet.
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// What to write, whatever the file is called.
    #[arg(long, value_enum)]
    pub(crate) to: Option<Format>,
}

#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The policy.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// The company's name, exactly as on its cards; the policy's organisation, without it.
    #[arg(long, value_name = "NAME")]
    pub(crate) company: Option<String>,
    /// The policy's version; devices refuse a lower one than they have seen.
    #[arg(long = "version", value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) version: u64,
    /// Where to write the signed policy; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// What `policy sign` wrote.
    pub(crate) file: PathBuf,
    /// Trusts this public key as well as those in /etc/cardwarden/trust.d.
    #[arg(long, value_name = "PEM")]
    pub(crate) trust: Vec<PathBuf>,
    /// Writes the policy in it, as TOML, to this file; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Prints JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImportUsbguard {
    /// The rules, such as /etc/usbguard/rules.conf.
    pub(crate) file: PathBuf,
    /// Where to write the rules for a policy; must not exist yet. Without it, they are printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Prints rules and report as JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a day.
fn date(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_no_date| "a day is written 2027-01-15".to_owned())
}
