//! How clips are compared with what is said: the settings of it, to the choice.

use protocol::{JobState, Outcome, Weights};
use serde_json::{Value, json};

use super::{World, short};

async fn chosen(world: &World, changes: &Value) -> Outcome {
    let mut job = short(changes);
    job["stop_at"] = json!("selection");
    let status = world.run(job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    status.outcome.expect("an outcome")
}

/// How many texts and pictures went through a model.
async fn n_encoded(world: &World) -> usize {
    let url = world.base.join("/metrics").expect("a path");
    let metrics = reqwest::get(url).await.expect("an answer").text().await.expect("text");
    let line = "reelbench_embeddings_total{from=\"model\"} ";
    let count = metrics.lines().find_map(|found| found.strip_prefix(line));
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_texts_are_compared_each_once_or_pair_by_pair() {
    // One sentence, and clips with descriptions of their own.
    for mode in ["matrix", "pairwise"] {
        let world = World::start("", &[&format!("similarity.mode='{mode}'")]).await;
        let n_clips = chosen(&world, &json!({})).await.clips_available;
        assert!(n_clips > 1, "{n_clips}");
        let expected = if mode == "matrix" { 1 + n_clips } else { 2 * n_clips };
        assert_eq!(n_encoded(&world).await, expected, "{mode}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_pictures_count_by_their_weight_and_stills_are_seen_too() {
    let paths = crate::paths::Paths::from_env().expect("a checkout");
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut materials: Vec<Value> = Vec::new();
    for (part, ending) in [("clips", "mp4"), ("images", "jpg")] {
        let mut files = Vec::new();
        super::walk(&paths.media().join(part), &mut |path| files.push(path.to_owned()));
        files.retain(|path| path.extension().is_some_and(|found| found == ending));
        files.sort();
        for file in files.iter().take(2) {
            // What is written of it, too.
            let name = file.file_name().expect("a name").to_string_lossy();
            fs_err::copy(file, folder.path().join(&*name)).expect("copied");
            materials.push(json!({"url": name}));
        }
    }
    assert_eq!(materials.len(), 4);
    let job = json!({"video_source": "local", "video_materials": materials});

    let local = format!("local.dir='{}'", folder.path().display());
    let by_weight = async |weight: &str| {
        let weight = format!("similarity.clip_weight={weight}");
        // Of chance, nothing is very like: no likeness is too small here.
        let set = [&local, &weight, "similarity.min_score=-1", "models.threads=1"];
        let trust = ["models.trust_fixture_weights=true"];
        let world = World::start("", &[&set[..], &trust].concat()).await;
        let outcome = chosen(&world, &job).await;
        world.stop().await;
        outcome
    };
    let (words, half, pictures) = tokio::join!(by_weight("0"), by_weight("0.5"), by_weight("1"));
    let seen = |outcome: &Outcome| outcome.selection.as_ref().expect("clips were chosen").pictures;
    assert_eq!([&words, &half, &pictures].map(seen), [false, true, true]);
    let clip = |outcome: &Outcome| outcome.models.iter().any(|model| model.name == "clip");
    assert_eq!([&words, &half, &pictures].map(clip), [false, true, true]);
    assert!(
        half.models.iter().all(|model| model.name != "clip" || model.weights == Weights::Fixture)
    );
    let scores = |outcome: &Outcome| {
        outcome.clips.iter().map(|clip| (clip.id.clone(), clip.score)).collect::<Vec<_>>()
    };
    assert_ne!(scores(&words), scores(&half));
    assert_ne!(scores(&half), scores(&pictures));
}
