//! Manual pages and completions, from the command line's own description.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::failure::Failure;
use crate::output::Output;

/// Writes a page for each verb.
pub(crate) fn pages(folder: &Path) -> Result<Output, Failure> {
    clap_mangen::generate_to(Arguments::command(), folder).map_err(|error| {
        Failure::because(
            format!("the manual cannot be written to {}", folder.display()),
            &error,
        )
    })?;
    Ok(Output::text(""))
}

/// Prints completions.
pub(crate) fn completions(shell: Shell) -> Result<Output, Failure> {
    let mut text = Vec::new();
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut text);
    String::from_utf8(text)
        .map(Output::text)
        .map_err(|error| Failure::because("the completions are no text", &error))
}
