//! A smart card for the lab: the firmware (PIV or `OpenPGP`) of a token that people buy, on an
//! image file, behind the virtual reader.
//!
//! ```text
//! lab-card company   --private company.pem --public trust.pem
//! lab-card provision --image FILE [--profile piv|openpgp] [--extended] --company NAME --key company.pem --version N --policy POLICY.toml
//!                    [--group NAME] [--kind KIND]… [--and-group NAME[:KIND,…]=TOML]… [--pin]
//!                    [--server-url URL --server-ca FILE --server-id ID] [--tamper KIND]
//! lab-card copy      --from IMAGE --to IMAGE [--profile piv|openpgp]
//! lab-card count     [--profile piv|openpgp] [--extended]
//! lab-card run       --image FILE [--profile piv|openpgp] [--extended] [--port 35963] [--fault drop-after:N|endless-61xx|garbage]
//! ```
//!
//! On success, one JSON object is printed and the status is 0; else a sentence, and 1.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use cardwarden_lab_card::firmware::Model;
use cardwarden_lab_card::{copy, count, fault, provision, vpcd, vscard};
use clap::{Parser, Subcommand};

/// A smart card for the lab
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a company's key
    Company {
        /// Where the private key goes (PKCS#8 PEM)
        #[arg(long, value_name = "FILE")]
        private: PathBuf,
        /// Where the public key goes, as trust.d wants it
        #[arg(long, value_name = "FILE")]
        public: PathBuf,
    },
    /// Write a company's policy to a card
    Provision(Box<provision::Provision>),
    /// Copy a card's objects to another card, as a thief would
    Copy {
        /// The card to copy
        #[arg(long, value_name = "IMAGE")]
        from: PathBuf,
        /// The card to write; made when it is not there
        #[arg(long, value_name = "IMAGE")]
        to: PathBuf,
        #[command(flatten)]
        model: Model,
    },
    /// Count the APDUs that reading a manifest of 496 bytes and a group of 1,500 takes
    Count {
        #[command(flatten)]
        model: Model,
    },
    /// Insert a card into the virtual reader; it comes out when this ends
    Run {
        /// The card; a fresh one is made when it is not there
        #[arg(long, value_name = "FILE")]
        image: PathBuf,
        #[command(flatten)]
        model: Model,
        /// The reader's TCP port
        #[arg(long, default_value_t = 35963)]
        port: u16,
        /// The socket of a virtual machine's reader (QEMU's ccid-card-passthru) instead; the card
        /// comes out when standard input ends
        #[arg(long, value_name = "SOCKET", conflicts_with = "port")]
        ccid: Option<PathBuf>,
        /// What is wrong with the card
        #[arg(long, value_name = "KIND")]
        fault: Option<fault::Fault>,
    },
}

#[expect(clippy::print_stdout, reason = "the result goes to whoever called")]
fn main() -> anyhow::Result<()> {
    let result = match Arguments::parse().action {
        Action::Company { private, public } => provision::company(&private, &public)?,
        Action::Provision(options) => provision::provision(&options)?,
        Action::Copy { from, to, model } => copy::copy(&from, &to, model)?,
        Action::Count { model } => serde_json::to_value(count::count(model)?)?,
        Action::Run {
            image,
            model,
            port,
            ccid,
            fault,
        } => {
            return match ccid {
                Some(socket) => vscard::run(&image, model, &socket, fault),
                None => vpcd::run(&image, model, port, fault),
            };
        }
    };
    println!("{result}");
    Ok(())
}
