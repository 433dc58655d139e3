//! Pexels' video search (<https://www.pexels.com/api/documentation/#videos-search>).

use protocol::Size;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::site::Site;
use super::{Candidate, File};
use crate::providers::ProviderError;

const PER_PAGE: u32 = 20;

#[derive(Deserialize)]
struct Answer {
    videos: Vec<Video>,
}

#[derive(Deserialize)]
struct Video {
    id: u64,
    url: String,
    duration: f64,
    user: User,
    video_files: Vec<VideoFile>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct VideoFile {
    link: String,
    width: Option<u32>,
    height: Option<u32>,
    size: Option<u64>,
}

/// Clips of the picture's orientation; where there is none, those of any.
pub(super) async fn search(
    site: &Site,
    term: &str,
    size: Size,
) -> Result<Vec<Candidate>, ProviderError> {
    let found = ask(site, term, size, Some(orientation(size))).await?;
    if found.is_empty() { ask(site, term, size, None).await } else { Ok(found) }
}

async fn ask(
    site: &Site,
    term: &str,
    size: Size,
    orientation: Option<&str>,
) -> Result<Vec<Candidate>, ProviderError> {
    let url = format!("{}/videos/search", site.base_url);
    let request = |key: Option<&SecretString>| {
        let mut request = site.client.requests().get(&url).query(&[("query", term)]);
        if let Some(orientation) = orientation {
            request = request.query(&[("orientation", orientation)]);
        }
        let mut request = request.query(&[("per_page", PER_PAGE)]);
        // The key alone, without a scheme.
        let key = key.map(|key| HeaderValue::from_str(key.expose_secret()));
        if let Some(Ok(mut key)) = key {
            key.set_sensitive(true);
            request = request.header(AUTHORIZATION, key);
        }
        request
    };
    let answer: Answer = site.json(request, &format!("{url}?query={term}")).await?;
    Ok(answer.videos.into_iter().filter_map(|video| candidate(video, size)).collect())
}

fn orientation(size: Size) -> &'static str {
    match size.width.cmp(&size.height) {
        std::cmp::Ordering::Less => "portrait",
        std::cmp::Ordering::Equal => "square",
        std::cmp::Ordering::Greater => "landscape",
    }
}

fn candidate(video: Video, size: Size) -> Option<Candidate> {
    let files = video.video_files.into_iter().map(|file| File {
        url: file.link,
        width: file.width.unwrap_or(0),
        height: file.height.unwrap_or(0),
        bytes: file.size,
    });
    Some(Candidate {
        id: format!("pexels:{}", video.id),
        description: described(&video.url),
        page_url: video.url,
        creator: video.user.name,
        licence: "Pexels Licence".to_owned(),
        duration_ms: super::millis(video.duration),
        ..super::candidate(files.collect(), size)?
    })
}

/// Pexels gives no description; the address of the page has one:
/// `https://www.pexels.com/video/waves-on-a-beach-1234/`.
fn described(page_url: &str) -> String {
    let slug = page_url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let words: Vec<&str> = slug.split('-').filter(|word| word.parse::<u64>().is_err()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stock::Suits;

    const ANSWER: &str = r#"{"page": 1, "per_page": 1, "total_results": 1, "url": "x", "videos": [{
        "id": 1448735, "width": 4096, "height": 2160, "duration": 32, "image": "x",
        "url": "https://www.pexels.com/video/video-of-forest-1448735/",
        "user": {"id": 574687, "name": "Ruvim Miksanskiy", "url": "x"},
        "video_files": [
            {"id": 58649, "quality": "sd", "file_type": "video/mp4", "width": 640, "height": 338,
             "fps": 23.976, "link": "https://player/sd.mp4"},
            {"id": 58650, "quality": "hls", "file_type": "video/mp4", "width": null, "height": null,
             "link": "https://player/hls"},
            {"id": 58651, "quality": "hd", "file_type": "video/mp4", "width": 2048, "height": 1080,
             "fps": 23.976, "link": "https://player/hd.mp4", "size": 123}],
        "video_pictures": []}]}"#;

    #[test]
    fn the_documented_answer_is_read() {
        let mut answer: Answer = serde_json::from_str(ANSWER).expect("documented shape");
        let size = "1920x1080".parse().expect("a size");
        let found = candidate(answer.videos.remove(0), size).expect("a candidate");
        let expected = Candidate {
            id: "pexels:1448735".to_owned(),
            page_url: "https://www.pexels.com/video/video-of-forest-1448735/".to_owned(),
            creator: "Ruvim Miksanskiy".to_owned(),
            licence: "Pexels Licence".to_owned(),
            description: "video of forest".to_owned(),
            duration_ms: 32_000,
            url: "https://player/hd.mp4".to_owned(),
            bytes: Some(123),
            suits: Suits::Well,
        };
        assert_eq!(found, expected);
    }
}
