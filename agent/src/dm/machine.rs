//! What the firmware says of the machine: for `DevInfo`, and for people.

use std::path::Path;

/// Longest word, in characters.
const MAX_WORD: usize = 64;
/// When the firmware says nothing.
const UNKNOWN: &str = "unknown";

/// Who made the machine, and what they call it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Machine {
    /// Who made it.
    pub(super) manufacturer: String,
    /// What they call it.
    pub(super) model: String,
}

impl Machine {
    /// Looks in DMI (PCs), then in the device tree (phones), below `root`.
    pub(super) fn look(root: &Path) -> Self {
        let dmi = root.join("sys/class/dmi/id");
        let tree = root.join("proc/device-tree");
        // `compatible` is a list of `maker,model`, each ended by NUL; the first is the machine's own
        // (Devicetree Specification, 2.3.1).
        let maker = word(&tree.join("compatible"))
            .and_then(|first| first.split_once(',').map(|(maker, _)| maker.to_owned()));
        Self {
            manufacturer: word(&dmi.join("sys_vendor"))
                .or(maker)
                .unwrap_or_else(|| UNKNOWN.to_owned()),
            model: word(&dmi.join("product_name"))
                .or_else(|| word(&tree.join("model")))
                .unwrap_or_else(|| UNKNOWN.to_owned()),
        }
    }
}

/// The first word of a file, without what XML cannot carry.
fn word(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let first = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(first);
    let word: String = text
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_WORD)
        .collect();
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, bytes: &[u8]) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
            .unwrap();
    }

    #[test]
    fn a_phone_is_known_by_its_device_tree() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            "proc/device-tree/compatible",
            b"pine64,pinephone-1.2\0allwinner,sun50i\0",
        );
        write(
            root.path(),
            "proc/device-tree/model",
            b"Pine64 PinePhone (1.2)\0",
        );
        let machine = Machine::look(root.path());
        assert_eq!(
            (&*machine.manufacturer, &*machine.model),
            ("pine64", "Pine64 PinePhone (1.2)")
        );
    }

    #[test]
    fn a_laptop_is_known_by_its_dmi() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            "sys/class/dmi/id/sys_vendor",
            b"Example Inc.\n",
        );
        write(root.path(), "sys/class/dmi/id/product_name", b"Book 1\n");
        let machine = Machine::look(root.path());
        assert_eq!(
            (&*machine.manufacturer, &*machine.model),
            ("Example Inc.", "Book 1")
        );
    }

    #[test]
    fn a_machine_that_says_nothing_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "sys/class/dmi/id/sys_vendor", b" \n");
        assert_eq!(Machine::look(root.path()).manufacturer, "unknown");
    }
}
