//! The card crate with a real pcscd, and other programs' view of what it does.

use std::process::Command;
use std::time::{Duration, Instant};

use cardwarden_card::{Connection, READING_TIME, Readers, open};
use pcsc::State;

use crate::lab;

#[test]
fn what_is_written_over_pcscd_reads_back_and_piv_tool_sees_the_same() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let _card = lab::insert(&folder.join("image"), None);
        lab::wait_for(State::PRESENT, true);
        let readers = Readers::open().unwrap();
        let mut connection = readers.connect(None).unwrap();
        let began = Instant::now();
        let receipt = lab::issue_over(connection.transaction().unwrap(), lab::PIV, 1, 2).unwrap();
        println!(
            "issued in {} APDUs, {:?}",
            receipt.exchanges,
            began.elapsed()
        );
        let began = Instant::now();
        let selected = lab::read_over(connection.transaction().unwrap()).unwrap();
        println!("read in {:?}", began.elapsed());
        assert_eq!(*selected.verified, receipt.manifest);
        drop(connection);
        assert!(piv_tool_reads_manifest().ends_with(&selected.manifest));
    });
}

/// What `piv-tool` reads from the manifest's object.
fn piv_tool_reads_manifest() -> Vec<u8> {
    let output = Command::new("piv-tool")
        .args(["--reader", lab::READER])
        .args([
            "--send-apdu",
            "00:A4:04:00:0B:A0:00:00:03:08:00:00:10:00:01:00:00",
        ])
        .args(["--send-apdu", "00:CB:3F:FF:05:5C:03:5F:C1:20:00"])
        .output()
        .expect("piv-tool (opensc) is needed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_before, answer) = text.rsplit_once("Received").unwrap();
    // Each line holds up to 16 bytes in hexadecimal, then the same as characters.
    answer
        .lines()
        .skip(1)
        .flat_map(|line| line.get(..line.len().min(47)).unwrap().split(' '))
        .map_while(|digits| u8::from_str_radix(digits, 16).ok())
        .collect()
}

#[test]
fn dropping_a_connection_leaves_other_programs_sessions_alone() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let _card = lab::insert(&folder.join("image"), None);
        lab::wait_for(State::PRESENT, true);
        let readers = Readers::open().unwrap();
        let mut theirs = readers.connect(Some(lab::READER)).unwrap();
        let mut ours = readers.connect(Some(lab::READER)).unwrap();
        assert_eq!(theirs.reader(), lab::READER);
        drop(open(ours.transaction().unwrap(), READING_TIME).unwrap());
        drop(ours);
        let mut profile = open(theirs.transaction().unwrap(), READING_TIME).unwrap();
        assert_eq!(profile.read_manifest().unwrap_err().code(), "not-ours");
    });
}

#[test]
fn readers_are_listed_with_what_is_in_them() {
    lab::isolated(|folder| {
        assert_eq!(Readers::open().map(drop).unwrap_err().code(), "no-service");
        let _pcscd = lab::pcscd();
        let readers = Readers::open().unwrap();
        let names = |readers: &Readers| -> Vec<_> {
            let slots = readers.list().unwrap();
            slots
                .into_iter()
                .map(|slot| (slot.name, slot.presence.name()))
                .collect()
        };
        assert!(names(&readers).contains(&(lab::READER.to_owned(), "empty")));
        assert_eq!(
            readers.connect(None).map(drop).unwrap_err().code(),
            "no-card"
        );
        assert_eq!(
            readers.connect(Some("none")).map(drop).unwrap_err().code(),
            "no-reader"
        );
        let _card = lab::insert(&folder.join("image"), None);
        lab::wait_for(State::PRESENT, true);
        assert!(names(&readers).contains(&(lab::READER.to_owned(), "card")));
    });
}

#[test]
fn a_card_that_misbehaves_is_told_by_a_word() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        for (fault, code) in [("drop-after:1", "removed"), ("endless-61xx", "card-fault")] {
            let card = lab::insert(&folder.join("image"), Some(fault));
            lab::wait_for(State::PRESENT, true);
            let readers = Readers::open().unwrap();
            let mut connection = readers.connect(None).unwrap();
            let error = lab::read_over(connection.transaction().unwrap()).unwrap_err();
            assert_eq!(error.code(), code, "{fault}");
            drop(connection);
            drop(card);
            lab::wait_for(State::EMPTY, true);
        }
    });
}

#[test]
fn a_card_of_every_kind_is_met_again_after_a_reset_a_kill_and_a_restart_of_pcscd() {
    lab::isolated(|folder| {
        let mut pcscd = lab::pcscd();
        for (name, model) in [("piv", lab::PIV), ("openpgp", lab::OPENPGP)] {
            let image = folder.join(name);
            lab::write(&image, model, 7, 0);
            let card = lab::insert_model(&image, model, None);
            lab::wait_for(State::PRESENT, true);
            let read = |connection: &mut Connection| {
                let transaction = connection.transaction().map_err(|error| error.code())?;
                lab::read_over(transaction)
                    .map(|selected| selected.mandate.version)
                    .map_err(|error| error.code())
            };
            let connect = || Readers::open().unwrap().connect(Some(lab::READER)).unwrap();
            let mut ours = connect();
            assert_eq!(read(&mut ours), Ok(7));
            let context = pcsc::Context::establish(pcsc::Scope::System).unwrap();
            let reader = std::ffi::CString::new(lab::READER).unwrap();
            let theirs = context
                .connect(&reader, pcsc::ShareMode::Shared, pcsc::Protocols::ANY)
                .unwrap();
            let done = theirs.disconnect(pcsc::Disposition::ResetCard);
            assert!(done.is_ok());
            assert_eq!(read(&mut ours), Err("reset"));
            drop(ours);
            let mut ours = connect();
            assert_eq!(read(&mut ours), Ok(7));
            // The card's side is killed: that is how vpcd learns of a removal.
            drop(card);
            lab::wait_for(State::EMPTY, true);
            assert_eq!(read(&mut ours), Err("removed"));
            drop(ours);
            let card = lab::insert_model(&image, model, None);
            lab::wait_for(State::PRESENT, true);
            let mut ours = connect();
            assert_eq!(read(&mut ours), Ok(7));
            drop(pcscd);
            drop(card);
            assert_eq!(read(&mut ours), Err("no-service"));
            drop(ours);
            pcscd = lab::pcscd();
        }
    });
}

/// How many sockets this process has.
fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn a_connection_that_was_prepared_before_pcscd_came_or_came_anew_meets_the_card() {
    lab::isolated(|folder| {
        let image = folder.join("image");
        lab::write(&image, lab::PIV, 7, 0);
        let reader = std::ffi::CString::new(lab::READER).unwrap();
        let mut ready = Connection::prepare().unwrap();
        for _ in 0..3 {
            let pcscd = lab::pcscd();
            let card = lab::insert(&image, None);
            lab::wait_for(State::PRESENT, true);
            let mut connection = ready.open(&reader).unwrap();
            let selected = lab::read_over(connection.transaction().unwrap()).unwrap();
            assert_eq!(selected.mandate.version, 7);
            drop(connection);
            // This one is there, with a context, when its pcscd goes.
            let before = sockets();
            ready = Connection::prepare().unwrap();
            let end = Instant::now() + Duration::from_secs(10);
            while sockets() <= before {
                assert!(Instant::now() < end, "nothing was prepared");
                std::thread::yield_now();
            }
            drop((card, pcscd));
        }
    });
}
