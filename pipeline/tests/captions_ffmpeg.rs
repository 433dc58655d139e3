//! ffmpeg and libass read what `captions` writes, and draw it where it belongs.

use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output};

use pipeline::artefacts::{Cue, TimedWord};
use pipeline::captions::ass::{Colour, Style, ass};
use pipeline::captions::cues::cues;
use pipeline::captions::fonts::{FontChoice, Fonts};
use pipeline::captions::layout::Layout;
use pipeline::captions::srt::srt;
use protocol::{Size, SubtitlePosition};

const SIZE: Size = Size { width: 540, height: 960 };

const HOSTILE: &str = "{\\an8\\fs200} {\\p1}m 0 0 l 9 9{\\p0} a\\Nb\\nc\\h \\ {x} }{ \\{y\\} 100% 'q' \"d\" \
                       <b>bold</b> &amp; a,b,,c --> [Events] Dialogue: 0,0 مرحبا שלום 世界 — end\\";

const TEXTS: [&str; 4] = [
    "The sea keeps 25 secrets, and nobody has ever counted them. Some say Dr. Smith did.",
    "Biển giữ hai mươi lăm bí mật, và chưa ai từng đếm hết. Người được kể lại thì ngỡ ngàng…",
    "海守着二十五个秘密，从来没有人数过它们。今天天气很好，我们一起去看海吧！",
    "يحتفظ البحر بخمسة وعشرين سرا، ولم يحصها أحد قط.",
];

fn style(font: &FontChoice, position: SubtitlePosition) -> Style {
    Style {
        font: font.family.clone(),
        font_size: 60.0,
        line_height: font.line_height,
        colour: Colour { red: 255, green: 255, blue: 255 },
        outline_colour: Colour { red: 0, green: 0, blue: 0 },
        outline: 1.5,
        position,
    }
}

/// The cues of a text that is spoken at 80 ms a letter, and the font they are drawn with.
fn cues_of(text: &str) -> (Vec<Cue>, FontChoice) {
    let font = Fonts::system().choose("", text).expect("a font is installed");
    let mut now = 120;
    let words: Vec<TimedWord> = text
        .split_whitespace()
        .map(|word| {
            let start_ms = now;
            now += 83 * word.chars().count() as u64;
            TimedWord { text: word.to_owned(), start_ms, end_ms: now }
        })
        .collect();
    let layout = Layout::for_picture(SIZE, 60.0).with_advances(font.advances.iter().copied());
    (cues(&words, &layout), font)
}

/// Runs ffmpeg in `folder`, where the files have names that need no quotes.
#[track_caller]
fn ffmpeg(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// An SRT file as ffmpeg writes it: times in milliseconds, and lines without the font's tags.
fn read_srt(file: &str) -> Vec<(u64, u64, Vec<String>)> {
    let time = |text: &str| -> u64 {
        let digits = text.replace([':', ','], " ");
        let parts: Vec<u64> = digits.split(' ').map(|part| part.parse().expect("digits")).collect();
        ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
    };
    let file = file.replace("\r\n", "\n");
    file.split_terminator("\n\n")
        .map(|block| {
            let mut lines = block.lines().skip(1);
            let (start, end) =
                lines.next().and_then(|times| times.split_once(" --> ")).expect("times");
            let text = lines.collect::<Vec<_>>().join("\n");
            let text = text.strip_suffix("</font>").unwrap_or(&text);
            let text = match text.starts_with("<font face=") {
                true => text.split_once('>').map_or(text, |(_, text)| text),
                false => text,
            };
            (time(start), time(end), text.lines().map(str::to_owned).collect())
        })
        .collect()
}

/// Both files, read by ffmpeg, hold the cues: the same lines, and times to 10 ms.
#[track_caller]
fn check_read_back(text: &str) {
    let (cues, font) = cues_of(text);
    assert!(!cues.is_empty());
    let folder = tempfile::tempdir().expect("folder");
    let style = style(&font, SubtitlePosition::Bottom);
    fs_err::write(folder.path().join("a.ass"), ass(&cues, &style, SIZE)).expect("ass");
    fs_err::write(folder.path().join("a.srt"), srt(&cues)).expect("srt");
    for (file, off_ms) in [("a.ass", 5), ("a.srt", 0)] {
        let output = ffmpeg(folder.path(), &["-v", "error", "-i", file, "-f", "srt", "-"]);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = read_srt(&String::from_utf8(output.stdout).expect("UTF-8"));
        assert_eq!(found.len(), cues.len(), "{file}: {found:?}");
        for ((start_ms, end_ms, lines), cue) in found.iter().zip(&cues) {
            assert!(start_ms.abs_diff(cue.start_ms) <= off_ms, "{file}: {start_ms} {cue:?}");
            assert!(end_ms.abs_diff(cue.end_ms) <= off_ms, "{file}: {end_ms} {cue:?}");
            let in_ass = file == "a.ass";
            let shown: Vec<String> = lines.iter().map(|line| seen(line, in_ass)).collect();
            assert_eq!(shown, cue.lines, "{file}");
        }
    }
}

/// The text as it is seen: joiners draw nothing, and libass draws the escaped braces of an ASS, which
/// ffmpeg 5.1 leaves escaped when it converts.
fn seen(line: &str, in_ass: bool) -> String {
    let braces = |line: String| line.replace("\\{", "{").replace("\\}", "}");
    match in_ass {
        true => braces(line.replace('\u{2060}', "")),
        false => line.replace('\u{2060}', ""),
    }
}

#[test]
fn ffmpeg_reads_the_same_cues() {
    for text in TEXTS {
        check_read_back(text);
    }
}

#[test]
fn hostile_text_is_read_back_as_text() {
    check_read_back(HOSTILE);
    check_read_back("00:00:01,000 --> 00:00:02,000");
    check_read_back("{\\pos(0,0)\\1c&H0000FF&}red {\\k50}karaoke {\\t(\\fs200)}grows {comment}");
}

/// Rows and columns of a picture in which something is drawn.
struct Drawn {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Draws the first cue over black; where it shows, and what libass said.
fn drawn(cues: &[Cue], style: &Style) -> (Drawn, String) {
    let folder = tempfile::tempdir().expect("folder");
    let at_once: Vec<Cue> =
        cues.iter().take(1).map(|cue| Cue { start_ms: 0, end_ms: 5000, ..cue.clone() }).collect();
    fs_err::write(folder.path().join("a.ass"), ass(&at_once, style, SIZE)).expect("ass");
    let source = format!("color=c=black:s={SIZE}:d=1");
    let output = ffmpeg(
        folder.path(),
        &[
            "-v",
            "verbose",
            "-f",
            "lavfi",
            "-i",
            &source,
            "-vf",
            "format=gray,ass=a.ass",
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-",
        ],
    );
    let width = SIZE.width as usize;
    assert_eq!(output.stdout.len(), width * SIZE.height as usize);
    let bright: Vec<usize> = output
        .stdout
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > 60)
        .map(|(at, _)| at)
        .collect();
    assert!(!bright.is_empty(), "nothing is drawn");
    let span = |of: fn(usize, usize) -> usize| {
        let all = || bright.iter().map(|&at| of(at, width));
        all().min().unwrap_or(0)..all().max().unwrap_or(0) + 1
    };
    let drawn = Drawn { rows: span(|at, width| at / width), columns: span(|at, width| at % width) };
    (drawn, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn within(inner: &Range<usize>, outer: Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// The text is drawn in its band of the picture, within 90 % of the width, whatever it says.
#[track_caller]
fn check_drawn(text: &str, position: SubtitlePosition, rows: Range<usize>) {
    let (cues, font) = cues_of(text);
    let (drawn, _) = drawn(&cues, &style(&font, position));
    assert!(within(&drawn.rows, rows), "rows {:?} of {text}", drawn.rows);
    assert!(within(&drawn.columns, 27..513), "columns {:?} of {text}", drawn.columns);
}

#[test]
fn text_is_drawn_in_its_band() {
    // Two lines of at most 44 pixels, at 5 % from the border; an outline may stand out a little.
    for text in TEXTS.into_iter().chain([HOSTILE]) {
        check_drawn(text, SubtitlePosition::Bottom, 821..916);
        check_drawn(text, SubtitlePosition::Center, 432..528);
        check_drawn(text, SubtitlePosition::Top, 44..139);
    }
}

#[test]
fn wide_text_stays_within_the_picture() {
    for text in ["WWWW MMMM ".repeat(20), "W".repeat(60), "Ｗ".repeat(60), "iiiiii ".repeat(60)] {
        check_drawn(&text, SubtitlePosition::Bottom, 821..916);
    }
}

/// libass tells which face it took: it must be one of the chosen family.
#[test]
fn the_chosen_family_is_the_one_that_is_drawn() {
    let mut database = fontdb::Database::new();
    database.load_system_fonts();
    for text in TEXTS {
        let (cues, font) = cues_of(text);
        let (_, log) = drawn(&cues, &style(&font, SubtitlePosition::Bottom));
        let asked = format!("fontselect: ({}, 400, 0) -> ", font.family);
        let selected = log.lines().find_map(|line| line.split_once(&asked)).map(|(_, face)| face);
        let selected = selected.unwrap_or_else(|| panic!("no face for {}: {log}", font.family));
        let of_family =
            |face: &&fontdb::FaceInfo| face.families.iter().any(|(name, _)| *name == font.family);
        let faces: Vec<&str> =
            database.faces().filter(of_family).map(|face| face.post_script_name.as_str()).collect();
        let post_script_name = selected.rsplit(", ").next().unwrap_or_default();
        assert!(faces.contains(&post_script_name), "{selected} is none of {faces:?}");
    }
}
