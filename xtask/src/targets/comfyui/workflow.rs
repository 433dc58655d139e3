//! What is sent to ComfyUI: a workflow in the API's format. Pure.

use serde_json::{Map, Value, json};

use crate::exit::Failure;

/// Inputs that make a run another one.
const SEEDS: [&str; 2] = ["seed", "noise_seed"];
/// ComfyUI's largest seed.
const SEED_LIMIT: u64 = 1 << 53; // beyond it, JavaScript rounds

/// The nodes of a body: the workflow itself, or one under `prompt`.
fn nodes(body: &Value) -> Option<&Map<String, Value>> {
    let nodes = body.get("prompt").filter(|prompt| prompt.is_object()).unwrap_or(body);
    let nodes = nodes.as_object()?;
    let is_node = |node: &Value| node.get("class_type").is_some_and(Value::is_string);
    (!nodes.is_empty() && nodes.values().all(is_node)).then_some(nodes)
}

/// What is known to be wrong with a body before any is sent.
///
/// # Errors
///
/// [`Failure::Usage`].
pub fn check_body(body: &Value) -> Result<(), Failure> {
    if nodes(body).is_some() {
        return Ok(());
    }
    let inner = body.get("prompt").unwrap_or(body);
    let has = |key: &str| inner.get(key).is_some_and(Value::is_array);
    if has("nodes") && has("links") {
        let message =
            "the body is a ComfyUI workflow in the format of its page, expected that of its API";
        let hint = "in ComfyUI's menu: Workflow, then \"Export (API)\"; in older ones, with dev mode on, \
                    \"Save (API format)\"";
        return Err(Failure::usage(message).with_hint(hint));
    }
    let message = "expected a ComfyUI workflow: nodes by their number, each with a `class_type`";
    let hint = match body.get("input") {
        Some(_) => "this is a body for a RunPod worker: --speaks runpod",
        None => "in ComfyUI's menu: Workflow, then \"Export (API)\" or \"Save (API format)\"",
    };
    Err(Failure::usage(message).with_hint(hint))
}

/// The class of node `id`, which names its stage.
pub fn class<'a>(body: &'a Value, id: &'a str) -> &'a str {
    nodes(body).and_then(|nodes| nodes.get(id)?["class_type"].as_str()).unwrap_or(id)
}

/// What is posted for job `number` by `client_id`.
///
/// ComfyUI keeps what each node made and does not work on a workflow that it knows: with one seed every
/// job after the first would be answered from memory. So `number` is added to each seed.
pub fn request(body: &Value, number: u64, client_id: &str) -> Value {
    let mut nodes = nodes(body).cloned().unwrap_or_default();
    let inputs = nodes.values_mut().filter_map(|node| node.get_mut("inputs")?.as_object_mut());
    for input in inputs.flat_map(|inputs| inputs.iter_mut()) {
        if let (true, Some(seed)) = (SEEDS.contains(&input.0.as_str()), input.1.as_u64()) {
            *input.1 = (seed.wrapping_add(number) % SEED_LIMIT).into();
        }
    }
    let mut request = match body.get("prompt") {
        Some(_) => body.clone(),
        None => json!({}),
    };
    request["prompt"] = Value::Object(nodes);
    request["client_id"] = client_id.into();
    request
}

/// Whether jobs differ by a seed.
pub fn has_seed(body: &Value) -> bool {
    request(body, 0, "") != request(body, 1, "")
}

/// Why `POST /prompt` refuses a workflow, node by node.
pub fn said(body: &str) -> Option<String> {
    let document: Value = serde_json::from_str(body).ok()?;
    let mut said = vec![document["error"]["message"].as_str()?.to_owned()];
    for (id, node) in document["node_errors"].as_object().into_iter().flatten() {
        let class = node["class_type"].as_str().unwrap_or_default();
        for error in node["errors"].as_array().into_iter().flatten() {
            let [message, details] = ["message", "details"].map(|key| error[key].as_str());
            let reason = [message, details].into_iter().flatten().collect::<Vec<_>>().join(": ");
            said.push(format!("\n  node {id} ({class}): {reason}"));
        }
    }
    Some(said.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow() -> Value {
        json!({
            "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "model": ["4", 0]}},
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
            "5": {"class_type": "RandomNoise", "inputs": {"noise_seed": (1_u64 << 53) - 1}},
        })
    }

    #[test]
    fn a_workflow_of_the_page_is_told_from_one_of_the_api() {
        assert!(check_body(&workflow()).is_ok());
        assert!(check_body(&json!({"prompt": workflow(), "front": true})).is_ok());
        let page = json!({"last_node_id": 9, "nodes": [{"id": 3, "type": "KSampler"}], "links": [], "version": 0.4});
        for (body, message, hint) in [
            (page.clone(), "in the format of its page", "Save (API format)"),
            (json!({"prompt": page}), "in the format of its page", "Save (API format)"),
            (
                json!({"input": {"workflow": workflow()}}),
                "each with a `class_type`",
                "--speaks runpod",
            ),
            (json!({}), "each with a `class_type`", "Save (API format)"),
            (json!({"3": {"inputs": {}}}), "each with a `class_type`", "Save (API format)"),
            (json!([1]), "each with a `class_type`", "Save (API format)"),
        ] {
            let refused = check_body(&body).expect_err("refused");
            assert!(refused.to_string().contains(message), "{body}: {refused}");
            assert!(refused.hint().is_some_and(|said| said.contains(hint)), "{body}: {refused:?}");
        }
    }

    #[test]
    fn every_job_has_seeds_of_its_own_and_nothing_else() {
        let sent = request(&workflow(), 2, "c");
        let mut expected = workflow();
        expected["3"]["inputs"]["seed"] = json!(9);
        expected["5"]["inputs"]["noise_seed"] = json!(1);
        assert_eq!(sent, json!({"prompt": expected, "client_id": "c"}));
        let whole = json!({"prompt": workflow(), "front": true});
        assert_eq!(request(&whole, 0, "c")["front"], true);
        assert_eq!(request(&whole, 2, "c")["prompt"], expected);
        assert!(has_seed(&workflow()));
        // A seed that another node gives is not ours to change.
        let linked = json!({"3": {"class_type": "KSampler", "inputs": {"seed": ["8", 0]}}});
        assert!(!has_seed(&linked));
    }

    #[test]
    fn a_node_is_called_by_its_class() {
        assert_eq!(class(&workflow(), "3"), "KSampler");
        assert_eq!(class(&json!({"prompt": workflow()}), "4"), "CheckpointLoaderSimple");
        assert_eq!(class(&workflow(), "12"), "12");
    }

    #[test]
    fn a_refused_workflow_is_told_node_by_node() {
        let body = json!({
            "error": {"type": "prompt_outputs_failed_validation",
                      "message": "Prompt outputs failed validation", "details": ""},
            "node_errors": {"4": {"class_type": "CheckpointLoaderSimple", "errors": [
                {"message": "Value not in list", "details": "ckpt_name: 'x' not in ['y']"}]}}});
        let expected = "Prompt outputs failed validation\n  node 4 (CheckpointLoaderSimple): \
                        Value not in list: ckpt_name: 'x' not in ['y']";
        assert_eq!(said(&body.to_string()).as_deref(), Some(expected));
        assert_eq!(said("500: Internal Server Error"), None);
    }
}
