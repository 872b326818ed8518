//! The command line of `cardwarden card issue`.

use std::path::PathBuf;

use clap::Args;

use crate::card::args::{At, Authorities, Showing};
use crate::key;

const ISSUE: &str = "\
A box of cards can be interrupted at any time: the same command goes on where it stopped. Its
journal knows who has which card, so nobody gets two and no card is for two.

Examples:
  cardwarden card issue --template-example > cards.toml
  cardwarden card issue --template cards.toml --key company.pem --name 'Ada Lovelace' --id 17 \\
      --set laptop=PF1ABCDE
  cardwarden card issue --template cards.toml --key company.pem --csv staff.csv --records records
  cardwarden card issue --template cards.toml --key company.pem --csv staff.csv --only 17 --again";

#[derive(Args, Debug)]
#[command(after_help = ISSUE)]
pub(crate) struct Issue {
    /// Prints a template to start from.
    #[arg(long, exclusive = true)]
    pub(crate) template_example: bool,
    /// What cards hold, TOML (`--template-example`).
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "template_example"
    )]
    pub(crate) template: Option<PathBuf>,
    /// The company's private key: a PEM file, or `pkcs11:token=…;object=…` (RFC 7512).
    #[arg(
        long,
        value_name = "FILE|URI",
        required_unless_present = "template_example"
    )]
    pub(crate) key: Option<key::Place>,
    /// What `policy delegate` wrote for this key, when it is not the company's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) delegation: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) people: People,
    /// Writes the record of each card there as ID.md, and its certificate as ID.pem; the folder
    /// must exist.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) records: Option<PathBuf>,
    /// Takes a card although it holds something of Cardwarden already; with --only, gives a person
    /// another card.
    #[arg(long)]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) certificate: CertificateOptions,
    #[command(flatten)]
    pub(crate) showing: Showing,
    #[command(flatten)]
    pub(crate) authorities: Authorities,
    #[command(flatten)]
    pub(crate) at: At,
}

/// Who gets cards.
#[derive(Args, Debug)]
pub(crate) struct People {
    /// The name of the one who gets the card.
    #[arg(long, value_name = "NAME", requires = "id", conflicts_with = "csv",
          required_unless_present_any = ["csv", "template_example"])]
    pub(crate) name: Option<String>,
    /// What tells this one from all others, such as a personnel number.
    #[arg(long, value_name = "ID", requires = "name")]
    pub(crate) id: Option<String>,
    /// A further value for the template.
    #[arg(long = "set", value_name = "COLUMN=VALUE", value_parser = variable, requires = "name")]
    pub(crate) variables: Vec<(String, String)>,
    /// A list of people, with the columns `name` and `id` and all others that the template asks
    /// for; each gets the next card that is put in.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Where it is kept who has which card; beside the list, with the end `.journal`, without it.
    #[arg(long, value_name = "FILE", requires = "csv")]
    pub(crate) journal: Option<PathBuf>,
    /// Only this one of the list.
    #[arg(long, value_name = "ID", requires = "csv")]
    pub(crate) only: Vec<String>,
    /// The card that was being written for this one is gone; another one may be taken.
    #[arg(long, value_name = "ID", requires = "csv")]
    pub(crate) lost: Vec<String>,
}

/// The certificate of a card's own key.
#[derive(Args, Debug)]
pub(crate) struct CertificateOptions {
    /// Makes a certificate for the key of each card, signed with this key (PEM or PKCS#11 URI).
    #[arg(long, value_name = "FILE|URI", requires = "ca_cert")]
    pub(crate) ca_key: Option<key::Place>,
    /// The certificate of that key, PEM.
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// For how many days the certificate is good.
    #[arg(long, value_name = "NUMBER", default_value_t = 1825,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) days: u16,
}

/// Reads `COLUMN=VALUE`.
fn variable(text: &str) -> Result<(String, String), String> {
    let (column, value) = text
        .split_once('=')
        .filter(|(column, _)| !column.is_empty())
        .ok_or("a value is written COLUMN=VALUE")?;
    if matches!(column, "name" | "id") {
        return Err(format!("the value of `{column}` is given by --{column}"));
    }
    Ok((column.to_owned(), value.to_owned()))
}
