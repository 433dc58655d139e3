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
        assert_eq!((choice.missing, choice.instead_of), (vec![], None));
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
    assert_eq!(choice.instead_of, Some((latin.clone(), vec!['海'])));
    // Where no font is better, the one that was asked for stays.
    let unknown = "The \u{E123}\u{10FFFD}";
    let kept = fonts.choose(&latin, unknown).expect("font");
    assert_eq!((kept.family, kept.instead_of), (latin, None));
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
