//! Settings of the pipeline whose effect is seen from outside.

use protocol::{ConcatMode, JobState, JobStatus, Stage, TimingSource, Weights};
use serde_json::{Value, json};

use super::{WHITE_PNG, World, short};

async fn run(behaviour: &str, set: &[&str], changes: &Value) -> JobStatus {
    let set = [&["jobs.max_attempts=1"], set].concat();
    let world = World::start(behaviour, &set).await;
    let status = world.run(short(changes)).await;
    world.stop().await;
    status
}

/// A voice that tells no times: the next rung of the timing ladder is taken.
fn spoken() -> Value {
    json!({"voice_name": "openai:alloy", "stop_at": "subtitles", "video_script": "A quiet cup."})
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_fixture_weights_time_no_subtitle_unless_asked_to() {
    let timing = |status: &JobStatus| {
        let outcome = status.outcome.as_ref().unwrap_or_else(|| panic!("{:?}", status.error));
        outcome.subtitles.as_ref().expect("subtitles").timing
    };
    let by_default = run("", &[], &spoken()).await;
    assert_eq!(timing(&by_default), TimingSource::Proportional);
    let models = by_default.outcome.expect("an outcome").models;
    assert_eq!(models, [], "no model had a part in it");

    // What they hear is noise: none of it is the text.
    let trust = ["models.trust_fixture_weights=true", "models.threads=1"];
    let noise = run("", &trust, &spoken()).await;
    assert_eq!(timing(&noise), TimingSource::Proportional);
    let notes = noise.outcome.and_then(|outcome| outcome.subtitles).expect("subtitles").notes;
    assert!(notes.iter().any(|note| note.starts_with("Whisper heard 0 %")), "{notes:?}");

    let trusted =
        run("", &[&trust[..], &["subtitles.min_heard_share=0"]].concat(), &spoken()).await;
    assert_eq!(timing(&trusted), TimingSource::Whisper);
    let models = trusted.outcome.expect("an outcome").models;
    let named: Vec<_> = models.iter().map(|model| (model.name.as_str(), model.weights)).collect();
    assert_eq!(named, [("whisper", Weights::Fixture)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_real_minilm_chooses_and_without_models_terms_do() {
    let job = json!({"stop_at": "selection"});
    let chosen = run("", &[], &job).await.outcome.expect("an outcome");
    // One below `similarity.min_score` fills a slot without one.
    assert!(chosen.clips.iter().any(|clip| clip.score.is_some()), "{:?}", chosen.clips);
    let named: Vec<_> =
        chosen.models.iter().map(|model| (model.name.as_str(), model.weights)).collect();
    assert_eq!(named, [("minilm", Weights::Real)]);
    let how = chosen.selection.expect("clips were chosen");
    assert_eq!((how.mode, how.warning), (ConcatMode::Semantic, None));

    let without = run("", &["models.dir='/nowhere'"], &job).await.outcome.expect("an outcome");
    assert!(without.clips.iter().all(|clip| clip.score.is_none()), "{:?}", without.clips);
    assert_eq!(without.models, []);
    let how = without.selection.expect("clips were chosen");
    assert_eq!(how.mode, ConcatMode::Sequential);
    let warning = how.warning.expect("not what was asked for");
    assert!(warning.starts_with("no trained minilm weights"), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_limits_are_kept() {
    let large = run("", &["downloads.max_clip_bytes=1000"], &json!({"stop_at": "materials"})).await;
    let error = large.error.expect("every clip is larger");
    assert_eq!((error.stage, error.code.as_str()), (Some(Stage::Materials), "clips_unusable"));

    let stalled = "[[chat.faults]]\nkind = 'stall'\nfirst = 1\n";
    let job = json!({"video_terms": null, "stop_at": "terms"});
    let status = run(stalled, &["llm.timeout_s=1.0"], &job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);

    let stalled = "[[speech.faults]]\nkind = 'stall'\n";
    let status = run(stalled, &["speech.timeout_s=1.0"], &spoken()).await;
    let error = status.error.expect("the server says nothing");
    assert_eq!((error.stage, error.code.as_str()), (Some(Stage::Narration), "speech_unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_too_few_clips_are_filled_up_with_others() {
    let job = json!({
        "video_script": "A good day begins with a quiet cup of coffee. ".repeat(6),
        "video_terms": ["coffee"],
        "stop_at": "selection",
    });
    let outcome = run("", &[], &job).await.outcome.expect("an outcome");
    assert!(outcome.clips_available > 2, "one clip shows coffee: {}", outcome.clips_available);
}

/// Claim 000-4.1: what is wrong is the same, and was found before or after the pictures were read.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_is_checked_before_its_pictures_are_read_or_after_as_it_is_set() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("white.png"), WHITE_PNG).expect("written");
    let local = format!("local.dir='{}'", folder.path().display());
    for (validate, n_read) in [("first", None), ("after-images", Some(2))] {
        let world =
            World::start("", &[local.as_str(), &format!("api.validate='{validate}'")]).await;
        let materials = json!([{"url": "white.png"}, {"url": "white.png"}]);
        let job = short(&json!({"video_materials": materials, "n_threads": "two"}));
        let url = world.base.join("api/v1/jobs").expect("a path");
        let answer = reqwest::Client::new().post(url).json(&job).send().await.expect("an answer");
        assert_eq!(answer.status(), 422);
        let metrics = world.base.join("/metrics").expect("a path");
        let metrics = reqwest::get(metrics).await.expect("an answer").text().await.expect("text");
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("reelbench_pictures_read_unchecked_total "));
        assert_eq!(line.map(|n| n.parse::<u32>().expect("a number")), n_read, "{validate}");
        world.stop().await;
    }
}
