//! Texts of jobs are texts, whatever stands in them.

use protocol::JobState;
use serde_json::json;

use super::{SENTENCE, opened, quick};

const HOSTILE: &str =
    "<img src=x onerror=\"window.hacked=1\"> & </script><script>window.hacked=2</script>";

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_markup_in_a_job_is_shown_and_never_run() {
    let Some((world, browser)) = opened(&[]).await else { return };
    browser.sees_ready().await;
    browser.makes(HOSTILE, SENTENCE).await;
    let text = async |selector: &str| {
        browser.eval(&format!("document.querySelector('{selector}').textContent")).await
    };
    // The sheet opens before the service has told of the job, under the job's name until then.
    browser
        .until(&format!("document.querySelector('#job-title').textContent === {HOSTILE:?}"))
        .await;
    browser.until("document.querySelector('.request') !== null").await;
    assert!(text(".request").await.as_str().is_some_and(|text| text.contains("onerror")));
    browser.press("Escape").await;
    browser.until("document.querySelector('.job-name') !== null").await;
    assert_eq!(text(".job-name").await, HOSTILE);

    // Somebody else's job, of which its outcome alone is known here.
    let script = format!("{HOSTILE} The sea is calm.");
    let job = world.submit(quick(&json!({"video_script": script, "stop_at": "script"}))).await;
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
    let told = status.outcome.and_then(|outcome| outcome.script).expect("a script");
    browser.click(&format!("[data-job=\"{}\"]", job.id)).await;
    browser.sees("succeeded").await;
    assert_eq!(text(".script").await, told.as_str());
    assert!(told.contains("onerror"), "the service leaves it as it is: {told}");

    // And what the service says of a wrong request.
    browser.press("Escape").await;
    browser.click("#new-job").await;
    browser.write("x").await;
    let source = "document.querySelector('#submit-source')";
    let wrong =
        format!("{source}.append(new Option({HOSTILE:?})); {source}.value = {HOSTILE:?}; true");
    browser.eval(&wrong).await;
    browser.press("Enter").await;
    browser.until("document.querySelector('#submit-wrong').textContent.includes('<img')").await;
    assert_eq!(browser.eval("window.hacked === undefined").await, true);
    let markup = "document.querySelectorAll('img[src=x], script:not([src])').length";
    assert_eq!(browser.eval(markup).await, 0);
    // A browser tells of every answer that is no good one.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|told| told.contains("status of 4")), "{complaints:#?}");
    world.stop().await;
}
