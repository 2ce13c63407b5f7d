//! The working directory of the process changes after the layers are made: relative paths stay
//! those of the old one.

use std::env;
use std::fs;

use untorn_live::layer::{Etcd, File, Http, Layer, Mount, Tls};
use untorn_live::{Cache, Store};

use crate::support::{LONG, child, folder};

#[test]
fn relative_paths_outlive_the_directory() {
    child::alone("directory::relative_paths_outlive_the_directory", || {
        let (old, new) = (folder(), folder());
        let at = |path: &str| old.path().join(path);
        fs::write(at("app.toml"), "port = 80").expect("written");
        fs::create_dir(at("mount")).expect("created");
        fs::write(at("mount/user"), "app").expect("written");
        env::set_current_dir(&old).expect("it is there");
        let layers: [Layer; 2] = [File::at("app.toml").into(), Mount::at("mount").into()];
        let cache = Cache::at("app.cache");
        let tls = Tls::new()
            .ca_file("ca.crt")
            .client_certificate("client.crt", "client.key");
        let http = Http::at("http://127.0.0.1:1/a.json").bearer_file("token");
        let etcd = Etcd::prefix("/app/").user_with_password_file("app", "password");

        env::set_current_dir(&new).expect("it is there");
        let builder = layers
            .into_iter()
            .fold(Store::builder(), |builder, layer| builder.layer(layer));
        let store = builder.cache(cache).start().expect("threads");
        assert_eq!(store.ready(LONG).expect("both are there").len(), 2);
        assert!(store.stop(LONG), "its end writes the cache");
        assert!(at("app.cache").is_file());
        assert_eq!(fs::read_dir(&new).expect("a folder").count(), 0);
        let texts = format!("{tls:?} {http:?} {etcd:?}");
        for name in ["ca.crt", "client.crt", "client.key", "token", "password"] {
            let path = at(name).display().to_string();
            assert!(texts.contains(&path), "{name}: {texts}");
        }
    });
}
