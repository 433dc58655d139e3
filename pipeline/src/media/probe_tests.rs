//! The documents are ffprobe 5.1's own words, shortened.

use super::*;

fn parse(json: &str) -> Result<MediaInfo, MediaError> {
    parse_probe(Path::new("/clips/sea.mp4"), json.as_bytes())
}

#[track_caller]
fn check_error(json: &str, expected: &str) {
    let error = parse(json).expect_err("must be refused");
    assert_eq!(error.to_string(), format!("/clips/sea.mp4: {expected}"));
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    check_error("{", "not a media file: EOF while parsing an object at line 1 column 1");
    check_error("{}", "expected a picture or a sound, found no such stream");
    check_error(
        r#"{"streams": [{"codec_type": "subtitle", "duration": "2.0"}]}"#,
        "expected a picture or a sound, found no such stream",
    );
    check_error(
        r#"{"streams": [{"codec_type": "video", "width": 0, "height": 96, "duration": "2.0"}]}"#,
        "expected 1 to 16384 pixels a side, found 0x96",
    );
    check_error(
        r#"{"streams": [{"codec_type": "video", "width": 96, "height": 16385, "duration": "2.0"}]}"#,
        "expected 1 to 16384 pixels a side, found 96x16385",
    );
    let still =
        r#"{"streams": [{"codec_type": "video", "width": 96, "height": 96}], "format": {}}"#;
    check_error(still, "expected some length, found none");
    check_error(
        r#"{"streams": [{"codec_type": "audio", "duration": "0.000000"}]}"#,
        "expected some length, found none",
    );
    // The sound has a length, the picture has none: nothing could be shown.
    check_error(
        r#"{"streams": [{"codec_type": "video", "width": 96, "height": 96, "duration": "0.000000"},
                        {"codec_type": "audio", "duration": "3.000000"}]}"#,
        "expected some length, found none",
    );
}

/// Checks (width, height, fps in thousandths, whole, picture and sound in ms, codec).
#[track_caller]
fn check(json: &str, expected: (u32, u32, u64, u64, u64, u64, &str)) {
    let found = parse(json).expect("a media file");
    let thousandths = (found.fps * 1000.0).round() as u64;
    let lengths = (found.duration_ms, found.video_ms, found.audio_ms);
    let codec = found.video_codec.as_str();
    let all = (found.width, found.height, thousandths, lengths.0, lengths.1, lengths.2, codec);
    assert_eq!(all, expected);
}

#[test]
fn a_quarter_turn_swaps_the_sides() {
    let rotated = |degrees: &str| {
        format!(
            r#"{{"streams": [
                {{"codec_name": "h264", "codec_type": "video", "width": 128, "height": 96,
                  "r_frame_rate": "30000/1001", "avg_frame_rate": "30000/1001",
                  "duration": "1.001000", "tags": {{"language": "und"}}, "side_data_list": [
                    {{"side_data_type": "Stereo 3D", "type": "2D"}},
                    {{"side_data_type": "Display Matrix", "rotation": {degrees}}}]}},
                {{"codec_name": "aac", "codec_type": "audio", "r_frame_rate": "0/0",
                  "avg_frame_rate": "0/0", "duration": "1.000000"}}],
              "format": {{"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "1.001000"}}}}"#
        )
    };
    for degrees in ["90", "-90", "270", "89.9"] {
        check(&rotated(degrees), (96, 128, 29970, 1001, 1001, 1000, "h264"));
    }
    for degrees in ["0", "180", "-180"] {
        check(&rotated(degrees), (128, 96, 29970, 1001, 1001, 1000, "h264"));
    }
    let old_tag = r#"{"streams": [{"codec_name": "h264", "codec_type": "video", "width": 1920,
        "height": 1080, "avg_frame_rate": "30/1", "duration": "2.0", "tags": {"rotate": "270"}}]}"#;
    check(old_tag, (1080, 1920, 30000, 2000, 2000, 0, "h264"));
}

#[test]
fn matroska_keeps_lengths_in_tags_and_webm_of_browsers_keeps_one_for_all() {
    check(
        r#"{"streams": [{"codec_name": "vp8", "codec_type": "video", "width": 128, "height": 96,
              "r_frame_rate": "30000/1001", "avg_frame_rate": "30000/1001",
              "tags": {"HANDLER_NAME": "VideoHandler", "DURATION": "00:01:01.008000000"}},
             {"codec_name": "opus", "codec_type": "audio", "r_frame_rate": "0/0",
              "avg_frame_rate": "0/0", "tags": {"DURATION": "00:01:01.029000000"}}],
            "format": {"format_name": "matroska,webm", "duration": "61.029000"}}"#,
        (128, 96, 29970, 61029, 61008, 61029, "vp8"),
    );
    check(
        r#"{"streams": [{"codec_name": "vp9", "codec_type": "video", "width": 128, "height": 96,
              "r_frame_rate": "24/1", "avg_frame_rate": "0/0"}],
            "format": {"format_name": "matroska,webm", "duration": "4.2"}}"#,
        (128, 96, 24000, 4200, 4200, 0, "vp9"),
    );
}

#[test]
fn a_song_with_a_cover_has_no_picture() {
    check(
        r#"{"streams": [{"codec_name": "mp3", "codec_type": "audio", "r_frame_rate": "0/0",
              "avg_frame_rate": "0/0", "duration": "1.044898", "disposition": {"attached_pic": 0}},
             {"codec_name": "png", "codec_type": "video", "width": 64, "height": 64,
              "r_frame_rate": "90000/1", "avg_frame_rate": "0/0", "duration": "1.044900",
              "disposition": {"default": 0, "attached_pic": 1}, "tags": {"comment": "Other"}}],
            "format": {"format_name": "mp3", "duration": "1.044898"}}"#,
        (0, 0, 0, 1045, 0, 1045, ""),
    );
}

#[test]
fn a_variable_rate_is_told_by_its_average() {
    check(
        r#"{"streams": [{"codec_name": "h264", "codec_type": "video", "width": 128, "height": 96,
              "r_frame_rate": "30/1", "avg_frame_rate": "200/9", "duration": "1.800000"}],
            "format": {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "1.934000"}}"#,
        (128, 96, 22222, 1800, 1800, 0, "h264"),
    );
}

#[test]
fn a_reason_is_the_same_in_every_run() {
    let stderr =
        "[hls @ 0x5643019b6280] Format not on whitelist 'mov'\nfile:/a b.mp4: Invalid argument\n";
    let expected = "[hls] Format not on whitelist 'mov' | Invalid argument";
    assert_eq!(reason(Path::new("/a b.mp4"), stderr), expected);
}
