//! Each option of the looks, seen in the pixels.

use std::ops::Range;

use pipeline::captions::backdrop::Backdrop;

use super::*;

/// Frames a second of what is drawn here: an instant is a frame.
const FPS: u64 = 50;
const BEHIND: [u8; 3] = [128, 128, 128];
const WHITE: [u8; 3] = [255, 255, 255];
const RED: Colour = Colour { red: 255, green: 0, blue: 0 };
const BLUE: Colour = Colour { red: 16, green: 32, blue: 200 };

/// A picture over grey.
struct Picture(Vec<u8>);

impl Picture {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let at = 3 * (y * SIZE.width as usize + x);
        [self.0[at], self.0[at + 1], self.0[at + 2]]
    }

    /// The columns and rows in which there is a pixel of that kind.
    #[track_caller]
    fn span(&self, is: impl Fn([u8; 3]) -> bool) -> (Range<usize>, Range<usize>) {
        let places =
            (0..SIZE.height as usize).flat_map(|y| (0..SIZE.width as usize).map(move |x| (x, y)));
        let found: Vec<(usize, usize)> = places.filter(|&(x, y)| is(self.at(x, y))).collect();
        assert!(!found.is_empty(), "no such pixel");
        let bounds = |of: fn(&(usize, usize)) -> usize| {
            let all = || found.iter().map(of);
            all().min().unwrap_or(0)..all().max().unwrap_or(0) + 1
        };
        (bounds(|(x, _)| *x), bounds(|(_, y)| *y))
    }

    /// The columns and rows in which something is drawn.
    #[track_caller]
    fn drawn(&self) -> (Range<usize>, Range<usize>) {
        self.span(|pixel| !near(pixel, BEHIND))
    }

    fn count(&self, is: impl Fn([u8; 3]) -> bool) -> usize {
        self.0.chunks_exact(3).filter(|pixel| is([pixel[0], pixel[1], pixel[2]])).count()
    }
}

/// Colours go through YUV on their way.
fn near(pixel: [u8; 3], expected: [u8; 3]) -> bool {
    pixel.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 8)
}

fn is_red(pixel: [u8; 3]) -> bool {
    pixel[0] > 200 && pixel[1] < 60 && pixel[2] < 60
}

/// What is seen at each of the instants, in milliseconds, ascending.
#[track_caller]
fn pictures(spoken: &Spoken, style: &Style, instants_ms: &[u64]) -> Vec<Picture> {
    let folder = tempfile::tempdir().expect("folder");
    fs_err::write(folder.path().join("a.ass"), spoken.ass(style)).expect("ass");
    let source = format!("color=c=0x808080:s={SIZE}:r={FPS},format=rgb24");
    let frames: Vec<String> =
        instants_ms.iter().map(|ms| format!("eq(n\\,{})", ms * FPS / 1000)).collect();
    let filter = format!("ass=a.ass,select={}", frames.join("+"));
    let count = instants_ms.len().to_string();
    let arguments = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        &source,
        "-vf",
        &filter,
        "-vsync",
        "0",
        "-frames:v",
        &count,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ];
    let output = ffmpeg(folder.path(), &arguments);
    let bytes = 3 * (SIZE.width * SIZE.height) as usize;
    let pictures: Vec<Picture> =
        output.stdout.chunks_exact(bytes).map(|pixels| Picture(pixels.to_vec())).collect();
    assert_eq!(pictures.len(), instants_ms.len());
    pictures
}

#[track_caller]
fn picture(text: &str, change: impl FnOnce(&mut Style)) -> Picture {
    let spoken = spoken(text).at_once();
    let mut style = style(&spoken.font, SubtitlePosition::Center);
    change(&mut style);
    pictures(&spoken, &style, &[0]).remove(0)
}

fn middle(span: &Range<usize>) -> f64 {
    (span.start + span.end) as f64 / 2.0
}

fn length(span: &Range<usize>) -> f64 {
    (span.end - span.start) as f64
}

#[track_caller]
fn check_custom(custom_percent: f64, expected: Range<usize>) {
    let picture = picture("Ag", |style| {
        style.place = Place { position: SubtitlePosition::Custom, custom_percent };
    });
    let (_, rows) = picture.drawn();
    let is_within = expected.start <= rows.start && rows.end <= expected.end;
    assert!(is_within, "{custom_percent} %: {rows:?}");
}

#[test]
fn a_place_of_ones_own_is_a_share_of_the_free_height() {
    // A line of at most 44 pixels.
    check_custom(0.0, 10..54);
    check_custom(25.0, 228..274);
    check_custom(100.0, 906..953); // the outline and the shadow go beyond the line
}

#[test]
fn letters_and_outlines_have_their_size_and_colour() {
    let plain = picture("Sea", |_| ());
    let large = picture("Sea", |style| style.font_size = 120.0);
    let ratio = length(&large.drawn().1) / length(&plain.drawn().1);
    assert!((1.8..2.2).contains(&ratio), "{ratio}");

    let red = picture("Sea", |style| style.colour = RED);
    assert_eq!((plain.count(is_red), red.count(|pixel| near(pixel, WHITE))), (0, 0));
    assert!(red.count(is_red) > 200);

    let outlined = picture("Sea", |style| (style.outline, style.outline_colour) = (8.0, RED));
    let width = length(&outlined.drawn().0) - length(&plain.drawn().0);
    assert!((3.0..9.0).contains(&width), "{width}"); // 4 - 0.75 on each side, less the shadow
    assert!(outlined.count(is_red) > 500);

    // 1.5 is not 1: half a pixel of 1080 is a quarter of one here.
    let ink = |outline| {
        let picture = picture("Sea", |style| style.outline = outline);
        picture.0.iter().map(|value| u64::from(255 - value)).sum::<u64>()
    };
    assert!(ink(1.0) < ink(1.5) && ink(1.5) < ink(2.0));
}

#[test]
fn a_bold_font_is_drawn_bold() {
    let ink = |weight| {
        let picture = picture("Sea", |style| style.weight = weight);
        picture.count(|pixel| near(pixel, WHITE))
    };
    let (regular, bold) = (ink(400), ink(700));
    assert!(bold as f64 > 1.2 * regular as f64, "{bold} {regular}");
}

#[test]
fn a_box_is_behind_all_of_the_text_and_near_it() {
    for text in ["Sea", TEXTS[0], TEXTS[3]] {
        let plain = picture(text, |style| style.outline = 0.0).span(|pixel| near(pixel, WHITE));
        let boxed = picture(text, |style| {
            style.backdrop = Some(Backdrop { colour: BLUE, rounded: false });
        });
        let blue = [BLUE.red, BLUE.green, BLUE.blue];
        let (columns, rows) = boxed.span(|pixel| near(pixel, blue));
        let drawn = boxed.drawn();
        assert_eq!((&columns, &rows), (&drawn.0, &drawn.1), "the text leaves its box");
        let corners = [
            (columns.start, rows.start),
            (columns.end - 1, rows.start),
            (columns.start, rows.end - 1),
            (columns.end - 1, rows.end - 1),
        ];
        for (x, y) in corners {
            assert!(near(boxed.at(x, y), blue), "{text}: a corner is missing");
        }
        let beside = length(&columns) - length(&plain.0);
        assert!((12.0..26.0).contains(&beside), "{text}: {beside}"); // 7.5 on each side
        let above = length(&rows) - length(&plain.1);
        assert!((15.0..60.0).contains(&above), "{text}: {above}");
        assert!(boxed.count(|pixel| near(pixel, WHITE)) > 100, "{text}: no letters");
    }
}

#[test]
fn a_rounded_box_has_no_corners_and_lets_the_picture_through() {
    // 140 of 255 of blue over grey.
    let blend = [66, 75, 167];
    for text in ["Sea", "The sea keeps secrets, and nobody counts."] {
        let plain = picture(text, |style| style.outline = 0.0).span(|pixel| near(pixel, WHITE));
        let rounded = picture(text, |style| {
            style.backdrop = Some(Backdrop { colour: BLUE, rounded: true });
        });
        let (columns, rows) = rounded.span(|pixel| near(pixel, blend));
        for (x, y) in [(columns.start, rows.start), (columns.end - 1, rows.end - 1)] {
            assert!(near(rounded.at(x, y), BEHIND), "{text}: a corner");
        }
        let side = rounded.at(columns.start, middle(&rows) as usize);
        assert!(near(side, blend), "{text}: {side:?}");
        // A radius of 0.4 of the letters' 30 pixels: at the top the first 12 columns are not filled.
        let filled = (columns.start..columns.end).find(|&x| near(rounded.at(x, rows.start), blend));
        let radius = filled.expect("an upper side") - columns.start;
        assert!((8..=13).contains(&radius), "{text}: {radius}");
        // 0.6 of 30 pixels on each side of the text, which is in its middle.
        let beside = length(&columns) - length(&plain.0);
        assert!((30.0..44.0).contains(&beside), "{text}: {beside}");
        assert!((middle(&columns) - middle(&plain.0)).abs() <= 3.0, "{text}");
        assert!((middle(&rows) - 480.0).abs() <= 1.5, "{text}");
    }
}

#[test]
fn a_subtitle_pops_up_and_springs_back() {
    let spoken = spoken("The sea").at_once();
    let mut style = style(&spoken.font, SubtitlePosition::Center);
    style.animation = SubtitleAnimation::PopSpring;
    let widths: Vec<f64> = pictures(&spoken, &style, &[0, 60, 120, 200, 400])
        .iter()
        .map(|picture| length(&picture.drawn().0))
        .collect();
    let share = |i: usize| widths[i] / widths[4];
    assert!((0.67..0.74).contains(&share(0)), "{widths:?}");
    assert!((0.85..0.93).contains(&share(1)), "{widths:?}");
    assert!((1.05..1.11).contains(&share(2)), "{widths:?}");
    assert_eq!(widths[3], widths[4], "it is at rest after 180 ms");
}

#[test]
fn what_pops_up_stays_in_the_picture() {
    let spoken = spoken(&"mmmm ".repeat(12)).at_once();
    let mut style = style(&spoken.font, SubtitlePosition::Center);
    style.animation = SubtitleAnimation::PopSpring;
    for rounded in [false, true] {
        style.backdrop = Some(Backdrop { colour: BLUE, rounded });
        let (columns, _) = pictures(&spoken, &style, &[120]).remove(0).drawn();
        assert!(columns.start > 0 && columns.end < SIZE.width as usize, "{columns:?}");
    }
}

/// Over two words, the red columns at an instant within each, and that nothing moves.
#[track_caller]
fn check_highlight(text: &str, second_is_right: bool) {
    let spoken = spoken(text);
    let mut style = style(&spoken.font, SubtitlePosition::Center);
    let in_word = |i: usize| spoken.words[i].start_ms + 60;
    let instants = [in_word(0), in_word(1)];
    let plain = pictures(&spoken, &style, &instants[..1]).remove(0);
    style.highlight = Some(RED);
    let pictures = pictures(&spoken, &style, &instants);
    let red: Vec<Range<usize>> = pictures.iter().map(|picture| picture.span(is_red).0).collect();
    let (left, right) = if second_is_right { (&red[0], &red[1]) } else { (&red[1], &red[0]) };
    assert!(left.end <= right.start, "{text}: {red:?}");
    // Red letters have as much red as white ones: it shows where the letters are, whatever their colour.
    let red_parts = |picture: &Picture| -> Vec<u8> {
        picture.0.chunks_exact(3).map(|pixel| pixel[0]).collect()
    };
    assert!(red_parts(&pictures[0]) == red_parts(&pictures[1]), "{text}: a letter moved");
    // Nor do they move by being coloured at all, but for a fraction of a pixel.
    let (columns, rows) = plain.drawn();
    let coloured = pictures[0].drawn();
    for (before, after) in [(columns, coloured.0), (rows, coloured.1)] {
        assert!(before.start.abs_diff(after.start) <= 1 && before.end.abs_diff(after.end) <= 1);
    }
    let (before, after) = (red_parts(&plain), red_parts(&pictures[0]));
    let moved = before.iter().zip(&after).filter(|(a, b)| a.abs_diff(**b) > 128).count();
    assert!(moved < 20, "{text}: {moved} pixels");
}

#[test]
fn the_word_that_is_spoken_is_coloured_and_no_letter_moves() {
    check_highlight("AVATAR Toward Valley", true);
    check_highlight("Biển xanh và trời rộng", true);
    check_highlight("海守着秘密", true);
}

#[test]
fn words_from_right_to_left_are_coloured_in_their_order() {
    check_highlight("يحتفظ البحر بخمسة", false);
    check_highlight("שלום עולם", false);
}

#[test]
fn a_word_is_coloured_only_while_it_is_spoken() {
    let mut spoken = spoken("One two");
    (spoken.words[0].start_ms, spoken.words[0].end_ms) = (200, 300);
    (spoken.words[1].start_ms, spoken.words[1].end_ms) = (400, 500);
    (spoken.cues[0].start_ms, spoken.cues[0].end_ms) = (100, 900);
    let mut style = style(&spoken.font, SubtitlePosition::Center);
    style.highlight = Some(RED);
    let instants = [180, 200, 280, 300, 380, 400, 480, 500];
    let red: Vec<bool> = pictures(&spoken, &style, &instants)
        .iter()
        .map(|picture| picture.count(is_red) > 50)
        .collect();
    assert_eq!(red, [false, true, true, false, false, true, true, false]);
}
