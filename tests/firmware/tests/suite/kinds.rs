//! The agent's reader thread with cards of every kind: how well each is known, what is behind a PIN,
//! strangers and releases.

use cardwarden_card::{Pin, SignedRelease};
use cardwarden_lab_card::firmware::Application;
use cardwarden_policy::{Authenticity, SigningKey};

use crate::card::{CardEvent, Order};
use crate::lab::{self, READER};
use crate::reader::Thread;

#[test]
fn a_card_of_every_kind_is_read_and_says_how_well_it_is_known() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let mut thread = Thread::start(&lab::company());
        thread.service(true);
        for (index, model) in lab::MODELS.into_iter().enumerate() {
            let image = folder.join(index.to_string());
            lab::write(&image, model, 7, 0);
            let card = lab::insert_model(&image, model, None);
            let reading = thread.reading();
            assert_eq!(reading.mandate.version, 7);
            let expected = match model.profile {
                Application::Piv => Authenticity::OwnKey,
                Application::Openpgp => Authenticity::Copyable,
            };
            assert_eq!(reading.authenticity, expected);
            println!("{model:?}: {} APDUs, {:?}", reading.apdus, reading.read);
            drop(card);
            thread.removed();
        }
    });
}

#[test]
fn a_group_behind_the_pin_is_taken_after_the_right_one_and_a_wrong_one_is_counted_once() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let mut thread = Thread::start(&lab::company());
        thread.service(true);
        for (name, model) in [("piv", lab::PIV), ("openpgp", lab::OPENPGP)] {
            let image = folder.join(name);
            let mut content = lab::content(7, 0);
            content.groups[0].pin = true;
            lab::fill(&image, model, &content);
            let card = lab::insert_model(&image, model, None);
            let wanted = thread.pin_wanted();
            assert_eq!((wanted.tries, wanted.wrong), (Some(3), false), "{name}");
            assert_eq!(wanted.group, "laptops");
            let order = |insertion, digits: &[u8]| Order::Pin {
                reader: READER.to_owned(),
                insertion,
                pin: Pin::new(digits.to_vec()).unwrap(),
            };
            // One for another card is given to none.
            thread.reader.order(order(wanted.insertion + 1, b"654321"));
            thread.reader.order(order(wanted.insertion, b"654321"));
            let wanted = thread.pin_wanted();
            assert_eq!((wanted.tries, wanted.wrong), (Some(2), true), "{name}");
            thread.reader.order(order(wanted.insertion, b"123456"));
            assert_eq!(thread.reading().mandate.version, 7);
            drop(card);
            thread.removed();
        }
    });
}

#[test]
fn a_stranger_s_card_is_read_as_a_stranger_s() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let other = SigningKey::p256_from_seed(&[9; 32]).unwrap();
        let mut thread = Thread::start(&other);
        thread.service(true);
        let image = folder.join("image");
        lab::write(&image, lab::OPENPGP, 7, 0);
        let _card = lab::insert_model(&image, lab::OPENPGP, None);
        let stranger = thread.reading().stranger.expect("nobody trusts this key");
        assert_eq!(stranger, lab::company().anchor().unwrap().spki());
    });
}

#[test]
fn a_release_for_this_device_is_brought_as_it_was_signed() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let mut thread = Thread::start(&lab::company());
        thread.service(true);
        for (name, model) in [("piv", lab::PIV), ("openpgp", lab::OPENPGP)] {
            let mut content = lab::content(7, 0);
            content.releases.push(SignedRelease {
                device: lab::laptop().device,
                statement: b"signed".to_vec(),
            });
            let image = folder.join(name);
            lab::fill(&image, model, &content);
            let card = lab::insert_model(&image, model, None);
            let event = thread.next_news();
            let seen = format!("{event:?}");
            let CardEvent::Release {
                reader,
                directory,
                statement,
            } = event
            else {
                panic!("{seen}")
            };
            assert_eq!((reader.as_str(), directory.version), (READER, 7));
            assert_eq!(statement, b"signed");
            drop(card);
            thread.removed();
        }
    });
}
