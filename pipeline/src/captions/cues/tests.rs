use proptest::prelude::*;
use protocol::Size;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::timeline;

/// 32 columns of text on a line: 60 pixels for two, 972 in all.
fn layout() -> Layout {
    Layout::for_picture(Size { width: 1080, height: 1920 }, 60.0)
}

/// Words of a text, each as long as `ms` for a letter, with `gap_ms` of silence behind each.
fn words(text: &str, ms: u64, gap_ms: u64) -> Vec<TimedWord> {
    let mut now = 0;
    timeline::tokens(text)
        .map(|word| {
            let start_ms = now;
            let end_ms = start_ms + (word.chars().count() as u64 * ms).max(1);
            now = end_ms + gap_ms;
            TimedWord { text: word.to_owned(), start_ms, end_ms }
        })
        .collect()
}

/// What holds for all cues of a text: together their lines are the text, white space for white space.
#[track_caller]
fn check_cues(cues: &[Cue], text: &str, layout: &Layout) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = text.as_str();
    for line in cues.iter().flat_map(|cue| &cue.lines) {
        let from_line = rest.trim_start().strip_prefix(line.as_str());
        rest = from_line.unwrap_or_else(|| panic!("{line:?} is not what comes next in {rest:?}"));
    }
    assert_eq!(rest, "", "not shown");
    for cue in cues {
        assert!(cue.start_ms < cue.end_ms, "no time: {cue:?}");
        assert!(cue.end_ms - cue.start_ms <= MAX_CUE_MS, "too long: {cue:?}");
        assert!((1..=2).contains(&cue.lines.len()), "{cue:?}");
        for line in &cue.lines {
            assert!(!line.trim().is_empty() && line.trim() == line, "{cue:?}");
            // As a reader sees it: joined emoji are one letter, and cannot be cut.
            let one_letter = line.graphemes(true).count() == 1;
            assert!(
                one_letter || layout.width(line) <= layout.max_width() + 1e-6,
                "too wide: {line}"
            );
        }
    }
    for pair in cues.windows(2) {
        assert!(pair[0].end_ms <= pair[1].start_ms, "overlap: {pair:?}");
    }
}

#[track_caller]
fn check(text: &str, expected: &[&[&str]]) {
    let words = words(text, 60, 20);
    let cues = cues(text, &words, &layout());
    check_cues(&cues, text, &layout());
    let found: Vec<Vec<&str>> =
        cues.iter().map(|cue| cue.lines.iter().map(String::as_str).collect()).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn nothing_said_nothing_shown() {
    check("", &[]);
    check("—", &[&["—"]]);
}

#[test]
fn a_sentence_ends_a_cue() {
    check(
        "Yes. No! Why? 好。是！Right",
        &[&["Yes."], &["No!"], &["Why?"], &["好。"], &["是！"], &["Right"]],
    );
    check("He said “no.” Then he left.", &[&["He said “no.”"], &["Then he left."]]);
    check("Nó đẹp lắm… Biển xanh.", &[&["Nó đẹp lắm…"], &["Biển xanh."]]);
}

#[test]
fn a_full_stop_is_not_always_the_end() {
    check("It costs 3.14 or 1.000.000 or 5.", &[&["It costs 3.14 or 1.000.000 or 5."]]);
    check("Dr. J. Smith, e.g. him.", &[&["Dr. J. Smith, e.g. him."]]);
    check("1. First we wait.", &[&["1. First we wait."]]);
    check("It was 1908. Then war.", &[&["It was 1908."], &["Then war."]]);
    check("Wait… what?", &[&["Wait… what?"]]);
    check("See example.com. It works.", &[&["See example.com."], &["It works."]]);
    check("Great! 😀 Yes.", &[&["Great!"], &["😀 Yes."]]);
    check("Great. 😀 Yes.", &[&["Great. 😀 Yes."]]);
}

#[test]
fn a_long_sentence_is_cut_where_a_clause_ends() {
    check(
        "When the moon is full and the wind has gone to sleep, the old harbour fills with small green lights.",
        &[
            &["When the moon is full and", "the wind has gone to sleep,"],
            &["the old harbour fills", "with small green lights."],
        ],
    );
    check(
        "Biển giữ hai mươi lăm bí mật, và chưa ai từng đếm hết chúng trong suốt một nghìn năm qua.",
        &[
            &["Biển giữ hai mươi lăm bí mật,"],
            &["và chưa ai từng đếm hết chúng", "trong suốt một nghìn năm qua."],
        ],
    );
}

#[test]
fn lines_are_alike_in_width() {
    check(
        "Nobody had ever counted them all before",
        &[&["Nobody had ever", "counted them all before"]],
    );
}

#[test]
fn a_dash_stays_with_what_is_before_it() {
    check(
        "She counted all of the stars she saw — and then forgot",
        &[&["She counted all of the stars", "she saw — and then forgot"]],
    );
}

#[test]
fn chinese_is_cut_between_letters_and_closing_marks_do_not_begin_a_line() {
    check(
        "海守着二十五个秘密，从来没有人数过它们。今天天气很好，我们一起去看海吧！",
        &[&["海守着二十五个秘密，", "从来没有人数过它们。"], &["今天天气很好，我们一起去看海吧！"]],
    );
}

#[test]
fn no_line_begins_with_a_closing_mark() {
    check(
        "Nobody here knew where » they all went now",
        &[&["Nobody here knew where »", "they all went now"]],
    );
    check(
        "是不是真的没有人知道它们去了哪里呢，「我们大家」，都要去看海",
        &[&["是不是真的没有人知道它们去了", "哪里呢，「我们大家」，都要去看海"]],
    );
    check(
        "日本の首都は（昔は江戸と呼ばれた）東京であり『大きな町』だと【いつも】言われている",
        &[
            &["日本の首都は（昔は", "江戸と呼ばれた）東京で"],
            &["あり『大きな町』だと", "【いつも】言われている"],
        ],
    );
    check(
        "チョコレートをたくさんもらってしまってちょっとこまっている",
        &[&["チョコレートをたくさんもらって", "しまってちょっとこまっている"]],
    );
}

#[test]
fn thai_is_cut_between_words() {
    check(
        "ทะเลเก็บความลับไว้ยี่สิบห้าข้อและไม่มีใครเคยนับมันเลยตั้งแต่เริ่มต้น",
        &[&["ทะเลเก็บความลับไว้ยี่สิบห้าข้อและ", "ไม่มีใครเคยนับมันเลยตั้งแต่เริ่มต้น"]],
    );
}

#[test]
fn korean_is_cut_between_words() {
    check(
        "바다는 스물다섯 가지 비밀을 간직하고 있으며 아무도 그것을 세어 본 적이 없다",
        &[
            &["바다는 스물다섯", "가지 비밀을 간직하고"],
            &["있으며 아무도 그것을", "세어 본 적이 없다"],
        ],
    );
}

#[test]
fn vietnamese_is_cut_alike_however_it_is_written() {
    let composed = "Người được kể lại thì ngỡ ngàng vì biển giữ hai mươi lăm bí mật";
    let decomposed: String = composed.nfd().collect();
    let lines = |text: &str| -> Vec<Vec<String>> {
        let cues = cues(text, &words(text, 60, 20), &layout());
        check_cues(&cues, text, &layout());
        cues.into_iter()
            .map(|cue| cue.lines.iter().map(|line| line.nfc().collect()).collect())
            .collect()
    };
    assert_eq!(lines(composed), lines(&decomposed));
}

#[test]
fn arabic_and_hebrew_keep_the_order_of_their_letters() {
    check(
        "يحتفظ البحر بخمسة وعشرين سرا، ولم يحصها أحد قط.",
        &[&["يحتفظ البحر بخمسة وعشرين", "سرا، ولم يحصها أحد قط."]],
    );
    check(
        "הים שומר על 25 סודות, ואיש לא ספר אותם.",
        &[&["הים שומר על 25 סודות,", "ואיש לא ספר אותם."]],
    );
}

#[test]
fn a_space_is_where_the_text_has_one() {
    check("我爱 Rust 语言，也用iPhone。", &[&["我爱 Rust 语言，也用iPhone。"]]);
}

#[test]
fn a_word_wider_than_a_line_goes_on_in_the_next() {
    check(&"w".repeat(40), &[&[&"w".repeat(32), &"w".repeat(8)]]);
    check(
        "See https://example.com/a-very-long-path/of-many-parts?and=more for it",
        &[&["See https://example.com/a-very-", "long-path/of-many-parts?and=more"], &["for it"]],
    );
}

#[track_caller]
fn check_times(words: &[(&str, u64, u64)], expected: &[(u64, u64)]) {
    let words: Vec<TimedWord> = words
        .iter()
        .map(|&(text, start_ms, end_ms)| TimedWord { text: text.to_owned(), start_ms, end_ms })
        .collect();
    let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let cues = cues(&text, &words, &layout());
    check_cues(&cues, &text, &layout());
    let times: Vec<(u64, u64)> = cues.iter().map(|cue| (cue.start_ms, cue.end_ms)).collect();
    assert_eq!(times, expected, "{words:?}");
}

#[test]
fn a_cue_is_long_enough_to_be_read_and_gaps_do_not_flicker() {
    check_times(&[("Yes.", 0, 300), ("No.", 2000, 2400)], &[(0, 700), (2000, 2400)]);
    check_times(&[("Yes.", 0, 300), ("No.", 500, 1400)], &[(0, 500), (500, 1400)]);
    check_times(&[("Yes.", 0, 900), ("No.", 1050, 1400)], &[(0, 1050), (1050, 1400)]);
    check_times(&[("Yes.", 0, 900), ("No.", 1200, 1400)], &[(0, 900), (1200, 1400)]);
    check_times(&[("Yeees.", 0, 20_000), ("No.", 20_050, 21_000)], &[(0, 6000), (20_050, 21_000)]);
}

#[test]
fn a_pause_within_a_sentence_is_not_spanned() {
    check_times(&[("one", 0, 400), ("two", 8000, 8400)], &[(0, 700), (8000, 8400)]);
}

#[test]
fn broken_times_are_mended() {
    check_times(&[("So!", 500, 400), ("No!", 100, 100)], &[(500, 501), (501, 502)]);
    check_times(&[("世界。世界。", 0, 1)], &[(0, 1), (1, 2)]);
}

fn hostile_word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Zđêểợ]{1,12}[.,!?…]?",
        1 => "[一-龥，。！「」（）]{1,40}",
        1 => "[ぁ-んァ-ヶー、。]{1,30}",
        1 => "[가-힣]{1,8}",
        1 => "[a-zơêâ]{1,4}[\u{300}-\u{309}\u{323}]{1,3}[a-z]{0,3}",
        1 => "[0-9]{1,9}([.,][0-9]{1,3})?%?",
        1 => "[👍🏽❤️👨‍👩‍👧🇻🇳]{1,6}",
        1 => "\\PC{1,20}",
        1 => "[مرحبالع،שלוםעכ]{1,9}",
        1 => "[{}\\\\<>%'\"—😀]{1,6}",
        1 => "[W0-9/.-]{1,90}",
    ]
}

proptest! {
    #[test]
    fn every_word_is_shown_once(
        raw in prop::collection::vec((hostile_word(), 0..400_u64, 0..900_u64, any::<bool>()), 0..60),
        width in 200..2000_u32,
        font_size in 8.0..300.0_f64,
    ) {
        let layout = Layout::for_picture(Size { width, height: 960 }, font_size);
        let (mut now, mut text) = (0, String::new());
        for (word, .., apart) in &raw {
            text.push_str(word);
            text.push_str(if *apart { " \n" } else { "" });
        }
        let words: Vec<TimedWord> = timeline::tokens(&text)
            .zip(raw.iter().cycle())
            .map(|(text, (_, ms, gap_ms, _))| {
                let start_ms = now;
                now += (ms + gap_ms).max(1);
                TimedWord { text: text.to_owned(), start_ms, end_ms: start_ms + ms.max(&1) }
            })
            .collect();
        let cues = cues(&text, &words, &layout);
        check_cues(&cues, &text, &layout);
        // The times are the words': the first cue begins with the first word, none ends after the last,
        // but where more is shown than there are milliseconds.
        if let (Some(first), Some(last)) = (cues.first(), cues.last()) {
            prop_assert_eq!(first.start_ms, words[0].start_ms);
            prop_assert!(last.end_ms <= words[words.len() - 1].end_ms + text.chars().count() as u64);
        }
        // Every word is found again where it stands, however it was cut.
        let spoken = crate::captions::spoken::spoken(&cues, &words);
        let found: String = spoken
            .iter()
            .zip(&cues)
            .flat_map(|(parts, cue)| parts.iter().map(|part| &cue.lines[part.line][part.at.clone()]))
            .collect();
        prop_assert_eq!(found, text.split_whitespace().collect::<String>());
    }
}
