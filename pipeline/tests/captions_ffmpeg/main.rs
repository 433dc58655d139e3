//! ffmpeg and libass read what `captions` writes, and draw it where and as it was asked for.

mod drawn;
mod fuzz;
mod looks;
mod read;

use std::path::Path;
use std::process::{Command, Output};

use pipeline::artefacts::{Cue, TimedWord};
use pipeline::captions::ass::{Style, ass};
use pipeline::captions::colour::Colour;
use pipeline::captions::cues::cues;
use pipeline::captions::fonts::{FontChoice, Fonts};
use pipeline::captions::layout::Layout;
use pipeline::captions::placement::Place;
use protocol::{Size, SubtitleAnimation, SubtitlePosition};

const SIZE: Size = Size { width: 540, height: 960 };

const HOSTILE: &str = "{\\an8\\fs200} {\\p1}m 0 0 l 9 9{\\p0} a\\Nb\\nc\\h \\ {x} }{ \\{y\\} 100% 'q' \"d\" \
                       <b>bold</b> &amp; a,b,,c --> [Events] Dialogue: 0,0 مرحبا שלום 世界 — end\\";

const TEXTS: [&str; 4] = [
    "The sea keeps 25 secrets, and nobody has ever counted them. Some say Dr. Smith did.",
    "Biển giữ hai mươi lăm bí mật, và chưa ai từng đếm hết. Người được kể lại thì ngỡ ngàng…",
    "海守着二十五个秘密，从来没有人数过它们。今天天气很好，我们一起去看海吧！",
    "يحتفظ البحر بخمسة وعشرين سرا، ولم يحصها أحد قط.",
];

/// White with a black outline, and nothing else.
fn style(font: &FontChoice, position: SubtitlePosition) -> Style {
    Style {
        font: font.family.clone(),
        weight: font.weight,
        font_size: 60.0,
        line_height: font.line_height,
        colour: Colour { red: 255, green: 255, blue: 255 },
        outline_colour: Colour { red: 0, green: 0, blue: 0 },
        outline: 1.5,
        place: Place { position, custom_percent: 70.0 },
        backdrop: None,
        animation: SubtitleAnimation::None,
        highlight: None,
    }
}

/// A text, spoken and cut into cues.
struct Spoken {
    words: Vec<TimedWord>,
    cues: Vec<Cue>,
    font: FontChoice,
    layout: Layout,
}

/// The cues of a text that is spoken at 83 ms a letter, and the font they are drawn with.
fn spoken(text: &str) -> Spoken {
    // By its name, for sizes are measured; where it has no letter of the text, another one is chosen.
    let font = Fonts::system().choose("DejaVu Sans", text).expect("a font is installed");
    let mut now = 120;
    let words: Vec<TimedWord> = pipeline::timeline::tokens(text)
        .map(|word| {
            let start_ms = now;
            now += 83 * word.chars().count() as u64;
            TimedWord { text: word.to_owned(), start_ms, end_ms: now }
        })
        .collect();
    let layout = Layout::for_picture(SIZE, 60.0).with_advances(font.advances.iter().copied());
    Spoken { cues: cues(text, &words, &layout), words, font, layout }
}

impl Spoken {
    /// Its first cue, from the beginning and for five seconds.
    fn at_once(mut self) -> Self {
        self.cues.truncate(1);
        for cue in &mut self.cues {
            (cue.start_ms, cue.end_ms) = (0, 5000);
        }
        self
    }

    fn ass(&self, style: &Style) -> String {
        ass(&self.cues, &self.words, style, &self.layout, SIZE)
    }
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
