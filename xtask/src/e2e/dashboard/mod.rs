//! The dashboard as an operator meets it: in Chromium, over the running service.

mod browser;
mod hostile;
mod job;
mod looks;
mod protocol;
mod token;

use serde_json::{Value, json};

use self::browser::Browser;
use super::World;

/// A sentence that is soon spoken.
const SENTENCE: &str = "A good day begins with a quiet cup of coffee.";

/// The page of a service with `set`, in a window of a desk. None: there is no browser.
async fn opened(set: &[&str]) -> Option<(World, Browser)> {
    let program = browser::program()?;
    let (world, browser) = tokio::join!(World::start("", set), Browser::start(&program));
    browser.size(1280, 900).await;
    browser.prefer("light").await;
    browser.go(world.base.as_str()).await;
    Some((world, browser))
}

impl Browser {
    /// Waits until the page says that the service can work.
    async fn sees_ready(&self) {
        self.until("document.querySelector('#health').dataset.kind === 'good'").await;
    }

    /// Makes a small video with the form, as a user does, and gives the name of the job, whose sheet is
    /// open then.
    async fn makes(&self, subject: &str, script: &str) -> String {
        self.click("#new-job").await;
        self.until("document.activeElement.id === 'submit-subject'").await;
        self.write(subject).await;
        self.click("#submit-sheet summary").await;
        self.click("#submit-script").await;
        self.write(script).await;
        self.click("#submit-sheet [name=draft]").await;
        self.click("#submit-sheet button[type=submit]").await;
        self.until("document.querySelector('#job-sheet').open").await;
        let hash = self.eval("location.hash").await;
        let hash = hash.as_str().expect("an address");
        hash.strip_prefix("#job/").expect("a job is open").to_owned()
    }

    /// Waits until the job that is open is in that state.
    async fn sees(&self, state: &str) {
        let is = format!("document.querySelector('#job-sheet .chip')?.dataset.state === '{state}'");
        self.until_for(&is, super::PATIENCE).await;
    }

    /// Nothing was asked of anybody but the service, and nothing was complained of.
    #[track_caller]
    fn was_at_peace(&self, world: &World) {
        let base = world.base.as_str();
        let requests = self.requests();
        assert!(requests.len() > 20, "{requests:?}");
        let foreign: Vec<_> = requests.iter().filter(|url| !url.starts_with(base)).collect();
        assert!(foreign.iter().all(|url| *url == "about:blank"), "{foreign:?}");
        assert_eq!(self.complaints(), [""; 0]);
    }
}

/// A job of one sentence that ends soon, as the API takes it.
fn quick(changes: &Value) -> Value {
    let mut job = super::short(&json!({"video_script": SENTENCE}));
    if let (Value::Object(job), Value::Object(changes)) = (&mut job, changes) {
        job.extend(changes.clone());
    }
    job
}
