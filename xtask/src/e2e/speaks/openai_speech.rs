//! `openai-speech`: the fixtures' speech server, which speaks with espeak-ng.

use serde_json::{Value, json};

use super::{Load, check_code, check_parts, servers, stage_us};

/// Each request waits so long, milliseconds.
const LATENCY_MS: u64 = 80;

fn body(format: &str) -> Value {
    json!({"model": "tts-1", "voice": "alloy", "response_format": format,
           "input": "The sea is calm tonight, and the wind is low."})
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_openai_speech() {
    let load = Load::new(&body("wav"));
    let slow = format!("[speech]\nlatency_ms = {LATENCY_MS}\nbandwidth = 500000\n");
    let (fixtures, addresses) = servers(&load, &slow).await;
    let jobs = ["--speaks", "openai-speech", "--concurrency", "2", "--jobs", "6"];
    let mut lengths = Vec::new();
    for format in ["wav", "mp3"] {
        let body = body(format).to_string();
        fs_err::write(load.folder.path().join("body.json"), body).expect("written");
        let run = load.run(&addresses.openai, &jobs).await;
        assert_eq!(run.samples.len(), 6);
        for sample in &run.samples {
            let parts = check_parts(sample);
            assert!(
                parts.queue_us * 100 <= sample.latency_us(),
                "nobody tells of a queue: {parts:?}"
            );
            assert!(stage_us(sample, "first_byte") >= LATENCY_MS * 1000, "{sample:?}");
            let media_ms = sample.extra["media_ms"].as_u64().expect("a length");
            assert!((1_500..6_000).contains(&media_ms), "{format}: {media_ms} ms");
            lengths.push(media_ms);
            if format == "wav" {
                // So many bytes at so many a second; the first ones are there at once.
                let bytes = sample.extra["output_bytes"].as_u64().expect("bytes");
                let least_us = bytes; // half of what 500,000 a second take
                assert!(stage_us(sample, "transfer") >= least_us, "{bytes} bytes: {sample:?}");
            }
        }
        let rtf = bench::Rtf::of(&run.samples).expect("sounds have a length");
        assert!(rtf.n() == 6 && rtf.pooled() > 0.01 && rtf.pooled() < 2.0, "{}", rtf.line());
        assert!(load.report().contains(&rtf.line()), "{}", load.report());
    }
    let (least, most) = (lengths.iter().min(), lengths.iter().max());
    assert!(least.zip(most).is_some_and(|(a, b)| b - a < 150), "one text, two codecs: {lengths:?}");
    fixtures.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_openai_speech_to_a_server_that_breaks_off() {
    let load = Load::new(&body("wav"));
    let broken = "[[speech.faults]]\nkind = 'truncate'\nafter_bytes = 5000\nevery = 2\n";
    let (fixtures, addresses) = servers(&load, broken).await;
    let jobs = ["--speaks", "openai-speech", "--concurrency", "1", "--jobs", "4"];
    let (code, said) = load.said(&addresses.openai, &jobs).await;
    check_code(code, &said, 1);
    let run = load.run_file();
    let failed = bench::Outcome::Failed("not_whole".to_owned());
    assert_eq!(run.samples.iter().filter(|sample| sample.outcome == failed).count(), 2, "{said}");
    assert_eq!(bench::Rtf::of(&run.samples).map(|rtf| rtf.n()), Some(2));
    fixtures.stop().await;
}
