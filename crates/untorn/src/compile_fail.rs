//! Programs that must not compile, each next to a twin that differs in one thing and does; seen by doc tests only.
//!
//! # A map of what cannot be sent is not shared
//! ```
//! let map = untorn::GoMap::from([(1, std::sync::Arc::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//! ```compile_fail,E0277
//! let map = untorn::GoMap::from([(1, std::rc::Rc::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//!
//! # A map of what cannot be shared is not shared
//! ```
//! let map = untorn::GoMap::from([(1, std::sync::atomic::AtomicU8::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//! ```compile_fail,E0277
//! let map = untorn::GoMap::from([(1, std::cell::Cell::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//!
//! # A value does not leave the access by reference
//! ```
//! let map = untorn::GoMap::from([(1, String::from("265"))]);
//! let length = map.get_with(&1, |value| value.len());
//! map.clear();
//! assert_eq!(length, Some(3));
//! ```
//! ```compile_fail
//! let map = untorn::GoMap::from([(1, String::from("265"))]);
//! let value = map.get_with(&1, |value| value.as_str());
//! map.clear();
//! assert_eq!(value, Some("265"));
//! ```
//!
//! # An entry does not leave an iteration by reference
//! ```
//! let map = untorn::GoMap::from([(1, String::from("265"))]);
//! let mut longest = String::new();
//! map.iter_with(|_, value| longest = value.clone());
//! map.clear();
//! assert_eq!(longest, "265");
//! ```
//! ```compile_fail,E0521
//! let map = untorn::GoMap::from([(1, String::from("265"))]);
//! let mut longest = "";
//! map.iter_with(|_, value| longest = value.as_str());
//! map.clear();
//! assert_eq!(longest, "265");
//! ```
//!
//! # What a map holds outlives the map
//! ```
//! let value = String::from("265");
//! let map = untorn::GoMap::new();
//! map.insert(1, value.as_str());
//! assert_eq!(map.get(&1), Some("265"));
//! ```
//! ```compile_fail,E0597
//! let map = untorn::GoMap::new();
//! {
//!     let value = String::from("265");
//!     map.insert(1, value.as_str());
//! }
//! assert_eq!(map.get(&1), Some("265"));
//! ```
//!
//! # A longer life of the entries cannot be had by way of a shared map
//! ```
//! fn shorten<'a>(table: untorn::gomap::Table<u8, &'static str>) -> untorn::gomap::Table<u8, &'a str> {
//!     table
//! }
//! ```
//! ```compile_fail
//! fn shorten<'m, 'a>(map: &'m untorn::GoMap<u8, &'static str>) -> &'m untorn::GoMap<u8, &'a str> {
//!     map
//! }
//! ```
//!
//! # `OnOverlap::Call` takes what any thread may call at any time
//! ```
//! fn note(overlap: &untorn::Overlap) {
//!     eprintln!("{overlap}");
//! }
//! let map = untorn::GoMap::<u8, u8>::new().on_overlap(untorn::OnOverlap::Call(note));
//! ```
//! ```compile_fail,E0308
//! let mut count = 0;
//! let note = |_: &untorn::Overlap| count += 1;
//! let map = untorn::GoMap::<u8, u8>::new().on_overlap(untorn::OnOverlap::Call(note));
//! ```
