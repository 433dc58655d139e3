//! After a change of the code, the code is sent and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::world::with_engine;

/// Passes connections on to the engine, and counts what is sent to it.
fn counting(socket: &Path, engine: String) -> Arc<AtomicU64> {
    let (count, listener) = (Arc::new(AtomicU64::new(0)), UnixListener::bind(socket));
    let (counted, listener) = (Arc::clone(&count), listener.expect("a socket"));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (engine, counted) = (engine.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let engine = UnixStream::connect(engine).await.expect("the engine");
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_engine, mut to_engine) = engine.into_split();
                let back = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_engine, &mut to_client).await;
                });
                let mut chunk = vec![0; 64 << 10];
                while let Ok(n_read @ 1..) = from_client.read(&mut chunk).await {
                    counted.fetch_add(n_read as u64, Ordering::Relaxed);
                    if to_engine.write_all(&chunk[..n_read]).await.is_err() {
                        break;
                    }
                }
                drop(to_engine);
                let _ = back.await;
            });
        }
    });
    count
}

/// Copies the programs, with one word of the pipeline's help changed: another build of the same source.
fn touched(debug: &Path, target: &Path) {
    fs_err::create_dir(target).expect("a folder");
    for name in ["espeak-words", "fixtures"] {
        fs_err::copy(debug.join(name), target.join(name)).expect("copied");
    }
    let mut program = fs_err::read(debug.join("pipeline")).expect("the pipeline");
    let word = b"one-pass render";
    let at = program.windows(word.len()).position(|bytes| bytes == word).expect("its help");
    program[at..at + 3].copy_from_slice(b"ONE");
    fs_err::write(target.join("pipeline"), program).expect("written");
    let mode = fs_err::metadata(debug.join("pipeline")).expect("a mode").permissions();
    fs_err::set_permissions(target.join("pipeline"), mode).expect("mode");
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_after_a_change_of_the_code_sends_the_code_alone() {
    with_engine("rebuild", async |world| {
        let first = world.built(&mut world.build(&["--base", "local"])).await;
        let findings = first["findings"].as_array().expect("findings");
        assert!(findings.len() >= 15, "every invariant: {findings:?}");
        assert!(findings.iter().all(|finding| finding["broken"].is_null()), "{findings:?}");
        assert_eq!(world.leftovers().await, [""; 0]);
        let before = world.tagged().await.expect("an image");
        assert_eq!(first["image"], before);

        let host = world.engine.host().strip_prefix("unix://").expect("a socket").to_owned();
        let socket = world.folder.path().join("counting.sock");
        let count = counting(&socket, host);
        let programs = world.folder.path().join("programs");
        touched(&world.paths.target.join("debug"), &programs);
        let mut build = world.build_of(&programs, &["--base", "local"]);
        build.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        let second = world.built(&mut build).await;

        let after = world.tagged().await.expect("an image");
        assert!(after != before && second["image"] == after, "the name moved");
        let old = world.engine.image(&before).await.expect("an answer");
        // The same image may have a name of another test, or of the user's: then it stays.
        assert!(old.is_none_or(|old| !old.tags.is_empty()), "the one before is left");
        let stripped = world.paths.home.join("image/programs/pipeline");
        let binary = fs_err::metadata(stripped).expect("the pipeline").len();
        let sent = count.load(Ordering::Relaxed);
        assert!(sent > binary && sent < binary + (1 << 20), "sent {sent}, the binary has {binary}");
        let told = second["bytes_sent"].as_u64().expect("a number");
        assert!(told <= sent && sent - told < 100_000, "told {told}, sent {sent}");
        let reused: Vec<bool> = second["strata"]
            .as_array()
            .expect("strata")
            .iter()
            .map(|stratum| stratum["reused"].as_bool().expect("a truth"))
            .collect();
        assert_eq!(reused, [true, true, false]);

        // The same again: nothing to try, nothing moves.
        let third = world.built(&mut world.build_of(&programs, &["--base", "local"])).await;
        assert_eq!(
            (&third["image"], &third["findings"]),
            (&second["image"], &serde_json::json!([]))
        );
    })
    .await;
}
