//! How the page looks: at a desk and on a phone, in the light and in the dark, in two languages. Its pictures
//! are left in `target/dashboard`.

use protocol::{JobState, Stage};
use serde_json::{Value, json};

use super::super::{World, runs};
use super::browser::Browser;
use super::{opened, quick};

/// Texts that are seen and whose contrast is below that of WCAG 2.2, level AA (4.5; large letters 3), with
/// that contrast.
const FAINT: &str = "(() => {
    const parse = (text) => {
        const n = text.match(/[\\d.]+(e-?\\d+)?/g).map(Number);
        const size = text.startsWith('color') ? 255 : 1;
        return [n[0] * size, n[1] * size, n[2] * size, n[3] ?? 1];
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const ground = (node) => {
        const own = parse(getComputedStyle(node).backgroundColor);
        if (own[3] === 1 || node === document.documentElement) return own[3] === 0 ? [255, 255, 255, 1] : own;
        return over(own, ground(node.parentElement));
    };
    const light = (colour) => {
        const [r, g, b] = colour.map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const root = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const faint = [];
    let seen = 0;
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement;
        if (!text.data.trim() || !node.checkVisibility() || node.closest('.unseen, .skip, :disabled, noscript, option')) continue;
        const style = getComputedStyle(node);
        const under = ground(node);
        const [one, other] = [light(over(parse(style.color), under)), light(under)].sort((a, b) => b - a);
        const contrast = (one + 0.05) / (other + 0.05);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        seen += 1;
        if (contrast < (isLarge ? 3 : 4.5)) faint.push([text.data.trim(), contrast.toFixed(2)]);
    }
    return seen > 5 ? faint : ['only ' + seen + ' texts'];
})()";

/// Controls that nothing names.
const NAMELESS: &str = "[...document.querySelectorAll('button, a[href], input, select, textarea, video, [role]')]
    .filter((one) => one.checkVisibility() && !one.ariaLabel && !one.getAttribute('aria-labelledby')
        && !one.textContent.trim() && !one.labels?.length && one.role !== 'status' && one.role !== 'alert')
    .map((one) => one.outerHTML)";

/// As wide as its window, and every text and control as it is to be.
async fn check(browser: &Browser, what: &str) {
    let beyond = browser.eval("[document.documentElement.scrollWidth, innerWidth]").await;
    let [wide, window] = [&beyond[0], &beyond[1]].map(|n| n.as_f64().expect("pixels"));
    assert!(wide <= window, "{what}: {wide} pixels in a window of {window}");
    let sheet = "(() => { const sheet = document.querySelector('dialog[open]'); \
                 return sheet ? sheet.scrollWidth - sheet.clientWidth : 0; })()";
    assert_eq!(browser.eval(sheet).await, 0, "{what}: the sheet is as wide as its window");
    assert_eq!(browser.eval(FAINT).await, json!([]), "{what}");
    assert_eq!(browser.eval(NAMELESS).await, json!([]), "{what}");
}

/// The same at a desk and on a phone, in the light and in the dark, with pictures.
async fn check_everywhere(world: &World, browser: &Browser, name: &str) {
    let folder = world.paths.root.join("target/dashboard");
    for (device, width, height) in [("desk", 1280, 900), ("phone", 360, 780)] {
        for scheme in ["light", "dark"] {
            browser.size(width, height).await;
            browser.prefer(scheme).await;
            let what = format!("{name}-{device}-{scheme}");
            check(browser, &what).await;
            browser.picture(&folder.join(format!("{what}.png"))).await;
        }
    }
    browser.size(1280, 900).await;
}

async fn colours(browser: &Browser) -> Value {
    let colours =
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))";
    browser.eval(colours).await
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_looks_right_at_a_desk_on_a_phone_and_in_the_dark() {
    let Some((world, browser)) = opened(&["jobs.concurrency=1", "jobs.max_attempts=1"]).await
    else {
        return;
    };
    let asked = json!({"video_terms": ["coffee", "morning"], "video_size": "360x640"});
    let film = world.submit(quick(&asked)).await;
    let failed = world.submit(quick(&json!({"voice_name": "openai:nobody"}))).await;
    let light = world.submit(quick(&json!({"stop_at": "terms"}))).await;
    for (job, expected) in
        [(&film, JobState::Succeeded), (&failed, JobState::Failed), (&light, JobState::Succeeded)]
    {
        assert_eq!(world.ended(job).await.state, expected);
    }
    let long = json!({"video_script": "The sea is calm. ".repeat(80), "video_size": "1080x1920"});
    let running = world.submit(quick(&long)).await;
    world.seen(&running, |status| runs(status, Stage::Render)).await;
    let waiting = world.submit(quick(&long)).await;
    browser.until("document.querySelectorAll('.job').length === 5").await;
    browser.until("document.querySelector('.chip[data-state=running]') !== null").await;
    let picture = format!("document.querySelector('[data-job=\"{}\"] img')?.complete", film.id);
    browser.until(&picture).await;
    // A few looks at the resources make a line.
    browser.until("document.querySelector('.spark-line').getAttribute('d').length > 60").await;
    check_everywhere(&world, &browser, "page").await;
    let dark = colours(&browser).await;
    browser.prefer("light").await;
    let light = colours(&browser).await;
    assert!(dark[0] != light[0] && dark[1] != light[1], "{dark} {light}");

    browser.click(&format!("[data-job=\"{}\"]", film.id)).await;
    browser.until("document.querySelector('#job-sheet video')?.readyState >= 2").await;
    browser.eval("document.querySelector('#job-sheet video').currentTime = 1.5").await;
    browser.until("document.querySelector('#job-sheet video').seeking === false").await;
    check_everywhere(&world, &browser, "job").await;
    browser.press("Escape").await;
    browser.click(&format!("[data-job=\"{}\"]", failed.id)).await;
    browser.sees("failed").await;
    check_everywhere(&world, &browser, "failed").await;
    browser.press("Escape").await;
    browser.click("#new-job").await;
    browser.click("#submit-sheet summary").await;
    check_everywhere(&world, &browser, "form").await;
    browser.press("Escape").await;

    for job in [&waiting, &running] {
        world.client.cancel(job).await.expect("cancelled");
    }
    browser.was_at_peace(&world);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_speaks_vietnamese_and_remembers_what_was_chosen() {
    let Some((world, browser)) = opened(&[]).await else { return };
    let title = "document.querySelector('#jobs-title').textContent";
    assert_eq!(browser.eval(title).await, "Jobs");
    browser.speak("vi-VN").await;
    browser.go(world.base.as_str()).await;
    browser.sees_ready().await;
    assert_eq!(browser.eval(title).await, "Công việc");
    assert_eq!(browser.eval("document.documentElement.lang").await, "vi");
    browser.until("document.querySelector('.lane h3')?.textContent === 'Video'").await;
    browser.size(360, 780).await;
    check(&browser, "in Vietnamese").await;
    browser.click("#language").await;
    assert_eq!(browser.eval(title).await, "Jobs");
    browser.go(world.base.as_str()).await;
    browser.sees_ready().await;
    assert_eq!(browser.eval(title).await, "Jobs", "it is remembered");
    browser.was_at_peace(&world);
    world.stop().await;
}
