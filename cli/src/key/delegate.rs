//! `cardwarden policy delegate`: a company lends its word to another key.

use cardwarden_policy::trust::{Delegation, sign};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::trusted::anchor;
use crate::args::Delegate;
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::{Output, harmless};

/// Signs a delegation.
pub(crate) fn delegate(arguments: &Delegate) -> Result<Output, Failure> {
    let delegate = anchor(&arguments.to)?;
    let now = Timestamp::now();
    if arguments.until <= now {
        return Err(Failure::new(format!(
            "--until {} is over already",
            arguments.until
        )));
    }
    let delegation = Delegation {
        company: arguments.company.clone(),
        key: delegate.spki().to_vec(),
        powers: arguments.powers.iter().copied().collect(),
        functions: arguments.functions.iter().copied().collect(),
        may: arguments.may.into(),
        not_before: arguments.from.unwrap_or(now),
        not_after: arguments.until,
    };
    let root = arguments.key.open()?;
    let signed = sign(&root, &delegation)
        .map_err(|error| Failure::because("the delegation cannot be signed", &error))?;
    file::create(&arguments.out, &signed, Readable::All)?;
    Ok(Output::text(format!(
        "key {} may sign {} for {} until {}: put {} beside it (--delegation)\n",
        delegate.id(),
        names(&delegation.powers),
        harmless(&arguments.company),
        arguments.until,
        arguments.out.display()
    )))
}

fn names<T: ToString>(of: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = of.into_iter().map(|one| one.to_string()).collect();
    names.join(", ")
}

/// Reads an instant: a day (its first moment here), or a time with its zone.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day: jiff::civil::Date = text.parse().map_err(|_no_date| {
        "a time is written 2027-03-31 or 2027-03-31T18:00:00+02:00".to_owned()
    })?;
    day.to_zoned(TimeZone::system())
        .map(|zoned| zoned.timestamp())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_day_or_a_time() {
        let time = instant("2027-03-31T18:00:00+02:00").unwrap();
        assert_eq!(time.to_string(), "2027-03-31T16:00:00Z");
        assert!(instant("2027-03-31").is_ok());
        assert!(instant("tomorrow").is_err());
    }
}
