//! What a server asks of the device, from the administrator to the reconciler and back.

use cardwarden_policy::Rejected;
use serde_json::Value;

use super::support::Client;
use super::*;
use crate::request::Refused;

/// Asks through the server's API.
fn ask(world: &World, what: &str, body: &[u8]) {
    let path = format!("/api/v1/devices/{}/{what}", world.identity.device);
    let (status, answer) = client(world).ask(&path, &token(world), body);
    assert_eq!(status, 202, "{answer}");
}

fn client(world: &World) -> Client {
    let base = format!("https://localhost:{}", world.port);
    Client::new(&base, &world.data().join("ca.pem"))
}

fn token(world: &World) -> String {
    let token = std::fs::read_to_string(world.data().join("admin-token")).unwrap();
    token.trim().to_owned()
}

/// State and status of every command.
fn states(world: &World) -> Vec<(String, Value)> {
    let path = format!("/api/v1/devices/{}/commands", world.identity.device);
    let (_, commands) = client(world).get(&path, &token(world));
    let state = |command: &Value| {
        let state = command["state"].as_str().unwrap().to_owned();
        (state, command["status"].clone())
    };
    commands.as_array().unwrap().iter().map(state).collect()
}

/// An agent that has enrolled and says nothing.
async fn enrolled(world: &World) -> Agent {
    let mut agent = world.agent(&world.queue(), Some(world.link()));
    agent.until(|status| status.enrolled).await;
    agent
}

impl Agent {
    /// Speaks with the server; in the session one request comes, which is answered so.
    async fn answer(&mut self, answer: Result<(), Refused>) -> Request {
        let before = self.status.borrow().last_contact;
        self.nudge.speak();
        let request = tokio::time::timeout(Duration::from_mins(1), self.requests.recv());
        let mut request = request.await.unwrap().unwrap();
        let (unused, _) = oneshot::channel();
        let (Request::Release { reply, .. } | Request::WantGroup { reply, .. }) = &mut request
        else {
            panic!("{request:?}");
        };
        std::mem::replace(reply, unused).send(answer).unwrap();
        self.until(|status| status.last_contact > before).await;
        request
    }
}

#[tokio::test]
async fn a_release_goes_from_the_administrator_to_the_reconciler_once() {
    let world = World::new();
    let _up = world.up();
    let mut agent = enrolled(&world).await;
    let signed = world
        .company
        .release(&world.identity.device, world.identity.association);
    ask(&world, "release", &signed);
    let Request::Release { statement, .. } = agent.answer(Ok(())).await else {
        panic!("no release");
    };
    assert_eq!(statement, signed);
    assert_eq!(states(&world), [("done".to_owned(), 200.into())]);
    let before = agent.status.borrow().last_contact;
    agent.nudge.speak();
    agent.until(|status| status.last_contact > before).await;
    assert!(agent.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_release_that_the_device_refuses_is_shown_as_refused() {
    let world = World::new();
    let _up = world.up();
    let mut agent = enrolled(&world).await;
    let signed = world
        .company
        .release(&world.identity.device, world.identity.association);
    ask(&world, "release", &signed);
    let refused = Refused::Rejected(Rejected::OtherDevice);
    agent.answer(Err(refused)).await;
    assert_eq!(states(&world), [("refused".to_owned(), 403.into())]);
}

#[tokio::test]
async fn a_release_that_could_not_be_saved_comes_again() {
    let world = World::new();
    let _up = world.up();
    let mut agent = enrolled(&world).await;
    let signed = world
        .company
        .release(&world.identity.device, world.identity.association);
    ask(&world, "release", &signed);
    let problem = "no space".to_owned();
    agent.answer(Err(Refused::NotSaved { problem })).await;
    assert_eq!(states(&world), [("waiting".to_owned(), 510.into())]);
    agent.answer(Ok(())).await;
    assert_eq!(states(&world), [("done".to_owned(), 200.into())]);
}

#[tokio::test]
async fn a_wish_for_a_group_goes_to_the_reconciler_with_its_association() {
    let world = World::new();
    let _up = world.up();
    let mut agent = enrolled(&world).await;
    for (wish, expected) in [
        (&b"{\"group\": \"site-berlin\"}"[..], Some("site-berlin")),
        (b"{\"group\": null}", None),
    ] {
        ask(&world, "group", wish);
        let Request::WantGroup {
            association, group, ..
        } = agent.answer(Ok(())).await
        else {
            panic!("no wish");
        };
        assert_eq!(association, world.identity.association);
        assert_eq!(group.as_deref(), expected);
    }
}
