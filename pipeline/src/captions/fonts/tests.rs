use super::*;

#[track_caller]
fn check_letters(text: &str, expected: &str) {
    let letters: String = visible_letters(text).into_iter().collect();
    assert_eq!(letters, expected, "{text:?}");
}

#[test]
fn only_what_is_drawn_needs_a_glyph() {
    check_letters("b a\n\ta\u{200B}\u{200D}\u{2060}\u{FE0F}\u{202E}\u{7}", "ab");
    check_letters("Vie\u{302}\u{323}t", "Vitệ");
    check_letters("x\u{302}", "x\u{302}");
}

#[test]
fn a_machine_without_fonts_has_none() {
    let fonts = Fonts { database: Database::new() };
    assert_eq!(fonts.choose("", "text"), Err(FontError::None));
    let missing = FontError::NotInstalled { family: "Open Sans".to_owned(), near: Vec::new() };
    assert_eq!(missing.to_string(), "font \"Open Sans\" is not installed");
    assert_eq!(fonts.choose("Open Sans", "text"), Err(missing));
}

#[test]
fn a_font_that_is_not_installed_is_refused_with_near_names() {
    let fonts = Fonts::system();
    let family = *fonts.families().first().expect("a font is installed");
    let almost = format!("{family} Quite Unheard Of");
    let error = fonts.choose(&almost, "text").expect_err("not installed");
    let FontError::NotInstalled { near, .. } = &error else { panic!("{error}") };
    assert!(near.iter().any(|name| name == family), "{error}");
    assert!(
        error.to_string().starts_with(&format!("font {almost:?} is not installed; installed are "))
    );
}

#[test]
fn a_name_is_found_whatever_its_case() {
    let fonts = Fonts::system();
    for family in fonts.families() {
        let choice = fonts.choose(&family.to_uppercase(), "").expect("installed");
        assert_eq!(choice.family, family);
        assert_eq!((choice.missing, choice.stands_in), (vec![], None));
    }
}

/// One family must have all of it (`cargo xtask setup` installs them).
#[track_caller]
fn check_covered(text: &str) -> FontChoice {
    let choice = Fonts::system().choose("", text).expect("a font is installed");
    assert_eq!(choice.missing, Vec::<char>::new(), "{text:?} in {}", choice.family);
    choice
}

#[test]
fn every_script_of_the_scenarios_has_a_font() {
    check_covered("Biển giữ bí mật của nó: “được”, ẫ ỗ ự…");
    let latin = check_covered("The sea — 25 secrets.");
    let chinese = check_covered("海守着秘密，不是吗？");
    assert_ne!(latin.family, chinese.family, "the list of preferences is not followed");
    check_covered("مرحبا بالعالم");
    check_covered("");
}

#[test]
fn emoji_are_reported_and_do_not_choose_the_font() {
    let fonts = Fonts::system();
    let (with, without) =
        (fonts.choose("", "Biển 🦑").expect("font"), fonts.choose("", "Biển").expect("font"));
    assert_eq!(with.family, without.family);
    assert!(with.missing.iter().all(|&c| c == '🦑'), "{with:?}");
}

#[test]
fn a_font_without_the_letters_is_replaced_and_that_is_told() {
    let fonts = Fonts::system();
    let latin = fonts.choose("", "The sea").expect("font").family;
    let choice = fonts.choose(&latin, "The 海").expect("font");
    assert_ne!(choice.family, latin);
    let stands_in = choice.stands_in.expect("it stands in for another");
    assert_eq!(stands_in, StandsIn::Lacks { asked: latin.clone(), letters: vec!['海'] });
    assert_eq!(stands_in.to_string(), format!("{latin:?} lacks 海"));
    // Where no font is better, the one that was asked for stays.
    let unknown = "The \u{E123}\u{10FFFD}";
    let kept = fonts.choose(&latin, unknown).expect("font");
    assert_eq!((kept.family, kept.stands_in), (latin, None));
    assert!(!kept.missing.is_empty());
}

#[test]
fn widths_are_measured() {
    let choice = Fonts::system().choose("", "Wi").expect("font");
    let share = |c| choice.advances.iter().find(|(letter, _)| *letter == c).expect("measured").1;
    assert!(share('W') > 2.0 * share('i') && share('W') < 1.3 && share('i') > 0.1, "{choice:?}");
    assert!((1.0..2.0).contains(&choice.line_height), "{choice:?}");
    assert!(share(' ') > 0.1);
}

/// A database of the faces of one installed family, under any name: what else is installed plays no part.
fn only(text: &str) -> (Fonts, String) {
    let system = Fonts::system();
    let family = system.choose("", text).expect("font").family;
    let mut database = Database::new();
    for face in system.database.faces().filter(|face| family_name(face) == Some(&family)) {
        let path = match &face.source {
            Source::File(path) | Source::SharedFile(path, _) => path,
            Source::Binary(_) => continue,
        };
        database.load_font_file(path).expect("it was read before");
    }
    (Fonts { database }, family)
}

#[test]
fn a_file_of_moneyprinterturbo_that_is_missing_has_a_stand_in() {
    let (fonts, family) = only("The sea");
    for file in ["STHeitiMedium.ttc", "UTM Kabel KT.ttf", "charm-regular.TTF"] {
        let choice = fonts.choose(file, "The sea").expect("a font stands in");
        assert_eq!((choice.family.as_str(), choice.missing.as_slice()), (family.as_str(), &[][..]));
        let stands_in = choice.stands_in.expect("it is told");
        assert_eq!(stands_in, StandsIn::NotInstalled { asked: file.to_owned() });
        assert_eq!(stands_in.to_string(), format!("{file:?} is not installed"));
    }
    let error = fonts.choose("Comic Sans MS.ttf", "The sea").expect_err("nobody ships it");
    assert!(
        error.to_string().starts_with("font \"Comic Sans MS.ttf\" is not installed"),
        "{error}"
    );
}

#[test]
fn the_stand_in_of_a_bold_file_is_bold_and_has_the_letters() {
    let fonts = Fonts::system();
    let weight = |file: &str| fonts.choose(file, "Biển").expect("a font stands in").weight;
    assert!(weight("MicrosoftYaHeiBold.ttc") > weight("MicrosoftYaHeiNormal.ttc"));
    let choice = fonts.choose("BeVietnamPro-Bold.ttf", "海守着秘密").expect("a font stands in");
    assert_eq!(choice.missing, Vec::<char>::new(), "{}", choice.family);
}

#[test]
fn an_installed_file_is_found_by_its_name() {
    let fonts = Fonts::system();
    for face in fonts.database.faces() {
        let (Some(_), Source::File(path) | Source::SharedFile(path, _)) =
            (family_name(face), &face.source)
        else {
            continue;
        };
        let name = path.file_name().expect("a file").to_string_lossy().to_uppercase();
        let choice = fonts.choose(&name, "").expect("installed");
        let of_file = |other: &FaceInfo| {
            family_name(other) == Some(&choice.family) && other.weight.0 == choice.weight
        };
        assert!(fonts.database.faces().any(of_file), "{name}: {choice:?}");
        assert_eq!(choice.stands_in, None);
    }
}

#[test]
fn a_file_that_is_called_otherwise_is_found_by_the_name_of_its_font() {
    let (fonts, family) = only("The sea");
    let choice = fonts.choose(&format!("{}.ttf", family.replace(' ', "-")), "The sea");
    let choice = choice.expect("installed");
    assert_eq!((choice.family, choice.stands_in), (family, None));
}

#[test]
fn japanese_and_korean_are_drawn_in_their_own_way() {
    let fonts = Fonts::system();
    let families: BTreeSet<String> = ["海と空、空と海", "바다와 하늘", "海和天空"]
        .map(|text| fonts.choose("", text).expect("font").family)
        .into();
    // Where a machine has one font for all of them, it is that.
    let own = ["JP", "KR", "SC"].map(|script| format!("Noto Sans CJK {script}"));
    if own.iter().all(|family| fonts.families().contains(family.as_str())) {
        assert_eq!(families, BTreeSet::from(own));
    }
}
