//! Where clips come from: every source, to a finished video.

use protocol::{JobState, Outcome};
use serde_json::{Value, json};

use super::{World, short};

async fn made(world: &World, changes: &Value) -> Outcome {
    let status = world.run(short(changes)).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    assert_eq!(world.leftovers(), [""; 0]);
    status.outcome.expect("an outcome")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_video_is_made_of_the_clips_of_every_source() {
    let world = World::start("", &["replicate.poll_s=0.1"]).await;
    for source in ["pixabay", "coverr", "comfyui", "replicate"] {
        let outcome = made(&world, &json!({"video_source": source})).await;
        assert!(outcome.video.is_some(), "{source}");
        assert!(!outcome.clips.is_empty(), "{source}");
        for clip in &outcome.clips {
            assert!(clip.id.starts_with(&format!("{source}:")), "{source}: {}", clip.id);
            assert!(!clip.licence.is_empty(), "{source}: under which terms?");
        }
        assert!(outcome.downloads.clips > 0 && outcome.downloads.bytes > 0, "{source}");
    }
    // The same again: searched and downloaded already.
    let again = made(&world, &json!({"video_source": "coverr"})).await;
    assert_eq!((again.downloads.clips, again.downloads.bytes), (0, 0), "{:?}", again.downloads);
    assert!(again.downloads.reused > 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_video_is_made_of_the_users_own_files() {
    let paths = crate::paths::Paths::from_env().expect("a checkout");
    let folder = tempfile::tempdir().expect("temporary folder");
    let media = paths.media();
    let files = |part: &str, ending: &str| {
        let mut found = Vec::new();
        super::walk(&media.join(part), &mut |path| {
            if path.extension().is_some_and(|found| found == ending) {
                found.push(path.to_owned());
            }
        });
        found.sort();
        found.swap_remove(0)
    };
    fs_err::copy(files("clips", "mp4"), folder.path().join("own.mp4")).expect("copied");
    fs_err::copy(files("images", "jpg"), folder.path().join("own.jpg")).expect("copied");
    let local = format!("local.dir='{}'", folder.path().display());
    let world = World::start("", &[&local]).await;

    let own = json!([{"provider": "local", "url": "own.mp4"}, {"url": "own.jpg"}]);
    let outcome = made(&world, &json!({"video_source": "local", "video_materials": own})).await;
    let mut ids: Vec<&str> = outcome.clips.iter().map(|clip| clip.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, ["local:own.jpg", "local:own.mp4"], "both are shown");
    assert!(outcome.terms.is_empty() || outcome.terms == ["coffee", "rain"], "{:?}", outcome.terms);

    let absent = json!([{"url": "own.mp4"}, {"url": "../../etc/passwd"}]);
    let job = short(&json!({"video_source": "local", "video_materials": absent}));
    let url = world.base.join("/api/v1/jobs").expect("a path");
    let refused = reqwest::Client::new().post(url).json(&job).send().await.expect("an answer");
    assert_eq!(refused.status(), 422);
    let problem = refused.text().await.expect("a problem");
    assert!(problem.contains("video_materials") && problem.contains("passwd"), "{problem}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_searches_and_downloads_are_bounded_as_is_set() {
    let slow = "[files]\nlatency_ms = 200\n";
    let job = json!({"stop_at": "materials"});
    let world = World::start(slow, &["downloads.early_stop=false", "stock.search_cache_h=0"]).await;
    let everything = made(&world, &job).await.downloads;
    let n_searches = world.asked("pexels").await.requests;
    made(&world, &job).await;
    assert_eq!(world.asked("pexels").await.requests, 2 * n_searches);
    assert!((2..=5).contains(&world.asked("files").await.most_at_once));
    world.stop().await;

    let world = World::start(slow, &["downloads.concurrency=1"]).await;
    let enough = made(&world, &job).await.downloads;
    made(&world, &job).await;
    assert_eq!(world.asked("pexels").await.requests, n_searches, "kept for a day");
    assert_eq!(world.asked("files").await.most_at_once, 1);
    assert!(enough.clips < everything.clips, "{enough:?} {everything:?}");
    assert_eq!(enough.clips_in_vain, 0);
    assert!(everything.clips_in_vain > 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_search_that_is_refused_is_told_and_the_others_do() {
    let refused = "[[pexels.faults]]\nkind = 'status'\nstatus = 400\nfirst = 1\n";
    let world = World::start(refused, &[]).await;
    let outcome = made(&world, &json!({"stop_at": "materials"})).await;
    let [warning] = outcome.warnings.as_slice() else { panic!("{:?}", outcome.warnings) };
    assert!(warning.starts_with("no clips for \"") && warning.contains("400"), "{warning}");
    world.stop().await;
}

/// Larger than any limit of `pictures.prescale`: a user's and a generated one.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_pictures_are_made_as_small_as_is_set_and_show_nothing_unwanted() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut ffmpeg = tokio::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "color=red:s=3000x3000"]);
    ffmpeg.args(["-frames:v", "1"]).arg(folder.path().join("own.png"));
    assert!(ffmpeg.status().await.expect("ffmpeg").success());
    let local = format!("local.dir='{}'", folder.path().display());
    for (prescale, side) in [("both", 1448), ("side", 2048)] {
        let prescale = format!("pictures.prescale='{prescale}'");
        let world = World::start("", &[&local, &prescale, "comfyui.negative='no people'"]).await;
        for job in [
            json!({"video_source": "local", "video_materials": [{"url": "own.png"}]}),
            json!({"video_source": "comfyui", "video_terms": ["sea"]}),
        ] {
            let mut job = short(&job);
            job["stop_at"] = json!("materials");
            job["video_size"] = json!("2048x2048");
            let status = world.run(job).await;
            let folder = world.data_dir().join("jobs").join(&status.id);
            let written = fs_err::read(folder.join("stages/materials.json")).expect("a result");
            let written: Value = serde_json::from_slice(&written).expect("JSON");
            let media = &written["result"]["clips"][0]["media"];
            assert_eq!(media["width"], json!(side), "{prescale}: {media}");
        }
        let history = format!("{}/history", world.providers.comfyui);
        let history = reqwest::get(history).await.expect("an answer").text().await.expect("text");
        assert!(history.contains("no people"), "{history}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_two_videos_of_one_narration_show_other_clips() {
    let world = World::start("", &[]).await;
    let job = json!({"video_count": 2, "social_platforms": ["tiktok"], "bgm_type": "random"});
    let outcome = made(&world, &job).await;
    let names: Vec<&str> = outcome.videos.iter().map(|video| video.file.as_str()).collect();
    assert_eq!(names, ["video.mp4", "video-2.mp4"]);
    assert_eq!(outcome.video.as_ref(), outcome.videos.first());
    assert_eq!(outcome.cover.as_deref(), Some("cover.jpg"));
    assert_eq!(outcome.social.len(), 1);
    let published = outcome.published.join(" ");
    for file in ["video.mp4", "video-2.mp4", "cover.jpg", "subtitles.vtt"] {
        assert!(published.contains(file), "{file} in {published}");
    }
    world.stop().await;
}
