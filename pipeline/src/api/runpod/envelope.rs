//! What stands around a job: webhook and policy. Pure.

use std::time::Duration;

use protocol::JobSpec;
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;

use super::error::Refused;

/// Limits of the two times, in milliseconds: five or ten seconds, and a week.
const TIMEOUTS_MS: (u64, u64) = (5_000, 604_800_000);
const TTLS_MS: (u64, u64) = (10_000, 604_800_000);

/// A request, as RunPod's clients send it.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"input": {"video_subject": "The sea at night"}}))]
#[expect(dead_code, reason = "it is read field by field, so that the wrong one can be named")]
pub struct RunRequest {
    /// The job.
    input: JobSpec,
    /// Where the status is sent when the job has ended: up to three times, until the answer is 200. It is
    /// not sent by a service that was started again meanwhile.
    #[schema(pattern = r"^\s*[hH][tT][tT][pP][sS]?:")]
    webhook: Option<String>,
    /// How long it may take.
    policy: Option<RunPolicy>,
}

/// How long a job may take, and how urgent it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is read field by field, so that the wrong one can be named")]
pub struct RunPolicy {
    /// Milliseconds that an attempt may run.
    #[schema(minimum = 5000, maximum = 604_800_000)]
    execution_timeout: Option<u64>,
    /// Whether other jobs go first.
    low_priority: Option<bool>,
    /// Milliseconds from now in which it must have begun.
    #[schema(minimum = 10_000, maximum = 604_800_000)]
    ttl: Option<u64>,
}

/// The same, read.
#[derive(Debug, PartialEq)]
pub struct Envelope {
    /// The document of the job.
    pub input: Vec<u8>,
    /// Where to tell.
    pub webhook: Option<Url>,
    /// Time for an attempt.
    pub timeout: Option<Duration>,
    /// Time in which it must have begun.
    pub ttl: Option<Duration>,
    /// Whether other jobs go first.
    pub low_priority: bool,
}

impl Envelope {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`Refused`], with what is wrong. The job itself is not looked at.
    pub fn read(document: &[u8]) -> Result<Self, Refused> {
        let document: Value = serde_json::from_slice(document)
            .map_err(|error| Refused::wrong(format!("the body is not JSON: {error}")))?;
        let Value::Object(mut fields) = document else {
            return Err(Refused::wrong("expected a JSON object with an input"));
        };
        let Some(input @ Value::Object(_)) = fields.remove("input") else {
            return Err(Refused::wrong("input: expected an object, the fields of a job"));
        };
        // A client that counts on it would look in vain for its files.
        if fields.get("s3Config").is_some_and(|config| !config.is_null()) {
            return Err(Refused::wrong(
                "s3Config: expected none; the service's settings say where files go",
            ));
        }
        let webhook = match fields.get("webhook") {
            None | Some(Value::Null) => None,
            Some(value) => Some(address(value)?),
        };
        let policy = match fields.remove("policy") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(policy)) => policy,
            Some(_) => return Err(Refused::wrong("policy: expected an object")),
        };
        Ok(Self {
            input: input.to_string().into_bytes(),
            webhook,
            timeout: time(&policy, "executionTimeout", TIMEOUTS_MS)?,
            ttl: time(&policy, "ttl", TTLS_MS)?,
            low_priority: match policy.get("lowPriority") {
                None | Some(Value::Null) => false,
                Some(Value::Bool(is_low)) => *is_low,
                Some(_) => {
                    return Err(Refused::wrong("policy.lowPriority: expected true or false"));
                }
            },
        })
    }
}

fn address(value: &Value) -> Result<Url, Refused> {
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Refused::wrong("webhook: expected an http or https address"))
}

fn time(
    policy: &Map<String, Value>,
    name: &str,
    (least, most): (u64, u64),
) -> Result<Option<Duration>, Refused> {
    match policy.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|ms| (least..=most).contains(ms)) {
            Some(ms) => Ok(Some(Duration::from_millis(ms))),
            None => Err(Refused::wrong(format!(
                "policy.{name}: expected {least} to {most} milliseconds"
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> Result<Envelope, Refused> {
        Envelope::read(document.to_string().as_bytes())
    }

    #[test]
    fn policy_and_webhook_are_read() {
        let document = json!({
            "input": {"video_subject": "sea"},
            "webhook": "https://example.org/done?a=1",
            "policy": {"executionTimeout": 5_000, "ttl": 10_000, "lowPriority": true},
        });
        let envelope = read(&document).expect("an envelope");
        assert_eq!(envelope.input, br#"{"video_subject":"sea"}"#);
        assert_eq!(envelope.webhook.expect("a webhook").as_str(), "https://example.org/done?a=1");
        assert_eq!(envelope.timeout, Some(Duration::from_secs(5)));
        assert_eq!(envelope.ttl, Some(Duration::from_secs(10)));
        assert!(envelope.low_priority);
        let open = json!({"input": {}, "webhook": null, "policy": null, "s3Config": null, "x": 1});
        let expected = Envelope {
            input: b"{}".to_vec(),
            webhook: None,
            timeout: None,
            ttl: None,
            low_priority: false,
        };
        assert_eq!(read(&open).expect("an envelope"), expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (document, expected) in [
            (json!([]), "expected a JSON object"),
            (json!({}), "input: expected"),
            (json!({"input": "sea"}), "input: expected"),
            (json!({"input": {}, "webhook": 1}), "webhook: expected"),
            (json!({"input": {}, "webhook": "file:///etc/passwd"}), "webhook: expected"),
            (json!({"input": {}, "policy": []}), "policy: expected"),
            (json!({"input": {}, "policy": {"ttl": 9_999}}), "policy.ttl: expected 10000 to"),
            (json!({"input": {}, "policy": {"executionTimeout": 1e9}}), "policy.executionTimeout"),
            (json!({"input": {}, "policy": {"lowPriority": 1}}), "policy.lowPriority"),
            (json!({"input": {}, "s3Config": {}}), "s3Config: expected none"),
        ] {
            let refused = read(&document).expect_err("wrong");
            assert!(refused.message().starts_with(expected), "{document}: {}", refused.message());
        }
    }
}
