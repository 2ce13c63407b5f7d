//! `OnOverlap::Call` takes a function that any thread may call, not a closure with state.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn note(overlap: &untorn::Overlap) {
        eprintln!("{overlap}");
    }
    let _map = untorn::GoMap::<u8, u8>::new().on_overlap(untorn::OnOverlap::Call(note));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let mut count = 0;
    let note = |_: &untorn::Overlap| count += 1;
    let _map = untorn::GoMap::<u8, u8>::new().on_overlap(untorn::OnOverlap::Call(note)); //~ E0308
}
