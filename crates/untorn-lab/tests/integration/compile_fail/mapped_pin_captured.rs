//! A pin of a part may refer to something else, which has to outlive it. The type of the value, or
//! that of the part, has the lifetime of that something in a place where it could be extended.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let text = String::from("265");
    let value = untorn::Published::new((|_| ()) as fn(&str));
    let part = untorn::Pinned::map(value.pin(), |_| "265");
    drop(text);
    assert_eq!(&*part, "265");
}

#[cfg(untorn_wrong)]
fn wrong() {
    fn part<'p, 't>(
        pin: untorn::Pinned<'p, fn(&'t str)>,
        text: &'t str,
    ) -> untorn::MappedPinned<'p, str> {
        untorn::Pinned::map(pin, |_| text)
    }
    let text = String::from("265");
    let value = untorn::Published::new((|_| ()) as fn(&str));
    let part = part(value.pin(), &text);
    drop(text); //~ E0505
    assert_eq!(&*part, "265");
}

#[cfg(untorn_wrong)]
fn extended<'p, 't>(
    pin: untorn::Pinned<'p, u32>,
    part: &'t fn(&'t str),
) -> untorn::MappedPinned<'p, fn(&'static str)> {
    untorn::Pinned::map(pin, |_| part) //~ error
}
