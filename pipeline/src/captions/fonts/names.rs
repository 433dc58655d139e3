//! What a request may call a font, and which families are good.

/// Names of font files. What is asked for may be one.
const FILE_ENDINGS: [&str; 4] = [".ttf", ".ttc", ".otf", ".otc"];

/// The font files that MoneyPrinterTurbo ships (`resource/fonts`): name, the families that are in such a
/// file or are the same design, weight. We ship none of them.
const BUNDLED: [(&str, &[&str], u16); 9] = [
    ("STHeitiMedium.ttc", &["Heiti SC", "STHeiti", "Heiti TC"], 500),
    ("STHeitiLight.ttc", &["Heiti SC", "STHeiti", "Heiti TC"], 300),
    ("MicrosoftYaHeiBold.ttc", &["Microsoft YaHei"], 700),
    ("MicrosoftYaHeiNormal.ttc", &["Microsoft YaHei"], 400),
    ("BeVietnamPro-Bold.ttf", &["Be Vietnam Pro"], 700),
    ("BeVietnamPro-Medium.ttf", &["Be Vietnam Pro"], 500),
    ("Charm-Bold.ttf", &["Charm"], 700),
    ("Charm-Regular.ttf", &["Charm"], 400),
    ("UTM Kabel KT.ttf", &["UTM Kabel KT"], 400),
];

/// A font file of MoneyPrinterTurbo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bundled {
    pub families: &'static [&'static str],
    pub weight: u16,
}

/// The font file of MoneyPrinterTurbo that has this name, whatever its case.
pub(super) fn bundled(name: &str) -> Option<Bundled> {
    let (_, families, weight) =
        BUNDLED.into_iter().find(|(file, ..)| file.eq_ignore_ascii_case(name))?;
    Some(Bundled { families, weight })
}

/// The name without its ending, where it is that of a font file.
pub(super) fn file_stem(name: &str) -> Option<&str> {
    let stem = name.get(..name.len().checked_sub(4)?)?;
    let ending = &name[stem.len()..];
    FILE_ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)).then_some(stem)
}

/// Small letters and digits: `Be Vietnam Pro` and `BeVietnam-Pro` are the same.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Families that look well in a subtitle, best first.
const LATIN: [&str; 8] = [
    "Open Sans",
    "Noto Sans",
    "Be Vietnam Pro",
    "Roboto",
    "Liberation Sans",
    "Arial",
    "Helvetica",
    "DejaVu Sans",
];
const CHINESE: [&str; 4] = ["Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC"];
const JAPANESE: [&str; 4] = ["Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic"];
const KOREAN: [&str; 4] =
    ["Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic"];

/// Families that look well in a subtitle with these letters, best first. Japanese and Korean fonts draw
/// Chinese letters in their own way, and most have the letters of all three scripts.
pub(super) fn preferred(letters: impl IntoIterator<Item = char>) -> Vec<&'static str> {
    let (mut kana, mut hangul) = (false, false);
    for letter in letters {
        kana |= matches!(letter, '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}');
        hangul |= matches!(letter, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}'
            | '\u{AC00}'..='\u{D7AF}');
    }
    let mut wide = [CHINESE, JAPANESE, KOREAN];
    match (kana, hangul) {
        (true, _) => wide.swap(0, 1),
        (false, true) => wide.swap(0, 2),
        (false, false) => {}
    }
    LATIN.into_iter().chain(wide.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_stem(name: &str, expected: Option<&str>) {
        assert_eq!(file_stem(name), expected, "{name:?}");
    }

    #[test]
    fn font_files_are_told_by_their_ending() {
        check_stem("STHeitiMedium.ttc", Some("STHeitiMedium"));
        check_stem("UTM Kabel KT.TTF", Some("UTM Kabel KT"));
        check_stem("a.otf", Some("a"));
        for family in ["", "ttf", "Open Sans", "Font.woff", "Biển"] {
            check_stem(family, None);
        }
    }

    #[test]
    fn the_files_of_moneyprinterturbo_are_known() {
        let kabel = bundled("utm kabel kt.ttf").expect("one of them");
        assert_eq!((kabel.families, kabel.weight), (&["UTM Kabel KT"][..], 400));
        assert_eq!(bundled("MicrosoftYaHeiBold.ttc").map(|font| font.weight), Some(700));
        assert_eq!(bundled("Comic.ttf"), None);
    }

    #[test]
    fn the_script_chooses_among_the_wide_fonts() {
        let first_wide = |text: &str| preferred(text.chars())[LATIN.len()];
        assert_eq!(first_wide("海守"), "Noto Sans CJK SC");
        assert_eq!(first_wide("海の"), "Noto Sans CJK JP");
        assert_eq!(first_wide("바다 海"), "Noto Sans CJK KR");
        assert_eq!(preferred("sea".chars()).len(), preferred("の".chars()).len());
    }
}
