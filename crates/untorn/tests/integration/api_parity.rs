//! One body, compiled against `GoMap` and against `Map`: a program can switch types by changing one
//! word.

use std::sync::Arc;
use std::thread;

use untorn::{GoMap, Map};

macro_rules! one_body {
    ($name:ident, $Map:ident) => {
        #[test]
        fn $name() {
            let config: Arc<$Map<String, String>> = Arc::new($Map::named("config"));
            assert_eq!(config.name(), Some("config"));
            assert!(config.is_empty());
            let poller = {
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    assert_eq!(config.insert("1".into(), "265".into()), None);
                    assert_eq!(config.insert("2".into(), "17".into()), None);
                    config.insert("1".into(), "266".into())
                })
            };
            let replaced = poller.join().expect("the thread does not panic");
            assert_eq!(replaced.as_deref(), Some("265"));
            assert_eq!(config.get("1").as_deref(), Some("266"));
            assert_eq!((config.len(), config.contains_key("2")), (2, true));
            assert_eq!(config.remove("2").as_deref(), Some("17"));
            assert_eq!((config.remove("2"), config.get("2")), (None, None));
            config.clear();
            assert!(config.is_empty());
            let other = $Map::from([(1_u64, 'a'), (2, 'b')]);
            assert_eq!(other.get(&2), Some('b'));
            let collected: $Map<u64, char> = [(3, 'c')].into_iter().collect();
            assert_eq!(collected.get(&3), Some('c'));
            assert!($Map::<u64, u64>::new().is_empty() && $Map::<u64, u64>::default().is_empty());
        }
    };
}

one_body!(the_body_runs_on_go_map, GoMap);
one_body!(the_body_runs_on_map, Map);
