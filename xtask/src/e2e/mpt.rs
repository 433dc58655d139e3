//! MoneyPrinterTurbo's routes, as its clients use them.

use std::time::{Duration, Instant};

use protocol::Stage;
use reqwest::Response;
use serde_json::{Value, json};

use super::{PATIENCE, WHITE_PNG, World, runs, short};
use crate::targets::NativeClient;

async fn send(world: &World, method: &str, path: &str, body: Option<&Value>) -> Response {
    let url = world.base.join(&format!("/api/v1/{path}")).expect("a path");
    let mut request = reqwest::Client::new().request(method.parse().expect("a method"), url);
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.expect("an answer")
}

/// The data of an answer, whose status stands in it, too.
async fn ask(world: &World, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = send(world, method, path, body).await;
    let status = answer.status().as_u16();
    let mut document: Value = answer.json().await.expect("a document");
    assert_eq!(document["status"], status, "{method} {path}: {document}");
    let data = if status == 200 { document["data"].take() } else { document };
    (status, data)
}

async fn ended(world: &World, task: &str) -> Value {
    let begun = Instant::now();
    loop {
        let (_, data) = ask(world, "GET", &format!("tasks/{task}"), None).await;
        if data["state"] != 4 {
            return data;
        }
        assert!(begun.elapsed() < PATIENCE, "{data}: {}", world.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn created(world: &World, path: &str, body: &Value) -> String {
    let (status, data) = ask(world, "POST", path, Some(body)).await;
    assert_eq!(status, 200, "{path}: {data}");
    data["task_id"].as_str().expect("a name").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_task_of_moneyprinterturbos_is_made_streamed_downloaded_and_deleted() {
    let world = World::start("", &[]).await;
    let video = created(&world, "videos", &short(&json!({}))).await;
    let audio = created(&world, "audio", &short(&json!({}))).await;
    let subtitle = created(&world, "subtitle", &short(&json!({}))).await;
    let (video_data, audio_data) = (ended(&world, &video).await, ended(&world, &audio).await);
    let subtitle_data = ended(&world, &subtitle).await;
    for data in [&video_data, &audio_data, &subtitle_data] {
        assert_eq!((&data["state"], &data["progress"]), (&json!(1), &json!(100)), "{data}");
        assert!(data["audio_duration"].as_f64().is_some_and(|seconds| seconds > 1.0), "{data}");
    }
    assert_eq!(video_data["videos"].as_array().expect("videos").len(), 1);
    assert!(audio_data.get("videos").is_none() && audio_data.get("subtitle_path").is_none());
    assert!(subtitle_data.get("videos").is_none() && subtitle_data.get("subtitle_path").is_some());

    let streamed = send(&world, "GET", &format!("stream/{video}/final-1.mp4"), None).await;
    assert_eq!(streamed.status().as_u16(), 206);
    let range = streamed.headers()["content-range"].to_str().expect("ASCII").to_owned();
    let streamed = streamed.bytes().await.expect("a video");
    assert_eq!(range, format!("bytes 0-{}/{}", streamed.len() - 1, streamed.len()));
    let kept = send(&world, "GET", &format!("download/{video}/final-1.mp4"), None).await;
    assert_eq!(kept.status().as_u16(), 200);
    assert_eq!(kept.headers()["content-disposition"], "attachment; filename=\"final-1.mp4\"");
    assert_eq!(kept.bytes().await.expect("a video"), streamed);
    let hidden = format!("download/{video}/..%2f..%2fjobs.sqlite");
    assert_eq!(ask(&world, "GET", &hidden, None).await.0, 404);

    let (_, page) = ask(&world, "GET", "tasks?page=2&page_size=2", None).await;
    assert_eq!((&page["total"], &page["page"]), (&json!(3), &json!(2)), "{page}");
    let tasks = page["tasks"].as_array().expect("tasks");
    assert_eq!(tasks.iter().map(|task| &task["task_id"]).collect::<Vec<_>>(), [&json!(video)]);
    for wrong in ["tasks?page=0", "tasks?page_size=0", "tasks?page_size=101", "tasks?page=x"] {
        assert_eq!(ask(&world, "GET", wrong, None).await.0, 400, "{wrong}");
    }
    let (_, beyond) = ask(&world, "GET", "tasks?page=9", None).await;
    assert_eq!(beyond["tasks"], json!([]));

    let path = format!("tasks/{video}");
    assert_eq!(ask(&world, "DELETE", &path, None).await.0, 200);
    assert!(!world.data_dir().join("jobs").join(&video).exists(), "its files are gone");
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(&world, method, &path, None).await.0, 404, "{method}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_moneyprinterturbos_refusals_have_its_status_codes() {
    let world = World::start("", &["jobs.concurrency=1", "jobs.max_queued=1"]).await;
    let (status, refused) = ask(&world, "POST", "videos", Some(&json!({"voice_rate": 9}))).await;
    assert_eq!((status, &refused["data"][0]["field"]), (400, &json!("video_subject")), "{refused}");
    let long = short(&json!({"video_script": "The sea is calm. ".repeat(60)}));
    let running = created(&world, "videos", &long).await;
    world.seen(&NativeClient::job(&running), |status| runs(status, Stage::Render)).await;
    let waiting = created(&world, "videos", &long).await;
    assert_eq!(ask(&world, "POST", "videos", Some(&long)).await.0, 429);
    for task in [&running, &waiting] {
        let (status, busy) = ask(&world, "DELETE", &format!("tasks/{task}"), None).await;
        assert_eq!((status, &busy["message"]), (409, &json!("task is still running")));
        world.client.cancel(&NativeClient::job(task)).await.expect("cancelled");
    }
    let cancelled = ended(&world, &running).await;
    assert_eq!((&cancelled["state"], &cancelled["error"]), (&json!(-1), &json!("cancelled")));
    assert_eq!(ask(&world, "GET", "tasks/nobody", None).await.0, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_moneyprinterturbos_texts_are_written() {
    let world = World::start("", &[]).await;
    let (_, script) = ask(&world, "POST", "scripts", Some(&json!({"video_subject": "sea"}))).await;
    let script = script["video_script"].as_str().expect("a script").to_owned();
    assert!(script.len() > 20, "{script}");
    let about = json!({"video_subject": "sea", "video_script": script, "amount": 5});
    let (_, terms) = ask(&world, "POST", "terms", Some(&about)).await;
    assert!(!terms["video_terms"].as_array().expect("terms").is_empty(), "{terms}");
    let about =
        json!({"video_subject": "sea", "video_script": script, "platform": "youtube_shorts"});
    let (_, post) = ask(&world, "POST", "social-metadata", Some(&about)).await;
    assert!(post["title"].as_str().is_some_and(|title| !title.is_empty()), "{post}");
    assert!(post["hashtags"].as_array().is_some_and(|tags| tags.len() <= 3), "{post}");
    let wrong = json!({"video_subject": "sea", "platform": "myspace"});
    assert_eq!(ask(&world, "POST", "social-metadata", Some(&wrong)).await.0, 400);
    world.stop().await;
}

/// A form with one file (RFC 7578).
async fn upload(world: &World, route: &str, name: &str, content: &[u8]) -> (u16, Value) {
    let head = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--x--\r\n"].concat();
    let url = world.base.join(&format!("/api/v1/{route}")).expect("a path");
    let request = reqwest::Client::new().post(url).body(body);
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("a document"))
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_music_and_materials_are_uploaded_looked_into_and_listed() {
    let folders = tempfile::tempdir().expect("temporary folder");
    let (music, local) = (folders.path().join("music"), folders.path().join("local"));
    for folder in [&music, &local] {
        fs_err::create_dir(folder).expect("made");
    }
    let set =
        [format!("music.dir='{}'", music.display()), format!("local.dir='{}'", local.display())];
    let world = World::start("", &[&set[0], &set[1]]).await;
    let mut tracks = fs_err::read_dir(world.paths.media().join("music")).expect("music");
    let track = tracks.next().expect("a track").expect("a file").path();
    let sound = fs_err::read(&track).expect("a sound");
    let kind = track.extension().expect("a kind").to_string_lossy().into_owned();
    let (status, kept) = upload(&world, "musics", &format!("../../x.{kind}"), &sound).await;
    assert_eq!(status, 200, "{kept}");
    let name = kept["data"]["file"].as_str().expect("a name").to_owned();
    assert_ne!(name, format!("x.{kind}"), "it has a name of its own");
    let (_, listed) = ask(&world, "GET", "musics", None).await;
    assert_eq!(listed["files"], json!([{"name": name, "file": name, "size": sound.len()}]));

    // A track is a sound, so it is no video; but ffmpeg reads it.
    for (route, name, content, status) in [
        ("video_materials", "a b.MOV", sound.as_slice(), 200),
        ("video_materials", "a.exe", sound.as_slice(), 400),
        ("video_materials", "a.mp4", b"no video", 400),
        ("video_materials", "white.PNG", WHITE_PNG, 200),
        ("video_materials", "torn.jpg", b"no picture", 400),
        ("musics", "a.mp3", b"", 400),
        ("musics", "a.mp3", &[0; (30 << 20) + 1], 400),
        ("musics", "..", sound.as_slice(), 400),
    ] {
        let (found, answer) = upload(&world, route, name, content).await;
        assert_eq!(found, status, "{route} {name}: {answer}");
    }
    let names = |folder: &std::path::Path| -> Vec<String> {
        let entries = fs_err::read_dir(folder).expect("a folder").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(
        (names(&music), names(&local)),
        (vec![name], vec!["a b.MOV".to_owned(), "white.PNG".to_owned()])
    );
    world.stop().await;
}
