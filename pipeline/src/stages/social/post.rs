//! A post within the limits of its platform.

use protocol::{JobSpec, Platform, SocialPost, Writer};

/// How much a platform takes; MoneyPrinterTurbo's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Characters.
    pub(super) title: usize,
    /// Characters.
    pub(super) caption: usize,
    /// How many.
    pub(super) hashtags: usize,
}

impl Limits {
    pub(super) const fn of(platform: Platform) -> Self {
        let (title, caption, hashtags) = match platform {
            Platform::Tiktok => (100, 2200, 5),
            Platform::YoutubeShorts => (100, 5000, 3),
            Platform::InstagramReels => (125, 2200, 8),
            Platform::FacebookReels => (125, 2200, 5),
        };
        Self { title, caption, hashtags }
    }
}

/// What was written, cut to the limits. None: there is no title.
pub(super) fn fitted(
    platform: Platform,
    title: &str,
    caption: &str,
    hashtags: &[String],
    writer: Writer,
) -> Option<SocialPost> {
    let limits = Limits::of(platform);
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = cut(&title, limits.title);
    let mut tags: Vec<String> = Vec::new();
    for tag in hashtags.iter().filter_map(|tag| hashtag(tag)) {
        if !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
            tags.push(tag);
        }
    }
    tags.truncate(limits.hashtags);
    let caption = cut(caption.trim(), limits.caption);
    title.chars().any(char::is_alphanumeric).then_some(SocialPost {
        platform,
        title,
        caption,
        hashtags: tags,
        writer,
    })
}

/// A post without a model: the subject is the title, the script the caption, the words of the subject
/// the hashtags.
pub(super) fn from_script(platform: Platform, spec: &JobSpec, script: &str) -> SocialPost {
    let subject = spec.video_subject.trim();
    let title = if subject.is_empty() { first_sentence(script) } else { subject };
    let terms = spec.video_terms.as_ref().map(protocol::Terms::to_vec).unwrap_or_default();
    let words = title.split_whitespace().map(str::to_owned);
    let long = words.filter(|word| word.chars().filter(|c| c.is_alphanumeric()).count() > 3);
    let tags: Vec<String> = terms.into_iter().chain(long).collect();
    let fitted = fitted(platform, title, script, &tags, Writer::Script);
    // A script has a letter or a digit, but a subject may be marks alone.
    fitted.unwrap_or_else(|| SocialPost {
        platform,
        title: cut(first_sentence(script), Limits::of(platform).title),
        caption: cut(script.trim(), Limits::of(platform).caption),
        hashtags: Vec::new(),
        writer: Writer::Script,
    })
}

fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let ends = |(at, c): (usize, char)| ".!?。！？\n".contains(c).then_some(at);
    text.char_indices().find_map(ends).filter(|at| *at > 0).map_or(text, |at| &text[..at])
}

/// `#` and the letters, digits and underscores of the tag. None: there are none.
fn hashtag(tag: &str) -> Option<String> {
    // Signs above and below letters of Thai or Hindi are no letters to `char`, and belong to the word.
    let is_part = |c: &char| !c.is_whitespace() && !c.is_control() && !is_mark(*c);
    let word: String = tag.chars().filter(is_part).collect();
    word.chars().any(char::is_alphanumeric).then(|| format!("#{word}"))
}

fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation() && c != '_'
        || matches!(c, '\u{2010}'..='\u{205E}' | '\u{3000}'..='\u{303F}' | '\u{FF01}'..='\u{FF0F}')
}

/// At most `max_chars` of a text: to the end of a word, with a mark that there was more.
fn cut(text: &str, max_chars: usize) -> String {
    if text.char_indices().nth(max_chars).is_none() {
        return text.to_owned();
    }
    let (end, _) = text.char_indices().nth(max_chars - 1).unwrap_or((text.len(), ' '));
    let head = &text[..end];
    let word_ends = text[end..].starts_with(char::is_whitespace);
    // A text without spaces, or one long word, is cut where it has to be.
    let border = head.rfind(char::is_whitespace).filter(|at| *at * 2 > end);
    let head = if word_ends { head } else { border.map_or(head, |at| &head[..at]) };
    format!("{}…", head.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLATFORMS: [(Platform, [usize; 3]); 4] = [
        (Platform::Tiktok, [100, 2200, 5]),
        (Platform::YoutubeShorts, [100, 5000, 3]),
        (Platform::InstagramReels, [125, 2200, 8]),
        (Platform::FacebookReels, [125, 2200, 5]),
    ];

    #[track_caller]
    fn check_tags(tags: &[&str], expected: &[&str]) {
        let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        let post = fitted(Platform::Tiktok, "a", "", &tags, Writer::Llm).expect("a title");
        assert_eq!(post.hashtags, expected);
    }

    #[test]
    fn hashtags_are_words() {
        check_tags(&["", "#", "!?", " "], &[]);
        check_tags(
            &["#sea", "Sea", "##Deep Sea", "night_sky", "a-b!"],
            &["#sea", "#DeepSea", "#night_sky", "#ab"],
        );
        check_tags(&["biển", "हिन्दी", "海。", "“x”"], &["#biển", "#हिन्दी", "#海", "#x"]);
        check_tags(&["1", "2", "3", "4", "5", "6"], &["#1", "#2", "#3", "#4", "#5"]);
    }

    #[test]
    fn a_text_is_cut_behind_a_word() {
        let check =
            |text: &str, max, expected: &str| assert_eq!(cut(text, max), expected, "{text}");
        check("", 5, "");
        check("abcde", 5, "abcde");
        check("one two", 6, "one…");
        check("one two three", 8, "one two…");
        check("abcdefgh", 5, "abcd…");
        check("a bcdefgh", 5, "a bc…");
        check("海海海海海海", 5, "海海海海…");
    }

    #[test]
    fn a_title_without_words_is_none() {
        assert_eq!(fitted(Platform::Tiktok, " …\n", "caption", &[], Writer::Llm), None);
    }

    #[test]
    fn without_a_model_subject_and_script_are_the_post() {
        let spec =
            |subject: &str| JobSpec { video_subject: subject.to_owned(), ..JobSpec::default() };
        let post =
            from_script(Platform::YoutubeShorts, &spec("The deep sea at night"), "Waves. Wind.");
        assert_eq!(
            (post.title.as_str(), post.caption.as_str()),
            ("The deep sea at night", "Waves. Wind.")
        );
        assert_eq!(
            (post.hashtags, post.writer),
            (vec!["#deep".to_owned(), "#night".to_owned()], Writer::Script)
        );
        for subject in ["", "…"] {
            let post = from_script(Platform::Tiktok, &spec(subject), "Waves roll. Wind.");
            assert_eq!(post.title, "Waves roll", "{subject:?}");
        }
    }

    proptest! {
        #[test]
        fn every_post_is_within_the_limits(
            which in 0..4_usize,
            title in "([a-zđ海] ?|\\PC){1,300}",
            caption in "([a-z海] ?){0,3000}",
            tags in prop::collection::vec("\\PC{0,12}", 0..12),
        ) {
            let (platform, [title_chars, caption_chars, n_tags]) = PLATFORMS[which];
            let Some(post) = fitted(platform, &title, &caption, &tags, Writer::Llm) else {
                return Ok(());
            };
            prop_assert!((1..=title_chars).contains(&post.title.chars().count()));
            prop_assert!(post.caption.chars().count() <= caption_chars);
            prop_assert!(post.hashtags.len() <= n_tags);
            for tag in post.hashtags {
                let word = tag.strip_prefix('#').expect("a hashtag");
                prop_assert!(!word.is_empty() && !word.contains(['#', ' ']), "{:?}", tag);
            }
            let spec = JobSpec { video_subject: title, ..JobSpec::default() };
            let post = from_script(platform, &spec, &caption);
            prop_assert!(post.title.chars().count() <= title_chars);
        }
    }
}
