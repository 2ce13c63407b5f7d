//! config-rs, notify and arc-swap, put together with care: the directory is watched, and a bad save
//! changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use config::{Config, File, FileFormat};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::document::App;
use crate::rival::Following;

/// All keys, and the section.
pub struct Settings {
    pub config: Config,
    pub app: App,
}

pub fn load(path: &Path) -> Result<Settings, config::ConfigError> {
    let file = File::from(path.to_path_buf()).format(FileFormat::Toml);
    let config = Config::builder().add_source(file).build()?;
    let app = config.get("app")?;
    Ok(Settings { config, app })
}

struct Follower {
    settings: Arc<ArcSwap<Settings>>,
    _watcher: RecommendedWatcher,
}

pub fn start(path: &Path) -> Box<dyn Following> {
    let settings = Arc::new(ArcSwap::from_pointee(load(path).expect("a file")));
    let (shared, file): (_, PathBuf) = (Arc::clone(&settings), path.to_path_buf());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let is_of_file = |event: &Event| event.paths.contains(&file);
        if event.is_ok_and(|event| !event.kind.is_access() && is_of_file(&event))
            && let Ok(settings) = load(&file)
        {
            shared.store(Arc::new(settings));
        }
    })
    .expect("a watcher");
    let directory = path.parent().expect("a directory");
    watcher
        .watch(directory, RecursiveMode::NonRecursive)
        .expect("it can be watched");
    Box::new(Follower {
        settings,
        _watcher: watcher,
    })
}

impl Following for Follower {
    fn generation(&self) -> u64 {
        self.settings.load().app.generation
    }
}
