//! A panic while a history is played is a failure of that history, with its place, and not lines on
//! the screen.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static PLAYING: Cell<bool> = const { Cell::new(false) };
    static REPORTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on [`catch`] keeps the panics of a played history. Others are printed as before.
pub(super) fn catch_quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if PLAYING.get() {
                // One line, whatever the message is.
                let text = panic.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                REPORTED.with_borrow_mut(|reported| *reported = Some(text));
            } else {
                before(panic);
            }
        }));
    });
}

/// Plays something; a panic is an error that says what and where.
pub(super) fn catch<T>(play: impl FnOnce() -> T) -> Result<T, String> {
    PLAYING.set(true);
    let played = catch_unwind(AssertUnwindSafe(play));
    PLAYING.set(false);
    let reported = REPORTED.with_borrow_mut(Option::take);
    played.map_err(|_| reported.unwrap_or_else(|| "panicked".to_owned()))
}
