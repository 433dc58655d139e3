use super::*;

fn body() -> Value {
    json!({
        "3": {"class_type": "KSampler", "inputs": {}},
        "8": {"class_type": "VAEDecode", "inputs": {}},
        "9": {"class_type": "SaveImage", "inputs": {}},
    })
}

/// Hears `messages`, ten milliseconds apart, the first at ten.
fn heard(messages: &[(&str, Value)]) -> Story {
    let mut story = Story::default();
    for (number, (kind, data)) in (1..).zip(messages) {
        let message = json!({"type": kind, "data": data});
        story.hear(&message, "ours", &body(), number * 10_000);
    }
    story
}

fn ours(more: Value) -> Value {
    let mut data = more;
    data["prompt_id"] = json!("ours");
    data
}

fn picture(name: &str, kind: &str) -> File {
    File { filename: name.to_owned(), subfolder: String::new(), kind: kind.to_owned() }
}

#[test]
fn a_run_is_told_node_by_node() {
    // As its documentation and the fixture server tell it.
    let image = json!({"filename": "a.png", "subfolder": "", "type": "output"});
    let story = heard(&[
        ("status", json!({"status": {"exec_info": {"queue_remaining": 3}}, "sid": "c"})),
        ("execution_start", ours(json!({"timestamp": 1_795_000_000_000_u64}))),
        (
            "execution_cached",
            ours(json!({"nodes": ["4", "6"], "timestamp": 1_795_000_000_001_u64})),
        ),
        ("executing", ours(json!({"node": "3", "display_node": "3"}))),
        ("progress", ours(json!({"value": 1, "max": 20, "node": "3"}))),
        ("executing", json!({"node": "3", "prompt_id": "theirs"})),
        ("executing", ours(json!({"node": "8"}))),
        ("executing", ours(json!({"node": "9"}))),
        ("executed", ours(json!({"node": "9", "output": {"images": [image]}}))),
        ("execution_success", ours(json!({"timestamp": 1_795_000_000_090_u64}))),
        ("executing", ours(json!({"node": null}))),
        ("status", json!({"status": {"exec_info": {"queue_remaining": 0}}})),
    ]);
    assert_eq!(story.started_us, Some(20_000));
    let stages: Vec<(&str, u64, u64)> =
        story.stages.iter().map(|s| (s.name.as_str(), s.start_us, s.end_us)).collect();
    let expected = [
        ("KSampler", 40_000, 70_000),
        ("VAEDecode", 70_000, 80_000),
        ("SaveImage", 80_000, 100_000),
    ];
    assert_eq!(stages, expected);
    assert_eq!(story.end, Some(End { at_us: 100_000, outcome: Outcome::Ok, error: None }));
    assert_eq!((story.n_cached, story.queue_remaining), (2, Some(3)));
    assert_eq!(story.products(), [&picture("a.png", "output")]);
    let extra = json!({"id": "ours", "cached_nodes": 2, "queue_remaining": 3});
    assert_eq!(story.extra("ours"), extra);
}

#[test]
fn an_older_server_ends_with_no_node() {
    let story = heard(&[
        ("execution_start", ours(json!({}))),
        ("executing", ours(json!({"node": "3"}))),
        ("executing", ours(json!({"node": null}))),
    ]);
    assert_eq!(story.end.map(|end| end.at_us), Some(30_000));
    assert_eq!(story.stages.len(), 1);
}

#[track_caller]
fn check_failure(kind: &str, data: Value, word: &str, text: &str) {
    let story = heard(&[
        ("execution_start", ours(json!({}))),
        ("executing", ours(json!({"node": "3"}))),
        (kind, ours(data)),
        ("executing", ours(json!({"node": null}))),
    ]);
    let end = story.end.clone().expect("an end");
    assert_eq!((&end.outcome, end.at_us), (&Outcome::Failed(word.to_owned()), 30_000));
    assert_eq!(story.extra("ours")["error"], text);
    assert_eq!(story.stages[0].end_us, 30_000, "it worked until then");
}

#[test]
fn a_failure_has_a_word_to_count_by_and_names_its_node() {
    check_failure(
        "execution_error",
        json!({"node_id": "3", "node_type": "KSampler", "exception_type": "torch.OutOfMemoryError",
               "exception_message": "Allocation on device 0 would exceed memory\n", "traceback": []}),
        "OutOfMemoryError",
        "node 3 (KSampler): Allocation on device 0 would exceed memory",
    );
    check_failure("execution_error", json!({}), "execution_error", "node unknown: unknown");
    check_failure("execution_interrupted", json!({}), "interrupted", "somebody stopped it");
}

#[test]
fn what_was_missed_is_in_the_history() {
    let output = |name: &str, kind: &str| json!({"filename": name, "subfolder": "", "type": kind});
    let success = json!({"ours": {
        "outputs": {"9": {"images": [output("a.png", "output"), output("p.png", "temp")]},
                    "12": {"gifs": [output("b.mp4", "output")], "text": ["a prompt"]}},
        "status": {"status_str": "success", "completed": true, "messages": [
            ["execution_start", {"prompt_id": "ours", "timestamp": 1_000_000}],
            ["execution_success", {"prompt_id": "ours", "timestamp": 1_000_300}]]}}});
    let mut story = Story::default();
    story.look_up(&json!({}), "ours", 5);
    assert_eq!(story, Story::default(), "it goes on");
    story.look_up(&success, "ours", 900_000);
    assert_eq!(story.started_us, Some(600_000), "300 ms before it was seen to have ended");
    assert_eq!(story.end, Some(End { at_us: 900_000, outcome: Outcome::Ok, error: None }));
    let names: Vec<&str> = story.products().iter().map(|file| file.filename.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");

    let error = json!({"ours": {"outputs": {}, "status": {"status_str": "error", "messages": [
        ["execution_error", {"node_id": "3", "exception_type": "ValueError", "exception_message": "x"}]]}}});
    let mut story = Story::default();
    story.look_up(&error, "ours", 7);
    assert_eq!(story.end.map(|end| end.outcome), Some(Outcome::Failed("ValueError".to_owned())));

    // What was heard counts more than when it was looked up.
    let mut story =
        heard(&[("execution_start", ours(json!({}))), ("execution_success", ours(json!({})))]);
    story.look_up(&success, "ours", 900_000);
    assert_eq!(
        (story.started_us, story.end.as_ref().map(|end| end.at_us)),
        (Some(10_000), Some(20_000))
    );
    assert_eq!(story.files.len(), 3);
}

#[test]
fn previews_are_fetched_only_where_nothing_is_kept() {
    let preview = json!({"images": [{"filename": "p.png", "subfolder": "", "type": "temp"}]});
    let story = heard(&[("executed", ours(json!({"node": "9", "output": preview})))]);
    assert_eq!(story.products(), [&picture("p.png", "temp")]);
}
