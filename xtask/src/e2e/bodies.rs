//! Bodies that nobody should send: jobs with odd values, and damaged ones.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use protocol::JobSpec;
use serde_json::{Map, Value, json};

/// Documents and damaged documents.
pub fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let whole = documents().prop_map(|document| document.to_string().into_bytes());
    let damaged = (documents(), damage()).prop_map(|(document, damage)| {
        let mut bytes = document.to_string().into_bytes();
        damage.into_iter().for_each(|damage| damage.does(&mut bytes));
        bytes
    });
    let raw = proptest::collection::vec(any::<u8>(), 0..64);
    prop_oneof![6 => whole, 3 => damaged, 1 => extremes(), 1 => raw]
}

/// A job that ends soon, with some fields replaced.
fn documents() -> impl Strategy<Value = Value> {
    let spec = serde_json::to_value(JobSpec::default()).expect("a document");
    let mut names: Vec<String> = spec.as_object().expect("fields").keys().cloned().collect();
    names.extend(["", "colour", "__proto__", "video_subject\0"].map(str::to_owned));
    let fields = proptest::collection::vec((select(names), values()), 0..5);
    fields.prop_map(|fields| {
        let mut job = json!({"video_script": "The sea.", "stop_at": "script"});
        let job_fields = job.as_object_mut().expect("an object");
        job_fields.extend(fields);
        job
    })
}

fn values() -> impl Strategy<Value = Value> {
    let words = select(vec![
        "",
        " ",
        "\0",
        "9:16",
        "random",
        "None",
        "no-voice",
        "espeak:en",
        "openai:alloy",
        "espeak:../x",
        "#FFFFFF",
        "540x960",
        "0x0",
        "99999999999x2",
        "../../etc/passwd",
        "file:///etc/passwd",
        "URGENT",
        "script",
        "\u{202e}",
        "\u{1F3AC}",
        "ẞ",
        "%s%n",
        "${jndi:x}",
        "' OR 1=1 --",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2_i64..100).prop_map(Value::from),
        words.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        (0_usize..60_000).prop_map(|n| "a".repeat(n).into()),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let names = select(vec!["provider", "url", "duration", "width", "x"]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((names.prop_map(str::to_owned), inner), 0..4)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// What stops a careless reader: depth, length, numbers beyond any type, half a surrogate pair.
fn extremes() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        "[".repeat(200_000),
        r#"{"a":"#.repeat(50_000),
        r#"{"video_subject": "sea", "seed": 1e999}"#.to_owned(),
        r#"{"video_subject": "sea", "seed": 99999999999999999999999999}"#.to_owned(),
        r#"{"video_subject": "\ud800"}"#.to_owned(),
        r#"{"video_subject": "sea", "video_subject": null}"#.to_owned(),
        format!(r#"{{"video_subject": "{}"}}"#, "a".repeat(2 << 20)),
        format!("{{\"video_subject\": \"sea\", \"seed\": {}}}", "9".repeat(100_000)),
        "\u{feff}{}".to_owned(),
    ])
    .prop_map(String::into_bytes)
}

#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let place = any::<Index>;
    let one = prop_oneof![
        place().prop_map(Damage::Cut),
        (place(), any::<u8>()).prop_map(|(place, byte)| Damage::Replace(place, byte)),
        (place(), proptest::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        place().prop_map(Damage::Repeat),
    ];
    proptest::collection::vec(one, 1..4)
}

impl Damage {
    fn does(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Cut(place) => bytes.truncate(place.index(bytes.len())),
            Self::Replace(place, byte) => {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            Self::Insert(place, more) => {
                let place = place.index(bytes.len());
                bytes.splice(place..place, more);
            }
            Self::Repeat(place) => bytes.extend_from_within(place.index(bytes.len())..),
        }
    }
}
