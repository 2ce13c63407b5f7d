//! Libraries on a stack: by the path of the file, and well-known ones by import path.

use crate::frame::Frame;

/// The first elements of the import paths of the standard library, in order.
const STANDARD: &[&str] = &[
    "archive",
    "arena",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "vendor",
    "weak",
];

/// Returns `true` for the first element of an import path of the standard library.
pub(crate) fn is_of_go(first: &str) -> bool {
    STANDARD.binary_search(&first).is_ok()
}

/// Libraries that log.
pub(crate) const LOGS: &[&str] = &[
    "github.com/sirupsen/logrus",
    "github.com/apex/log",
    "github.com/go-kit/log",
    "github.com/go-logr",
    "github.com/golang/glog",
    "github.com/hashicorp/go-hclog",
    "github.com/inconshreveable/log15",
    "github.com/rs/zerolog",
    "go.uber.org/zap",
    "k8s.io/klog",
];

/// Libraries that encode, decode or convert values, mostly by reflection.
pub(crate) const CODERS: &[&str] = &[
    "github.com/burntsushi/toml",
    "github.com/bytedance/sonic",
    "github.com/fatih/structs",
    "github.com/fxamacker/cbor",
    "github.com/go-viper/mapstructure",
    "github.com/goccy/go-json",
    "github.com/goccy/go-yaml",
    "github.com/golang/protobuf",
    "github.com/gogo/protobuf",
    "github.com/hashicorp/go-msgpack",
    "github.com/json-iterator/go",
    "github.com/mailru/easyjson",
    "github.com/mitchellh/copystructure",
    "github.com/mitchellh/mapstructure",
    "github.com/mitchellh/reflectwalk",
    "github.com/modern-go/reflect2",
    "github.com/pelletier/go-toml",
    "github.com/segmentio/encoding",
    "github.com/ugorji/go",
    "github.com/vmihailenco/msgpack",
    "go.mongodb.org/mongo-driver",
    "google.golang.org/protobuf",
    "gopkg.in/mgo.v2/bson",
    "gopkg.in/yaml",
    "sigs.k8s.io/json",
    "sigs.k8s.io/yaml",
];

/// Libraries that load a configuration, and can load it again.
pub(crate) const CONFIGS: &[&str] = &[
    "github.com/fsnotify/fsnotify",
    "github.com/knadh/koanf",
    "github.com/spf13/viper",
];

/// Other libraries that a rule knows.
const OTHERS: &[&str] = &[
    "github.com/gin-gonic/gin",
    "github.com/prometheus/client_golang",
    "github.com/prometheus/common",
    "k8s.io/api",
    "k8s.io/apimachinery",
    "k8s.io/client-go",
    "sigs.k8s.io/controller-runtime",
];

/// Returns the import path below the last `vendor` folder.
fn unvendored(path: &str) -> &str {
    path.rfind("/vendor/")
        .map_or(path, |at| &path[at + "/vendor/".len()..])
}

/// Returns `true` if the function is of one of these import paths, or of a package below one.
///
/// A vendored copy counts, and so does a former spelling in capitals.
pub(crate) fn is_of(frame: &Frame, paths: &[&str]) -> bool {
    let package = unvendored(frame.package());
    paths.iter().any(|path| {
        let (start, rest) = package.split_at_checked(path.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(path) && (rest.is_empty() || rest.starts_with(['/', '.', '%']))
    })
}

/// Returns `true` for code of a downloaded module, of a vendored package or of a known library.
pub(crate) fn is_library(frame: &Frame) -> bool {
    let file = frame.place.as_ref().map_or("", |place| &place.file);
    let by_file = ["/pkg/mod/", "\\pkg\\mod\\", "/vendor/", "\\vendor\\"]
        .iter()
        .any(|folder| file.contains(folder));
    by_file || version(file).is_some() || frame.package().contains("/vendor/") || is_known(frame)
}

/// Returns `true` for a library that serves any program: a logger, an encoder, a configuration.
fn is_known(frame: &Frame) -> bool {
    [LOGS, CODERS, CONFIGS, OTHERS]
        .iter()
        .any(|paths| is_of(frame, paths))
}

/// Splits `…/github.com/x/y@v1.2.3/z.go` before the version, and returns the version too.
fn version(file: &str) -> Option<(&str, &str)> {
    file.match_indices("@v").find_map(|(at, _)| {
        let version = file[at + 1..].split(['/', '\\']).next()?;
        let is_version = version[1..].starts_with(|c: char| c.is_ascii_digit());
        is_version.then_some((&file[..at], version))
    })
}

/// Formats the library of a frame: its module and version, or else its package.
pub(crate) fn name(frame: &Frame) -> String {
    let package = unvendored(frame.package());
    let file = frame.place.as_ref().map_or("", |place| &place.file);
    let Some((before, version)) = version(file) else {
        return package.to_owned();
    };
    // The folder of a module ends with its path, in which capitals are escaped by `!`.
    let folder = before.replace('\\', "/").replace('!', "");
    let elements = |path: &str| path.matches('/').count() + 1;
    let module = (1..=elements(package)).rev().find_map(|count| {
        let module: Vec<_> = package.split('/').take(count).collect();
        let module = module.join("/");
        folder
            .to_lowercase()
            .ends_with(&module.to_lowercase())
            .then_some(module)
    });
    format!("{} {version}", module.as_deref().unwrap_or(package))
}

#[cfg(test)]
mod tests {
    use super::{CODERS, LOGS, is_library, is_of, name};
    use crate::frame::Frame;
    use crate::source_location::SourceLocation;

    fn frame(function: &str, file: &str) -> Frame {
        let mut frame = Frame::new(1, function, "0x1");
        frame.place = (!file.is_empty()).then(|| SourceLocation {
            file: file.to_owned(),
            line: Some(7),
        });
        frame
    }

    #[test]
    fn libraries_are_known_in_each_folder() {
        for (function, file, library) in [
            ("x/y.F", "/go/pkg/mod/x/y@v1.2.3/z.go", true),
            (
                "x/y.F",
                "C:\\Users\\me\\go\\pkg\\mod\\x\\y@v1.2.3\\z.go",
                true,
            ),
            ("github.com/x/y.F", "github.com/x/y@v1.2.3/z.go", true),
            (
                "github.com/x/y.F",
                "github.com/x/y@v0.0.0-2024-abc/z.go",
                true,
            ),
            ("app/vendor/x/y.F", "", true),
            ("x/y.F", "/src/app/vendor/x/y/z.go", true),
            ("github.com/Sirupsen/logrus.F", "/go/src/logrus.go", true),
            ("github.com/x/y.F", "github.com/x/y/z.go", false),
            ("app/pay.F", "/srv/me@vm/app/pay/z.go", false),
            ("main.main", "/srv/me@work/main.go", false),
            ("github.com/sirupsen/logrusx.F", "/src/z.go", false),
        ] {
            assert_eq!(
                is_library(&frame(function, file)),
                library,
                "{function} {file}"
            );
        }
    }

    #[test]
    fn import_paths_are_compared_by_element() {
        for (function, paths, is) in [
            ("github.com/sirupsen/logrus.(*Entry).Log", LOGS, true),
            ("github.com/Sirupsen/logrus.(*Entry).Log", LOGS, true),
            ("a/vendor/github.com/Sirupsen/logrus.F", LOGS, true),
            ("go.uber.org/zap/zapcore.F", LOGS, true),
            ("go.uber.org/zapper.F", LOGS, false),
            ("gopkg.in/yaml%2ev3.(*encoder).marshal", CODERS, true),
            ("gopkg.in/yaml.v2.Marshal", CODERS, true),
            ("gopkg.in/mgo.v2/bson.Marshal", CODERS, true),
            ("github.com/vmihailenco/msgpack/v5.F", CODERS, true),
            ("main.F", CODERS, false),
        ] {
            assert_eq!(is_of(&frame(function, ""), paths), is, "{function}");
        }
    }

    #[test]
    fn library_is_named_with_its_version() {
        for (function, file, expected) in [
            (
                "github.com/a/b/c.F",
                "github.com/a/b@v0.1.0/c/d.go",
                "github.com/a/b v0.1.0",
            ),
            (
                "github.com/Azure/b.F",
                "/go/pkg/mod/github.com/!azure/b@v1.0.0/d.go",
                "github.com/Azure/b v1.0.0",
            ),
            ("app/vendor/a/b.F", "/src/app/vendor/a/b/c.go", "a/b"),
        ] {
            assert_eq!(name(&frame(function, file)), expected);
        }
    }
}
