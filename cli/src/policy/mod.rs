//! `cardwarden policy`: writing, checking, explaining, trying out, converting and signing policies.
//! Each verb is one file; what several need is in [`document`], [`fault`], [`layout`], [`simulation`] and
//! [`surroundings`].

mod apply;
pub(crate) mod args;
mod calendar;
mod check;
mod convert;
mod document;
mod explain;
mod fault;
mod fmt;
mod layout;
mod new;
mod signed;
mod simulate;
mod simulation;
mod surroundings;
mod usbguard;

use args::PolicyVerb;
pub(crate) use document::read;

use crate::failure::Failure;
use crate::key;
use crate::output::{Output, Paint};

/// Does what a verb says.
pub(crate) fn run(verb: &PolicyVerb, paint: Paint) -> Result<Output, Failure> {
    match verb {
        PolicyVerb::New(arguments) => new::new(arguments),
        PolicyVerb::Check(arguments) => check::check(arguments),
        PolicyVerb::Fmt(arguments) => fmt::fmt(arguments),
        PolicyVerb::Diff(arguments) => explain::diff(arguments),
        PolicyVerb::Explain(arguments) => explain::explain(arguments),
        PolicyVerb::Simulate(arguments) => simulate::simulate(arguments, paint),
        PolicyVerb::Calendar(arguments) => calendar::calendar(arguments, paint),
        PolicyVerb::Convert(arguments) => convert::convert(arguments),
        PolicyVerb::Sign(arguments) => signed::sign(arguments),
        PolicyVerb::Verify(arguments) => signed::verify(arguments),
        PolicyVerb::Apply { file } => apply::apply(file),
        PolicyVerb::ImportUsbguard(arguments) => usbguard::import(arguments),
        PolicyVerb::Keygen(keygen) => key::keygen(keygen),
        PolicyVerb::Delegate(delegate) => key::delegate(delegate),
    }
}
