//! `cardwarden card` as a program, with the firmware of real cards in a virtual reader of a pcscd
//! of the test's own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test, a panic is the failure; programs are run, and its files need not last"
)]

mod desk;
mod sim;

use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;

use cardwarden_lab_card::{firmware, pcscd, vpcd};
use clap::ValueEnum as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::Value;

use desk::{BOX, Desk, PORT, Run, take_out};

/// Not a test: the card of the others, in a process of its own that they end.
#[test]
#[ignore = "is the card in the reader of the other tests"]
fn the_card() {
    let image = std::env::var_os("CARD_IMAGE").unwrap();
    let profile = std::env::var("CARD_PROFILE").unwrap();
    let model = firmware::Model {
        profile: firmware::Application::from_str(&profile, true).unwrap(),
        extended: false,
    };
    let fault = std::env::var("CARD_FAULT").ok();
    let fault = fault.map(|fault| fault.parse().unwrap());
    vpcd::run(Path::new(&image), model, PORT, fault).unwrap();
}

/// What every kind of card goes through; `authority` opens it for writing.
fn live(desk: &Desk<'_>, profile: &str, identity: &str, authority: &str) {
    let card = desk.insert("image", profile, None);
    let ready = desk.json(&format!("card init{authority}"));
    assert_eq!(ready["profile"], profile);
    assert_eq!(ready["identity"], identity);
    assert!(ready["free"].as_u64().unwrap() > 4000, "{ready}");
    let listed = desk.json("card list");
    assert_eq!(listed[0]["problem"]["code"], "not-ours");
    assert_eq!(desk.run("card verify").status, 5);

    let written = desk.json(&format!(
        "card write --policy office.toml --group laptops --kind laptop --and-group \
         lab:label=lab,priority=5=office.toml --key company.pem --company B --version 3{authority}"
    ));
    assert_eq!(written["card"], ready["card"]);
    assert_eq!(written["groups"][1]["for"]["labels"][0], "lab");

    let listed = desk.json("card list");
    assert_eq!(listed[0]["verified"], false, "nobody trusts it yet");
    assert_eq!(listed[0]["company"], "B");
    let listed = desk.json("card list --trust trust.pem");
    assert_eq!(listed[0]["verified"], true);
    assert_eq!(listed[0]["groups"][0]["name"], "laptops");

    let read = desk.succeed("card read lab --trust trust.pem --out lab.wbxml");
    assert!(read.contains("“lab” for label lab, priority 5"), "{read}");
    desk.succeed("policy check lab.wbxml");
    let verify = |words: &str| {
        let ended = desk.run(&format!("card verify --trust trust.pem --json {words}"));
        let verdict: Value = serde_json::from_str(&ended.said).unwrap();
        assert_eq!(verdict["good"], ended.status == 0, "{verdict}");
        (ended.status, verdict)
    };
    let (status, verdict) = verify("--kind laptop");
    assert_eq!((status, &verdict["chosen"]), (0, &"laptops".into()));
    assert_eq!(verdict["proof"], identity);
    let (status, verdict) = verify("--kind laptop --label lab");
    assert_eq!((status, &verdict["chosen"]), (0, &"lab".into()));
    assert_eq!(verify("--kind handset").0, 5);
    assert_eq!(desk.run("card verify --kind laptop").status, 5);

    let refused = desk.run(&format!("card erase{authority}"));
    assert!(refused.noted.contains("--yes"), "{refused:?}");
    desk.succeed(&format!("card erase --yes{authority}"));
    assert_eq!(desk.json("card list")[0]["problem"]["code"], "not-ours");
    take_out(card);
}

#[test]
fn a_piv_card_is_made_ready_written_read_verified_and_erased() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        live(&desk, "piv", "own-key", "");
        let nobody = desk.run("card read");
        assert!(nobody.noted.contains("there is no card"), "{nobody:?}");
    })
    .unwrap();
}

#[test]
fn an_openpgp_card_is_made_ready_written_read_verified_and_erased() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        live(&desk, "openpgp", "copyable", " --admin-pin-file admin.pin");
    })
    .unwrap();
}

#[test]
fn a_card_with_an_empty_file_system_becomes_one_of_pkcs15_and_does_the_same() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        live(&desk, "pkcs15", "copyable", "");
    })
    .unwrap();
}

#[test]
fn a_card_opens_with_its_key_only_and_says_in_words_why_not() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        let card = desk.insert("image", "piv", None);
        std::fs::write(desk.path("wrong.key"), "11".repeat(24)).unwrap();
        let refused = desk.run("card init --management-key @wrong.key");
        assert_eq!(refused.status, 5);
        for word in ["PIV card", pcscd::READER, "management key"] {
            assert!(refused.noted.contains(word), "{refused:?}");
        }
        take_out(card);
        let card = desk.insert("image", "piv", Some("garbage"));
        let broken = desk.run("card read");
        assert_eq!(broken.status, 1);
        assert!(broken.noted.contains(pcscd::READER), "{broken:?}");
        take_out(card);
    })
    .unwrap();
}

#[test]
fn a_group_behind_the_pin_is_given_for_the_pin_alone() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        let card = desk.insert("image", "piv", None);
        desk.succeed(
            "card write --policy office.toml --and-group lab:pin=office.toml --key company.pem \
             --company B --version 1 --pin-file pin",
        );
        let read = desk.succeed("card read --trust trust.pem");
        assert!(
            read.contains("locked: `cardwarden card read lab`"),
            "{read}"
        );
        let refused = desk.run("card read lab --trust trust.pem");
        assert!(refused.noted.contains("--pin-file"), "{refused:?}");
        desk.succeed("card read lab --trust trust.pem --pin-file pin");
        std::fs::write(desk.path("wrong"), "654321").unwrap();
        let wrong = desk.run("card read lab --trust trust.pem --pin-file wrong");
        assert_eq!(wrong.status, 5);
        assert!(wrong.noted.contains("2 tries are left"), "{wrong:?}");
        take_out(card);
    })
    .unwrap();
}

/// Makes an authority for certificates of cards.
fn certificate_authority(desk: &Desk<'_>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(desk.path("ca.key"), key.serialize_pem()).unwrap();
    std::fs::write(desk.path("ca.pem"), certificate.pem()).unwrap();
}

#[test]
fn an_employees_card_is_issued_once_with_a_certificate_and_a_record() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        certificate_authority(&desk);
        std::fs::create_dir(desk.path("records")).unwrap();
        let card = desk.insert("image", "piv", None);
        let issue = "card issue --template cards.toml --key company.pem --name Ada --id 17 \
                     --set laptop=PF1 --set labels= --records records --ca-key ca.key \
                     --ca-cert ca.pem";
        let record = desk.json(issue);
        assert_eq!(record["certificate"]["on-card"], true, "{record}");
        assert_eq!(record["groups"][0]["for"]["serials"][0], "PF1");
        let verified = Command::new("openssl")
            .args(["verify", "-CAfile", "ca.pem", "records/17.pem"])
            .current_dir(folder)
            .output()
            .expect("openssl is needed");
        assert!(verified.status.success(), "{verified:?}");
        let paper = std::fs::read_to_string(desk.path("records/17.md")).unwrap();
        assert!(paper.starts_with("# Card of Ada\n"), "{paper}");

        let again = desk.run(issue);
        assert_eq!(again.status, 5);
        assert!(again.noted.contains("--again"), "{again:?}");
        let again = desk.json(&format!("{issue} --again"));
        assert_eq!(
            again["certificate"]["on-card"], false,
            "its place was taken"
        );
        assert_eq!(again["card"], record["card"]);
        take_out(card);
    })
    .unwrap();
}

fn lines_of(path: &Path, event: &str) -> usize {
    let journal = std::fs::read_to_string(path).unwrap_or_default();
    let event = format!("{{\"event\":\"{event}\"");
    journal
        .lines()
        .filter(|line| line.starts_with(&event))
        .count()
}

#[test]
fn a_box_goes_on_after_cards_that_were_pulled_out_and_gives_no_card_to_two_people() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        let journal = desk.path("staff.csv.journal");
        let run = Run::begin(&desk);
        run.told("[1/2] Ada Lovelace (17): put the next card in");
        for fault in ["drop-after:2", "drop-after:12", "drop-after:30"] {
            let card = desk.put_until("first", "piv", Some(fault), |soon| {
                run.told_within(soon, "put ").is_ok()
            });
            take_out(card);
        }
        // Half written, no other card will do for her.
        assert!(lines_of(&journal, "begun") > 0 && lines_of(&journal, "done") == 0);
        let other = desk.insert("second", "piv", None);
        let told = run.told("--lost 17");
        assert!(told.contains("another card"), "{told}");
        take_out(other);
        let card = desk.insert("first", "piv", None);
        run.told("[1/2] Ada Lovelace (17): issued");
        take_out(card);
        // Her card is not for him.
        let card = desk.insert("first", "piv", None);
        run.told("issued to Ada Lovelace (17) already");
        take_out(card);
        let card = desk.insert("second", "piv", None);
        run.told("[2/2] Alan Turing (18): issued");
        let issued = run.end();
        assert_eq!(issued["issued_now"], 2);
        assert_ne!(issued["issued"][0]["card"], issued["issued"][1]["card"]);
        let group = &issued["issued"][0]["groups"][1]["for"]["labels"];
        assert_eq!(group, &serde_json::json!(["field", "lab"]));
        take_out(card);
        assert_eq!(desk.json(BOX)["issued_now"], 0, "nothing is left to do");
    })
    .unwrap();
}

/// Runs until the journal has so many lines more, and kills the run at once.
fn grow_and_kill(desk: &Desk<'_>, journal: &Path, lines: usize) {
    let count = || {
        let text = std::fs::read_to_string(journal).unwrap_or_default();
        text.matches('\n').count()
    };
    let goal = count() + lines;
    let watch = Inotify::init(InitFlags::empty()).unwrap();
    watch
        .add_watch(
            desk.folder,
            AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE,
        )
        .unwrap();
    let run = Run::begin(desk);
    while count() < goal {
        let mut events = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(pcscd::PATIENCE).unwrap();
        assert_eq!(
            poll(&mut events, patience),
            Ok(1),
            "the journal does not grow"
        );
        watch.read_events().unwrap();
    }
    run.kill();
}

#[test]
fn a_run_that_is_killed_at_any_line_of_its_journal_goes_on_where_it_stood() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        let journal = desk.path("staff.csv.journal");
        let mut card = desk.insert("first", "piv", None);
        let mut is_first = true;
        // Killed when so many lines came: opened; begun; begun and done; the same for the next.
        for lines in [1, 1, 2, 1, 2] {
            grow_and_kill(&desk, &journal, lines);
            if is_first && lines_of(&journal, "done") == 1 {
                take_out(card);
                card = desk.insert("second", "piv", None);
                is_first = false;
            }
        }
        let issued = desk.json(BOX);
        assert_eq!(issued["people"], 2);
        assert_ne!(issued["issued"][0]["card"], issued["issued"][1]["card"]);
        assert_eq!(lines_of(&journal, "done"), 2, "each once");
        let verdict = desk.json("card verify --trust trust.pem --serial PF2");
        assert_eq!(verdict["chosen"], "own laptop of Alan Turing");
        take_out(card);
    })
    .unwrap();
}
