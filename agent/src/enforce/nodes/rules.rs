//! The text of a generated rule. What a node is, the shipped rules have found out by then
//! (`70-cardwarden-mark.rules`); how a node is closed is the same as in `72-cardwarden-close.rules`.

use std::path::Path;

use cardwarden_policy::Function;

/// The file's name: behind the shipped rules that mark and close, before `73-seat-late.rules`, which
/// gives nodes to the person at the seat.
pub(super) fn name(function: Function) -> String {
    format!("72-cardwarden-node-{}.rules", function.name())
}

/// The rule that closes the nodes of a function for as long as its own file, at `path`, is there.
pub(super) fn text(function: Function, path: &Path) -> String {
    let name = function.name();
    let path = path.display();
    format!(
        "\
# Written by the Cardwarden agent while {name} must not be used; gone when it may be again.

ACTION==\"remove\", GOTO=\"cardwarden_node_{name}_end\"
ENV{{MAJOR}}==\"\", GOTO=\"cardwarden_node_{name}_end\"
ENV{{CARDWARDEN_FUNCTION}}!=\"{name}\", GOTO=\"cardwarden_node_{name}_end\"
# udevd may go by this text for some seconds after the file is gone.
TEST!=\"{path}\", GOTO=\"cardwarden_node_{name}_end\"

# As in 72-cardwarden-close.rules. Who may only read the switch of the radios changes nothing by it.
TAG-=\"uaccess\", ENV{{ID_SEAT}}=\"cardwarden-closed\"
OWNER:=\"root\", GROUP:=\"root\"
KERNEL==\"rfkill\", MODE:=\"0644\"
KERNEL!=\"rfkill\", MODE:=\"0600\"

LABEL=\"cardwarden_node_{name}_end\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line of udev's rules is made of: `KEY op "value"`, joined by commas (man udev).
    fn is_well_formed(line: &str) -> bool {
        const KEYS: [&str; 10] = [
            "ACTION", "ENV", "TEST", "GOTO", "TAG", "OWNER", "GROUP", "MODE", "KERNEL", "LABEL",
        ];
        line.split(", ").all(|part| {
            let Some((left, value)) = part.split_once('"') else {
                return false;
            };
            let word = left.trim_end_matches([':', '=', '!', '-', '+']);
            let operator = left.strip_prefix(word).unwrap_or_default();
            let key = word.split('{').next().unwrap_or_default();
            let is_closed = word.contains('{') == word.ends_with('}');
            let quoted = value.strip_suffix('"').unwrap_or("\"");
            KEYS.contains(&key)
                && is_closed
                && ["==", "!=", "=", ":=", "-="].contains(&operator)
                && !quoted.contains('"')
        })
    }

    #[test]
    fn a_rule_is_well_formed_and_every_jump_lands_in_its_own_file() {
        for function in super::super::FUNCTIONS {
            let text = text(function, Path::new("/run/udev/rules.d/x.rules"));
            let lines = text
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'));
            for line in lines {
                assert!(is_well_formed(line), "{line}");
                if let Some((_, target)) = line.split_once("GOTO=") {
                    assert!(text.contains(&format!("LABEL={target}\n")), "{line}");
                }
            }
        }
        assert!(!is_well_formed("ENV{MAJOR==\"\""));
        assert!(!is_well_formed("MODE=\"0600"));
        assert!(!is_well_formed("MODES=\"0600\""));
    }

    #[test]
    fn a_rule_comes_between_the_marks_and_the_access_lists() {
        for function in super::super::FUNCTIONS {
            let name = name(function);
            assert!(name.as_str() > "72-cardwarden-close.rules", "{name}");
            assert!(name.as_str() < "73-seat-late.rules", "{name}");
        }
    }
}
