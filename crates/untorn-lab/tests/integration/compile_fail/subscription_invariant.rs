//! A subscription, which returns later values too, is invariant; a transition is covariant.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'a>(step: untorn::Transition<&'static str>) -> untorn::Transition<&'a str> {
        step
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'a>(changes: untorn::Subscription<&'static str>) -> untorn::Subscription<&'a str> {
    changes //~ error
}
