//! Rules on the code of the program itself.

use super::{NEXT, READ, WRITE, check, crash, race};
use crate::candidates::Certainty::{Likely, Possibly};

#[test]
fn copied_lock_needs_words_of_a_lock() {
    let copy = "main.Settings.Get({{0x0, 0x0}, 0xc0000a0b40})";
    check(
        "lock_copied",
        &[
            (crash(READ, &[copy], &[]), Some(Likely)),
            (crash(READ, &["main.Settings.Get(0xc0000a0b40)"], &[]), None),
            (crash(READ, &["main.Settings.Get(...)"], &[]), None),
            (
                crash(
                    READ,
                    &["main.Settings.Get({{0x5d5690, 0x1}, 0xc0000a0b40})"],
                    &[],
                ),
                None,
            ),
            (
                crash(READ, &[&copy.replace("Settings", "(*Settings)")], &[]),
                None,
            ),
        ],
    );
}

#[test]
fn copied_sync_map_has_its_methods_inside() {
    check(
        "sync_map_copied",
        &[
            (
                crash(WRITE, &["sync.(*Map).Store", "main.put"], &[]),
                Some(Likely),
            ),
            (
                race(&["sync.(*Map).Load", "main.get"], &["main.reset"]),
                Some(Likely),
            ),
            // The program's own code below Range uses another map.
            (
                crash(WRITE, &["main.visit", "sync.(*Map).Range", "main.put"], &[]),
                None,
            ),
        ],
    );
}

#[test]
fn shared_struct_needs_methods_on_both_sides() {
    let get = "main.(*Cache).Get";
    check(
        "shared_struct",
        &[
            (
                crash(READ, &[get, "main.f"], &["main.(*Cache).Put", "main.g"]),
                Some(Likely),
            ),
            (
                crash(READ, &["main.f", get], &["main.g", "main.(*Cache).Put"]),
                Some(Possibly),
            ),
            (race(&[get], &["main.(*Cache).Put"]), Some(Likely)),
            (crash(READ, &[get], &[]), None),
            (crash(READ, &[get], &["main.(*Store).Put"]), None),
            (crash(READ, &[get], &["other.(*Cache).Put"]), None),
            (
                crash(
                    READ,
                    &["github.com/sirupsen/logrus.(*Entry).write", "main.f"],
                    &["github.com/sirupsen/logrus.(*Entry).write", "main.g"],
                ),
                None,
            ),
        ],
    );
}

#[test]
fn captured_variable_is_of_a_literal() {
    check(
        "captured",
        &[
            (
                crash(READ, &["main.f.func1"], &["main.f.func2"]),
                Some(Likely),
            ),
            (crash(READ, &["main.f.func1"], &["main.f"]), Some(Likely)),
            (crash(READ, &["main.f"], &["main.f.func1"]), Some(Possibly)),
            (crash(READ, &["main.f.func1"], &[]), Some(Possibly)),
            (race(&["main.f.func1"], &["main.f.func2"]), Some(Likely)),
            (race(&["main.f.func1"], &["main.g"]), None),
            (crash(READ, &["main.glob..func1"], &[]), None),
            (crash(READ, &["main.f"], &["main.g"]), None),
        ],
    );
}

#[test]
fn fan_out_is_of_writers_of_one_function() {
    check(
        "fan_out",
        &[
            (crash(WRITE, &["main.work"], &["main.work"]), Some(Likely)),
            (crash(READ, &["main.work"], &["main.work"]), None),
            (crash(WRITE, &["main.work"], &["main.play"]), None),
        ],
    );
}

#[test]
fn refresh_is_of_the_other_side() {
    check(
        "refreshed_in_place",
        &[
            (
                crash(READ, &["main.get"], &["main.reloadLoop"]),
                Some(Likely),
            ),
            (race(&["main.get"], &["main.reloadLoop"]), Some(Likely)),
            (crash(WRITE, &["main.put"], &["main.reloadLoop"]), None),
            (crash(READ, &["main.reload"], &["main.put"]), None),
        ],
    );
}

#[test]
fn package_level_ignores_strings_and_known_maps() {
    // An old dump, in which a string is two words without braces.
    let throw = "runtime.throw(0x18b5f6a, 0x15)\n\tgo/src/runtime/panic.go:1117 +0x72\n";
    let old = |function: &str| {
        crash(
            &format!("{throw}{}", NEXT.replace("reflect", "runtime")),
            &[function],
            &[],
        )
    };
    let new = |function: &str| crash("", &[function], &[]);
    check(
        "package_level",
        &[
            // The dump shows the map's address.
            (
                crash(READ, &["main.get(0xc0006ca860, 0x1b, 0xc0006b2900)"], &[]),
                Some(Possibly),
            ),
            (crash(READ, &["main.get(0xc00007c450, 0x1b)"], &[]), None),
            (new("main.get({0xc0006ca860, 0x1b})"), Some(Possibly)),
            (new("main.get()"), Some(Possibly)),
            (new("main.get(0xc0006ca860, 0x1b)"), None),
            (new("main.get({0x4b1f3d, 0xc0006ca860})"), None),
            (new("main.get(0x1b?)"), None),
            (new("main.get(...)"), None),
            (new("main.(*T).get()"), None),
            (new("main.main()"), None),
            (old("main.get(0xc0006ca860, 0x1b)"), Some(Possibly)),
            (old("main.get(0xc0006ca860, 0xc0006b2900)"), None),
            (race(&["main.get()"], &["main.put()"]), None),
        ],
    );
}

#[test]
fn map_type_has_a_receiver_of_one_word() {
    check(
        "map_type",
        &[
            (
                crash(READ, &["main.Set.Has(0xc00007c450, 0x1)"], &[]),
                Some(Likely),
            ),
            (
                crash("", &["main.Set.Has(0xc00007c450, 0x1)"], &[]),
                Some(Possibly),
            ),
            (crash(READ, &["main.Set.Has(0xc000111000, 0x1)"], &[]), None),
            (crash("", &["main.Set.Has(0x1)"], &[]), None),
            (crash("", &["main.Set.Has(0xc00007c450?)"], &[]), None),
            (crash("", &["main.Set.Has(...)"], &[]), None),
            (crash("", &["main.Set.Has({0xc00007c450, 0x1})"], &[]), None),
            (crash("", &["main.(*Set).Has(0xc00007c450)"], &[]), None),
        ],
    );
}
