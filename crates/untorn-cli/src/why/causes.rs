//! The usual causes: each a rule that looks at both sides, with what to change.

use serde::Serialize;

use super::candidates::Certainty;
use super::dump;
use super::frame::{Access, Frame};

/// What the rules look at.
pub(crate) struct Sides<'d> {
    /// The stack of the side that noticed, or of a race report's first access.
    pub(crate) here: &'d [Frame],
    pub(crate) here_does: Option<Access>,
    /// The stacks of the likely writers, or of the other access.
    pub(crate) others: Vec<&'d [Frame]>,
    /// Whether both sides are known, as in a race report.
    pub(crate) both_known: bool,
    /// Whether an address was among the arguments of both sides.
    pub(crate) shared_address: bool,
}

/// What it looks like.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cause {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) certainty: Certainty,
    /// What in the dump the rule matched.
    pub(crate) matched: String,
    pub(crate) change: &'static [&'static str],
}

/// For every cause.
pub(crate) const ALWAYS: &[&str] = &[
    "Go: hold one mutex around both sites, the read as well as the write; a lock on one side alone guards nothing.",
    "Go: or write to a copy and publish it with an atomic.Pointer: readers load the pointer once and never wait. \
     sync.Map fits keys that are written once or by one goroutine each; it gives no consistent view of several keys.",
    "Go: run the tests, or one instance, with -race: it names both sides, and needs no unlucky moment to do so.",
    "Rust: this does not compile with a HashMap. untorn::Map is the table that many read while one refreshes it; \
     untorn::GoMap, one word apart, is Go's rule with a report that names both sides.",
];

type Rule = fn(&Sides<'_>) -> Option<Cause>;

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

/// The causes that match, surest first.
pub(crate) fn recognise(sides: &Sides<'_>) -> Vec<Cause> {
    let mut causes: Vec<_> = RULES.iter().filter_map(|rule| rule(sides)).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.certainty));
    causes
}

impl<'d> Sides<'d> {
    fn here(&self) -> Option<&'d Frame> {
        dump::own(self.here)
    }

    fn others(&self) -> impl Iterator<Item = &'d Frame> + Clone {
        self.others.iter().flat_map(|frames| frames.iter())
    }

    /// The standard library's calls between the map and the program's own code.
    fn between(&self) -> impl Iterator<Item = &'d Frame> {
        self.here.iter().take_while(|frame| frame.is_standard())
    }
}

fn seen(frame: &Frame) -> String {
    format!("{} (line {})", frame.function, frame.at)
}

fn copied_sync_map(sides: &Sides<'_>) -> Option<Cause> {
    let frame = sides
        .between()
        .find(|frame| frame.function.starts_with("sync.(*Map)."))?;
    Some(Cause {
        id: "sync_map_copied",
        title: "a sync.Map was copied after its first use",
        certainty: Certainty::Likely,
        matched: format!(
            "the map inside a sync.Map is used by two sides: {}",
            seen(frame)
        ),
        change: &[
            "Go: pass the sync.Map by pointer, and keep structs that hold one behind a pointer; `go vet` finds copies.",
        ],
    })
}

/// A mutex that nobody holds is words that are zero or small, in braces of their own; since 1.24 behind an empty pair.
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

fn copied_lock(sides: &Sides<'_>) -> Option<Cause> {
    let both = sides.here().into_iter().chain(sides.others());
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
        _ => "if it holds a mutex, that is copied too",
    };
    Some(Cause {
        id: "lock_copied",
        title: "the lock is copied with each call, so it locks nobody out",
        certainty,
        matched: format!("{} has its receiver {of} by value, and {what}", seen(frame)),
        change: &[
            "Go: give every method of the type a pointer receiver, and pass the type by pointer; `go vet` (copylocks) \
             finds each copy.",
        ],
    })
}

fn config_reload(sides: &Sides<'_>) -> Option<Cause> {
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
    let here = sides.here.iter().find(of_library);
    let other = sides.others().find(of_library);
    // Almost every program with a watcher has one of these goroutines asleep; the noticing side decides.
    let (frame, certainty) = match (here, other) {
        (Some(here), Some(_)) => (here, Certainty::Likely),
        (Some(here), None) => (here, Certainty::Possibly),
        (None, other) => (other?, Certainty::Possibly),
    };
    Some(Cause {
        id: "config_reload",
        title: "a configuration library reloads into the map that is being read",
        certainty,
        matched: format!(
            "{} is on a stack of this dump; its maps are not guarded against a reload",
            seen(frame)
        ),
        change: &[
            "Go: do not let readers ask the library. In the callback of the reload (OnConfigChange, Watch) build a new \
             value, and publish it with an atomic.Pointer; or hold one lock around the reload and every Get.",
        ],
    })
}

fn shared_header(sides: &Sides<'_>) -> Option<Cause> {
    const MAPS: &[&str] = &[
        "net/http.Header.",
        "net/textproto.MIMEHeader.",
        "net/url.Values.",
    ];
    let of_header = |frame: &&Frame| MAPS.iter().any(|map| frame.function.starts_with(map));
    let frame = sides.here.iter().find(of_header)?;
    let also = sides.others().find(of_header);
    Some(Cause {
        id: "shared_header",
        title: "two goroutines use one http.Header (or url.Values), which is a map",
        certainty: if also.is_some() {
            Certainty::Likely
        } else {
            Certainty::Possibly
        },
        matched: match also {
            Some(also) => format!("{} here, {} there", seen(frame), seen(also)),
            None => seen(frame),
        },
        change: &[
            "Go: give each request a header of its own: request.Clone(ctx), header.Clone(). Leave a request's header \
             alone once it was given to a client or a handler has returned.",
        ],
    })
}

fn request_context(sides: &Sides<'_>) -> Option<Cause> {
    let of_gin = |frame: &&Frame| {
        frame
            .function
            .starts_with("github.com/gin-gonic/gin.(*Context).")
    };
    let frame = sides
        .here
        .iter()
        .find(|frame| !frame.is_standard())
        .filter(of_gin)?;
    Some(Cause {
        id: "request_context",
        title: "a gin.Context is used by a goroutine beside its handler",
        certainty: Certainty::Possibly,
        matched: seen(frame),
        change: &[
            "Go: give the goroutine a copy, context.Copy(), and do not use Context.Keys directly.",
        ],
    })
}

fn formatted(sides: &Sides<'_>) -> Option<Cause> {
    const LOGS: &[&str] = &[
        "github.com/sirupsen/logrus.",
        "go.uber.org/zap",
        "github.com/rs/zerolog",
        "log/slog.",
        "log.",
    ];
    let of_fmt = sides
        .between()
        .filter(|frame| frame.package() == "fmt")
        .last();
    let of_log = sides
        .here
        .iter()
        .find(|frame| LOGS.iter().any(|log| frame.function.starts_with(log)));
    let frame = of_log.or(of_fmt)?;
    Some(Cause {
        id: "formatted",
        title: "the map is printed or logged while another goroutine writes to it",
        certainty: Certainty::Likely,
        matched: format!(
            "{} goes over the whole map, with no lock of yours held unless it is held around the call",
            seen(frame)
        ),
        change: &[
            "Go: print a copy, made under the writer's lock (maps.Clone), or only the values that you need. A struct that \
             holds the map counts too: %v and %+v go over everything.",
        ],
    })
}

fn encoded(sides: &Sides<'_>) -> Option<Cause> {
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
    let outermost = innermost(sides.here).checked_sub(1)?;
    let frame = sides.here.iter().filter(of_coder).nth(outermost)?;
    Some(Cause {
        id: "map_returned",
        title: "a map that was handed out is encoded after its lock was released",
        certainty: Certainty::Likely,
        matched: format!(
            "{} goes over the map; a getter's lock ends when the getter returns",
            seen(frame)
        ),
        change: &[
            "Go: return a copy from under the lock (maps.Clone, deep if the values are maps), or encode while the lock is \
             held. A map is a pointer: returning it returns the thing that the lock guards.",
        ],
    })
}

fn shared_struct(sides: &Sides<'_>) -> Option<Cause> {
    let here = sides.here()?;
    let of = here.pointer_receiver()?;
    let same =
        |frame: &&Frame| frame.pointer_receiver() == Some(of) && frame.package() == here.package();
    let innermost = sides
        .others
        .iter()
        .filter_map(|frames| dump::own(frames))
        .find(same);
    let other = innermost.or_else(|| sides.others().find(same));
    let sure = innermost.is_some() || (other.is_some() && sides.shared_address);
    let matched = match other {
        Some(other) => format!(
            "{} and {} are methods of the same type",
            seen(here),
            seen(other)
        ),
        None => format!(
            "{} is a method of {of}, whose map other goroutines may reach",
            seen(here)
        ),
    };
    Some(Cause {
        id: "shared_struct",
        title: "the map is a field of a struct that goroutines share, and one side goes past its lock",
        certainty: if sure {
            Certainty::Likely
        } else {
            Certainty::Possibly
        },
        matched,
        change: &[
            "Go: keep the field unexported, lock in every method that touches it, keep the lock to the end of the use \
             (defer), and return values or copies, never the map.",
        ],
    })
}

fn captured(sides: &Sides<'_>) -> Option<Cause> {
    let here = sides.here()?;
    let of = here.enclosing()?;
    let other = sides.others().find(|frame| frame.enclosing() == Some(of));
    Some(Cause {
        id: "captured",
        title: "goroutines started from one function share its local variable",
        certainty: if other.is_some() {
            Certainty::Likely
        } else {
            Certainty::Possibly
        },
        matched: match other {
            Some(other) if other.function != here.function => {
                format!("{} and {} are literals of {of}", seen(here), seen(other))
            }
            _ => format!("{} is a literal of {of}", seen(here)),
        },
        change: &[
            "Go: put the map and its mutex into one type, and give the goroutines that; or let one goroutine own the map \
             and send it the changes by channel.",
        ],
    })
}

fn fan_out(sides: &Sides<'_>) -> Option<Cause> {
    let here = sides
        .here()
        .filter(|_| sides.here_does.is_some_and(Access::writes))?;
    let other = sides
        .others()
        .find(|frame| frame.function == here.function)?;
    Some(Cause {
        id: "fan_out",
        title: "several goroutines of the same code fill one map",
        certainty: Certainty::Likely,
        matched: format!("{} here, {} there", seen(here), seen(other)),
        change: &[
            "Go: let each goroutine fill a map or a slot of its own, and merge them after WaitGroup.Wait; or lock around \
             each write.",
        ],
    })
}

fn refreshed_in_place(sides: &Sides<'_>) -> Option<Cause> {
    const REFRESHES: &[&str] = &[
        "reload", "refresh", "poll", "poller", "watch", "watcher", "sync", "fetch", "pull",
        "update",
    ];
    if sides.here_does.is_none_or(Access::writes) {
        return None;
    }
    let named = |frame: &&Frame| {
        !frame.is_standard()
            && frame
                .name_words()
                .iter()
                .any(|word| REFRESHES.contains(&word.as_str()))
    };
    let frame = sides.others().find(named)?;
    Some(Cause {
        id: "refreshed_in_place",
        title: "one goroutine refreshes the map in place while others read it",
        certainty: Certainty::Likely,
        matched: format!("{} is named for it", seen(frame)),
        change: &[
            "Go: build the new contents in a new map, and store that with an atomic.Pointer[map[K]V]; never write to a map \
             once it was published. Readers load the pointer once for all keys that they need together.",
            "Rust: untorn::Map with a Poller is this goroutine as an API.",
        ],
    })
}

fn package_level(sides: &Sides<'_>) -> Option<Cause> {
    let here = sides
        .here()
        .filter(|frame| frame.is_plain_function() && frame.function != "main.main")?;
    // The map may have come in by an address, or by a bare word that is not exact; inlined calls show no arguments.
    let told = here.args != "..." && here.bare_words_are_exact() && !sides.both_known;
    let direct = sides
        .here
        .iter()
        .take_while(|frame| frame.at != here.at)
        .all(|frame| matches!(frame.package(), "runtime" | "internal/runtime/maps"));
    (told && direct && here.heap_words().next().is_none()).then(|| Cause {
        id: "package_level",
        title: "the map is a variable of the package, which every goroutine reaches",
        certainty: Certainty::Possibly,
        matched: format!("{} is a plain function, and none of its arguments is an address", seen(here)),
        change: &["Go: make it a field of a type that has the lock too, or guard every use of the variable by one lock."],
    })
}

#[cfg(test)]
mod tests {
    use super::looks_like_a_lock;

    #[test]
    fn a_lock_in_a_copied_struct_is_told_from_a_string() {
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
