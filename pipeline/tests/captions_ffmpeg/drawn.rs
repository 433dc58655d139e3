//! The text is drawn in its place, in the chosen font.

use std::ops::Range;

use super::*;

/// Rows and columns of a picture in which something is drawn.
struct Drawn {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Draws the first cue over black; where it shows, and what libass said.
fn drawn(spoken: Spoken, style: &Style) -> (Drawn, String) {
    let folder = tempfile::tempdir().expect("folder");
    fs_err::write(folder.path().join("a.ass"), spoken.at_once().ass(style)).expect("ass");
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
    let spoken = spoken(text);
    let style = style(&spoken.font, position);
    let (drawn, _) = drawn(spoken, &style);
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
        check_drawn(text, SubtitlePosition::TwoThirds, 592..688);
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
        let spoken = spoken(text);
        let (font, style) = (spoken.font.clone(), style(&spoken.font, SubtitlePosition::Bottom));
        let (_, log) = drawn(spoken, &style);
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
