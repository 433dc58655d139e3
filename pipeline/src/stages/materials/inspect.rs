//! Which files can be shown. Whoever made them, they are not trusted: lengths and sizes that cannot be
//! shown are refused here, those that no clip has, and what cannot be opened, by `media::probe` and
//! `picture`.

use std::path::Path;

use fetch::Digest;

use crate::artefacts::MediaInfo;
use crate::media::Probes;

/// A clip shorter than this is a flicker.
pub(super) const MIN_CLIP_MS: u64 = 1_000;
/// Endings of pictures that a user may name: MoneyPrinterTurbo's, and WebP.
const PICTURES: [&str; 5] = ["jpg", "jpeg", "png", "bmp", "webp"];
/// Endings of videos.
const VIDEOS: [&str; 4] = ["mp4", "mov", "mkv", "webm"];

/// What a file's name says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Picture,
    Video,
}

/// What kind of file `name` is by its ending. None: of none that is shown.
pub(super) fn ending(name: &str) -> Option<Ending> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let is_one_of = |endings: &[&str]| endings.contains(&ending.as_str());
    if is_one_of(&PICTURES) {
        Some(Ending::Picture)
    } else if is_one_of(&VIDEOS) {
        Some(Ending::Video)
    } else {
        None
    }
}

/// The endings that are known, for messages.
pub(super) fn endings() -> String {
    [&VIDEOS[..], &PICTURES[..]].concat().join(", ")
}

/// What the video at `path`, of that digest, holds, where it can be shown.
pub(super) async fn video(
    probes: &Probes,
    digest: &Digest,
    path: &Path,
    min_side: u32,
) -> Result<MediaInfo, String> {
    let media = probes.probe(digest, path).await.map_err(|error| error.to_string())?;
    showable(&media, min_side)?;
    Ok(media)
}

fn showable(media: &MediaInfo, min_side: u32) -> Result<(), String> {
    if media.video_ms < MIN_CLIP_MS {
        return Err(format!("expected a picture of 1 s at least, found {} ms", media.video_ms));
    }
    large_enough(media.width, media.height, min_side)
}

/// Whether both sides have `min_side` pixels.
pub(super) fn large_enough(width: u32, height: u32, min_side: u32) -> Result<(), String> {
    if width.min(height) < min_side {
        return Err(format!("expected {min_side} pixels a side at least, found {width}x{height}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_ending(name: &str, expected: Option<Ending>) {
        assert_eq!(ending(name), expected, "{name}");
    }

    #[test]
    fn files_are_known_by_their_endings() {
        check_ending("a.mp4", Some(Ending::Video));
        check_ending("b/Ở biển.MOV", Some(Ending::Video));
        check_ending("c.d.JPEG", Some(Ending::Picture));
        check_ending("a.webp", Some(Ending::Picture));
        for name in ["a", "mp4", "a.gif", "a.mp4.txt", "a.", "", "a.m3u8", "a.svg"] {
            check_ending(name, None);
        }
    }

    #[track_caller]
    fn check(video_ms: u64, size: (u32, u32), expected: Option<&str>) {
        let media = MediaInfo {
            width: size.0,
            height: size.1,
            fps: 30.0,
            duration_ms: video_ms,
            video_ms,
            audio_ms: 0,
            video_codec: "h264".to_owned(),
        };
        assert_eq!(showable(&media, 470).err().as_deref(), expected);
    }

    #[test]
    fn flickers_and_stamps_are_refused() {
        check(5_000, (480, 480), None);
        check(5_000, (470, 4096), None);
        check(5_000, (1920, 469), Some("expected 470 pixels a side at least, found 1920x469"));
        check(999, (1920, 1080), Some("expected a picture of 1 s at least, found 999 ms"));
        check(0, (0, 0), Some("expected a picture of 1 s at least, found 0 ms"));
    }
}
