//! WBXML octet by octet: what other writers may do, and what none may.

use omadm::limits::{MAX_COMMANDS, MAX_DEPTH, MAX_ELEMENTS, MAX_MESSAGE_LEN};
use omadm::message::{Command, Message};
use omadm::wbxml::{ParseError, Problem, encode, parse};
use omadm::{Encoding, Violation};

/// The head of a message without a string table.
const HEAD: &[u8] = b"\x03\xA4\x01\x6A\x00";
/// `SyncML` and `SyncHdr`, ready for `SyncBody`.
const HEADER: &[u8] =
    b"\x6D\x6C\x71\x031.2\0\x01\x72\x03DM/1.2\0\x01\x65\x037C\0\x01\x5B\x031\0\x01\
    \x6E\x57\x03urn:uuid:5e9f\0\x01\x01\x67\x57\x03https://dm.example.test\0\x01\x01\x01";
/// `SyncBody` with `Final`, and the end of `SyncML`.
const BODY: &[u8] = b"\x6B\x12\x01\x01";

fn whole(head: &[u8], body: &[u8]) -> Result<Message, ParseError> {
    parse(&[head, HEADER, body].concat())
}

fn problem(body: &[u8]) -> Problem {
    whole(HEAD, body).unwrap_err().problem
}

/// `SyncBody` with a `Replace` whose item holds this as its data.
fn replace(data: &[u8]) -> Vec<u8> {
    let before = b"\x6B\x60\x4B\x031\0\x01\x54\x67\x57\x03./A\0\x01\x01\x4F";
    [&before[..], data, b"\x01\x01\x01\x12\x01\x01"].concat()
}

fn replaced(data: &[u8]) -> Vec<u8> {
    let message = whole(HEAD, &replace(data)).unwrap();
    let Some(Command::Replace(replace)) = message.commands.first() else {
        panic!("a Replace");
    };
    replace.items[0].data.clone().unwrap().into_bytes()
}

#[test]
fn a_short_message_is_read_and_written_octet_by_octet() {
    let message = whole(HEAD, BODY).unwrap();
    assert_eq!(message.header.session.as_str(), "7C");
    assert!(message.is_final);
    assert_eq!(encode(&message).unwrap(), [HEAD, HEADER, BODY].concat());
}

#[test]
fn wbxml_has_its_content_type() {
    let header = "application/vnd.syncml.dm+wbxml";
    assert_eq!(Encoding::from_content_type(header), Some(Encoding::Wbxml));
    assert_eq!(Encoding::Wbxml.content_type(), header);
}

#[test]
fn versions_character_sets_and_public_identifiers_may_differ() {
    let text = b"-//SYNCML//DTD SyncML 1.2//EN\0";
    let by_text = [&b"\x02\x00\x02\x6A\x20a\0"[..], text].concat();
    for head in [
        b"\x01\xA4\x01\x6A\x00",
        b"\x02\xA4\x01\x6A\x00",
        &b"\x03\x80\xA4\x01\x6A\x00"[..],
        b"\x03\x01\x03\x00",
        b"\x03\x01\x00\x02a\0",
        &by_text,
    ] {
        assert_eq!(whole(head, BODY).unwrap(), whole(HEAD, BODY).unwrap());
    }
}

#[test]
fn another_version_character_set_or_kind_is_refused_by_its_place() {
    for (head, at, expected) in [
        (&b"\x00\xA4\x01\x6A\x00"[..], 0, Problem::Version),
        (b"\x04\xA4\x01\x6A\x00", 0, Problem::Version),
        (b"\x03\xA4\x02\x6A\x00", 1, Problem::PublicId),
        (b"\x03\x00\x00\x6A\x02a\0", 1, Problem::PublicId),
        (b"\x03\x00\x07\x6A\x02a\0", 1, Problem::StringTable),
        (b"\x03\x00\x00\x6A\x02aa", 1, Problem::StringTable),
        (b"\x03\xA4\x01\x04\x00", 3, Problem::Charset),
        (b"\x03\x90\x80\x80\x80\x01\x6A\x00", 1, Problem::Number),
        (b"\x03\x80\x80\x80\x80\x80\x01\x6A\x00", 1, Problem::Number),
    ] {
        let error = whole(head, BODY).unwrap_err();
        assert_eq!((error.at, error.problem), (at, expected), "{head:X?}");
    }
    let long = parse(b"\x03\xA4\x01\x6A\x8F\xFF\xFF\xFF\x7F").unwrap_err();
    assert_eq!((long.at, long.problem), (4, Problem::Truncated));
}

#[test]
fn a_text_may_come_in_pieces() {
    let table = b"\x03\xA4\x01\x6A\x08one two\0";
    let pieces = b"\x03[\0\x83\x00\x02\x21\x83\x04\x02\x9F\x74\x03]\0";
    let message = whole(table, &replace(pieces)).unwrap();
    let Some(Command::Replace(replace)) = message.commands.first() else {
        panic!("a Replace");
    };
    let expected = "[one two!two\u{FF4}]";
    assert_eq!(replace.items[0].data, Some(expected.into()));
}

#[test]
fn octets_are_a_value_and_a_document_within_is_not_read() {
    assert_eq!(replaced(b"\xC3\x03abc"), b"abc");
    assert_eq!(replaced(b"\xC3\x04\0\xFF\x01\x02"), b"\0\xFF\x01\x02");
    let nested = b"\xC3\x07\x03\x01\x6A\0\0\x02\x60";
    assert_eq!(replaced(nested), b"\x03\x01\x6A\0\0\x02\x60");
    assert_eq!(replaced(b"\xC3\x00"), b"");
}

#[test]
fn octets_where_text_belongs_must_be_text() {
    let alert = |octets: &[u8]| {
        let before = &b"\x6B\x46\x4B\xC3\x011\x01\x4F\xC3"[..];
        [before, octets, b"\x01\x01\x12\x01\x01"].concat()
    };
    assert!(whole(HEAD, &alert(b"\x041201")).is_ok());
    for octets in [&b"\x021\xFF"[..], b"\x021\0"] {
        let violation = Violation::Value { element: "Data" };
        assert_eq!(problem(&alert(octets)), violation.into());
    }
}

#[test]
fn what_has_no_place_in_these_documents_is_refused() {
    for (token, expected) in [
        (&b"\x8F"[..], Problem::Attribute),
        (b"\xCF", Problem::Attribute),
        (b"\x04", Problem::Token(0x04)),
        (b"\x44\x00", Problem::Token(0x44)),
        (b"\x43", Problem::Token(0x43)),
        (b"\x40", Problem::Token(0x40)),
        (b"\xC0", Problem::Token(0xC0)),
        (b"\x80\x01", Problem::Token(0x80)),
        (b"\x1F", Problem::UnknownElement),
        (b"\x00\x02\x60", Problem::UnknownElement),
        (b"\x00\x07\x05", Problem::UnknownElement),
        (b"\x03\x01\0", Problem::ForbiddenCharacter(1)),
        (b"\x03\xFF\0", Problem::NotUtf8),
        (b"\x02\x00", Problem::ForbiddenCharacter(0)),
        (b"\x02\x83\xB0\x00", Problem::ForbiddenCharacter(0xD800)),
        (b"\x83\x00", Problem::StringTable),
        (b"\x03a\0\xC3\x01a", Problem::Mixed),
        (b"\xC3\x01a\x03a\0", Problem::Mixed),
        (b"\xC3\x01a\xC3\x01a", Problem::Mixed),
        (b"\xC3\x8F\xFF\x7F", Problem::Truncated),
    ] {
        assert_eq!(problem(&replace(token)), expected, "{token:X?}");
    }
    for outside in [
        &b"\x03a\0"[..],
        b"\x83\x00",
        b"\x02\x21",
        b"\xC3\x01a",
        b"\x01",
    ] {
        let head = b"\x03\xA4\x01\x6A\x02a\0";
        let error = parse(&[&head[..], outside].concat()).unwrap_err();
        let expected = (7, Problem::Token(outside[0]));
        assert_eq!((error.at, error.problem), expected);
    }
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let bytes = [HEAD, HEADER, BODY].concat();
    for len in 0..bytes.len() {
        let error = parse(&bytes[..len]).unwrap_err();
        assert_eq!(error.problem, Problem::Truncated, "{len}");
    }
    for more in [&b"\x00"[..], b"\x01", b"\x12", b"\x03a\0"] {
        let error = parse(&[&bytes[..], more].concat()).unwrap_err();
        let expected = (bytes.len(), Problem::TrailingContent);
        assert_eq!((error.at, error.problem), expected);
    }
}

#[test]
fn depth_length_and_number_are_bounded() {
    let deep = [b"\x6B", &b"\x64"[..].repeat(MAX_DEPTH)[..]].concat();
    assert_eq!(problem(&deep), Problem::TooDeep);
    let many = [b"\x6B", &b"\x12"[..].repeat(MAX_ELEMENTS)[..], b"\x01\x01"].concat();
    let limit = MAX_ELEMENTS;
    let what = "elements";
    assert_eq!(problem(&many), Violation::TooMany { what, limit }.into());
    let get = b"\x53\x4B\x031\0\x01\x14\x01";
    let many = [b"\x6B", &get.repeat(MAX_COMMANDS + 1)[..], b"\x01\x01"].concat();
    let limit = MAX_COMMANDS;
    let what = "commands";
    assert_eq!(problem(&many), Violation::TooMany { what, limit }.into());
    let long = vec![b'a'; MAX_MESSAGE_LEN];
    assert_eq!(problem(&long), Problem::TooLong);
}

/// Half a message of string table and half a message of references to it would be gigabytes.
#[test]
fn a_string_table_cannot_make_a_message_longer_than_it_may_be() {
    let half = MAX_MESSAGE_LEN / 4;
    let mut head = b"\x03\xA4\x01\x6A\x90\x80\x01".to_vec();
    head.extend(vec![b'a'; half]);
    head.push(0);
    let error = whole(&head, &replace(&b"\x83\x00".repeat(half))).unwrap_err();
    assert_eq!(error.problem, Problem::TooLong);
    assert!(error.at < half + 1_000);
    // Nor may an end that never comes be looked for again and again.
    let mut head = b"\x03\xA4\x01\x6A\x90\x80\x00".to_vec();
    head.extend(vec![b'a'; half]);
    let error = whole(&head, &replace(&b"\x83\x00".repeat(half))).unwrap_err();
    assert_eq!(error.problem, Problem::StringTable);
}
