//! Laws of reading and writing.

use proptest::prelude::*;

use super::*;

fn path() -> impl Strategy<Value = Path> {
    let file = prop::collection::vec(any::<[u8; 2]>(), 1..=8);
    (file, prop::option::of((any::<u32>(), any::<u32>()))).prop_map(|(file, part)| Path {
        file: file.concat(),
        index: part.map_or(0, |(index, _)| index),
        length: part.map(|(_, length)| length),
    })
}

fn data_object() -> impl Strategy<Value = DataObject> {
    let oid = prop::option::of(prop::collection::vec(any::<u8>(), 1..10));
    (".{0,40}", ".{0,20}", oid, path(), any::<bool>()).prop_map(
        |(label, application, oid, path, is_private)| DataObject {
            label,
            application,
            oid,
            path,
            is_private,
        },
    )
}

fn padding() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0x00_u8, 0xFF]), 0..5)
}

proptest! {
    #[test]
    fn objects_are_read_as_they_were_written_whatever_pads_them(
        objects in prop::collection::vec((padding(), data_object()), 0..8), end in padding(),
    ) {
        let mut file = Vec::new();
        for (padding, object) in &objects {
            file.extend(padding);
            file.extend(object.write());
        }
        let used = if objects.is_empty() { 0 } else { file.len() };
        file.extend(&end);
        let written: Vec<DataObject> = objects.into_iter().map(|(_, object)| object).collect();
        prop_assert_eq!(read_dodf(&file), written);
        prop_assert_eq!(super::end(&file), Some(used));
    }

    #[test]
    fn directories_are_found_where_they_lie(
        before in padding(), first in path(), between in padding(), second in path(),
    ) {
        let [one, two] = [&first, &second].map(write_odf);
        let file = [&before[..], &one, &between, &two].concat();
        let found = read_odf(&file);
        prop_assert_eq!(found.len(), 2);
        prop_assert_eq!(&file[found[0].begin..found[0].end], one);
        prop_assert_eq!(&file[found[1].begin..found[1].end], two);
        prop_assert_eq!((&found[0].path, &found[1].path), (&first, &second));
    }

    #[test]
    fn a_token_and_an_application_are_read_as_they_were_written(
        serial in prop::collection::vec(any::<u8>(), 1..=64), text in ".{0,30}",
        path in prop::option::of(prop::collection::vec(any::<[u8; 2]>(), 1..=8)),
    ) {
        let token = Token { serial, manufacturer: text.clone() };
        prop_assert_eq!(read_token(&write_token(&token)), Some(token));
        let application = Application {
            aid: AID.to_vec(),
            label: text,
            path: path.map(|file| Path { file: file.concat(), ..Path::default() }),
        };
        prop_assert_eq!(
            read_applications(&write_application(&application)),
            [application]
        );
    }

    #[test]
    fn whatever_a_file_holds_is_read_within_it(
        file in prop::collection::vec(any::<u8>(), 0..600)
    ) {
        for directory in read_odf(&file).into_iter().chain(read_pin_files(&file)) {
            prop_assert!(directory.begin < directory.end && directory.end <= file.len());
        }
        prop_assert!(read_dodf(&file).len() <= file.len());
        prop_assert!(read_aodf(&file).len() <= file.len());
        prop_assert!(read_applications(&file).len() <= file.len());
        prop_assert!(read_token(&file).is_none_or(|token| token.serial.len() <= 64));
        prop_assert!(end(&file).is_none_or(|end| end <= file.len()));
    }

    #[test]
    fn a_file_that_was_changed_anywhere_is_still_read(
        objects in prop::collection::vec(data_object(), 1..4), at: prop::sample::Index, value: u8,
    ) {
        let mut file: Vec<u8> = objects.iter().flat_map(DataObject::write).collect();
        let at = at.index(file.len());
        file[at] = value;
        for object in read_dodf(&file) {
            prop_assert!(object.path.file.len() <= 16);
        }
    }
}

#[test]
fn lengths_that_are_longer_than_they_need_to_be_are_read() {
    let entry = [0xA7, 0x82, 0, 7, 0x30, 0x81, 4, 0x04, 2, 0x44, 1];
    let found = read_odf(&entry);
    assert_eq!((found[0].path.fid(), found[0].end), (Some(0x4401), 11));
}

#[test]
fn a_pin_is_read_as_pkcs15_init_writes_it() {
    // label "PIN", private and modifiable, authId 1; case-sensitive, local, initialized,
    // needs-padding; ascii-numeric, 4 to 8 characters, stored in 8, reference 1, padded with 0.
    let aodf = [
        0x30, 0x2F, 0x30, 0x0C, 0x0C, 0x03, b'P', b'I', b'N', 0x03, 0x02, 0x06, 0xC0, 0x04, 0x01,
        0x01, 0x30, 0x03, 0x04, 0x01, 0x01, 0xA1, 0x1A, 0x30, 0x18, 0x03, 0x02, 0x02, 0xCC, 0x0A,
        0x01, 0x01, 0x02, 0x01, 0x04, 0x02, 0x01, 0x08, 0x02, 0x01, 0x08, 0x80, 0x01, 0x01, 0x04,
        0x01, 0x00, 0x30, 0x00, 0x00,
    ];
    let expected = PinObject {
        reference: 1,
        least: 4,
        stored: 8,
        pad: Some(0),
        is_officers: false,
    };
    assert_eq!(read_aodf(&aodf), [expected]);
}

#[test]
fn a_list_of_nothing_has_an_end() {
    let many = [0x04, 0x00].repeat(20_000);
    assert!(read_odf(&many).is_empty());
    assert_eq!(end(&many), None);
}
