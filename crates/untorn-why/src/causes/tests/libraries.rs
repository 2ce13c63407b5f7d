//! Rules on the libraries of a program.

use super::{NEXT, READ, WRITE, check, crash, explained, race};
use crate::candidates::Certainty::{Likely, Possibly};

#[test]
fn config_reload_needs_no_map_function() {
    let reload = [
        "github.com/spf13/viper.(*Viper).ReadInConfig",
        "main.reload",
    ];
    let get = ["github.com/spf13/viper.(*Viper).find", "main.limit"];
    let vendored = [
        "app/vendor/github.com/spf13/viper.(*Viper).find",
        "app.limit",
    ];
    check(
        "config_reload",
        &[
            (crash(READ, &get, &reload), Some(Likely)),
            (crash(READ, &vendored, &[]), Some(Possibly)),
            (race(&get, &reload), Some(Likely)),
            (race(&["main.find"], &["main.reload"]), None),
        ],
    );
}

#[test]
fn cached_object_is_known_by_its_accessors() {
    let labels = "k8s.io/apimachinery/pkg/labels.Set.Has";
    let copy = "k8s.io/apimachinery/pkg/apis/meta/v1.(*ObjectMeta).DeepCopyInto";
    let handler = "k8s.io/client-go/tools/cache.(*processorListener).run.func1";
    check(
        "cached_object",
        &[
            (
                crash(READ, &[labels, "main.(*Reconciler).Reconcile"], &[]),
                Some(Likely),
            ),
            (
                crash(NEXT, &[copy, "main.(*Job).DeepCopy"], &[]),
                Some(Likely),
            ),
            (
                crash(WRITE, &["main.(*Job).SetAnnotations", "main.run"], &[]),
                Some(Likely),
            ),
            (
                crash(
                    NEXT,
                    &["main.(*Job).DeepCopyInto at zz_generated.deepcopy.go"],
                    &[],
                ),
                Some(Likely),
            ),
            (
                race(
                    &["a/vendor/k8s.io/api/core/v1.(*Pod).Size", "a.f"],
                    &["a.g"],
                ),
                Some(Likely),
            ),
            (
                crash(WRITE, &["main.onUpdate", handler], &[]),
                Some(Possibly),
            ),
            (
                crash(
                    WRITE,
                    &["main.(*Server).updateAnnotationIn", "main.run"],
                    &[],
                ),
                Some(Possibly),
            ),
            (
                crash(READ, &["main.setLabel", handler], &[]),
                Some(Possibly),
            ),
            (crash(READ, &["main.setLabel", "main.run"], &[]), None),
            (
                crash(
                    WRITE,
                    &["main.run", "k8s.io/apimachinery/pkg/util/wait.Until"],
                    &[],
                ),
                None,
            ),
        ],
    );
}

#[test]
fn label_set_is_of_prometheus() {
    let model = "github.com/prometheus/common/model";
    check(
        "label_set",
        &[
            (
                crash(
                    NEXT,
                    &[&format!("{model}.LabelSet.String"), "a.(*batch).add"],
                    &[],
                ),
                Some(Likely),
            ),
            (
                crash(
                    NEXT,
                    &[&format!("a/vendor/{model}.Metric.String"), "a.f"],
                    &[],
                ),
                Some(Likely),
            ),
            (
                crash(READ, &[&format!("{model}.ParseDuration"), "a.f"], &[]),
                None,
            ),
            (
                crash(NEXT, &["app/model.LabelSet.String", "a.f"], &[]),
                None,
            ),
        ],
    );
}

#[test]
fn shared_header_is_of_the_site() {
    check(
        "shared_header",
        &[
            (
                crash(
                    READ,
                    &["net/http.Header.Get", "main.f"],
                    &["net/http.Header.Set", "main.g"],
                ),
                Some(Likely),
            ),
            (
                crash(READ, &["net/url.Values.Get", "main.f"], &[]),
                Some(Possibly),
            ),
            (
                crash(READ, &["main.f", "net/http.HandlerFunc.ServeHTTP"], &[]),
                None,
            ),
        ],
    );
}

#[test]
fn request_context_is_of_gin() {
    check(
        "request_context",
        &[
            (
                crash(
                    READ,
                    &["github.com/gin-gonic/gin.(*Context).Get", "main.f"],
                    &[],
                ),
                Some(Possibly),
            ),
            (
                crash(
                    READ,
                    &["main.f", "github.com/gin-gonic/gin.(*Context).Next"],
                    &[],
                ),
                None,
            ),
        ],
    );
}

#[test]
fn loggers_are_known_in_any_folder() {
    check(
        "formatted",
        &[
            (crash(NEXT, &["fmt.Fprintln", "main.f"], &[]), Some(Likely)),
            (crash(NEXT, &["log/slog.Info", "main.f"], &[]), Some(Likely)),
            (
                crash(
                    READ,
                    &[
                        "app/vendor/github.com/Sirupsen/logrus.(*Entry).write",
                        "app.f",
                    ],
                    &[],
                ),
                Some(Likely),
            ),
            (
                crash(
                    READ,
                    &["go.uber.org/zap/zapcore.(*jsonEncoder).clone", "app.f"],
                    &[],
                ),
                Some(Likely),
            ),
            // A logger below which the program's own code runs, and a write.
            (
                crash(
                    READ,
                    &[
                        "main.(*Hook).Fire",
                        "github.com/sirupsen/logrus.(*Entry).Log",
                    ],
                    &[],
                ),
                None,
            ),
            (
                crash(
                    WRITE,
                    &["github.com/sirupsen/logrus.(*Logger).Replace", "main.f"],
                    &[],
                ),
                None,
            ),
        ],
    );
}

#[test]
fn encoders_by_reflection_are_looked_through() {
    let iterator = "github.com/modern-go/reflect2.(*UnsafeMapIterator).Next";
    let json = "app/vendor/github.com/json-iterator/go.(*Stream).WriteVal";
    check(
        "map_returned",
        &[
            (
                crash(NEXT, &["encoding/json.Marshal", "main.f"], &[]),
                Some(Likely),
            ),
            (crash(NEXT, &[iterator, json, "main.f"], &[]), Some(Likely)),
            (
                crash(NEXT, &["gopkg.in/yaml%2ev3.(*encoder).mapv", "main.f"], &[]),
                Some(Likely),
            ),
            (
                crash(
                    READ,
                    &["github.com/mitchellh/mapstructure.Decode", "main.f"],
                    &[],
                ),
                Some(Likely),
            ),
            (
                crash(
                    NEXT,
                    &["github.com/vmihailenco/msgpack/v5.Marshal", "main.f"],
                    &[],
                ),
                Some(Likely),
            ),
            (
                crash(
                    NEXT,
                    &["go.mongodb.org/mongo-driver/bson.Marshal", "main.f"],
                    &[],
                ),
                Some(Likely),
            ),
            // Decoding writes; the program's own method runs below the encoder.
            (
                crash(WRITE, &["encoding/json.Unmarshal", "main.f"], &[]),
                None,
            ),
            (
                crash(
                    READ,
                    &["main.(*T).MarshalJSON", "encoding/json.Marshal"],
                    &[],
                ),
                None,
            ),
        ],
    );
}

#[test]
fn other_libraries_are_named_last() {
    let site = "x/disco.(*Disco).Get at /go/pkg/mod/x/disco@v0.1.0/d.go";
    let reload = ["x/disco.(*Disco).Reload at /go/pkg/mod/x/disco@v0.1.0/d.go"];
    check(
        "library_value",
        &[
            (crash(READ, &[site, "main.f"], &[]), Some(Possibly)),
            (crash(READ, &[site, "main.f"], &reload), None),
            (crash(READ, &["main.f"], &[]), None),
        ],
    );
    let cause = explained(&crash(READ, &[site, "main.f"], &[]))
        .causes
        .remove(0);
    assert!(
        cause.matched.ends_with("is code of x/disco v0.1.0"),
        "{}",
        cause.matched
    );
}
