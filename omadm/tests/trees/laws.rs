//! What holds for every tree, every description, and all bytes.

use crate::arbitrary::{described_tree, description, tree};
use omadm::limits::MAX_MESSAGE_LEN;
use omadm::{ddf, tnds};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_tree_survives_either_encoding(tree in tree()) {
        let xml = tnds::Document::from_xml(&tree.to_xml().unwrap()).unwrap();
        prop_assert_eq!(&xml, &tree);
        let wbxml = tnds::Document::from_wbxml(&tree.to_wbxml().unwrap()).unwrap();
        prop_assert_eq!(&wbxml, &tree);
        let named = tnds::Document::from_wbxml(&tree.to_named_wbxml().unwrap()).unwrap();
        prop_assert_eq!(&named, &tree);
    }

    #[test]
    fn a_description_survives_either_encoding(description in description()) {
        let xml = ddf::Document::from_xml(&description.to_xml().unwrap()).unwrap();
        prop_assert_eq!(&xml, &description);
        let wbxml = ddf::Document::from_wbxml(&description.to_wbxml().unwrap()).unwrap();
        prop_assert_eq!(&wbxml, &description);
    }

    #[test]
    fn saying_the_kind_costs_at_most_its_text_and_longer_offsets(tree in tree()) {
        let unsaid = tree.to_wbxml().unwrap().len();
        let named = tree.to_named_wbxml().unwrap().len();
        prop_assert!(named > unsaid);
        // 28 octets for the text, and one per text that lies further back in the table.
        prop_assert!(named <= unsaid + 28 + unsaid / 2);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        refused_within(&bytes);
        let mut headed = b"\x03\x01\x6A\x00\x00\x02".to_vec();
        headed.extend(bytes);
        refused_within(&headed);
    }

    /// What a damaged tree still says, if anything, can be said again in both encodings.
    #[test]
    fn a_damaged_tree_is_read_or_refused(
        tree in tree(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..4),
    ) {
        for mut bytes in [tree.to_xml().unwrap(), tree.to_wbxml().unwrap()] {
            for (place, byte, how) in &damage {
                if bytes.is_empty() {
                    break;
                }
                let place = place.index(bytes.len());
                match how {
                    0 => bytes[place] = *byte,
                    1 => bytes.insert(place, *byte),
                    2 => drop(bytes.remove(place)),
                    _ => bytes.truncate(place),
                }
            }
            refused_within(&bytes);
            let read = tnds::Document::from_xml(&bytes).ok();
            let read = read.or_else(|| tnds::Document::from_wbxml(&bytes).ok());
            if let Some(read) = read {
                let again = tnds::Document::from_xml(&read.to_xml().unwrap()).unwrap();
                prop_assert_eq!(&again, &read);
                let again = tnds::Document::from_wbxml(&read.to_wbxml().unwrap()).unwrap();
                prop_assert_eq!(again, read);
            }
        }
    }

    #[test]
    fn a_tree_that_is_as_described_passes((description, tree) in described_tree()) {
        ddf::Document::of([description]).check(&tree).unwrap();
    }

    /// Whatever is added to a tree that is as described is found, by its path.
    #[test]
    fn a_node_that_is_not_described_is_found(
        (description, mut tree) in described_tree(),
        steps in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut path = Vec::new();
        if add_stranger(&mut tree, &steps, &mut path) {
            let violation = ddf::Document::of([description]).check(&tree).unwrap_err();
            prop_assert_eq!(violation.what, ddf::What::Unknown);
            prop_assert_eq!(violation.path, path.join("/"));
        }
    }
}

/// Adds a leaf somewhere below; returns false when the node is a leaf itself.
fn add_stranger(
    node: &mut tnds::Node,
    steps: &[prop::sample::Index],
    path: &mut Vec<String>,
) -> bool {
    path.push(node.name.clone());
    let tnds::Content::Children(children) = &mut node.content else {
        return false;
    };
    let mut interior: Vec<_> = children
        .iter_mut()
        .filter(|child| child.format().is_none())
        .collect();
    if let Some((step, rest)) = steps.split_first()
        && !interior.is_empty()
    {
        let number = step.index(interior.len());
        return add_stranger(interior.swap_remove(number), rest, path);
    }
    children.push(tnds::Node::leaf("stranger", tnds::Format::Chr, ""));
    path.push("stranger".into());
    true
}

fn refused_within(bytes: &[u8]) {
    assert!(bytes.len() <= MAX_MESSAGE_LEN);
    let places = [
        tnds::Document::from_xml(bytes).err().map(|error| error.at),
        tnds::Document::from_wbxml(bytes)
            .err()
            .map(|error| error.at),
        ddf::Document::from_xml(bytes).err().map(|error| error.at),
        ddf::Document::from_wbxml(bytes).err().map(|error| error.at),
    ];
    assert!(places.into_iter().flatten().all(|at| at <= bytes.len()));
}
