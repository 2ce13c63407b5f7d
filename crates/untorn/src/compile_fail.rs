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
//!
//! # A guard of a cell stays on its thread
//! ```
//! let cell = untorn::OverlapCell::new(265);
//! let reading = cell.read();
//! std::thread::scope(|s| { s.spawn(|| assert_eq!(*reading, 265)); }); // a reference to it may go
//! ```
//! ```compile_fail,E0277
//! let cell = untorn::OverlapCell::new(265);
//! let reading = cell.read();
//! std::thread::scope(|s| { s.spawn(move || assert_eq!(*reading, 265)); });
//! ```
//!
//! # So does one that writes
//! ```
//! let cell = untorn::OverlapCell::new(265);
//! std::thread::scope(|s| { s.spawn(|| *cell.write() = 17); });
//! ```
//! ```compile_fail,E0277
//! let cell = untorn::OverlapCell::new(265);
//! let mut writing = cell.write();
//! std::thread::scope(|s| { s.spawn(move || *writing = 17); });
//! ```
//!
//! # A guard is not held across an `.await` of a task that may move
//! ```
//! async fn wait() {}
//! fn is_send(_: impl Send) {}
//! static CELL: untorn::OverlapCell<u32> = untorn::OverlapCell::new(265);
//! is_send(async { drop(CELL.read()); wait().await; });
//! ```
//! ```compile_fail
//! async fn wait() {}
//! fn is_send(_: impl Send) {}
//! static CELL: untorn::OverlapCell<u32> = untorn::OverlapCell::new(265);
//! is_send(async { let reading = CELL.read(); wait().await; drop(reading); });
//! ```
//!
//! # A cell of what cannot be shared is not shared
//! ```
//! let cell = untorn::OverlapCell::new(std::sync::atomic::AtomicU8::new(10));
//! std::thread::scope(|s| { s.spawn(|| drop(cell.read())); });
//! ```
//! ```compile_fail,E0277
//! let cell = untorn::OverlapCell::new(std::cell::Cell::new(10));
//! std::thread::scope(|s| { s.spawn(|| drop(cell.read())); });
//! ```
//!
//! # A reference does not outlive its guard
//! ```
//! let cell = untorn::OverlapCell::new(String::from("265"));
//! let reading = cell.read();
//! let value: &str = &reading;
//! assert_eq!(value, "265");
//! drop(reading);
//! ```
//! ```compile_fail,E0505
//! let cell = untorn::OverlapCell::new(String::from("265"));
//! let reading = cell.read();
//! let value: &str = &reading;
//! drop(reading);
//! assert_eq!(value, "265");
//! ```
//!
//! # Nor by way of a part
//! ```
//! use untorn::{OverlapCell, Reading};
//! let cell = OverlapCell::new(String::from("265"));
//! let part = Reading::map(cell.read(), |value| value.as_str());
//! assert_eq!(&*part, "265");
//! ```
//! ```compile_fail
//! use untorn::{OverlapCell, Reading};
//! let cell = OverlapCell::new(String::from("265"));
//! let mut part = "";
//! drop(Reading::map(cell.read(), |value| { part = value; value }));
//! assert_eq!(part, "265");
//! ```
//!
//! # Nor its cell
//! ```
//! let cell = untorn::OverlapCell::new(265);
//! let reading = cell.read();
//! assert_eq!(*reading, 265);
//! drop(reading);
//! drop(cell);
//! ```
//! ```compile_fail,E0505
//! let cell = untorn::OverlapCell::new(265);
//! let reading = cell.read();
//! drop(cell);
//! assert_eq!(*reading, 265);
//! ```
//!
//! # Nothing is reached past a guard
//! ```
//! let mut cell = untorn::OverlapCell::new(265);
//! drop(cell.read());
//! *cell.get_mut() += 1;
//! ```
//! ```compile_fail,E0502
//! let mut cell = untorn::OverlapCell::new(265);
//! let reading = cell.read();
//! *cell.get_mut() += 1;
//! drop(reading);
//! ```
//!
//! # What is written to a cell lives as long as the cell's type says
//! ```
//! fn shorten<'c, 'a>(reading: untorn::Reading<'c, &'static str>) -> untorn::Reading<'c, &'a str> {
//!     reading
//! }
//! ```
//! ```compile_fail
//! fn shorten<'c, 'a>(writing: untorn::Writing<'c, &'static str>) -> untorn::Writing<'c, &'a str> {
//!     writing
//! }
//! ```
//!
//! # The same of the cell
//! ```
//! fn shorten<'a>(cell: &'a &'static str) -> &'a &'a str {
//!     cell
//! }
//! ```
//! ```compile_fail
//! fn shorten<'a>(cell: &'a untorn::OverlapCell<&'static str>) -> &'a untorn::OverlapCell<&'a str> {
//!     cell
//! }
//! ```
//!
//! # A reference does not outlive its pin
//! ```
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let pin = map.pin();
//! let value: &str = pin.get(&1).unwrap();
//! assert_eq!(value, "265");
//! ```
//! ```compile_fail,E0716
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let value: &str = map.pin().get(&1).unwrap();
//! assert_eq!(value, "265");
//! ```
//!
//! # Nor its snapshot
//! ```
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let snapshot = map.snapshot();
//! let value: &str = &snapshot[&1];
//! drop(map);
//! assert_eq!(value, "265");
//! ```
//! ```compile_fail,E0505
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let snapshot = map.snapshot();
//! let value: &str = &snapshot[&1];
//! drop(snapshot);
//! assert_eq!(value, "265");
//! ```
//!
//! # Nor the next look of its reader
//! ```
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let mut reader = map.reader();
//! let value: &str = &reader.latest()[&1];
//! assert_eq!(value, "265");
//! reader.latest();
//! ```
//! ```compile_fail,E0499
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let mut reader = map.reader();
//! let value: &str = &reader.latest()[&1];
//! reader.latest();
//! assert_eq!(value, "265");
//! ```
//!
//! # A reader is not made to let go of what is looked at
//! ```
//! let limit = untorn::Published::new(String::from("100"));
//! let mut reader = limit.reader();
//! let value = reader.latest();
//! assert_eq!(value, "100");
//! reader.release();
//! ```
//! ```compile_fail,E0499
//! let limit = untorn::Published::new(String::from("100"));
//! let mut reader = limit.reader();
//! let value = reader.latest();
//! reader.release();
//! assert_eq!(value, "100");
//! ```
//!
//! # A pin does not outlive its map
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! let view = map.snapshot();
//! drop(map);
//! assert_eq!(view[&1], 265);
//! ```
//! ```compile_fail,E0505
//! let map = untorn::Map::from([(1, 265)]);
//! let view = map.pin();
//! drop(map);
//! assert_eq!(view[&1], 265);
//! ```
//!
//! # A difference does not outlive the older of its views
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! let (older, newer) = (map.snapshot(), map.snapshot());
//! let changes = newer.diff(&older);
//! assert_eq!(changes.count(), 0);
//! drop(older);
//! ```
//! ```compile_fail,E0505
//! let map = untorn::Map::from([(1, 265)]);
//! let (older, newer) = (map.snapshot(), map.snapshot());
//! let changes = newer.diff(&older);
//! drop(older);
//! assert_eq!(changes.count(), 0);
//! ```
//!
//! # A pin stays on its thread
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! let view = map.snapshot();
//! std::thread::scope(|s| { s.spawn(move || view.len()); });
//! ```
//! ```compile_fail,E0277
//! let map = untorn::Map::from([(1, 265)]);
//! let view = map.pin();
//! std::thread::scope(|s| { s.spawn(move || view.len()); });
//! ```
//!
//! # A batch does not leave its closure
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! let mut kept = None;
//! map.batch(|batch| kept = Some(batch.len()));
//! assert_eq!(kept, Some(1));
//! ```
//! ```compile_fail,E0521
//! let map = untorn::Map::from([(1, 265)]);
//! let mut kept = None;
//! map.batch(|batch| kept = Some(batch));
//! assert_eq!(kept.unwrap().len(), 1);
//! ```
//!
//! # An error does not end a batch half way and publish the half
//! ```
//! fn set(limits: &untorn::Map<&str, u32>, high: &str) -> Result<(), std::num::ParseIntError> {
//!     limits.try_batch(|batch| {
//!         batch.insert("low", 10);
//!         batch.insert("high", high.parse()?);
//!         Ok::<(), std::num::ParseIntError>(())
//!     })?;
//!     Ok(())
//! }
//! ```
//! ```compile_fail,E0277
//! fn set(limits: &untorn::Map<&str, u32>, high: &str) -> Result<(), std::num::ParseIntError> {
//!     limits.batch(|batch| {
//!         batch.insert("low", 10);
//!         batch.insert("high", high.parse()?);
//!     });
//!     Ok(())
//! }
//! ```
//!
//! # Nor does a batch take a result for nothing
//! ```
//! let limits = untorn::Map::from([("low", 10)]);
//! limits.batch(|batch| {
//!     batch.insert("low", 20);
//! });
//! ```
//! ```compile_fail,E0308
//! let limits = untorn::Map::from([("low", 10)]);
//! limits.batch(|batch| {
//!     batch.insert("low", 20);
//!     Ok::<(), std::num::ParseIntError>(())
//! });
//! ```
//!
//! # The batch of a closure is committed by the map
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! let batch = map.begin_batch();
//! batch.commit();
//! ```
//! ```compile_fail,E0507
//! let map = untorn::Map::from([(1, 265)]);
//! map.batch(|batch| _ = batch.commit());
//! ```
//!
//! # The batches of two maps are not exchanged in their closures
//! ```
//! let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
//! one.batch(|one| _ = two.batch(|two| _ = (one.clear(), two.clear())));
//! ```
//! ```compile_fail,E0521
//! let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
//! one.batch(|one| _ = two.batch(|two| std::mem::swap(one, two)));
//! ```
//!
//! # Nor is one exchanged for a guard
//! ```
//! let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
//! let (mut one, mut two) = (one.begin_batch(), two.begin_batch());
//! std::mem::swap(&mut one, &mut two); // each still publishes to its own map
//! # _ = (one.commit(), two.commit());
//! ```
//! ```compile_fail,E0521
//! let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
//! let mut one = one.begin_batch();
//! two.batch(|two| std::mem::swap(&mut one, two));
//! ```
//!
//! # A batch stays on its thread
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! std::thread::scope(|s| { s.spawn(|| map.begin_batch().commit()); });
//! ```
//! ```compile_fail,E0277
//! let map = untorn::Map::from([(1, 265)]);
//! let batch = map.begin_batch();
//! std::thread::scope(|s| { s.spawn(move || batch.commit()); });
//! ```
//!
//! # Nor does what is read in one
//! ```
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let mut value = None;
//! map.batch(|batch| value = batch.get(&1).cloned());
//! assert_eq!(value.as_deref(), Some("265"));
//! ```
//! ```compile_fail,E0521
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let mut value = None;
//! map.batch(|batch| value = batch.get(&1));
//! assert_eq!(value.map(|value| value.as_str()), Some("265"));
//! ```
//!
//! # Nor outlives a guard that is committed
//! ```
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let batch = map.begin_batch();
//! let value = batch.get(&1).cloned();
//! batch.commit();
//! assert_eq!(value.as_deref(), Some("265"));
//! ```
//! ```compile_fail,E0505
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! let batch = map.begin_batch();
//! let value = batch.get(&1);
//! batch.commit();
//! assert_eq!(value.map(|value| value.as_str()), Some("265"));
//! ```
//!
//! # Nor outlives the next write of its batch
//! ```
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! map.batch(|batch| {
//!     assert_eq!(batch.get(&1).unwrap(), "265");
//!     batch.clear();
//! });
//! ```
//! ```compile_fail,E0502
//! let map = untorn::Map::from([(1, String::from("265"))]);
//! map.batch(|batch| {
//!     let value = batch.get(&1).unwrap();
//!     batch.clear();
//!     assert_eq!(value, "265");
//! });
//! ```
//!
//! # A map is not cloned by accident
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! let other: untorn::Map<_, _> = map.fork();
//! ```
//! ```compile_fail,E0599
//! let map = untorn::Map::from([(1, 265)]);
//! let other: untorn::Map<_, _> = map.clone();
//! ```
//!
//! # A view cannot be written to
//! ```
//! let map = untorn::Map::from([(1, 265)]);
//! map.insert(2, 17);
//! ```
//! ```compile_fail,E0599
//! let map = untorn::Map::from([(1, 265)]);
//! map.pin().insert(2, 17);
//! ```
//!
//! # A cure of what cannot be sent is not shared
//! ```
//! let map = untorn::Map::from([(1, std::sync::Arc::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//! ```compile_fail,E0277
//! let map = untorn::Map::from([(1, std::rc::Rc::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//!
//! # Nor is one of what cannot be shared
//! ```
//! let map = untorn::Map::from([(1, std::sync::Arc::new(std::sync::atomic::AtomicU8::new(10)))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//! ```compile_fail,E0277
//! let map = untorn::Map::from([(1, std::cell::Cell::new(10))]);
//! std::thread::scope(|s| { s.spawn(|| map.len()); });
//! ```
//!
//! # What a map borrows outlives the map
//! ```
//! let text = String::from("265");
//! let map = untorn::Map::new();
//! map.insert(text.as_str(), 1);
//! assert_eq!(map.get("265"), Some(1));
//! ```
//! ```compile_fail,E0597
//! let map = untorn::Map::new();
//! {
//!     let text = String::from("265");
//!     map.insert(text.as_str(), 1);
//! }
//! assert_eq!(map.get("265"), Some(1));
//! ```
//!
//! # And every handle that is made of it
//! ```
//! let text = String::from("265");
//! let reader = {
//!     let map = untorn::Map::from([(text.as_str(), 1)]);
//!     map.reader()
//! };
//! drop(reader);
//! ```
//! ```compile_fail,E0597
//! let reader = {
//!     let text = String::from("265");
//!     let map = untorn::Map::from([(text.as_str(), 1)]);
//!     map.reader()
//! };
//! drop(reader);
//! ```
//!
//! # What a refresh borrows is not put into a map that lives longer
//! ```
//! fn load(map: &untorn::Map<&'static str, u8>, _line: &str) {
//!     map.refresh([("limit", 1)]);
//! }
//! ```
//! ```compile_fail,E0521
//! fn load(map: &untorn::Map<&'static str, u8>, line: &str) {
//!     map.refresh([(line, 1)]);
//! }
//! ```
//!
//! # A longer life of the entries cannot be had by way of a shared cure
//! ```
//! fn shorten<'v, 'a>(view: &'v untorn::View<u8, &'static str>) -> &'v untorn::View<u8, &'a str> {
//!     view
//! }
//! ```
//! ```compile_fail
//! fn shorten<'m, 'a>(map: &'m untorn::Map<u8, &'static str>) -> &'m untorn::Map<u8, &'a str> {
//!     map
//! }
//! ```
//!
//! # Nor by way of a shared published value
//! ```
//! fn shorten<'v, 'a>(value: &'v &'static str) -> &'v &'a str {
//!     value
//! }
//! ```
//! ```compile_fail
//! fn shorten<'p, 'a>(value: &'p untorn::Published<&'static str>) -> &'p untorn::Published<&'a str> {
//!     value
//! }
//! ```
