//! Any text is shown and none is obeyed: texts by chance, read by a small reader that follows libass, and
//! by ffmpeg and libass themselves.

use pipeline::captions::backdrop::Backdrop;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

/// Texts of a run; of a long one (`REELBENCH_LONG=1`) a hundred times as many.
const N_TEXTS: usize = 300;

/// What stands behind a letter that would begin a command, and is not seen.
const JOINER: char = '\u{2060}';

fn n_texts() -> usize {
    let is_long = std::env::var_os("REELBENCH_LONG").is_some_and(|value| value == "1");
    if is_long { 100 * N_TEXTS } else { N_TEXTS }
}

/// Letters of every kind, and what means something to libass, ASS, SRT, filter graphs and shells.
fn line() -> impl Strategy<Value = String> {
    let words = proptest::sample::select(vec![
        "{",
        "}",
        "\\",
        "\\N",
        "\\n",
        "\\h",
        "{\\an8}",
        "{\\p1}",
        "\\{",
        "\\}",
        "{\\r",
        "\\t(",
        ",",
        ";",
        "'",
        "\"",
        "%",
        "%{pts}",
        ":",
        "=",
        "[",
        "]",
        "Dialogue: 0,0:00:00.00,9:00:00.00,Default,,0,0,0,,",
        "[Events]",
        "\n",
        "\r\n",
        "\u{0}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{202e}",
        "\u{2060}",
        " ",
        "\t",
        "مرحبا",
        "世界",
        "é",
        "🎬",
        "a",
        "&H00FF00&",
        "<b>",
        "-->",
        "$(id)",
        "../",
    ]);
    let part = prop_oneof![4 => words.prop_map(str::to_owned), 1 => "\\PC{1,3}", 1 => ".{1,2}"];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// `n` values, the same in every run.
fn sampled<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, n: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..n).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect()
}

/// What an event shows and what it commands, as libass reads it (`ass_parse.c`, `get_next_char`).
fn read(text: &str) -> (String, Vec<String>) {
    let (mut shown, mut commands) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        let n_bytes = match (letter, escaped) {
            ('\\', Some('N' | 'n')) => {
                shown.push('\n');
                2
            }
            ('\\', Some('h')) => {
                shown.push('\u{a0}');
                2
            }
            ('\\', Some(brace @ ('{' | '}'))) => {
                shown.push(brace);
                2
            }
            ('{', _) if rest.contains('}') => {
                let end = rest.find('}').expect("it is there");
                commands.push(rest[1..end].to_owned());
                end + 1
            }
            _ => {
                shown.push(letter);
                letter.len_utf8()
            }
        };
        rest = &rest[n_bytes..];
    }
    (shown, commands)
}

/// The texts of the events of a file, of which everything else is as it has to be.
fn events<'a>(file: &'a str, n_styles: usize) -> Vec<&'a str> {
    assert!(!file.contains(|c: char| c.is_control() && c != '\n'), "{file:?}");
    let lines: Vec<&'a str> = file.lines().collect();
    let n_sections = lines.iter().filter(|line| line.starts_with('[')).count();
    assert_eq!(n_sections, 3, "{file}");
    let styles: Vec<&&str> = lines.iter().filter(|line| line.starts_with("Style:")).collect();
    assert_eq!(styles.len(), n_styles, "{file}");
    assert!(styles.iter().all(|style| style.split(',').count() == 23), "{styles:?}");
    let begin = lines.iter().position(|line| *line == "[Events]").expect("events") + 2;
    assert!(lines[begin..].iter().all(|line| line.starts_with("Dialogue: ")), "{file}");
    let text = |line: &&'a str| line.splitn(10, ',').nth(9).expect("ten fields");
    lines[begin..].iter().map(text).collect()
}

fn words(cue: &Cue) -> impl Iterator<Item = TimedWord> {
    let step = (cue.end_ms - cue.start_ms) / 20;
    let words = cue.lines.iter().flat_map(|line| pipeline::timeline::tokens(line));
    words.take(20).enumerate().map(move |(i, text)| {
        let start_ms = cue.start_ms + i as u64 * step;
        TimedWord { text: text.to_owned(), start_ms, end_ms: start_ms + step }
    })
}

#[test]
fn no_text_and_no_font_changes_what_a_file_is_made_of() {
    let lines = sampled(&proptest::collection::vec(line(), 1..3), n_texts());
    let fonts = sampled(&line(), n_texts());
    let cues: Vec<Cue> = (0..)
        .zip(lines)
        .map(|(i, lines)| Cue { start_ms: i * 100, end_ms: (i + 1) * 100, lines })
        .collect();
    let font = Fonts::system().choose("DejaVu Sans", "a").expect("a font is installed");
    let layout = Layout::for_picture(SIZE, 60.0);
    let red = Colour { red: 255, green: 0, blue: 0 };
    let folder = tempfile::tempdir().expect("a folder");
    for (backdrop, highlight) in [(false, false), (true, false), (false, true)] {
        let plain = style(&font, SubtitlePosition::Bottom);
        let backdrop = backdrop.then_some(Backdrop { colour: red, rounded: true });
        let mut style = Style { backdrop, highlight: highlight.then_some(red), ..plain };
        let words: Vec<TimedWord> = cues.iter().flat_map(words).collect();
        let n_styles = 1 + usize::from(backdrop.is_some());

        let file = ass(&cues, &words, &style, &layout, SIZE);
        let events = events(&file, n_styles);
        let per_cue = events.len() / cues.len();
        assert_eq!((events.len() % cues.len(), per_cue), (0, n_styles));
        for (cue, events) in cues.iter().zip(events.chunks(per_cue)) {
            let (shown, commands) = read(events[per_cue - 1]);
            let plain =
                |text: &str| text.replace(|c: char| c.is_control(), " ").replace(JOINER, "");
            let expected: Vec<String> = cue.lines.iter().map(|line| plain(line)).collect();
            assert_eq!(shown.replace(JOINER, ""), expected.join("\n"), "{cue:?}");
            let ours =
                |command: &String| command.starts_with("\\pos(") || command.starts_with("\\2c&H");
            assert!(commands.iter().all(ours), "{commands:?}");
            assert!(commands.len() == 1 || highlight, "{commands:?}");
        }
        // libass draws each of them.
        fs_err::write(folder.path().join("a.ass"), &file).expect("written");
        let source = format!("color=black:s=64x64:r=10:d={}", cues.len() as f64 / 10.0);
        ffmpeg(
            folder.path(),
            &["-v", "error", "-f", "lavfi", "-i", &source, "-vf", "ass=a.ass", "-f", "null", "-"],
        );
        for font in &fonts {
            style.font.clone_from(font);
            self::events(&ass(&cues[..1], &[], &style, &layout, SIZE), n_styles);
        }
    }
}

#[test]
fn the_reader_reads_as_libass_does() {
    let check = |text: &str, shown: &str, commands: &[&str]| {
        let expected = (shown.to_owned(), commands.iter().map(|&one| one.to_owned()).collect());
        assert_eq!(read(text), expected, "{text}");
    };
    check("a{\\an8}b", "ab", &["\\an8"]);
    check("a\\{b\\}\\Nc\\hd\\e", "a{b}\nc\u{a0}d\\e", &[]);
    check("{a {b} c", " c", &["a {b"]);
    check("{a", "{a", &[]);
}
