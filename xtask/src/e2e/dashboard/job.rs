//! A job in the page: made, watched, played, cancelled.

use protocol::{JobState, JobStatus};
use serde_json::{Value, json};

use super::super::{World, runs};
use super::{SENTENCE, opened, quick};

async fn status(world: &World, id: &str) -> JobStatus {
    let url = world.base.join(&format!("api/v1/jobs/{id}")).expect("a path");
    reqwest::get(url).await.expect("an answer").json().await.expect("a status")
}

/// Where each bar begins and how long it is, as shares of the time from submit to end, by stage and attempt.
const BARS: &str = "[...document.querySelectorAll('.lanes-of-time li')].flatMap((lane) => {
    const track = lane.querySelector('.track').getBoundingClientRect();
    return [...lane.querySelectorAll('.time-bar')].map((bar) => {
        const box = bar.getBoundingClientRect();
        return [lane.dataset.stage, (box.x - track.x) / track.width, box.width / track.width];
    });
})";

#[track_caller]
fn check_bars(bars: &Value, status: &JobStatus) {
    let end = status.finished_us.expect("it ended");
    let whole = (end - status.submitted_us) as f64;
    let share = |us: u64| us as f64 / whole;
    let first = status.stages.iter().map(|time| time.started_us).chain(status.started_us).min();
    let waited = first.expect("it ran") - status.submitted_us;
    let mut expected = vec![("waiting".to_owned(), 0.0, share(waited))];
    expected.extend(status.stages.iter().map(|time| {
        let took = time.finished_us.expect("it ended well") - time.started_us;
        (time.stage.to_string(), share(time.started_us - status.submitted_us), share(took))
    }));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    let mut found: Vec<(String, f64, f64)> =
        serde_json::from_value(bars.clone()).expect("names and shares");
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found.len(), expected.len(), "{found:?}\n{expected:?}");
    for (found, expected) in found.iter().zip(&expected) {
        // A pixel of a narrow track.
        let is_near = |one: f64, other: f64| (one - other).abs() < 0.004;
        let is_same = found.0 == expected.0;
        let fits = is_same && is_near(found.1, expected.1) && is_near(found.2, expected.2);
        assert!(fits, "{found:?}, expected {expected:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_a_job_is_made_in_the_form_and_its_video_plays() {
    let Some((world, browser)) = opened(&[]).await else { return };
    browser.sees_ready().await;
    let id = browser.makes("A quiet morning", SENTENCE).await;
    browser.sees("succeeded").await;
    let status = status(&world, &id).await;
    assert_eq!(status.state, JobState::Succeeded);
    let title = browser.eval("document.querySelector('#job-title').textContent").await;
    assert_eq!(title, "A quiet morning");

    let film = "document.querySelector('#job-sheet video')";
    browser.until(&format!("{film}?.readyState >= 2")).await;
    let length = browser.eval(&format!("{film}.duration * 1000")).await.as_f64().expect("a length");
    let video = status.outcome.as_ref().and_then(|outcome| outcome.video.as_ref());
    let expected = video.expect("a video").duration_ms as f64;
    assert!((length - expected).abs() < 150.0, "{length} ms, expected {expected}");
    browser.eval(&format!("{film}.play().then(() => true)")).await;
    browser.until(&format!("{film}.currentTime > 0.4")).await;
    browser.eval(&format!("{film}.textTracks[0].mode = 'showing'")).await;
    browser.until(&format!("{film}.textTracks[0].cues?.length > 0")).await;
    // A jump asks for a range.
    browser.eval(&format!("{film}.currentTime = {film}.duration - 0.5")).await;
    browser.until(&format!("{film}.ended")).await;

    check_bars(&browser.eval(BARS).await, &status);
    browser.press("Escape").await;
    browser.until("!document.querySelector('#job-sheet').open && location.hash === ''").await;
    for stage in ["script", "narration", "render", "publish"] {
        let row = format!("document.querySelector('#stage-table tr[data-stage={stage}]')");
        browser.until(&format!("{row}?.children[2].textContent === '1'")).await;
    }
    browser
        .until("document.querySelector('[data-filter=succeeded] .num').textContent === '1'")
        .await;
    browser.until("document.querySelectorAll('.spark-line[d^=M]').length >= 4").await;
    browser.until(&format!("document.querySelector('[data-job=\"{id}\"] img')?.complete")).await;
    browser.was_at_peace(&world);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_a_running_job_is_cancelled_by_keyboard_alone() {
    let Some((world, browser)) = opened(&["jobs.concurrency=1"]).await else { return };
    browser.sees_ready().await;
    let long = json!({"video_script": "The sea is calm. ".repeat(60), "video_size": "1080x1920"});
    let job = world.submit(quick(&long)).await;
    world.seen(&job, |status| runs(status, protocol::Stage::Render)).await;
    let button = format!("[data-job=\"{}\"]", job.id);
    browser.until(&format!("document.querySelector({button:?}) !== null")).await;
    browser.tab_to(&button).await;
    let outline = browser.eval("getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "who uses a keyboard sees where they are");
    browser.press("Enter").await;
    browser.sees("running").await;
    // The bar of the stage that runs grows.
    let width = "document.querySelector('.time-bar[data-is=now]').getBoundingClientRect().right";
    browser.until("document.querySelector('.time-bar[data-is=now]') !== null").await;
    assert!(browser.eval(width).await.as_f64().is_some_and(|right| right > 0.0));
    browser.tab_to("[data-act=cancel]").await;
    browser.press("Enter").await;
    browser.sees("cancelled").await;
    assert_eq!(world.ended(&job).await.state, JobState::Cancelled);
    let heard = "document.querySelector('#live').textContent.includes('Cancelled')";
    browser.until(heard).await;
    browser.press("Escape").await;
    browser.until("!document.querySelector('#job-sheet').open").await;
    browser.until(&format!("document.activeElement.matches({button:?})")).await;

    // The form, too, and back.
    browser.tab_to("#new-job").await;
    browser.press("Enter").await;
    browser.until("document.activeElement.id === 'submit-subject'").await;
    browser.press("Enter").await;
    browser.until("document.querySelector('#submit-wrong').textContent.length > 10").await;
    browser.press("Escape").await;
    browser.until("document.activeElement.id === 'new-job'").await;

    // An operator holds the queue, and everybody sees it.
    browser.click("#hold").await;
    browser.until("document.querySelector('#health').dataset.kind === 'wait'").await;
    browser.until("document.querySelector('#health-text').textContent.startsWith('Held')").await;
    browser.click("#hold").await;
    browser.sees_ready().await;
    browser.was_at_peace(&world);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_a_failed_job_says_why_and_is_tried_again() {
    let set = ["jobs.max_attempts=1", "jobs.retry_after_s=0.1"];
    let Some((world, browser)) = opened(&set).await else { return };
    browser.sees_ready().await;
    let job = world.submit(quick(&json!({"voice_name": "openai:nobody"}))).await;
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Failed, "{:?}", status.outcome);
    let error = status.error.expect("an error");
    browser.click(&format!("[data-job=\"{}\"]", job.id)).await;
    browser.sees("failed").await;
    let code = browser.eval("document.querySelector('.failed .code').textContent").await;
    assert_eq!(code, error.code.as_str());
    let message = browser.eval("document.querySelector('.failed .message').textContent").await;
    assert_eq!(message, error.message.as_str());
    browser.until("document.querySelector('.time-bar[data-is=broken]') !== null").await;
    browser.click("[data-act=retry]").await;
    // It fails the same way, with another attempt in its timeline.
    let again = "document.querySelectorAll('.time-bar[data-is=broken]').length >= 2";
    browser.until(again).await;
    browser.sees("failed").await;
    browser.was_at_peace(&world);
    world.stop().await;
}
