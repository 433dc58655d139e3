//! Titles, captions and hashtags for the platforms that were asked for.
//!
//! No stage of a job: it is written beside the others, nothing waits for it before the job is published,
//! and it never fails one. What the language model does not give is taken from subject and script.

mod post;

use std::sync::Arc;

use protocol::{JobSpec, Platform, SocialPost, Writer};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::artefacts::{Script, Social};
use crate::job::JobFolder;
use crate::parts::Parts;
use crate::providers::llm::{Question, document};
use post::{Limits, fitted, from_script};

/// The result in the job folder.
const FILE: &str = "stages/social.json";

/// Posts that are being written; dropped, nobody writes them any more.
pub struct Writing(Option<AbortOnDropHandle<Vec<SocialPost>>>);

/// Begins to write the posts of a job, which go into its folder and to who asks for them.
pub fn start(parts: &Arc<Parts>, spec: &JobSpec, script: &Script, folder: &JobFolder) -> Writing {
    let platforms = platforms(spec);
    if platforms.is_empty() {
        return Writing(None);
    }
    let (parts, spec) = (Arc::clone(parts), spec.clone());
    let (script, folder) = (script.clone(), folder.clone());
    let writing = async move {
        if let Some(known) = written(&folder, &platforms) {
            return known;
        }
        let posts = posts(&parts, &spec, &script, &platforms).await;
        let document = serde_json::to_vec_pretty(&Social { posts: posts.clone() });
        let kept = document.map_err(Into::into).and_then(|bytes| folder.write(FILE, &bytes));
        if let Err(error) = kept {
            tracing::warn!(%error, "the posts are in the outcome alone");
        }
        posts
    };
    Writing(Some(AbortOnDropHandle::new(tokio::spawn(writing.in_current_span()))))
}

impl Writing {
    /// The posts, one for each platform.
    pub async fn posts(self) -> Vec<SocialPost> {
        let Some(task) = self.0 else { return Vec::new() };
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the posts were not written");
            Vec::new()
        })
    }
}

/// Each platform once, in the order of the request.
fn platforms(spec: &JobSpec) -> Vec<Platform> {
    let mut platforms = Vec::new();
    for platform in &spec.social_platforms {
        if !platforms.contains(platform) {
            platforms.push(*platform);
        }
    }
    platforms
}

/// What an attempt before has written, where it is for the same platforms.
fn written(folder: &JobFolder, platforms: &[Platform]) -> Option<Vec<SocialPost>> {
    let bytes = fs_err::read(folder.file(FILE)).ok()?;
    let Social { posts } = serde_json::from_slice(&bytes).ok()?;
    posts.iter().map(|post| post.platform).eq(platforms.iter().copied()).then_some(posts)
}

async fn posts(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    platforms: &[Platform],
) -> Vec<SocialPost> {
    let question = question(spec, script, platforms);
    let asked = parts.llm.ask(&question, |answer| parse(answer, platforms));
    asked.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "posts are taken from the script");
        let post = |platform: &Platform| from_script(*platform, spec, &script.text);
        platforms.iter().map(post).collect()
    })
}

fn question(spec: &JobSpec, script: &Script, platforms: &[Platform]) -> Question {
    let mut user = format!(
        "### Video Subject\n{}\n\n### Video Script\n{}\n\n### Platforms\n",
        spec.video_subject, script.text
    );
    for platform in platforms {
        let Limits { title, caption, hashtags } = Limits::of(*platform);
        user.push_str(&format!(
            "- {}: title of at most {title} characters, caption of at most {caption}, {hashtags} \
             hashtags at most\n",
            name(*platform)
        ));
    }
    if !spec.video_language.is_empty() {
        user.push_str(&format!("\n### Language\n{}\n", spec.video_language));
    }
    Question {
        system: SYSTEM.to_owned(),
        user,
        schema: Some(("social_posts", schema(platforms))),
        seed: spec.seed,
    }
}

const SYSTEM: &str = "\
# Role: Social Media Editor

## Constraints:
1. Write a title, a caption and hashtags for the video, for each of the given platforms.
2. Answer with a JSON object {\"posts\": [{\"platform\", \"title\", \"caption\", \"hashtags\"}]}, and nothing else.
3. Write in the given language; where none is given, in the language of the script.
4. Keep within the limits of each platform. The caption has no hashtags in it.
";

fn name(platform: Platform) -> String {
    let name = serde_json::to_value(platform).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

fn schema(platforms: &[Platform]) -> Value {
    json!({
        "type": "object",
        "properties": {"posts": {"type": "array", "items": {
            "type": "object",
            "properties": {
                "platform": {"type": "string", "enum": platforms},
                "title": {"type": "string"},
                "caption": {"type": "string"},
                "hashtags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["platform", "title", "caption", "hashtags"],
            "additionalProperties": false,
        }}},
        "required": ["posts"],
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
struct Draft {
    platform: Platform,
    title: String,
    #[serde(default)]
    caption: String,
    #[serde(default)]
    hashtags: Vec<String>,
}

/// Reads `{"posts": [...]}`, or a bare array: a post for each platform, in their order, within its
/// limits.
fn parse(answer: &str, platforms: &[Platform]) -> Result<Vec<SocialPost>, String> {
    let drafts: Vec<Draft> = document::find(answer, |document| {
        let list = match document {
            Value::Object(mut fields) => fields.remove("posts").unwrap_or_default(),
            other => other,
        };
        serde_json::from_value(list)
            .map_err(|error| format!("expected a JSON object with a list `posts`: {error}"))
    })?;
    let post = |platform: &Platform| {
        let draft = drafts.iter().find(|draft| draft.platform == *platform);
        let post = draft.and_then(|draft| {
            fitted(*platform, &draft.title, &draft.caption, &draft.hashtags, Writer::Llm)
        });
        post.ok_or_else(|| format!("expected a post with a title for {}", name(*platform)))
    };
    platforms.iter().map(post).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Platform; 2] = [Platform::YoutubeShorts, Platform::Tiktok];

    #[track_caller]
    fn check_refused(answer: &str, expected: &str) {
        let reason = parse(answer, &BOTH).expect_err("must be refused");
        assert!(reason.starts_with(expected), "{reason}");
    }

    #[test]
    fn an_answer_has_a_post_for_each_platform() {
        check_refused("The sea!", "expected a JSON document");
        check_refused(
            r#"{"posts": [{"platform": "x"}]}"#,
            "expected a JSON object with a list `posts`",
        );
        let tiktok = r##"{"platform": "tiktok", "title": "Sea", "hashtags": ["#sea", "waves"]}"##;
        check_refused(&format!("[{tiktok}]"), "expected a post with a title for youtube_shorts");
        let blank = r#"{"platform": "youtube_shorts", "title": " ", "caption": "c"}"#;
        check_refused(
            &format!("[{tiktok}, {blank}]"),
            "expected a post with a title for youtube_shorts",
        );

        let shorts = blank.replace("\" \"", &format!("{:?}", "sea ".repeat(99)));
        let posts = parse(&format!("```\n{{\"posts\": [{tiktok}, {shorts},]}}\n```"), &BOTH)
            .expect("posts");
        assert_eq!(posts.iter().map(|post| post.platform).collect::<Vec<_>>(), BOTH);
        assert_eq!(posts[0].title.chars().count(), 100);
        assert_eq!((posts[0].caption.as_str(), posts[0].writer), ("c", Writer::Llm));
        assert_eq!(posts[1].hashtags, ["#sea", "#waves"]);
    }

    #[test]
    fn the_model_is_told_the_limits() {
        let spec = JobSpec {
            social_platforms: vec![
                Platform::InstagramReels,
                Platform::Tiktok,
                Platform::InstagramReels,
            ],
            video_language: "vi".to_owned(),
            ..JobSpec::default()
        };
        assert_eq!(platforms(&spec), [Platform::InstagramReels, Platform::Tiktok]);
        let asked = question(&spec, &Script { text: "Sóng.".to_owned() }, &platforms(&spec));
        let limits = "- instagram_reels: title of at most 125 characters, caption of at most 2200, 8 \
                      hashtags at most\n";
        assert!(
            asked.user.contains(limits) && asked.user.ends_with("### Language\nvi\n"),
            "{}",
            asked.user
        );
        let (_, schema) = asked.schema.expect("a schema");
        let platform = &schema["properties"]["posts"]["items"]["properties"]["platform"]["enum"];
        assert_eq!(*platform, json!(["instagram_reels", "tiktok"]));
    }

    #[test]
    fn an_attempt_goes_on_from_what_was_written() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        assert_eq!(written(&folder, &BOTH), None);
        let posts: Vec<SocialPost> = BOTH
            .iter()
            .map(|&platform| from_script(platform, &JobSpec::default(), "Sea."))
            .collect();
        let document = serde_json::to_vec(&Social { posts: posts.clone() }).expect("JSON");
        folder.write(FILE, &document).expect("written");
        assert_eq!(written(&folder, &BOTH), Some(posts));
        assert_eq!(written(&folder, &BOTH[..1]), None, "other platforms were asked for");
    }
}
