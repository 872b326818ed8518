//! The agent's end against the real server, over real TLS.

mod asked;
mod several;

use std::net::TcpListener as Reservation;
use std::path::Path;
use std::time::Duration;

use cardwarden_policy::outcome::{Event, Outcome};
use cardwarden_server::{KeptOutcome, Server, Settings, Store};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::identity::Identity;
use support::Company;

#[expect(dead_code, reason = "the server's tests use the rest")]
#[expect(clippy::disallowed_methods, reason = "tests write plain files")]
#[path = "../../../../server/tests/support/mod.rs"]
mod support;

/// A company, its server's place, and a device's state.
struct World {
    company: Company,
    folder: TempDir,
    port: u16,
    identity: Identity,
}

/// A server that runs.
struct Up {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The agent's end, running on this thread's runtime.
struct Agent {
    links: watch::Sender<Vec<Arc<Link>>>,
    nudge: Arc<Nudge>,
    requests: mpsc::Receiver<Request>,
    status: watch::Receiver<ServerStatus>,
    task: tokio::task::JoinHandle<()>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let port = Reservation::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let identity = Identity::load_or_make(&folder.path().join("state")).unwrap();
        let world = Self {
            company: Company::new("B Company", 11),
            folder,
            port,
            identity,
        };
        // Makes the authority, which the card names.
        drop(world.up());
        world
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the server; it serves when this returns.
    fn up(&self) -> Up {
        let settings = Settings {
            data: self.data(),
            companies: vec![self.company.public_key(self.folder.path())],
            names: vec!["localhost".into()],
        };
        let (port, (stop, stopped)) = (self.port, oneshot::channel::<()>());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let server = Server::open(&settings).await.unwrap();
                let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
                    .await
                    .unwrap();
                ready.send(()).unwrap();
                server.serve(listener, async { drop(stopped.await) }).await;
            });
        });
        is_ready.recv().unwrap();
        Up {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn link(&self) -> Arc<Link> {
        let endorsement = Endorsement {
            device: self.identity.device.clone(),
            association: self.identity.association,
            device_key: self.identity.spki.clone(),
            nonce: vec![5; 16],
        };
        Arc::new(Link {
            account: Account {
                server_url: format!("https://localhost:{}", self.port),
                server_id: "b-company".into(),
                ca: CertificateDer::from_pem_file(self.data().join("ca.pem"))
                    .unwrap()
                    .to_vec(),
            },
            device: self.identity.device.clone(),
            association: self.identity.association,
            device_key: self.identity.key.clone(),
            manifest: self.company.manifest(3),
            proof: self.company.endorse(&endorsement),
            endorsement,
        })
    }

    fn queue(&self) -> Arc<Queue> {
        Arc::new(Queue::open(&self.state()).unwrap())
    }

    fn append(&self, queue: &Queue) -> Outcome {
        let event = Event::Associated {
            company: "B Company".into(),
            version: 3,
            group: "phones".into(),
        };
        queue
            .append(self.identity.association, Timestamp::UNIX_EPOCH, event)
            .unwrap()
    }

    fn agent(&self, queue: &Arc<Queue>, link: Option<Arc<Link>>) -> Agent {
        self.agent_of(queue, link.into_iter().collect())
    }

    fn agent_of(&self, queue: &Arc<Queue>, links: Vec<Arc<Link>>) -> Agent {
        let (links, linked) = watch::channel(links);
        let (status, published) = watch::channel(ServerStatus::default());
        let (request, requests) = mpsc::channel(4);
        let nudge = Arc::new(Nudge::default());
        let ends = Ends {
            links: linked,
            nudge: Arc::clone(&nudge),
            requests: request,
            status,
        };
        Agent {
            links,
            nudge,
            requests,
            status: published,
            task: tokio::spawn(run(self.state(), Arc::clone(queue), ends)),
        }
    }

    fn record(&self) -> PathBuf {
        let name = format!("{}.json", self.identity.association);
        self.state().join("server").join(name)
    }

    /// What the server has kept, by ids.
    async fn kept(&self) -> Vec<String> {
        let store = Store::open(&self.data().join("cardwarden.db"))
            .await
            .unwrap();
        let kept: Vec<KeptOutcome> = store.outcomes(None, None, 100).await.unwrap();
        store.close().await;
        kept.into_iter().map(|kept| kept.outcome.id).collect()
    }
}

impl Agent {
    /// Waits for a status.
    async fn until(&mut self, is_so: impl Fn(&ServerStatus) -> bool) -> ServerStatus {
        let waiting = tokio::time::timeout(Duration::from_mins(1), self.status.wait_for(is_so));
        waiting.await.unwrap().unwrap().clone()
    }

    /// Ends it as the process ends: without a word.
    async fn end(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        drop(self.links);
    }
}

fn is_sent(status: &ServerStatus) -> bool {
    status.enrolled && status.pending == 0 && status.last_contact.is_some()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn outcomes_wait_for_the_server_and_arrive_once() {
    let world = World::new();
    let queue = world.queue();
    let outcomes = [world.append(&queue).id, world.append(&queue).id];
    let mut agent = world.agent(&queue, Some(world.link()));
    let status = agent.until(|status| status.problem.is_some()).await;
    assert_eq!((status.enrolled, status.pending), (false, 2));
    let _up = world.up();
    let status = agent.until(is_sent).await;
    assert_eq!(status.problem, None);
    assert_eq!(world.kept().await, outcomes);
}

#[tokio::test]
async fn a_crash_before_the_acknowledgement_was_noted_repeats_nothing_at_the_server() {
    let world = World::new();
    let _up = world.up();
    let queue = world.queue();
    let outcomes = [world.append(&queue).id, world.append(&queue).id];
    let (folder, before) = (
        world.state().join("outcomes"),
        world.folder.path().join("before"),
    );
    copy(&folder, &before);
    let mut agent = world.agent(&queue, Some(world.link()));
    agent.until(is_sent).await;
    agent.end().await;
    // The disk as it was before the server's answer came.
    std::fs::remove_dir_all(&folder).unwrap();
    copy(&before, &folder);
    let mut agent = world.agent(&world.queue(), Some(world.link()));
    agent.until(is_sent).await;
    assert_eq!(world.kept().await, outcomes);
}

#[tokio::test]
async fn a_nudge_speaks_with_the_server_although_nothing_waits() {
    let world = World::new();
    let _up = world.up();
    let mut agent = world.agent(&world.queue(), Some(world.link()));
    let enrolled = agent.until(|status| status.enrolled).await;
    assert_eq!(enrolled.last_contact, None);
    agent.nudge.speak();
    agent.until(is_sent).await;
}

#[tokio::test]
async fn a_server_that_forgot_the_device_is_enrolled_with_anew() {
    let world = World::new();
    let queue = world.queue();
    let up = world.up();
    let mut agent = world.agent(&queue, Some(world.link()));
    agent.until(|status| status.enrolled).await;
    drop(up);
    for name in ["cardwarden.db", "cardwarden.db-wal", "cardwarden.db-shm"] {
        let path = world.data().join(name);
        assert!(!path.exists() || std::fs::remove_file(path).is_ok());
    }
    let _up = world.up();
    let outcome = world.append(&queue);
    agent.nudge.speak();
    agent.until(is_sent).await;
    assert_eq!(world.kept().await, [outcome.id]);
}

#[tokio::test]
async fn what_was_left_to_say_is_said_after_a_release_and_a_restart() {
    let world = World::new();
    let queue = world.queue();
    let outcome = world.append(&queue);
    let mut agent = world.agent(&queue, Some(world.link()));
    agent.until(|status| status.problem.is_some()).await;
    agent.end().await;
    let _up = world.up();
    let mut agent = world.agent(&world.queue(), None);
    agent.until(|status| status.last_contact.is_some()).await;
    agent
        .until(|status| status.pending == 0 && status.problem.is_none())
        .await;
    assert_eq!(world.kept().await, [outcome.id]);
}

#[tokio::test]
async fn the_certificate_outlives_a_start_without_a_link_and_goes_with_the_next_association() {
    let mut world = World::new();
    let _up = world.up();
    let mut agent = world.agent(&world.queue(), None);
    agent.links.send_replace(vec![world.link()]);
    agent.until(|status| status.enrolled).await;
    agent.end().await;
    let record = world.record();
    let enrolled = std::fs::read(&record).unwrap();
    let mut agent = world.agent(&world.queue(), None);
    agent.nudge.speak();
    agent.links.send_replace(vec![world.link()]);
    agent.until(is_sent).await;
    assert_eq!(std::fs::read(&record).unwrap(), enrolled);
    world.identity = world.identity.renewed();
    agent.links.send_replace(vec![world.link()]);
    agent.nudge.speak();
    let before = agent.status.borrow().last_contact;
    agent
        .until(|status| status.enrolled && status.last_contact > before)
        .await;
    assert!(!record.exists());
}

#[tokio::test]
async fn nothing_waits_for_a_certificate_that_comes_when_the_server_can_be_reached() {
    let world = World::new();
    // It takes the connection, and never says a word.
    let silence = Reservation::bind(("127.0.0.1", world.port)).unwrap();
    let queue = world.queue();
    let mut agent = world.agent(&queue, Some(world.link()));
    let mut outcomes = Vec::new();
    for pending in 1..=3 {
        outcomes.push(world.append(&queue).id);
        agent.nudge.report();
        let status = agent.until(|status| status.pending == pending).await;
        assert_eq!((status.enrolled, status.problem), (false, None));
    }
    drop(silence);
    let _up = world.up();
    agent.until(is_sent).await;
    assert_eq!(world.kept().await, outcomes);
}

#[tokio::test]
async fn a_device_of_a_card_without_a_key_enrols_and_reports() {
    let mut world = World::new();
    world.company.serial = Some(b"D276000124".to_vec());
    let _up = world.up();
    let queue = world.queue();
    let outcome = world.append(&queue);
    let mut agent = world.agent(&queue, Some(world.link()));
    agent.until(is_sent).await;
    assert_eq!(world.kept().await, [outcome.id]);
}

#[tokio::test]
async fn what_an_earlier_version_remembered_of_a_server_still_serves() {
    let world = World::new();
    let _up = world.up();
    let mut agent = world.agent(&world.queue(), Some(world.link()));
    agent.until(|status| status.enrolled).await;
    agent.end().await;
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(world.record()).unwrap()).unwrap();
    let proof = record.as_object_mut().unwrap().remove("proof").unwrap();
    let signature: Vec<u8> = serde_json::from_value(proof["signature"].clone()).unwrap();
    record["signature"] = serde_json::to_value(crate::store::Bytes(signature)).unwrap();
    crate::durable::replace(&world.record(), record.to_string().as_bytes()).unwrap();
    let queue = world.queue();
    let outcome = world.append(&queue);
    let mut agent = world.agent(&queue, None);
    agent.until(|status| status.last_contact.is_some()).await;
    assert_eq!(world.kept().await, [outcome.id]);
}

#[tokio::test]
async fn a_server_of_another_authority_hears_nothing() {
    let world = World::new();
    let _up = world.up();
    let queue = world.queue();
    world.append(&queue);
    let other = World::new();
    let link = world.link();
    let account = Account {
        ca: other.link().account.ca.clone(),
        ..link.account.clone()
    };
    let mut agent = world.agent(
        &queue,
        Some(Arc::new(Link {
            account,
            ..(*link).clone()
        })),
    );
    let status = agent.until(|status| status.problem.is_some()).await;
    assert!(!status.enrolled);
    assert!(world.kept().await.is_empty());
}
