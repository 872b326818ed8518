//! Cards and readers that fail at every moment that there is, without a reader: at each APDU of a
//! reading and of a writing, in every way. What a card shows afterwards is what it showed before,
//! or the new, or nothing; and nothing panics, hangs or asks without end.

use std::path::Path;

use cardwarden_card::reader::Error;
use cardwarden_card::{Lengths, Transport};
use cardwarden_lab_card::firmware::{Application, Model, power};

use crate::lab::{self, MODELS, read, write};

/// More APDUs than any honest conversation of these tests has.
const MANY: u32 = 2000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// The card is pulled out before the command.
    Removed,
    /// The card is pulled out between the command and its answer.
    RemovedAfter,
    /// Another program resets the card, which forgets who it spoke to.
    Reset,
    /// pcscd is stopped.
    NoService,
    /// From then on there is always more to come.
    Endless,
    /// From then on there is always more to come, and nothing comes.
    EndlessNothing,
    /// From then on, the expected length is never right.
    NeverRight,
    /// One answer has no byte.
    Silent,
    /// One answer is a status word alone, of success.
    Empty,
    /// One answer is cut short, but says that it is whole.
    Short,
    /// One answer is longer than it may be.
    Long,
    /// One answer has every length in it turned into a lie.
    Lying,
}

/// Those after which no honest conversation is possible.
const ENDS: [Fault; 4] = [
    Fault::Removed,
    Fault::RemovedAfter,
    Fault::Reset,
    Fault::NoService,
];
/// Those in which the card lies.
const LIES: [Fault; 8] = [
    Fault::Endless,
    Fault::EndlessNothing,
    Fault::NeverRight,
    Fault::Silent,
    Fault::Empty,
    Fault::Short,
    Fault::Long,
    Fault::Lying,
];

/// A way to a card on which something goes wrong at one APDU.
struct Faulty<'a> {
    card: &'a mut dyn Transport,
    fault: Fault,
    /// The APDU, from 0.
    at: u32,
    sent: u32,
}

impl<'a> Faulty<'a> {
    fn new(card: &'a mut dyn Transport, fault: Fault, at: u32) -> Self {
        Self {
            card,
            fault,
            at,
            sent: 0,
        }
    }

    /// The answer to the one APDU, or to one after it.
    fn answer(&mut self, command: &[u8], is_first: bool) -> Result<Vec<u8>, Error> {
        let reader = "test".to_owned();
        match self.fault {
            Fault::Removed => return Err(Error::Removed { reader }),
            Fault::Reset => return Err(Error::Reset { reader }),
            Fault::NoService => return Err(Error::NoService(pcsc::Error::NoService)),
            Fault::RemovedAfter if !is_first => return Err(Error::Removed { reader }),
            Fault::RemovedAfter => {
                self.card.transmit(command)?;
                return Err(Error::Removed { reader });
            }
            Fault::Endless => return Ok([[0x53; 0x10].as_slice(), &[0x61, 0x10]].concat()),
            Fault::EndlessNothing => return Ok(vec![0x61, 0x00]),
            Fault::NeverRight => return Ok(vec![0x6C, 0x10]),
            Fault::Silent | Fault::Empty | Fault::Short | Fault::Long | Fault::Lying => {}
        }
        let mut answer = self.card.transmit(command)?;
        if !is_first {
            return Ok(answer);
        }
        match self.fault {
            Fault::Silent => answer.clear(),
            Fault::Empty => answer = vec![0x90, 0x00],
            Fault::Short => answer = [&answer[..answer.len() / 2], &[0x90, 0x00]].concat(),
            Fault::Long => answer = [&[0x53; 5000], answer.as_slice()].concat(),
            Fault::Lying => {
                let status = answer.len() - 2;
                for byte in &mut answer[..status.min(16)] {
                    *byte ^= 0x7F;
                }
            }
            Fault::Removed
            | Fault::RemovedAfter
            | Fault::Reset
            | Fault::NoService
            | Fault::Endless
            | Fault::EndlessNothing
            | Fault::NeverRight => {}
        }
        Ok(answer)
    }
}

impl Transport for Faulty<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let now = self.sent;
        self.sent += 1;
        assert!(now < MANY, "{:?} at {}: no end", self.fault, self.at);
        match now.checked_sub(self.at) {
            None => self.card.transmit(command),
            Some(after) => self.answer(command, after == 0),
        }
    }

    fn lengths(&self) -> Lengths {
        self.card.lengths()
    }
}

/// How many APDUs a reading has.
fn reading(image: &Path, model: Model) -> u32 {
    power(image, model, |card| {
        let mut whole = Faulty::new(card, Fault::Removed, u32::MAX);
        lab::read_over(&mut whole).unwrap();
        whole.sent
    })
    .unwrap()
}

#[test]
fn reading_survives_every_fault_at_every_apdu_and_takes_nothing_else_than_what_is_there() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        write(&image, model, 7, 0);
        let count = reading(&image, model);
        assert!(count < 30, "{count}");
        for fault in ENDS.into_iter().chain(LIES) {
            for at in 0..count {
                let found = power(&image, model, |card| {
                    lab::read_over(Faulty::new(card, fault, at))
                })
                .unwrap();
                match found {
                    Ok(selected) => assert_eq!(selected.mandate.version, 7),
                    Err(_refused) => {}
                }
                if ENDS.contains(&fault) {
                    let again = power(&image, model, |card| {
                        lab::read_over(Faulty::new(card, fault, at)).map(drop)
                    });
                    let code = again.unwrap().unwrap_err().code();
                    assert!(["removed", "reset", "no-service"].contains(&code), "{code}");
                }
            }
        }
        assert_eq!(read(&image, model).unwrap().mandate.version, 7);
    }
}

/// What a card shows after a writing of version 2 over `old` failed at one APDU: 0 for nothing.
fn after(old: &Path, new: &Path, model: Model, others: usize, fault: (Fault, u32)) -> u64 {
    std::fs::copy(old, new).unwrap();
    let (fault, at) = fault;
    let written = power(new, model, |card| {
        lab::issue_over(Faulty::new(card, fault, at), model, 2, others).is_ok()
    })
    .unwrap();
    let shown = match read(new, model) {
        Ok(selected) => selected.mandate.version,
        Err(error) => {
            assert_eq!(error.code(), "not-ours", "{fault:?} at {at}: {error:?}");
            0
        }
    };
    assert!(!written || shown == 2, "{fault:?} at {at}");
    shown
}

/// How many APDUs the writing of version 2 over `old` has.
fn writing(old: &Path, new: &Path, model: Model, others: usize) -> u32 {
    std::fs::copy(old, new).unwrap();
    power(new, model, |card| {
        let mut whole = Faulty::new(card, Fault::Removed, u32::MAX);
        lab::issue_over(&mut whole, model, 2, others).unwrap();
        whole.sent
    })
    .unwrap()
}

#[test]
fn a_card_that_is_pulled_out_of_a_writing_shows_the_old_or_the_new_and_nothing_else() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let others = match model.profile {
            Application::Piv => 2,
            // Two of three certificates: one for each version.
            Application::Openpgp => 0,
        };
        write(&old, model, 1, others);
        let count = writing(&old, &new, model, others);
        // A reset and a stopped service end a writing as a removal does.
        for fault in [Fault::Removed, Fault::RemovedAfter] {
            let shown: Vec<u64> = (0..=count)
                .map(|at| after(&old, &new, model, others, (fault, at)))
                .collect();
            assert!(
                shown.is_sorted() && shown[0] == 1 && shown.last() == Some(&2),
                "{model:?} {fault:?}: {shown:?}"
            );
            assert!(!shown.contains(&0));
        }
    }
}

#[test]
fn a_card_without_room_for_both_shows_the_old_or_nothing_or_the_new() {
    let (model, others) = (lab::OPENPGP, 2);
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    write(&old, model, 1, others);
    let count = writing(&old, &new, model, others);
    for fault in [Fault::Removed, Fault::RemovedAfter] {
        let mut shown: Vec<u64> = (0..=count)
            .map(|at| after(&old, &new, model, others, (fault, at)))
            .collect();
        shown.dedup();
        assert_eq!(shown, [1, 0, 2], "{fault:?}");
    }
}

#[test]
fn a_fresh_card_that_is_pulled_out_half_way_is_empty_or_whole_and_can_be_issued_again() {
    for model in [lab::PIV, lab::OPENPGP] {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        power(&old, model, |_fresh| {}).unwrap();
        let count = writing(&old, &new, model, 0);
        for at in 0..=count {
            let shown = after(&old, &new, model, 0, (Fault::Removed, at));
            assert!([0, 2].contains(&shown));
            write(&new, model, 3, 0);
            assert_eq!(read(&new, model).unwrap().mandate.version, 3);
        }
    }
}

#[test]
fn a_writing_to_a_card_that_lies_ends_and_what_was_said_to_be_written_is_there() {
    for model in [lab::PIV, lab::OPENPGP] {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        write(&old, model, 1, 0);
        let count = writing(&old, &new, model, 0);
        // Without those that end the conversation at once, which are like a removal.
        for fault in [Fault::Empty, Fault::Short, Fault::Lying] {
            for at in 0..=count {
                std::fs::copy(&old, &new).unwrap();
                let written = power(&new, model, |card| {
                    lab::issue_over(Faulty::new(card, fault, at), model, 2, 0).is_ok()
                });
                let shown = read(&new, model).map(|selected| selected.mandate.version);
                let is_there = shown.as_ref().is_ok_and(|version| *version == 2);
                assert!(
                    !written.unwrap() || is_there,
                    "{model:?} {fault:?} at {at}: {shown:?}"
                );
                assert!(shown.unwrap_or(0) <= 2);
            }
        }
    }
}
