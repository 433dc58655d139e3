//! What ComfyUI's documents say. Pure.

use serde_json::Value;

/// Outputs that hold pictures or videos: ComfyUI's own, and VideoHelperSuite's, which calls videos
/// `gifs`.
const KINDS: [&str; 3] = ["images", "gifs", "videos"];

/// A file that a run left in ComfyUI's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) filename: String,
    pub(super) subfolder: String,
    /// `output`; never `temp`, which are previews.
    pub(super) kind: String,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Node { node: String, class: String, message: String },
    Interrupted,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Done(Vec<File>),
    Failed(Failure),
}

/// Reads `GET /history/{prompt_id}`. A run that is not in it goes on, or waits.
pub(super) fn state(history: &Value, prompt_id: &str) -> State {
    let Some(run) = history.get(prompt_id) else { return State::Running };
    let messages = run["status"]["messages"].as_array().into_iter().flatten();
    for message in messages {
        if let Some(failure) = message[0].as_str().and_then(|kind| failure(kind, &message[1])) {
            return State::Failed(failure);
        }
    }
    if run["status"]["status_str"] == "error" {
        return State::Failed(
            failure("execution_error", &Value::Null).unwrap_or(Failure::Interrupted),
        );
    }
    let mut nodes: Vec<(&String, &Value)> =
        run["outputs"].as_object().into_iter().flatten().collect();
    nodes.sort_by_key(|(node, _)| node.parse::<u64>().unwrap_or(u64::MAX));
    let kinds = nodes.iter().flat_map(|(_, outputs)| KINDS.map(|kind| &outputs[kind]));
    let files = kinds.filter_map(Value::as_array).flatten().filter_map(file).collect();
    State::Done(files)
}

fn file(document: &Value) -> Option<File> {
    let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
    let file = File {
        filename: text("filename"),
        subfolder: text("subfolder"),
        kind: document["type"].as_str().unwrap_or("output").to_owned(),
    };
    (file.kind != "temp" && !file.filename.is_empty()).then_some(file)
}

/// What a message of this kind says of a failure, if it is one.
pub(super) fn failure(kind: &str, data: &Value) -> Option<Failure> {
    let text = |field: &str| match &data[field] {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    };
    match kind {
        "execution_error" => Some(Failure::Node {
            node: text("node_id"),
            class: text("node_type"),
            message: text("exception_message"),
        }),
        "execution_interrupted" => Some(Failure::Interrupted),
        _ => None,
    }
}

/// Why `POST /prompt` refuses a workflow, node by node.
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let message = document["error"]["message"].as_str()?;
    let mut reasons = vec![message.to_owned()];
    for (node, wrong) in document["node_errors"].as_object().into_iter().flatten() {
        let class = wrong["class_type"].as_str().unwrap_or("unknown");
        for error in wrong["errors"].as_array().into_iter().flatten() {
            let [message, details] = ["message", "details"].map(|field| error[field].as_str());
            let said = [message, details].into_iter().flatten().collect::<Vec<_>>().join(": ");
            reasons.push(format!("node {node} ({class}): {said}"));
        }
    }
    Some(reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a table reads better")]
    fn check(run: &Value, expected: State) {
        assert_eq!(state(&json!({"id": run}), "id"), expected);
    }

    fn output(filename: &str, subfolder: &str) -> File {
        let (filename, subfolder) = (filename.to_owned(), subfolder.to_owned());
        File { filename, subfolder, kind: "output".to_owned() }
    }

    #[test]
    fn pictures_and_videos_of_all_nodes_are_found_and_previews_are_not() {
        let run = json!({"outputs": {
            "12": {"gifs": [{"filename": "film.mp4", "subfolder": "v", "type": "output"}]},
            "9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"},
                             {"filename": "p.png", "subfolder": "", "type": "temp"}]},
            "13": {"videos": [{"filename": "b.webm"}], "text": ["a prompt"]},
            "14": {"animated": [true]}},
            "status": {"status_str": "success", "completed": true, "messages": []}});
        let expected = [output("a.png", ""), output("film.mp4", "v"), output("b.webm", "")];
        check(&run, State::Done(expected.to_vec()));
        assert_eq!(state(&json!({}), "id"), State::Running);
        assert_eq!(state(&json!({"other": run}), "id"), State::Running);
    }

    #[test]
    fn a_node_that_failed_is_named() {
        let error = json!({"prompt_id": "id", "node_id": "3", "node_type": "KSampler",
                           "exception_message": "CUDA out of memory\n", "traceback": []});
        let run = json!({"outputs": {}, "status": {"status_str": "error", "completed": false,
            "messages": [["execution_start", {}], ["execution_error", error]]}});
        let failure = Failure::Node {
            node: "3".to_owned(),
            class: "KSampler".to_owned(),
            message: "CUDA out of memory".to_owned(),
        };
        check(&run, State::Failed(failure));
        let run = json!({"status": {"messages": [["execution_interrupted", {"node_id": "3"}]]}});
        check(&run, State::Failed(Failure::Interrupted));
        let unknown = "unknown".to_owned();
        let [node, class, message] = [&unknown; 3].map(Clone::clone);
        let run = json!({"outputs": {}, "status": {"status_str": "error"}});
        check(&run, State::Failed(Failure::Node { node, class, message }));
    }

    #[test]
    fn a_refused_workflow_is_told_node_by_node() {
        let body = json!({
            "error": {"type": "prompt_outputs_failed_validation",
                      "message": "Prompt outputs failed validation", "details": ""},
            "node_errors": {"4": {"class_type": "CheckpointLoaderSimple", "errors": [
                {"message": "Value not in list", "details": "ckpt_name: 'x' not in ['y']"}]}}});
        let expected = "Prompt outputs failed validation; node 4 (CheckpointLoaderSimple): \
                        Value not in list: ckpt_name: 'x' not in ['y']";
        assert_eq!(refusal(body.to_string().as_bytes()).as_deref(), Some(expected));
        assert_eq!(refusal(b"no json"), None);
    }
}
