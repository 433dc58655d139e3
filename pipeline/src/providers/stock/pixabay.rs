//! Pixabay's video search (<https://pixabay.com/api/docs/#api_search_videos>).

use std::collections::BTreeMap;

use protocol::Size;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::site::Site;
use super::{Candidate, File};
use crate::providers::ProviderError;

const PER_PAGE: u32 = 50;
/// Longest term that may be searched for: Pixabay refuses longer ones.
pub const MAX_TERM_CHARS: usize = 100;

#[derive(Deserialize)]
struct Answer {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    id: u64,
    #[serde(rename = "pageURL")]
    page_url: String,
    tags: String,
    duration: f64,
    videos: BTreeMap<String, VideoFile>,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
struct VideoFile {
    url: String,
    width: u32,
    height: u32,
    size: u64,
}

pub(super) async fn search(
    site: &Site,
    term: &str,
    size: Size,
) -> Result<Vec<Candidate>, ProviderError> {
    let url = format!("{}/api/videos/", site.base_url);
    let term: String = term.chars().take(MAX_TERM_CHARS).collect();
    let request = |key: Option<&SecretString>| {
        let request = site
            .client
            .requests()
            .get(&url)
            .query(&[("q", term.as_str()), ("video_type", "all")])
            .query(&[("per_page", PER_PAGE)]);
        match key {
            Some(key) => request.query(&[("key", key.expose_secret())]),
            None => request,
        }
    };
    let answer: Answer = site.json(request, &format!("{url}?q={term}")).await?;
    Ok(answer.hits.into_iter().filter_map(|hit| candidate(hit, size)).collect())
}

fn candidate(hit: Hit, size: Size) -> Option<Candidate> {
    let files = hit.videos.into_values().map(|file| File {
        url: file.url,
        width: file.width,
        height: file.height,
        bytes: Some(file.size).filter(|&bytes| bytes > 0),
    });
    Some(Candidate {
        id: format!("pixabay:{}", hit.id),
        page_url: hit.page_url,
        creator: hit.user,
        licence: "Pixabay Content Licence".to_owned(),
        description: hit.tags,
        duration_ms: super::millis(hit.duration),
        ..super::candidate(files.collect(), size)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"total": 42, "totalHits": 42, "hits": [{
        "id": 125, "pageURL": "https://pixabay.com/videos/id-125/", "type": "film",
        "tags": "flowers, yellow, blossom", "duration": 12, "videos": {
            "large": {"url": "", "width": 0, "height": 0, "size": 0, "thumbnail": ""},
            "medium": {"url": "https://cdn/medium.mp4", "width": 1280, "height": 720, "size": 3562083},
            "small": {"url": "https://cdn/small.mp4", "width": 640, "height": 360, "size": 1030736}},
        "views": 4462, "downloads": 1464, "likes": 18, "comments": 0, "user_id": 1281706,
        "user": "Coverr-Free-Footage", "userImageURL": "x"}]}"#;

    #[test]
    fn the_documented_answer_is_read() {
        let mut answer: Answer = serde_json::from_str(ANSWER).expect("documented shape");
        let size = "1080x1920".parse().expect("a size");
        let found = candidate(answer.hits.remove(0), size).expect("a candidate");
        assert_eq!(found.url, "https://cdn/medium.mp4", "the absent large file is passed over");
        assert_eq!((found.bytes, found.duration_ms), (Some(3_562_083), 12_000));
        assert_eq!(found.description, "flowers, yellow, blossom");
    }
}
