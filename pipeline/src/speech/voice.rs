//! Which voice speaks.

use std::fmt;

/// Who turns text into sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// espeak-ng on this machine; tells when each word is spoken.
    Espeak,
    /// An OpenAI-compatible server; tells no times.
    OpenAi,
    /// Nobody: silence as long as the text would take.
    Silence,
}

impl Engine {
    /// The name before the colon of a voice.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Espeak => "espeak",
            Self::OpenAi => "openai",
            Self::Silence => NO_VOICE,
        }
    }
}

/// The `voice_name` of a video in which nobody speaks.
const NO_VOICE: &str = "no-voice";

/// An engine and the name it has for a voice, written `espeak:vi`, or `no-voice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who speaks.
    pub engine: Engine,
    /// As the engine calls it; empty where nobody speaks.
    pub name: String,
}

impl fmt::Display for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.engine {
            Engine::Silence => f.write_str(NO_VOICE),
            engine => write!(f, "{}:{}", engine.as_str(), self.name),
        }
    }
}

/// A `voice_name` that cannot be a voice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a voice such as espeak:vi, openai:alloy, no-voice, or none, found {0:?}")]
pub struct UnknownVoice(pub String);

/// The voice that `voice_name` asks for: `espeak:<voice>`, `openai:<voice>`, `no-voice`, or, when empty,
/// the espeak-ng voice of `language` (a BCP 47 tag; empty: told from `text`).
///
/// # Errors
///
/// [`UnknownVoice`]: another engine, no name behind the colon, or a name that no voice can have.
pub fn voice_for(voice_name: &str, language: &str, text: &str) -> Result<Voice, UnknownVoice> {
    if voice_name.trim() == NO_VOICE {
        return Ok(Voice { engine: Engine::Silence, name: String::new() });
    }
    let (engine, name) = match voice_name.trim().split_once(':') {
        None if voice_name.trim().is_empty() => {
            let name = match language.trim() {
                "" => espeak_voice(language_of(text)),
                tag => espeak_voice(tag),
            };
            (Engine::Espeak, name)
        }
        Some(("espeak", name)) => (Engine::Espeak, name.to_owned()),
        Some(("openai", name)) => (Engine::OpenAi, name.to_owned()),
        _ => return Err(UnknownVoice(voice_name.to_owned())),
    };
    let allowed = match engine {
        // espeak-ng takes the name of a file too: what could be a path is no voice.
        Engine::Espeak => {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "+-_. ".contains(c))
                && !name.contains("..")
        }
        Engine::OpenAi | Engine::Silence => !name.chars().any(char::is_control),
    };
    if name.trim().is_empty() || !allowed {
        return Err(UnknownVoice(voice_name.to_owned()));
    }
    Ok(Voice { engine, name })
}

/// espeak-ng's voice of a language tag: its own names where they differ from BCP 47's.
fn espeak_voice(tag: &str) -> String {
    let tag = tag.to_ascii_lowercase().replace('_', "-");
    let (primary, rest) = tag.split_once('-').unwrap_or((tag.as_str(), ""));
    let voice = match (primary, rest) {
        ("en", "gb") => "en-gb",
        ("en", _) => "en-us",
        ("zh", "hk" | "mo" | "yue" | "hant-hk") => "yue",
        ("zh", _) => "cmn",
        ("pt", "br") => "pt-br",
        ("es", "mx" | "419" | "us" | "ar" | "co") => "es-419",
        ("fr", "be" | "ch") => return tag,
        ("no", _) => "nb",
        _ => primary,
    };
    voice.to_owned()
}

/// The language that is spoken, without its country: that of the tag `language`, or told from `text` where
/// there is none.
pub fn spoken_language(language: &str, text: &str) -> String {
    match language.trim().split(['-', '_']).next().unwrap_or_default() {
        "" => language_of(text).to_owned(),
        primary => primary.to_ascii_lowercase(),
    }
}

/// The language of a text, as a BCP 47 tag: told from its letters, `en` where they tell nothing.
///
/// One word in five with letters that only Vietnamese has makes a text Vietnamese: a quoted name does
/// not. Other languages are told by their script where half the text is in it; of several that share
/// a script, the one with the most speakers.
fn language_of(text: &str) -> &'static str {
    let words = || text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    let vietnamese = words().filter(|word| word.chars().any(is_vietnamese)).count();
    if vietnamese > 0 && vietnamese * 5 >= words().count() {
        return "vi";
    }
    let letters = || text.chars().filter(|c| c.is_alphabetic());
    let weight =
        |tag: &str| letters().filter_map(script).filter(|of| of.0 == tag).map(|of| of.1).sum();
    let (kana, han): (usize, usize) = (weight("ja"), weight("zh"));
    // Japanese mixes in Han characters, and Chinese has no kana.
    let han_is = if kana * 10 > han { "ja" } else { "zh" };
    let others = ["ko", "ru", "ar", "hi", "th", "el", "he"].map(|tag| (tag, weight(tag)));
    let latin = letters().filter(|&c| script(c).is_none()).count();
    let heaviest =
        others.into_iter().chain([(han_is, kana + han)]).max_by_key(|(_, weight)| *weight);
    heaviest.filter(|(_, weight)| *weight > latin).map_or("en", |(tag, _)| tag)
}

/// The language that a letter outside Latin stands for, and for how many letters of an alphabet.
fn script(c: char) -> Option<(&'static str, usize)> {
    let found = match c {
        '\u{3041}'..='\u{30FF}' => ("ja", 3),
        '\u{AC00}'..='\u{D7A3}' => ("ko", 3),
        '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{2FFFF}' => ("zh", 3),
        '\u{400}'..='\u{52F}' => ("ru", 1),
        '\u{600}'..='\u{6FF}' | '\u{750}'..='\u{77F}' => ("ar", 1),
        '\u{900}'..='\u{97F}' => ("hi", 1),
        '\u{E00}'..='\u{E7F}' => ("th", 1),
        '\u{370}'..='\u{3FF}' => ("el", 1),
        '\u{5D0}'..='\u{5EA}' => ("he", 1),
        _ => return None,
    };
    Some(found)
}

/// Letters of Vietnamese and hardly any other language: horned o and u, and the block of letters with
/// two marks; in decomposed text, the marks for the tones hỏi and nặng and the horn.
fn is_vietnamese(c: char) -> bool {
    matches!(c, 'ơ' | 'Ơ' | 'ư' | 'Ư' | '\u{1EA0}'..='\u{1EF9}' | '\u{309}' | '\u{323}' | '\u{31B}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(voice_name: &str) {
        let refused = voice_for(voice_name, "en", "text");
        assert_eq!(refused, Err(UnknownVoice(voice_name.to_owned())));
    }

    #[test]
    fn what_is_no_voice_is_refused() {
        for name in
            ["alloy", "espeak:", "espeak: ", "azure:vi", "ESPEAK:vi", ":", "no-voice:", "no voice"]
        {
            check_refused(name);
        }
        for path in ["espeak:../../secret", "espeak:/etc/passwd", "espeak:a\\b", "espeak:v\ni"] {
            check_refused(path);
        }
    }

    #[track_caller]
    fn check(voice_name: &str, language: &str, text: &str, expected: &str) {
        let voice = voice_for(voice_name, language, text).expect("a voice");
        assert_eq!(voice.to_string(), expected, "{voice_name:?} {language:?} {text:?}");
    }

    #[test]
    fn the_name_goes_before_the_language_and_the_language_before_the_text() {
        check("espeak:en-us+f3", "vi", "Xin chào", "espeak:en-us+f3");
        check("openai:af_bella(2)+af_sky", "vi", "Xin chào", "openai:af_bella(2)+af_sky");
        check("", "fr", "Được lắm", "espeak:fr");
        check(" ", " ", "Được lắm", "espeak:vi");
        check(" no-voice ", "vi", "Được lắm", "no-voice");
        check("", "", "The sea", "espeak:en-us");
    }

    #[test]
    fn a_language_tag_names_a_voice() {
        for (tag, voice) in [
            ("vi-VN", "vi"),
            ("en_GB", "en-gb"),
            ("en-AU", "en-us"),
            ("zh-CN", "cmn"),
            ("zh-HK", "yue"),
            ("pt-BR", "pt-br"),
            ("pt", "pt"),
            ("es-MX", "es-419"),
            ("fr-CH", "fr-ch"),
            ("de-AT", "de"),
        ] {
            check("", tag, "", &format!("espeak:{voice}"));
        }
    }

    #[track_caller]
    fn check_language(text: &str, expected: &str) {
        assert_eq!(language_of(text), expected, "{text:?}");
    }

    #[test]
    fn the_language_that_is_named_goes_before_the_letters() {
        for (tag, text, expected) in [
            ("", "Das Meer", "en"), // its letters tell nothing
            (" ", "Biển giữ bí mật.", "vi"),
            ("de", "Das Meer", "de"),
            ("FR-ch", "La mer", "fr"),
            ("en_GB", "Biển giữ bí mật.", "en"),
        ] {
            assert_eq!(spoken_language(tag, text), expected, "{tag:?} {text:?}");
        }
    }

    #[test]
    fn letters_tell_the_language() {
        check_language("", "en");
        check_language("123 😀 —", "en");
        check_language("Déjà vu à São Paulo", "en");
        check_language("Biển giữ bí mật của nó.", "vi");
        check_language("Vie\u{323}\u{302}t Nam", "vi"); // decomposed
        check_language("The painter Nguyễn Gia Trí was born near Hanoi in 1908", "en");
        check_language("今天天气很好", "zh");
        check_language("今日は天気がいいです", "ja");
        check_language("오늘은 날씨가 좋다", "ko");
        check_language("Привет, мир", "ru");
        check_language("مرحبا بالعالم", "ar");
        check_language("The Greek word for sea is θάλασσα", "en");
        check_language("The word 海 means sea in Chinese", "en");
    }
}
