//! Coverr's video search (<https://api.coverr.co/docs/videos/>).

use protocol::Size;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::site::Site;
use super::{Candidate, File, candidate};
use crate::providers::ProviderError;

const PAGE_SIZE: u32 = 20;

#[derive(Deserialize)]
struct Answer {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: Option<String>,
    /// A number, which some answers write as text.
    duration: serde_json::Value,
    #[serde(default)]
    max_width: u32,
    #[serde(default)]
    max_height: u32,
    #[serde(default)]
    is_vertical: bool,
    #[serde(default)]
    urls: Urls,
}

#[derive(Default, Deserialize)]
struct Urls {
    mp4: Option<String>,
    mp4_download: Option<String>,
}

/// Coverr cannot be asked for an orientation: the order is made afterwards.
pub(super) async fn search(
    site: &Site,
    term: &str,
    size: Size,
) -> Result<Vec<Candidate>, ProviderError> {
    let url = format!("{}/videos", site.base_url);
    let request = |key: Option<&secrecy::SecretString>| {
        let request = site
            .client
            .requests()
            .get(&url)
            .query(&[("query", term), ("urls", "true")])
            .query(&[("page_size", PAGE_SIZE)]);
        match key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    };
    let answer: Answer = site.json(request, &format!("{url}?query={term}")).await?;
    Ok(answer.hits.into_iter().filter_map(|hit| offered(hit, size)).collect())
}

fn offered(hit: Hit, size: Size) -> Option<Candidate> {
    let seconds = match &hit.duration {
        serde_json::Value::String(text) => text.parse().ok(),
        number => number.as_f64(),
    };
    // The sides are those of the upright picture; an old answer tells them lying down.
    let (mut width, mut height) = (hit.max_width, hit.max_height);
    if hit.is_vertical && width > height {
        (width, height) = (height, width);
    }
    let file = File {
        url: hit.urls.mp4_download.or(hit.urls.mp4).unwrap_or_default(),
        width,
        height,
        bytes: None,
    };
    let description = hit.description.filter(|text| !text.trim().is_empty());
    Some(Candidate {
        id: format!("coverr:{}", hit.id),
        page_url: format!("https://coverr.co/videos/{}", hit.id),
        creator: "Coverr".to_owned(),
        licence: "Coverr Licence".to_owned(),
        description: description.unwrap_or(hit.title),
        duration_ms: super::millis(seconds?),
        ..candidate(vec![file], size)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stock::Suits;

    const ANSWER: &str = r#"{"page": 0, "pages": 50, "page_size": 20, "total": 3602, "hits": [{
        "id": "S1YbPl1NfI", "title": "Cutting Wood With a Circular Saw",
        "description": "A close-up of the saw", "is_vertical": false, "tags": ["saw"],
        "aspect_ratio": "16:9", "duration": 11.625, "max_height": 1152, "max_width": 2048,
        "urls": {"mp4": "https://storage/S1?token=t", "mp4_preview": "https://storage/S1/preview",
                 "mp4_download": "https://storage/S1/download?token=t&filename=Cutting Wood"}},
        {"id": "b", "title": "Waves", "description": null, "is_vertical": true, "duration": "7.5",
         "max_height": 1080, "max_width": 1920, "urls": {"mp4": "https://storage/b"}},
        {"id": "c", "title": "Nothing to download", "duration": 3, "urls": {}}]}"#;

    #[test]
    fn the_documented_answer_is_read() {
        let answer: Answer = serde_json::from_str(ANSWER).expect("documented shape");
        let size = "1080x1920".parse().expect("a size");
        let found: Vec<_> = answer.hits.into_iter().filter_map(|hit| offered(hit, size)).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].url, "https://storage/S1/download?token=t&filename=Cutting Wood");
        assert_eq!((found[0].duration_ms, found[0].suits), (11_625, Suits::OtherShape));
        assert_eq!(found[0].description, "A close-up of the saw");
        assert_eq!(found[1].description, "Waves");
        assert_eq!((found[1].duration_ms, found[1].suits), (7_500, Suits::Well));
    }
}
