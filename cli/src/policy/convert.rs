//! `cardwarden policy convert`: from one spelling to another. Nothing of a policy is lost.

use super::args::Convert;
use super::document::{Format, NoPolicy, load};
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::Output;

/// Writes a policy anew.
pub(super) fn convert(arguments: &Convert) -> Result<Output, Failure> {
    let format = arguments
        .to
        .or_else(|| Format::of_name(&arguments.out))
        .ok_or_else(|| {
            Failure::new(format!(
                "{} does not say what it is to be; end its name with .toml, .xml, .wbxml or \
                 .tnds, or add --to",
                arguments.out.display()
            ))
        })?;
    let group = load(&arguments.from).map_err(NoPolicy::into_failure)?;
    let bytes = format.write(&group)?;
    file::create(&arguments.out, &bytes, Readable::All)?;
    let output = Output::text("");
    Ok(match (&group.account, format) {
        (Some(account), Format::Toml) => output.noting(format!(
            "cardwarden: the account with {} is left out: it has no place in TOML\n",
            crate::output::harmless(&account.server_url)
        )),
        (Some(_) | None, Format::Toml | Format::Xml | Format::Wbxml) => output,
    })
}
