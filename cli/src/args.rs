//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use cardwarden_policy::Function;
use cardwarden_policy::document::Direction;
use cardwarden_policy::trust::Power;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use uuid::Uuid;

use crate::associate;
pub(crate) use crate::card::args::CardVerb;
use crate::key;
pub(crate) use crate::policy::args::PolicyVerb;

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  something went wrong
  2  the command line is wrong
  3  the agent cannot be reached
  4  the time ran out
  5  what was asked or offered is refused

Colour is used on a terminal only, and not when NO_COLOR is set.";

/// What a company's card lets this device do, and why.
#[derive(Debug, Parser)]
#[command(name = "cardwarden", version, after_help = EXIT_STATUS, max_term_width = 100)]
#[command(disable_help_subcommand = true, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Shows on one screen what is off, why, since when, until when, and whom to ask.
    Status {
        /// Prints JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Says why a function is on or off: the rule, the decision, what enforces it, and the proof.
    Why {
        /// camera, microphone, bluetooth, usb, usb-gadget, infrared or nfc.
        function: Function,
        /// Prints JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Lets the company of a card that waits decide what this device may do, after showing who it is
    /// and what it restricts; and asks for the card's PIN, where it wants one.
    Associate(Associate),
    /// Waits until the agent has applied and verified everything it knows of.
    Wait(Wait),
    /// Looks at what this machine has to hold a policy with: the kernel, udev, rfkill, pcscd, the bus.
    /// Says what is missing, what that costs, and how to mend it; then ends with exit status 1.
    Doctor {
        /// Prints JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Has the agent look at everything again and speak with the company's server now.
    Sync,
    /// Lets a device go: issued by the company, applied on the device.
    #[command(subcommand)]
    Release(ReleaseVerb),
    /// Writes, checks, explains, tries out and signs policies, and makes the keys that sign.
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Lists, reads, verifies, writes and issues smart cards.
    #[command(subcommand)]
    Card(CardVerb),
    /// Writes the manual pages into a folder.
    #[command(hide = true)]
    Man {
        /// The folder; must exist.
        folder: PathBuf,
    },
    /// Prints what makes a shell complete this command.
    #[command(hide = true)]
    Completions {
        /// bash, elvish, fish, powershell or zsh.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Associate {
    /// Agrees without asking; only together with the key that is agreed to.
    #[arg(long, requires = "fingerprint")]
    pub(crate) yes: bool,
    /// Only a card of the company with this key (`status` shows the keys of cards that wait).
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    pub(crate) fingerprint: Option<String>,
    /// Waits so many seconds for a card, then gives up with exit status 4. Without it, a card must
    /// wait already.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,
    /// Prints the result as JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Wait {
    /// What to wait for; there is nothing else yet.
    #[arg(long, required = true)]
    pub(crate) settled: bool,
    /// Only what comes after this generation counts (`generation` in `status --json`).
    #[arg(long, value_name = "GENERATION")]
    pub(crate) after: Option<u64>,
    /// Gives up after so many seconds, with exit status 4. Without it, waits for ever.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseVerb {
    /// Signs a release of one device (the company does this).
    Issue(Issue),
    /// Hands a release to the agent of this device.
    Apply {
        /// The file that `release issue` wrote.
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Issue {
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// The company's name, exactly as on its cards.
    #[arg(long, value_name = "NAME")]
    pub(crate) company: String,
    /// The device, `urn:uuid:…` (`device` in `status --json`).
    #[arg(long, value_name = "URN", value_parser = device)]
    pub(crate) device: String,
    /// The association that ends (`association_id` in `status --json`).
    #[arg(long, value_name = "UUID")]
    pub(crate) association: Uuid,
    /// From when on the device is let go, such as 2027-01-01; at once without it.
    #[arg(long, value_name = "DATE", value_parser = key::instant)]
    pub(crate) from: Option<Timestamp>,
    /// Where to write the release; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// The key that signs.
#[derive(Args, Debug)]
pub(crate) struct Signing {
    /// The private key: a PEM file, or `pkcs11:token=…;object=…` (RFC 7512).
    #[arg(long, value_name = "FILE|URI")]
    pub(crate) key: key::Place,
    /// What `policy delegate` wrote for this key, when it is not the company's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) delegation: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Delegate {
    /// The company's own private key: a PEM file, or `pkcs11:token=…;object=…` (RFC 7512).
    #[arg(long, value_name = "FILE|URI")]
    pub(crate) key: key::Place,
    /// The company's name, exactly as on its cards.
    #[arg(long, value_name = "NAME")]
    pub(crate) company: String,
    /// The public key of the delegate, PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// What it may sign: orders, releases, manifests. The last two need all functions, and loosen.
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        default_value = "orders"
    )]
    pub(crate) powers: Vec<Power>,
    /// The functions that it may speak of, such as camera,usb.storage.
    #[arg(long, value_name = "FUNCTIONS", value_delimiter = ',', required = true)]
    pub(crate) functions: Vec<Function>,
    /// Whether it may only disable functions, or enable them, too.
    #[arg(long, value_enum)]
    pub(crate) may: May,
    /// From when on, such as 2027-01-01; from now on without it.
    #[arg(long, value_name = "DATE", value_parser = key::instant)]
    pub(crate) from: Option<Timestamp>,
    /// Until when, such as 2027-03-31 (that day no more).
    #[arg(long, value_name = "DATE", value_parser = key::instant)]
    pub(crate) until: Timestamp,
    /// Where to write the delegation; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// In which direction a delegate may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum May {
    /// It may disable.
    Tighten,
    /// It may disable and enable.
    Loosen,
}

impl From<May> for Direction {
    fn from(may: May) -> Self {
        match may {
            May::Tighten => Self::Tighten,
            May::Loosen => Self::Loosen,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Keygen {
    /// The kind of key.
    #[arg(long, value_enum, default_value = "p256")]
    pub(crate) algorithm: Algorithm,
    /// Where to write the private key (PEM, mode 0600); must not exist yet.
    #[arg(long, value_name = "FILE", required_unless_present = "token")]
    pub(crate) key: Option<PathBuf>,
    /// Makes the key on a token instead, where it stays: `pkcs11:token=…;object=NAME` (RFC 7512).
    #[arg(long, value_name = "URI", conflicts_with = "key")]
    pub(crate) token: Option<key::Uri>,
    /// Where to write the public key, for /etc/cardwarden/trust.d; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) public: PathBuf,
}

/// Kinds of signing key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    P256,
    /// Ed25519.
    Ed25519,
}

/// Reads a number of seconds, such as `30` or `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_no_number| "this is no number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Reads the whole fingerprint of a key, however it is grouped.
fn fingerprint(text: &str) -> Result<String, String> {
    let digits = associate::digits(text);
    if digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err(
            "a key's fingerprint has 64 hexadecimal digits, as `cardwarden status` shows"
                .to_owned(),
        )
    }
}

/// Reads a device's identifier; a bare UUID will do.
fn device(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let device: Uuid = bare.parse().map_err(|_no_uuid| {
        "a device is called `urn:uuid:…`, as `cardwarden status --json` says".to_owned()
    })?;
    Ok(format!("urn:uuid:{device}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Verb, clap::Error> {
        Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.verb)
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_says_what_it_does() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {argument}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Arguments::command());
    }

    #[test]
    fn the_help_tells_the_exit_status() {
        let help = Arguments::command().render_help().to_string();
        assert!(help.contains("3  the agent cannot be reached"), "{help}");
    }

    #[test]
    fn waiting_needs_to_be_told_for_what_and_takes_parts_of_a_second() {
        let Ok(Verb::Wait(wait)) = parse("cardwarden wait --settled --timeout 0.5") else {
            panic!("not understood")
        };
        assert_eq!(wait.timeout, Some(Duration::from_millis(500)));
        assert!(parse("cardwarden wait").is_err());
        assert!(parse("cardwarden wait --settled --timeout -1").is_err());
    }

    #[test]
    fn nobody_agrees_unasked_without_saying_to_whom() {
        let key = "0011 2233 4455 6677 8899 AABB CCDD EEFF ".repeat(2);
        assert!(parse("cardwarden associate --yes").is_err());
        let words = ["cardwarden", "associate", "--yes", "--fingerprint", &key];
        let Ok(Verb::Associate(wish)) =
            Arguments::try_parse_from(words).map(|arguments| arguments.verb)
        else {
            panic!("not understood")
        };
        let digits = "00112233445566778899aabbccddeeff".repeat(2);
        assert_eq!(wish.fingerprint, Some(digits));
        assert!(parse("cardwarden associate --fingerprint 00112233").is_err());
    }

    #[test]
    fn a_function_that_does_not_exist_is_a_wrong_command_line() {
        assert!(matches!(
            parse("cardwarden why usb-gadget"),
            Ok(Verb::Why {
                function: Function::UsbGadget,
                json: false
            })
        ));
        let error = parse("cardwarden why kitchen").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("camera, microphone, bluetooth"),
            "{error}"
        );
    }

    #[test]
    fn a_device_is_told_from_other_words_before_anything_is_signed() {
        let line = |device: &str| {
            format!(
                "cardwarden release issue --key k --company B --device {device} \
                 --association 6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e --out o"
            )
        };
        let urn = "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e";
        for device in [urn, "6E8B1A52-6F3C-4D54-9F4E-1F2A3B4C5D6E"] {
            let Ok(Verb::Release(ReleaseVerb::Issue(issue))) = parse(&line(device)) else {
                panic!("not understood: {device}")
            };
            assert_eq!(issue.device, urn);
        }
        assert!(parse(&line("laptop-7")).is_err());
    }

    #[test]
    fn a_server_is_named_wholly_or_not_at_all() {
        let card = "cardwarden card write --policy p --key k --company B --version 1";
        assert!(parse(card).is_ok());
        let server = format!("{card} --server-url https://dm.example --server-id dm");
        assert!(parse(&server).is_err());
        assert!(parse(&format!("{server} --server-ca ca.pem")).is_ok());
        assert!(parse(&format!("{card} --server-ca ca.pem")).is_err());
    }
}
