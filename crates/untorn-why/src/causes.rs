//! The usual causes: each one a rule on the stacks of both sides, with a fix.

use serde::Serialize;

use crate::candidates::Certainty;
use crate::dump;
use crate::frame::{Access, Frame};

/// The input of the rules: the stacks of both sides.
pub(crate) struct Stacks<'d> {
    /// The stack of the detecting goroutine, or of the first access of a race report.
    pub(crate) here: &'d [Frame],
    pub(crate) here_does: Option<Access>,
    /// The stacks of the likely writers, or of the other access.
    pub(crate) others: Vec<&'d [Frame]>,
    /// `true` if both sides are known, as in a race report.
    pub(crate) both_known: bool,
    /// `true` if an address is among the arguments of both sides.
    pub(crate) shared_address: bool,
}

/// A possible cause.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Cause {
    /// The name of the rule, which does not change between versions.
    pub id: &'static str,
    /// The cause, in one sentence.
    pub title: &'static str,
    /// The certainty of the rule.
    pub certainty: Certainty,
    /// The part of the dump that the rule matched.
    pub matched: String,
    /// The ways to fix it.
    pub change: &'static [&'static str],
}

/// Advice that applies to every cause.
pub(crate) const GENERAL_ADVICE: &[&str] = &[
    "Go: hold one mutex around both sites, the read as well as the write; a lock on one side alone protects nothing.",
    "Go: or write to a copy and publish it with an atomic.Pointer: readers load the pointer once and never block. \
     sync.Map fits keys that are written once or by one goroutine each; it gives no consistent view of several keys.",
    "Go: run the tests, or one instance, with -race: it names both sides and does not depend on timing.",
    "Rust: this does not compile with a HashMap. untorn::Map is for tables that many threads read while one refreshes \
     them; untorn::GoMap, one word apart, enforces Go's rule and reports both sides.",
];

type Rule = fn(&Stacks<'_>) -> Option<Cause>;

const RULES: &[Rule] = &[
    copied_sync_map,
    copied_lock,
    config_reload,
    shared_header,
    request_context,
    formatted,
    encoded,
    shared_struct,
    captured,
    fan_out,
    refreshed_in_place,
    package_level,
];

/// Returns the causes that match, the most certain first.
pub(crate) fn recognize(stacks: &Stacks<'_>) -> Vec<Cause> {
    let mut causes: Vec<_> = RULES.iter().filter_map(|rule| rule(stacks)).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.certainty));
    causes
}

impl<'d> Stacks<'d> {
    fn here(&self) -> Option<&'d Frame> {
        dump::own(self.here)
    }

    fn others(&self) -> impl Iterator<Item = &'d Frame> + Clone {
        self.others.iter().flat_map(|frames| frames.iter())
    }

    /// Returns the calls of the standard library between the map and the program's own code.
    fn between(&self) -> impl Iterator<Item = &'d Frame> {
        self.here.iter().take_while(|frame| frame.is_standard())
    }
}

/// Formats a call and its line in the dump.
fn call_at(frame: &Frame) -> String {
    format!("{} (line {})", frame.function, frame.at)
}

fn copied_sync_map(stacks: &Stacks<'_>) -> Option<Cause> {
    let frame = stacks
        .between()
        .find(|frame| frame.function.starts_with("sync.(*Map)."))?;
    Some(Cause {
        id: "sync_map_copied",
        title: "a sync.Map was copied after its first use",
        certainty: Certainty::Likely,
        matched: format!(
            "the map inside a sync.Map has two users: {}",
            call_at(frame)
        ),
        change: &[
            "Go: pass the sync.Map by pointer, and keep structs that hold one behind a pointer; `go vet` finds copies.",
        ],
    })
}

/// Returns `true` if the receiver seems to contain an unlocked mutex: zero or small words in braces
/// of their own, since Go 1.24 after an empty pair of braces.
fn looks_like_a_lock(receiver: &str) -> bool {
    let mut rest = receiver;
    while let Some(open) = rest.rfind('{') {
        let inner = &rest[open + 1..];
        let end = inner.find('}').unwrap_or(inner.len());
        let words: Vec<_> = inner[..end]
            .split(", ")
            .map(|word| word.trim_end_matches('?'))
            .collect();
        let small = |word: &&str| {
            let digits = word.strip_prefix("0x").unwrap_or("");
            u64::from_str_radix(digits, 16).is_ok_and(|value| value < 0x1000)
        };
        if words.len() >= 2 && words.iter().all(small) {
            return true;
        }
        rest = &rest[..open];
    }
    false
}

fn copied_lock(stacks: &Stacks<'_>) -> Option<Cause> {
    let both = stacks.here().into_iter().chain(stacks.others());
    let methods = both.filter(|frame| !frame.is_standard() && frame.value_receiver().is_some());
    // A named map has one word as its receiver, and no room for a lock.
    let structs =
        methods.filter(|frame| frame.first_argument().starts_with('{') || frame.args == "...");
    let with_lock = structs
        .clone()
        .find(|frame| looks_like_a_lock(frame.first_argument()));
    let (frame, certainty) = match with_lock {
        Some(frame) => (frame, Certainty::Likely),
        None => (structs.clone().next()?, Certainty::Possibly),
    };
    let of = frame.value_receiver().unwrap_or("");
    let what = match certainty {
        Certainty::Likely => "two small words in it look like a mutex",
        _ => "a mutex in it would be copied too",
    };
    Some(Cause {
        id: "lock_copied",
        title: "the lock is copied with each call, so it excludes no other goroutine",
        certainty,
        matched: format!(
            "{} takes its receiver {of} by value, and {what}",
            call_at(frame)
        ),
        change: &[
            "Go: give every method of the type a pointer receiver, and pass the type by pointer; `go vet` (copylocks) \
             finds each copy.",
        ],
    })
}

fn config_reload(stacks: &Stacks<'_>) -> Option<Cause> {
    const LIBRARIES: &[&str] = &[
        "github.com/spf13/viper",
        "github.com/knadh/koanf",
        "github.com/fsnotify/fsnotify",
    ];
    let of_library = |frame: &&Frame| {
        LIBRARIES
            .iter()
            .any(|library| frame.function.starts_with(library))
    };
    let here = stacks.here.iter().find(of_library);
    let other = stacks.others().find(of_library);
    // Almost every program with a watcher has one of these goroutines waiting, so that alone is
    // weak evidence.
    let (frame, certainty) = match (here, other) {
        (Some(here), Some(_)) => (here, Certainty::Likely),
        (Some(here), None) => (here, Certainty::Possibly),
        (None, other) => (other?, Certainty::Possibly),
    };
    Some(Cause {
        id: "config_reload",
        title: "a configuration library reloads the map while it is read",
        certainty,
        matched: format!(
            "{} is on a stack of this dump; its maps are not protected against a reload",
            call_at(frame)
        ),
        change: &[
            "Go: do not read from the library directly. In the callback of the reload (OnConfigChange, Watch) build a new \
             value and publish it with an atomic.Pointer; or hold one lock around the reload and every Get.",
        ],
    })
}

fn shared_header(stacks: &Stacks<'_>) -> Option<Cause> {
    const MAPS: &[&str] = &[
        "net/http.Header.",
        "net/textproto.MIMEHeader.",
        "net/url.Values.",
    ];
    let of_header = |frame: &&Frame| MAPS.iter().any(|map| frame.function.starts_with(map));
    let frame = stacks.here.iter().find(of_header)?;
    let also = stacks.others().find(of_header);
    Some(Cause {
        id: "shared_header",
        title: "two goroutines use one http.Header (or url.Values), which is a map",
        certainty: if also.is_some() {
            Certainty::Likely
        } else {
            Certainty::Possibly
        },
        matched: match also {
            Some(also) => format!(
                "{} on one side, {} on the other",
                call_at(frame),
                call_at(also)
            ),
            None => call_at(frame),
        },
        change: &[
            "Go: give each request its own header: request.Clone(ctx), header.Clone(). Do not use a request's header \
             after passing the request to a client, or after its handler has returned.",
        ],
    })
}

fn request_context(stacks: &Stacks<'_>) -> Option<Cause> {
    let of_gin = |frame: &&Frame| {
        frame
            .function
            .starts_with("github.com/gin-gonic/gin.(*Context).")
    };
    let frame = stacks
        .here
        .iter()
        .find(|frame| !frame.is_standard())
        .filter(of_gin)?;
    Some(Cause {
        id: "request_context",
        title: "a gin.Context is used by a goroutine other than its handler's",
        certainty: Certainty::Possibly,
        matched: call_at(frame),
        change: &[
            "Go: give the goroutine a copy, context.Copy(), and do not use Context.Keys directly.",
        ],
    })
}

fn formatted(stacks: &Stacks<'_>) -> Option<Cause> {
    const LOGS: &[&str] = &[
        "github.com/sirupsen/logrus.",
        "go.uber.org/zap",
        "github.com/rs/zerolog",
        "log/slog.",
        "log.",
    ];
    let of_fmt = stacks
        .between()
        .filter(|frame| frame.package() == "fmt")
        .last();
    let of_log = stacks
        .here
        .iter()
        .find(|frame| LOGS.iter().any(|log| frame.function.starts_with(log)));
    let frame = of_log.or(of_fmt)?;
    Some(Cause {
        id: "formatted",
        title: "the map is printed or logged while another goroutine writes to it",
        certainty: Certainty::Likely,
        matched: format!(
            "{} iterates over the whole map, without a lock unless you hold one around the call",
            call_at(frame)
        ),
        change: &[
            "Go: print a copy, made under the writer's lock (maps.Clone), or only the values that you need. The same goes for \
             a struct that holds the map: %v and %+v print all of it.",
        ],
    })
}

fn encoded(stacks: &Stacks<'_>) -> Option<Cause> {
    const CODERS: &[&str] = &[
        "encoding/",
        "text/template",
        "html/template",
        "gopkg.in/yaml",
        "github.com/json-iterator",
        "github.com/goccy",
    ];
    let of_coder = |frame: &&Frame| CODERS.iter().any(|coder| frame.function.starts_with(coder));
    let innermost = |frames: &'_ [Frame]| {
        frames
            .iter()
            .take_while(|frame| frame.is_standard() || of_coder(frame))
            .filter(of_coder)
            .count()
    };
    let outermost = innermost(stacks.here).checked_sub(1)?;
    let frame = stacks.here.iter().filter(of_coder).nth(outermost)?;
    Some(Cause {
        id: "map_returned",
        title: "a map that a getter returned is encoded after its lock was released",
        certainty: Certainty::Likely,
        matched: format!(
            "{} iterates over the map; a getter releases its lock when it returns",
            call_at(frame)
        ),
        change: &[
            "Go: return a copy made under the lock (maps.Clone, or a deep copy if the values are maps), or encode while the \
             lock is held. A map is a pointer: returning it exposes the data that the lock protects.",
        ],
    })
}

fn shared_struct(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks.here()?;
    let of = here.pointer_receiver()?;
    let same =
        |frame: &&Frame| frame.pointer_receiver() == Some(of) && frame.package() == here.package();
    let innermost = stacks
        .others
        .iter()
        .filter_map(|frames| dump::own(frames))
        .find(same);
    let other = innermost.or_else(|| stacks.others().find(same));
    let sure = innermost.is_some() || (other.is_some() && stacks.shared_address);
    let matched = match other {
        Some(other) => format!(
            "{} and {} are methods of the same type",
            call_at(here),
            call_at(other)
        ),
        None => format!(
            "{} is a method of {of}, whose map other goroutines may access",
            call_at(here)
        ),
    };
    Some(Cause {
        id: "shared_struct",
        title: "the map is a field of a struct that goroutines share, and one side bypasses its lock",
        certainty: if sure {
            Certainty::Likely
        } else {
            Certainty::Possibly
        },
        matched,
        change: &[
            "Go: keep the field unexported, lock in every method that uses it, hold the lock until the end of the use \
             (defer), and return values or copies, never the map.",
        ],
    })
}

fn captured(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks.here()?;
    let of = here.enclosing()?;
    let other = stacks.others().find(|frame| frame.enclosing() == Some(of));
    Some(Cause {
        id: "captured",
        title: "goroutines started by one function share its local variable",
        certainty: if other.is_some() {
            Certainty::Likely
        } else {
            Certainty::Possibly
        },
        matched: match other {
            Some(other) if other.function != here.function => {
                format!(
                    "{} and {} are literals of {of}",
                    call_at(here),
                    call_at(other)
                )
            }
            _ => format!("{} is a literal of {of}", call_at(here)),
        },
        change: &[
            "Go: put the map and its mutex into one type, and pass that to the goroutines; or let one goroutine own the map \
             and send it the changes over a channel.",
        ],
    })
}

fn fan_out(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks
        .here()
        .filter(|_| stacks.here_does.is_some_and(Access::writes))?;
    let other = stacks
        .others()
        .find(|frame| frame.function == here.function)?;
    Some(Cause {
        id: "fan_out",
        title: "several goroutines that run the same code fill one map",
        certainty: Certainty::Likely,
        matched: format!(
            "{} on one side, {} on the other",
            call_at(here),
            call_at(other)
        ),
        change: &[
            "Go: let each goroutine fill its own map or slot, and merge them after WaitGroup.Wait; or lock around each \
             write.",
        ],
    })
}

fn refreshed_in_place(stacks: &Stacks<'_>) -> Option<Cause> {
    const REFRESHES: &[&str] = &[
        "reload", "refresh", "poll", "poller", "watch", "watcher", "sync", "fetch", "pull",
        "update",
    ];
    if stacks.here_does.is_none_or(Access::writes) {
        return None;
    }
    let named = |frame: &&Frame| {
        !frame.is_standard()
            && frame
                .name_words()
                .iter()
                .any(|word| REFRESHES.contains(&word.as_str()))
    };
    let frame = stacks.others().find(named)?;
    Some(Cause {
        id: "refreshed_in_place",
        title: "one goroutine refreshes the map in place while others read it",
        certainty: Certainty::Likely,
        matched: format!("{} is named like a refresh", call_at(frame)),
        change: &[
            "Go: build the new contents in a new map, and publish it with an atomic.Pointer[map[K]V]; never write to a map \
             after publishing it. Readers load the pointer once for all keys that they need together.",
            "Rust: a Poller that refreshes an untorn::Map replaces this goroutine.",
        ],
    })
}

fn package_level(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks
        .here()
        .filter(|frame| frame.is_plain_function() && frame.function != "main.main")?;
    // The map may have been passed as an address, or as a word that is not exact; inlined calls
    // show no arguments.
    let shows_arguments = here.args != "..." && here.bare_words_are_exact() && !stacks.both_known;
    let direct = stacks
        .here
        .iter()
        .take_while(|frame| !std::ptr::eq(*frame, here))
        .all(|frame| matches!(frame.package(), "runtime" | "internal/runtime/maps"));
    (shows_arguments && direct && here.heap_words().next().is_none()).then(|| Cause {
        id: "package_level",
        title: "the map is a package-level variable, which every goroutine can access",
        certainty: Certainty::Possibly,
        matched: format!("{} is a plain function, and none of its arguments is an address", call_at(here)),
        change: &["Go: make it a field of a type that also has the lock, or protect every use of the variable with one lock."],
    })
}

#[cfg(test)]
mod tests {
    use super::looks_like_a_lock;

    #[test]
    fn copied_lock_is_distinguished_from_a_string() {
        for (receiver, lock) in [
            ("{{0x0, 0x0}, 0xc00008ab40}", true),
            ("{{{}, {0x0, 0x0}}, 0x302d3e2795c0}", true),
            ("{{{0x1, 0x0}, 0x0, 0x0, 0x0, 0x0}, 0xc00008ab40}", true),
            ("{{0x5d5690, 0x1}, 0xc00008ab40}", false),
            ("{0xc00008ab40, 0x1}", false),
            ("0xc00008ab40", false),
            ("...", false),
        ] {
            assert_eq!(looks_like_a_lock(receiver), lock, "{receiver}");
        }
    }
}
