//! With tokens the page asks for one, keeps it in its tab, and shows what it may.

use super::super::tokens::{ADMIN, ALL, READ};
use super::{SENTENCE, opened};

const ASKS: &str = "document.querySelector('#token-sheet').open";

#[tokio::test(flavor = "multi_thread")]
async fn e2e_dashboard_a_token_is_asked_for_kept_in_its_tab_and_works() {
    let Some((world, browser)) = opened(&[ALL]).await else { return };
    browser.until(ASKS).await;
    assert_eq!(browser.eval("document.querySelector('#lanes').childElementCount").await, 0);
    // There is nothing to see behind the question.
    browser.press("Escape").await;
    browser.until(ASKS).await;
    browser.write("fixture-token-of-nobody-at-all").await;
    browser.press("Enter").await;
    browser.until("document.querySelector('#token-wrong')?.textContent.length > 5").await;
    browser.click("#token").await;
    browser.eval("document.querySelector('#token').select()").await;
    browser.write(ADMIN).await;
    browser.press("Enter").await;
    browser.sees_ready().await;
    browser.until("document.querySelector('#hold') !== null").await;

    // Its events are read, and its video is a copy: no address has the token.
    let id = browser.makes("Behind a token", SENTENCE).await;
    browser.sees("succeeded").await;
    let film = "document.querySelector('#job-sheet video')";
    browser.until(&format!("{film}?.src.startsWith('blob:') && {film}.readyState >= 2")).await;
    browser.eval(&format!("{film}.play().then(() => true)")).await;
    browser.until(&format!("{film}.currentTime > 0.3")).await;
    let requests = browser.requests();
    assert!(requests.iter().any(|url| url.ends_with(&format!("{id}/events"))), "{requests:?}");
    assert!(requests.iter().all(|url| !url.contains("token-of")), "{requests:?}");
    assert_eq!(browser.eval("JSON.stringify(localStorage).includes('token-of')").await, false);

    browser.press("Escape").await;
    browser.until("!document.querySelector('#job-sheet').open").await;
    browser.click("#sign-out").await;
    browser.until(ASKS).await;
    browser.write(READ).await;
    browser.press("Enter").await;
    browser.sees_ready().await;
    browser.until("document.querySelector('#new-job').hidden").await;
    browser.click(&format!("[data-job=\"{id}\"]")).await;
    browser.sees("succeeded").await;
    for hidden in ["#hold", "#job-sheet [data-act]:not([hidden])"] {
        assert_eq!(
            browser.eval(&format!("document.querySelector('{hidden}') === null")).await,
            true,
            "{hidden}"
        );
    }
    // A browser tells of every 401; there were some.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|told| told.contains("401")), "{complaints:#?}");
    world.stop().await;
}
