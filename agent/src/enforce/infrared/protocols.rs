//! How the kernel spells protocols (`show_protocols` and `parse_protocol_change`): all that there
//! are, those that are on in brackets.

/// What is shown in brackets beside infrared protocols: the node, and the remote control that comes
/// over an HDMI cable, which no write switches off.
const OTHERS: [&str; 2] = ["lirc", "cec"];

/// The infrared protocols that are on.
pub(super) fn enabled(shown: &str) -> Vec<String> {
    shown
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
        .filter(|protocol| !protocol.is_empty() && !OTHERS.contains(protocol))
        .map(str::to_owned)
        .collect()
}

/// What switches these protocols on, and no other: a word alone replaces what was, one with a plus
/// adds to it.
pub(super) fn spelled(protocols: &[String]) -> String {
    protocols.join(" +")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_in_brackets_is_on_but_for_the_node() {
        let shown = "rc-5 [nec] rc-6 [rc-5-sz] [lirc] ";
        assert_eq!(enabled(shown), ["nec", "rc-5-sz"]);
        assert!(enabled("rc-5 nec [lirc]\n").is_empty());
        assert!(enabled("[] [ ] [nec").is_empty());
        assert!(enabled("[cec] [lirc]").is_empty());
    }

    #[test]
    fn the_first_replaces_and_the_others_are_added() {
        let both = ["nec".to_owned(), "rc-6".to_owned()];
        assert_eq!(spelled(&both), "nec +rc-6");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_was_shown(
            names in prop::collection::vec("[a-z][a-z0-9-]{0,8}", 1..6),
            others in prop::collection::vec("[a-z][a-z0-9-]{0,8}", 0..6),
        ) {
            let names: Vec<String> = names.into_iter().filter(|name| !OTHERS.contains(&name.as_str())).collect();
            let on: Vec<String> = names.iter().map(|name| format!("[{name}]")).collect();
            let shown = format!("{} {} [lirc]\n", others.join(" "), on.join(" "));
            let written = spelled(&enabled(&shown));
            let words: Vec<&str> = written.split([' ', '+']).filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(words, names);
        }

        #[test]
        fn whatever_is_shown_nothing_but_its_words_comes_back(shown in ".{0,64}") {
            for protocol in enabled(&shown) {
                let bracketed = format!("[{protocol}]");
                prop_assert!(shown.contains(&bracketed));
            }
        }
    }
}
