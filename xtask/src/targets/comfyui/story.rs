//! What ComfyUI tells of one run, message by message
//! (<https://docs.comfy.org/development/comfyui-server/comms_messages>). Pure.

use bench::{Outcome, StageSpan};
use serde_json::{Value, json};

use super::workflow;

/// Outputs that hold files: ComfyUI's own, and VideoHelperSuite's, which calls videos `gifs`.
const FILES: [&str; 4] = ["images", "gifs", "videos", "audio"];

/// What is known of a run so far. Instants are those at which we heard of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// Work began.
    pub started_us: Option<u64>,
    /// Each node that worked, by its class.
    pub stages: Vec<StageSpan>,
    /// The run ended.
    pub end: Option<End>,
    /// Nodes whose work was taken from memory.
    pub n_cached: usize,
    /// Runs in the queue, ours with them, when that was first told.
    pub queue_remaining: Option<u64>,
    /// Files that it made; of the kept ones, or else of the previews.
    pub files: Vec<File>,
    /// The last look into the history at which it had not ended, where it was looked for there.
    pub open_us: Option<u64>,
    running: Option<(String, u64)>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// When.
    pub at_us: u64,
    /// How.
    pub outcome: Outcome,
    /// What is said of a failure, for people.
    pub error: Option<String>,
}

/// A file in ComfyUI's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub filename: String,
    /// Below the folder of its kind.
    pub subfolder: String,
    /// `output` or `temp`.
    pub kind: String,
}

impl Story {
    /// Hears a message; `body` has the names of the nodes. Messages of other runs say nothing.
    pub fn hear(&mut self, message: &Value, prompt_id: &str, body: &Value, now_us: u64) {
        let (kind, data) = (message["type"].as_str().unwrap_or_default(), &message["data"]);
        if kind == "status" {
            let remaining = data["status"]["exec_info"]["queue_remaining"].as_u64();
            self.queue_remaining = self.queue_remaining.or(remaining);
        }
        if data["prompt_id"] != prompt_id || self.end.is_some() {
            return;
        }
        match kind {
            "execution_start" => self.started_us = self.started_us.or(Some(now_us)),
            "execution_cached" => self.n_cached = data["nodes"].as_array().map_or(0, Vec::len),
            "executing" => match data["node"].as_str() {
                Some(id) => self.begin(workflow::class(body, id), now_us),
                None => self.end_with(now_us, Outcome::Ok, None),
            },
            "executed" => self.files.extend(files(&data["output"])),
            "execution_success" => self.end_with(now_us, Outcome::Ok, None),
            _ => {
                if let Some((word, text)) = failure(kind, data) {
                    self.end_with(now_us, Outcome::Failed(word), Some(text));
                }
            }
        }
    }

    /// Reads `GET /history/{prompt_id}`, where messages were missed. A run that is not in it goes on.
    ///
    /// Newer ones say when it began and ended, by their own clock: so long it took until now.
    pub fn look_up(&mut self, history: &Value, prompt_id: &str, now_us: u64) {
        let Some(run) = history.get(prompt_id) else { return };
        let messages = || run["status"]["messages"].as_array().into_iter().flatten();
        let at_ms = |kind: &str| {
            let found = messages().find(|message| message[0] == kind);
            found.and_then(|message| message[1]["timestamp"].as_u64())
        };
        if self.files.is_empty() {
            let outputs = run["outputs"].as_object().into_iter().flatten();
            self.files = outputs.flat_map(|(_, output)| files(output)).collect();
        }
        let failed = messages().find_map(|message| failure(message[0].as_str()?, &message[1]));
        if let Some(took_ms) = at_ms("execution_success")
            .zip(at_ms("execution_start"))
            .map(|(end, start)| end.saturating_sub(start))
        {
            self.started_us = self.started_us.or(Some(now_us.saturating_sub(took_ms * 1000)));
        }
        if self.end.is_some() {
            return;
        }
        match failed {
            Some((word, text)) => self.end_with(now_us, Outcome::Failed(word), Some(text)),
            None if run["status"]["status_str"] == "error" => {
                self.end_with(now_us, Outcome::Failed("execution_error".to_owned()), None);
            }
            None => self.end_with(now_us, Outcome::Ok, None),
        }
    }

    /// The files to fetch: what is kept, or previews where nothing is.
    pub fn products(&self) -> Vec<&File> {
        let kept: Vec<&File> = self.files.iter().filter(|file| file.kind != "temp").collect();
        if kept.is_empty() { self.files.iter().collect() } else { kept }
    }

    /// What a sample keeps of it beside its times.
    pub fn extra(&self, prompt_id: &str) -> Value {
        let mut extra = json!({ "id": prompt_id, "cached_nodes": self.n_cached });
        if let Some(remaining) = self.queue_remaining {
            extra["queue_remaining"] = remaining.into();
        }
        if let Some(error) = self.end.as_ref().and_then(|end| end.error.clone()) {
            extra["error"] = error.into();
        }
        extra
    }

    fn begin(&mut self, class: &str, now_us: u64) {
        self.close(now_us);
        self.running = Some((class.to_owned(), now_us));
    }

    fn close(&mut self, now_us: u64) {
        if let Some((name, start_us)) = self.running.take() {
            self.stages.push(StageSpan { name, start_us, end_us: now_us });
        }
    }

    fn end_with(&mut self, now_us: u64, outcome: Outcome, error: Option<String>) {
        self.close(now_us);
        self.end = Some(End { at_us: now_us, outcome, error });
    }
}

fn files(output: &Value) -> Vec<File> {
    let listed = FILES.iter().filter_map(|kind| output[*kind].as_array()).flatten();
    let text = |file: &Value, key: &str| file[key].as_str().unwrap_or_default().to_owned();
    let file = |document: &Value| File {
        filename: text(document, "filename"),
        subfolder: text(document, "subfolder"),
        kind: document["type"].as_str().unwrap_or("output").to_owned(),
    };
    listed.map(file).filter(|file| !file.filename.is_empty()).collect()
}

/// A word to count by, and what is said of it.
fn failure(kind: &str, data: &Value) -> Option<(String, String)> {
    match kind {
        "execution_interrupted" => {
            Some(("interrupted".to_owned(), "somebody stopped it".to_owned()))
        }
        "execution_error" => {
            let text =
                |key: &str| data[key].as_str().map(str::trim).filter(|text| !text.is_empty());
            let class = text("exception_type").and_then(|class| class.rsplit('.').next());
            let node = text("node_id").unwrap_or("unknown");
            let said = text("exception_message").unwrap_or("unknown");
            let of = text("node_type").map(|of| format!(" ({of})")).unwrap_or_default();
            Some((class.unwrap_or(kind).to_owned(), format!("node {node}{of}: {said}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
