//! Writes the description (DDF) of a standard object, as other servers read it.
//!
//! ```sh
//! cargo run -p omadm --example describe -- dcmo > dcmo.ddf
//! ```
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use omadm::ddf::Document;
use omadm::mo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let node = match name.as_str() {
        "dcmo" => mo::dcmo::description(),
        "dev-detail" => mo::dev_detail::description(),
        "dev-info" => mo::dev_info::description(),
        "dm-acc" => mo::dm_acc::description(),
        "inbox" => mo::inbox::description(),
        "scheduling" => mo::scheduling::description(),
        _ => return Err("dcmo, dev-detail, dev-info, dm-acc, inbox or scheduling".into()),
    };
    let bytes = Document::of([node]).to_xml()?;
    print!("{}", String::from_utf8(bytes)?);
    Ok(())
}
