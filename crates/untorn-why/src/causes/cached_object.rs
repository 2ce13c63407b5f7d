//! An object of Kubernetes that is shared through a cache, and changed in place.

use super::Cause;
use super::stacks::{Stacks, call_at};
use crate::candidates::Certainty;
use crate::frame::Frame;
use crate::libraries;

/// Packages whose functions read and write the labels, the annotations or the fields of an object.
const OBJECTS: &[&str] = &[
    "k8s.io/api",
    "k8s.io/apimachinery/pkg/api/meta",
    "k8s.io/apimachinery/pkg/apis/meta",
    "k8s.io/apimachinery/pkg/labels",
];

/// Packages that pass the objects of a cache to the program.
const CACHES: &[&str] = &[
    "k8s.io/client-go/informers",
    "k8s.io/client-go/listers",
    "k8s.io/client-go/tools/cache",
    "sigs.k8s.io/controller-runtime/pkg/cache",
    "sigs.k8s.io/controller-runtime/pkg/handler",
    "sigs.k8s.io/controller-runtime/pkg/predicate",
    "sigs.k8s.io/controller-runtime/pkg/source",
];

const KUBERNETES: &[&str] = &["k8s.io", "sigs.k8s.io"];

const ACCESSORS: &[&str] = &["GetAnnotations", "GetLabels", "SetAnnotations", "SetLabels"];

pub(super) fn rule(stacks: &Stacks<'_>) -> Option<Cause> {
    let own = stacks.own()?;
    let below = stacks.in_libraries();
    let near = || below.iter().chain([own]);
    let of_object = near().find(|frame| {
        let name = frame.function.rsplit('.').next().unwrap_or("");
        ACCESSORS.contains(&name) || is_generated_copy(frame) || libraries::is_of(frame, OBJECTS)
    });
    let of_cache = || {
        let mut frames = stacks.here.iter();
        frames.find(|frame| libraries::is_of(frame, CACHES))
    };
    let (certainty, matched) = if let Some(frame) = of_object {
        (
            Certainty::Likely,
            format!("{} accesses the fields of an object", call_at(frame)),
        )
    } else if let Some(frame) = of_cache() {
        (
            Certainty::Possibly,
            format!("{} passes objects of a cache to this code", call_at(frame)),
        )
    } else {
        let word = metadata(own, stacks)?;
        (
            Certainty::Possibly,
            format!("{} is named for {word}", call_at(own)),
        )
    };
    Some(Cause {
        id: "cached_object",
        title:
            "an object that goroutines share, as one from an informer's cache, is changed in place"
                .into(),
        certainty,
        matched,
        change: &[
            "call DeepCopy on an object from a lister, an informer or the manager's client before you change it, and write \
             only to the copy. Labels and annotations are maps: GetLabels returns the object's own.",
        ],
    })
}

/// Returns `true` for a generated `DeepCopyInto`, which only reads the object.
fn is_generated_copy(frame: &Frame) -> bool {
    let of_file = frame.place.as_ref().map_or("", |place| place.base());
    of_file.starts_with("zz_generated.deepcopy")
}

/// Returns the word for labels or annotations in the name of a function or of its type.
fn metadata(own: &Frame, stacks: &Stacks<'_>) -> Option<&'static str> {
    let of_kubernetes = |frame: &Frame| libraries::is_of(frame, KUBERNETES);
    let by_kubernetes =
        || stacks.here.iter().any(of_kubernetes) || stacks.find_other(of_kubernetes).is_some();
    let mut words = own.name_words();
    words.extend(own.receiver().map(str::to_lowercase));
    let has = |one: &str, all: &str| words.iter().any(|word| word == one || word == all);
    if has("annotation", "annotations") {
        Some("annotations")
    } else {
        (has("label", "labels") && by_kubernetes()).then_some("labels")
    }
}
