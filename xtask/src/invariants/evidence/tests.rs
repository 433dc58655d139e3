use fetch::Digest;

use super::*;

#[test]
fn black_spans_are_read_from_what_ffmpeg_says() {
    let said = "frame=1\n[blackdetect @ 0x5] black_start:1.5 black_end:2 black_duration:0.5\nx";
    assert_eq!(black_spans(said), [(1.5, 2.0)]);
    assert_eq!(black_spans("nothing"), []);
}

#[tokio::test]
async fn a_video_that_cannot_be_read_is_evidence() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let video = folder.path().join("video.mp4");
    fs_err::write(&video, "no video at all").expect("written");
    let reason = look(&video).await.expect("ffprobe is there").expect_err("no video");
    assert!(reason.starts_with("`ffprobe` ended with exit status: 1: "), "{reason}");

    let mut tone = Command::new("ffmpeg");
    tone.args(["-v", "error", "-y", "-f", "lavfi", "-i", "sine=duration=0.2"]).arg(&video);
    output(tone).await.expect("ffmpeg is there").expect("a sound");
    let reason = look(&video).await.expect("ffprobe is there").expect_err("no picture");
    assert_eq!(reason, "it has no picture");
}

#[test]
fn subtitles_that_cannot_be_read_are_evidence() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let srt = folder.path().join("subtitles.srt");
    fs_err::write(&srt, [0xff, 0xfe]).expect("written");
    let reason = read_cues(&srt).expect("a file").expect_err("no text");
    assert!(reason.contains("invalid utf-8"), "{reason}");
    fs_err::write(&srt, "1\nwords").expect("written");
    let reason = read_cues(&srt).expect("a file").expect_err("no cue");
    assert_eq!(reason, "block 1 is no cue: \"1\\nwords\"");
}

#[test]
fn a_clip_of_other_bytes_is_named_and_the_store_is_not_touched() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let digest = Digest::of(b"clip").to_string();
    let blobs = folder.path().join("blobs/sha256").join(&digest[..2]);
    let missing = wrong_clip(folder.path(), &digest).expect("no error");
    assert_eq!(missing, Some(format!("{digest} is not in the store")));
    let left = fs_err::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "nothing was made");

    fs_err::create_dir_all(&blobs).expect("a folder");
    fs_err::write(blobs.join(&digest), "other").expect("written");
    let other = Digest::of(b"other");
    let reason = wrong_clip(folder.path(), &digest).expect("no error");
    assert_eq!(reason, Some(format!("expected {digest}, found {other}")));
    fs_err::write(blobs.join(&digest), "clip").expect("written");
    assert_eq!(wrong_clip(folder.path(), &digest).expect("no error"), None);
    let reason = wrong_clip(folder.path(), "../..").expect("no error").expect("no digest");
    assert!(reason.starts_with("expected a SHA-256 digest"), "{reason}");
}

#[test]
fn what_an_attempt_left_unfinished_is_found() {
    let job = tempfile::tempdir().expect("temporary folder");
    assert_eq!(leftovers(&job.path().join("nobody")).expect("no error"), [""; 0]);
    fs_err::create_dir(job.path().join("stages")).expect("a folder");
    for name in ["video.mp4", "video.part.mp4", "stages/render.json", "stages/.render.json"] {
        fs_err::write(job.path().join(name), "").expect("written");
    }
    assert_eq!(leftovers(job.path()).expect("no error"), ["video.part.mp4", ".render.json"]);
}
