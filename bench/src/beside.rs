//! Two pieces of work, one beside the other.

/// What `one` and `other` give: both run at once, for where both are as much work. A panic of either goes on
/// here.
pub(crate) fn beside<A: Send, B>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_and_a_panic_is_no_silence() {
        assert_eq!(beside(|| 1, || "two"), (1, "two"));
        let panic = std::panic::catch_unwind(|| beside(|| panic!("first"), || ()));
        assert!(panic.is_err_and(|panic| panic.downcast_ref::<&str>() == Some(&"first")));
    }
}
