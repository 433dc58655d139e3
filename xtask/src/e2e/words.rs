//! What is asked of the language model, and who speaks: the options of the first stages.

use protocol::{JobState, JobStatus, Outcome, Stage, TimingSource, Writer};
use serde_json::{Value, json};

use super::{World, short};

async fn made(world: &World, changes: &Value) -> Outcome {
    let status: JobStatus = world.run(short(changes)).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    assert_eq!(world.leftovers(), [""; 0]);
    status.outcome.expect("an outcome")
}

/// How often the chat server was asked.
async fn n_asked(world: &World) -> u64 {
    world.asked("chat").await.requests
}

fn asked() -> Value {
    json!({"video_script": "", "video_terms": null, "stop_at": "terms"})
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_question_that_was_answered_is_not_asked_again() {
    let mut world = World::start("", &[]).await;
    let first = made(&world, &asked()).await;
    assert_eq!((first.terms.len(), n_asked(&world).await), (4, 2));
    assert_eq!(made(&world, &asked()).await, first);
    assert_eq!(n_asked(&world).await, 2);
    // Another seed, another question; another process, the same answers.
    let mut other = asked();
    other["seed"] = json!(1);
    made(&world, &other).await;
    let n_before = n_asked(&world).await;
    assert!(n_before > 2);
    world.pipeline.kill().await;
    world.restart().await;
    assert_eq!(made(&world, &asked()).await, first);
    assert_eq!(n_asked(&world).await, n_before);
    world.stop().await;

    let world = World::start("", &["llm.cache=false"]).await;
    made(&world, &asked()).await;
    made(&world, &asked()).await;
    assert_eq!(n_asked(&world).await, 4);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_server_that_fails_is_asked_again_as_long_as_the_budget_lasts() {
    let away = "[[chat.faults]]\nkind = 'status'\nstatus = 503\nevery = 1\n";
    let requests = async |budget: &str| {
        let world = World::start(away, &[budget, "jobs.max_attempts=1"]).await;
        let status = world.run(short(&asked())).await;
        assert_eq!(status.error.expect("no answer").code, "llm_unavailable");
        let n_asked = n_asked(&world).await;
        world.stop().await;
        n_asked
    };
    assert_eq!(requests("llm.budget_s=0.001").await, 1);
    assert!(requests("llm.budget_s=180").await > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_older_servers_are_asked_in_their_way() {
    let job = json!({
        "video_terms": null, "stop_at": "terms", "match_materials_to_script": true,
        "social_platforms": ["tiktok"],
    });
    for (model, n_requests) in [("no-json-schema", 2), ("no-response-format", 3)] {
        let world = World::start("", &[&format!("llm.model='{model}'")]).await;
        let outcome = made(&world, &job).await;
        assert!(!outcome.terms.is_empty(), "{outcome:?}");
        assert_eq!(outcome.social[0].writer, Writer::Llm);
        // Both questions may learn it at the same time.
        assert!((n_requests + 1..=2 * n_requests).contains(&n_asked(&world).await), "{model}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_posts_are_written_and_never_fail_a_job() {
    let job = json!({"social_platforms": ["youtube_shorts", "tiktok"], "stop_at": "narration"});
    let written = async |behaviour: &str, expected: Writer| {
        let world = World::start(behaviour, &[]).await;
        let id = world.submit(short(&job)).await;
        let status = world.ended(&id).await;
        assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
        let posts = status.outcome.expect("an outcome").social;
        let writers: Vec<Writer> = posts.iter().map(|post| post.writer).collect();
        assert_eq!(writers, [expected; 2], "{posts:?}");
        assert!(posts[0].hashtags.len() <= 3 && posts[1].title.contains("coffee"), "{posts:?}");
        let file = world.data_dir().join("jobs").join(&id.id).join("stages/social.json");
        let kept: Value =
            serde_json::from_slice(&fs_err::read(file).expect("a file")).expect("JSON");
        assert_eq!(kept["posts"], json!(posts));
        world.stop().await;
    };
    written("", Writer::Llm).await;
    written("[[chat.faults]]\nkind = 'status'\nstatus = 500\nevery = 1\n", Writer::Script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_nobody_speaks() {
    let world = World::start("", &[]).await;
    let outcome = made(&world, &json!({"voice_name": "no-voice", "stop_at": "subtitles"})).await;
    let narration = outcome.narration.expect("silence");
    assert_eq!((narration.engine.as_str(), narration.duration_ms), ("no-voice", 3704));
    let subtitles = outcome.subtitles.expect("subtitles");
    assert_eq!(subtitles.timing, TimingSource::Proportional);
    assert!(subtitles.cues > 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_user_brings_the_narration() {
    let local = tempfile::tempdir().expect("temporary folder");
    let mut ffmpeg = tokio::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=d=2.5"]);
    let output = ffmpeg.arg(local.path().join("said.mp3")).output().await.expect("ffmpeg");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs_err::write(local.path().join("no.mp3"), "no sound").expect("written");

    let world = World::start("", &[&format!("local.dir='{}'", local.path().display())]).await;
    let job =
        |name: &str| json!({"custom_audio_file": name, "stop_at": "subtitles", "video_script": ""});
    let outcome = made(&world, &job("said.mp3")).await;
    let narration = outcome.narration.expect("the narration");
    assert_eq!(narration.engine, "file:said.mp3");
    assert!(narration.duration_ms.abs_diff(2500) < 80, "{narration:?}");
    assert_eq!(outcome.subtitles.expect("subtitles").timing, TimingSource::Proportional);
    assert!(outcome.script.expect("asked of the model").contains("coffee"));

    let status = world.run(short(&job("no.mp3"))).await;
    assert_eq!(status.error.expect("no sound").code, "audio_unusable");
    let spec: protocol::JobSpec =
        serde_json::from_value(short(&job("../said.mp3"))).expect("a job");
    let error = world.client.submit(&spec).await.expect_err("outside of the folder");
    assert!(format!("{error:?}").contains("custom_audio_file"), "{error:?}");
    world.stop().await;

    // Heard out for a script, it is checked before it is heard, and heard once.
    let local = format!("local.dir='{}'", local.path().display());
    let set = [&local, "models.trust_fixture_weights=true", "models.threads=1"];
    let world = World::start("", &[&set[..], &["jobs.max_attempts=1"]].concat()).await;
    let status = world.run(short(&job("no.mp3"))).await;
    let error = status.error.expect("no sound");
    assert_eq!((error.stage, error.code.as_str()), (Some(Stage::Script), "audio_unusable"));
    let id = world.submit(short(&job("said.mp3"))).await;
    let status = world.ended(&id).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    let heard = world.data_dir().join("jobs").join(&id.id).join("stages/heard.json");
    assert!(heard.is_file());
    assert_eq!(world.leftovers(), [""; 0]);
    world.stop().await;
}
