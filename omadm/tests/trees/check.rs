//! Trees against descriptions.

use omadm::ddf::{Document, What};
use omadm::tnds::{Format, Kind, Node};

const DCMO: &[u8] = include_bytes!("../oracle/descriptions/dcmo.xml");

fn check(node: &Node) -> Result<(), (String, What)> {
    let description = Document::from_xml(DCMO).unwrap();
    description
        .check(node)
        .map_err(|violation| (violation.path, violation.what))
}

fn camera(further: impl IntoIterator<Item = Node>) -> Node {
    let enabled = Node::leaf("Enabled", Format::Bool, "true");
    Node::interior("Camera", [enabled].into_iter().chain(further))
}

fn refused(path: &str, what: What) -> Result<(), (String, What)> {
    Err((path.to_owned(), what))
}

#[test]
fn a_tree_that_is_as_described_passes() {
    let number = |name: &str| Node::leaf(name, Format::Int, "-7");
    let further = [
        Node::leaf("Property", Format::Chr, "camera"),
        Node::interior("Ext", [number("One"), number("Two")]),
    ];
    assert_eq!(check(&camera([])), Ok(()));
    assert_eq!(
        check(&camera(further).of_kind("urn:oma:mo:oma-dcmo:1.0")),
        Ok(())
    );
}

#[test]
fn what_is_not_described_is_unknown() {
    let stranger = Node::interior("Stranger", []);
    assert_eq!(
        check(&camera([stranger])),
        refused("Camera/Stranger", What::Unknown)
    );
}

#[test]
fn case_matters_unless_the_description_says_otherwise() {
    let property = |name: &str| Node::leaf(name, Format::Chr, "camera");
    assert_eq!(check(&camera([property("PROPERTY")])), Ok(()));
    assert_eq!(
        check(&camera([property("property"), property("PROPERTY")])),
        refused(
            "Camera",
            What::TooMany {
                child: "Property".into(),
                limit: 1
            }
        )
    );
    let enabled = Node::interior("Camera", [Node::leaf("ENABLED", Format::Bool, "true")]);
    assert_eq!(check(&enabled), refused("Camera/ENABLED", What::Unknown));
}

#[test]
fn another_format_is_named() {
    let enabled = Node::interior("Camera", [Node::leaf("Enabled", Format::Chr, "true")]);
    let what = What::Format {
        expected: Some(Format::Bool),
        found: Some(Format::Chr),
    };
    assert_eq!(check(&enabled), refused("Camera/Enabled", what));
    let what = What::Format {
        expected: None,
        found: Some(Format::Int),
    };
    let leaf = Node::leaf("Camera", Format::Int, "1");
    assert_eq!(check(&leaf), refused("Camera", what));
}

#[test]
fn a_value_that_is_none_of_its_format_is_named() {
    for value in ["TRUE", "1", ""] {
        let enabled = Node::interior("Camera", [Node::leaf("Enabled", Format::Bool, value)]);
        let what = What::Value(Format::Bool);
        assert_eq!(check(&enabled), refused("Camera/Enabled", what));
    }
    for (format, good, bad) in [
        (Format::B64, "/w==", "/w"),
        (Format::Int, "-42", "4 2"),
        (Format::Float, "1.5e3", "1,5"),
        (Format::Date, "20261123", "2026-1-23"),
        (Format::Time, "140000Z", "14:00"),
        (Format::Null, "", "0"),
    ] {
        assert!(format.admits(&good.into()), "{format} {good}");
        assert!(!format.admits(&bad.into()), "{format} {bad}");
    }
}

#[test]
fn a_node_that_must_be_there_is_missed() {
    let what = What::Missing {
        child: "Enabled".into(),
    };
    assert_eq!(
        check(&Node::interior("Camera", [])),
        refused("Camera", what)
    );
    let nothing = Node::interior("Ext", []);
    let what = What::Missing {
        child: String::new(),
    };
    assert_eq!(check(&camera([nothing])), refused("Camera/Ext", what));
}

#[test]
fn there_may_be_no_more_than_the_description_says() {
    let number = |name: u32| Node::leaf(name.to_string(), Format::Int, "1");
    let ext = |count| camera([Node::interior("Ext", (0..count).map(number))]);
    assert_eq!(check(&ext(300)), Ok(()));
    let what = What::TooMany {
        child: String::new(),
        limit: 300,
    };
    assert_eq!(check(&ext(301)), refused("Camera/Ext", what));
}

#[test]
fn a_node_is_what_it_is_described_to_be_or_does_not_say() {
    let other = camera([]).of_kind("urn:oma:mo:oma-lawmo:1.0");
    assert_eq!(check(&other), refused("Camera", What::Kind));
    let mut property = Node::leaf("Property", Format::Chr, "camera");
    property.properties.get_or_insert_default().kind = Some(Kind::Mime("text/uri-list".into()));
    assert_eq!(check(&camera([property.clone()])), Ok(()));
    property.properties.get_or_insert_default().kind = Some(Kind::Mime("image/png".into()));
    assert_eq!(
        check(&camera([property])),
        refused("Camera/Property", What::Kind)
    );
}
