use protocol::SubtitlePosition;

use super::*;

const HALF: Size = Size { width: 540, height: 960 };

fn style() -> Style {
    Style {
        font: "Open Sans".to_owned(),
        weight: 400,
        font_size: 60.0,
        line_height: 1.5,
        colour: Colour { red: 255, green: 204, blue: 0 },
        outline_colour: Colour { red: 0, green: 0, blue: 16 },
        outline: 1.5,
        place: Place { position: SubtitlePosition::Bottom, custom_percent: 70.0 },
        backdrop: None,
        animation: SubtitleAnimation::None,
        highlight: None,
    }
}

fn cue(start_ms: u64, end_ms: u64, lines: &[&str]) -> Cue {
    Cue { start_ms, end_ms, lines: lines.iter().map(|&line| line.to_owned()).collect() }
}

fn file(cues: &[Cue], words: &[TimedWord], style: &Style, size: Size) -> String {
    ass(cues, words, style, &Layout::for_picture(size, style.font_size), size)
}

#[test]
fn a_file_has_one_style_and_sizes_in_the_pictures_pixels() {
    let cues = [
        cue(0, 1500, &["Biển xanh,", "trời xanh."]),
        cue(3_723_004, 3_724_000, &["{\\an8}x\\N", "a,b"]),
    ];
    insta::assert_snapshot!(file(&cues, &[], &style(), HALF));
}

/// Every option at once; each has a test of pixels in `tests/captions_ffmpeg/looks.rs`.
#[test]
fn a_styled_file_has_a_backdrop_and_changes_of_size_and_colour() {
    let blue = Colour { red: 16, green: 32, blue: 200 };
    let style = Style {
        weight: 700,
        place: Place { position: SubtitlePosition::Custom, custom_percent: 25.0 },
        backdrop: Some(Backdrop { colour: blue, rounded: true }),
        animation: SubtitleAnimation::PopSpring,
        highlight: Some(Colour { red: 255, green: 0, blue: 0 }),
        ..style()
    };
    let words = [("Biển", 0, 400), ("xanh,", 400, 700), ("trời.", 900, 1500)];
    let words = words.map(|(text, start_ms, end_ms)| TimedWord {
        text: text.to_owned(),
        start_ms: start_ms + 104,
        end_ms: end_ms + 104,
    });
    let cues = [cue(104, 1604, &["Biển xanh,", "trời."])];
    insta::assert_snapshot!(file(&cues, &words, &style, HALF));
}

/// The fields of the style, after the font's name and size.
#[track_caller]
fn check_style(style: &Style, expected: &str) {
    let file = file(&[], &[], style, HALF);
    let line = file.lines().find_map(|line| line.strip_prefix("Style: Default,Open Sans,45.00,"));
    assert_eq!(line, Some(expected));
}

#[test]
fn a_box_takes_the_place_of_the_shadow() {
    let blue = Colour { red: 16, green: 32, blue: 200 };
    let with = |rounded| Style { backdrop: Some(Backdrop { colour: blue, rounded }), ..style() };
    let text = "&H0000CCFF,&H0000CCFF,&H00100000";
    let end = "5,0,0,0,-1";
    check_style(&style(), &format!("{text},&H55000000,0,0,0,0,100,100,0,0,1,0.75,1.50,{end}"));
    check_style(&with(false), &format!("{text},&H00C82010,0,0,0,0,100,100,0,0,4,0.75,7.50,{end}"));
    check_style(&with(true), &format!("{text},&HFF000000,0,0,0,0,100,100,0,0,1,0.75,0.00,{end}"));
}

#[test]
fn a_weight_is_bold_or_a_number() {
    for (weight, expected) in [(400, ",0,0,0,0,"), (700, ",-1,0,0,0,"), (500, ",500,0,0,0,")] {
        let file = file(&[], &[], &Style { weight, ..style() }, HALF);
        assert!(file.contains(&format!("&H55000000{expected}")), "{file}");
    }
}

#[test]
fn a_font_name_cannot_add_a_field() {
    let style = Style { font: "A,99\nStyle: x".to_owned(), ..style() };
    let file = file(&[], &[], &style, Size { width: 1080, height: 1920 });
    assert!(file.contains("Style: Default,A 99 Style: x,90.00,&H"), "{file}");
}

#[test]
fn a_short_cue_keeps_a_time_of_its_own() {
    let cues = [cue(3, 5, &["a"]), cue(5, 8, &["b"]), cue(8, 2000, &["c"])];
    let file = file(&cues, &[], &style(), HALF);
    let times: Vec<&str> = file
        .lines()
        .filter(|line| line.starts_with("Dialogue"))
        .map(|line| &line[12..33])
        .collect();
    assert_eq!(times, ["0:00:00.00,0:00:00.01", "0:00:00.01,0:00:00.02", "0:00:00.02,0:00:02.00"]);
}
