//! The function that chooses a part may return something else, which has to outlive the guard. A
//! guard is covariant, so the type of its value can be given the lifetime of that something.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let cell = untorn::OverlapCell::new("265");
    let text = String::from("17");
    let part = untorn::ReadGuard::map(cell.read(), |_| text.as_str());
    assert_eq!(&*part, "17");
}

#[cfg(untorn_wrong)]
static CELL: untorn::OverlapCell<&'static str> = untorn::OverlapCell::new("265");

#[cfg(untorn_wrong)]
fn wrong() {
    fn part<'t>(
        guard: untorn::ReadGuard<'static, &'t str>,
        text: &'t str,
    ) -> untorn::ReadGuard<'static, str> {
        untorn::ReadGuard::map(guard, |_| text)
    }
    let text = String::from("17");
    let part = part(CELL.read(), &text); //~ E0597
    drop(text); //~ E0505
    assert_eq!(&*part, "17");
}

#[cfg(untorn_wrong)]
fn filtered<'t>(
    guard: untorn::ReadGuard<'static, &'static str>,
    text: &'t str,
) -> untorn::ReadGuard<'static, str> {
    let guard: untorn::ReadGuard<'static, &'t str> = guard; //~ error
    untorn::ReadGuard::filter_map(guard, |_| Some(text)).unwrap()
}
