//! Whether one condition holds whenever another does, as far as their form shows it. It never says
//! so wrongly; that it does not say so proves nothing.

use crate::condition::{Condition, Weekly};

/// Whether `wider` holds whenever `narrower` does, and is not known only where that is not known
/// or does not hold either.
pub(super) fn covers(wider: &Condition, narrower: &Condition) -> bool {
    if wider == narrower {
        return true;
    }
    match (wider, narrower) {
        (Condition::Not(wider), Condition::Not(narrower)) => covers(narrower, wider),
        (Condition::Weekly(wider), Condition::Weekly(narrower)) => is_within(wider, narrower),
        (_, Condition::Any(parts)) => parts.iter().all(|part| covers(wider, part)),
        (Condition::All(parts), _) => parts.iter().all(|part| covers(part, narrower)),
        (Condition::Any(parts), _) if parts.iter().any(|part| covers(part, narrower)) => true,
        (_, Condition::All(parts)) => parts.iter().any(|part| covers(wider, part)),
        (_, _) => false,
    }
}

/// Whether windows that end on the day on which they start lie in one another.
fn is_within(wider: &Weekly, narrower: &Weekly) -> bool {
    let of_one_day = |window: &Weekly| window.from < window.to;
    wider.zone == narrower.zone
        && of_one_day(wider)
        && of_one_day(narrower)
        && narrower.days.iter().all(|day| wider.days.contains(day))
        && wider.from <= narrower.from
        && narrower.to <= wider.to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_lies_in_another_is_seen() {
        let long = r#"weekly = { days = "mon-fri", from = "08:00", to = "18:00", zone = "UTC" }"#;
        let short = r#"weekly = { days = "mon", from = "09:00", to = "17:00", zone = "UTC" }"#;
        let both = format!("all = [{{ {long} }}, {{ card = \"absent\" }}]");
        let either = format!("any = [{{ {long} }}, {{ card = \"absent\" }}]");
        for (wider, narrower) in [
            (long, short),
            (long, both.as_str()),
            (either.as_str(), long),
            (either.as_str(), short),
            (either.as_str(), both.as_str()),
        ] {
            assert!(covers(&condition(wider), &condition(narrower)), "{wider}");
            assert!(!covers(&condition(narrower), &condition(wider)), "{wider}");
            let not = |text: &str| Condition::Not(Box::new(condition(text)));
            assert!(covers(&not(narrower), &not(wider)), "{wider}");
        }
    }
}
