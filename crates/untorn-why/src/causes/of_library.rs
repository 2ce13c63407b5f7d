//! Maps that a library holds, or that the program hands to one.

use super::Cause;
use super::stacks::{Stacks, call_at};
use crate::candidates::Certainty;
use crate::frame::Frame;
use crate::libraries;

pub(super) fn header(stacks: &Stacks<'_>) -> Option<Cause> {
    const MAPS: &[&str] = &[
        "net/http.Header.",
        "net/textproto.MIMEHeader.",
        "net/url.Values.",
    ];
    let of_header = |frame: &Frame| MAPS.iter().any(|map| frame.function.starts_with(map));
    let frame = stacks.between().find(|frame| of_header(frame))?;
    let also = stacks.find_other(of_header);
    Some(Cause {
        id: "shared_header",
        title: "two goroutines use one http.Header (or url.Values), which is a map".into(),
        certainty: also.map_or(Certainty::Possibly, |(_, certainty)| certainty),
        matched: match also {
            Some((also, _)) => format!(
                "{} on one side, {} on the other",
                call_at(frame),
                call_at(also)
            ),
            None => call_at(frame),
        },
        change: &[
            "give each request its own header: request.Clone(ctx), header.Clone(). Do not use a request's header after \
             passing the request to a client, or after its handler has returned.",
        ],
    })
}

pub(super) fn request_context(stacks: &Stacks<'_>) -> Option<Cause> {
    let frame = stacks.site().filter(|site| {
        libraries::is_of(site, &["github.com/gin-gonic/gin"])
            && site.pointer_receiver() == Some("Context")
    })?;
    Some(Cause {
        id: "request_context",
        title: "a gin.Context is used by a goroutine other than its handler's".into(),
        certainty: Certainty::Possibly,
        matched: call_at(frame),
        change: &[
            "give the goroutine a copy, context.Copy(), and do not use Context.Keys directly.",
        ],
    })
}

/// Functions of Prometheus that read a map of labels which belongs to their caller.
fn reads_labels(frame: &Frame) -> bool {
    let name = frame.in_package();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if libraries::is_of(frame, &["github.com/prometheus/common/model"]) {
        name.starts_with("LabelSet.")
            || name.starts_with("Metric.")
            || has(&[
                "LabelSetTo",
                "labelSetTo",
                "LabelsToSignature",
                "ignatureForLabels",
            ])
    } else {
        libraries::is_of(frame, &["github.com/prometheus/client_golang"])
            && has(&["hashLabels", "validateValuesInLabels", "constrainLabels"])
    }
}

pub(super) fn label_set(stacks: &Stacks<'_>) -> Option<Cause> {
    let mut below = stacks.in_libraries().iter();
    let frame = below.find(|frame| reads_labels(frame))?;
    Some(Cause {
        id: "label_set",
        title: "a set of labels, which is a map, was handed on and is still changed".into(),
        certainty: Certainty::Likely,
        matched: format!("{} uses the labels of its caller", call_at(frame)),
        change: &[
            "clone the labels before you hand them on, or before you change them: LabelSet.Clone(), maps.Clone(labels).",
        ],
    })
}

/// The cause of an access in a library that no other rule knows.
pub(super) fn any(stacks: &Stacks<'_>) -> Option<Cause> {
    let site = stacks.site().filter(|site| site.is_of_a_module())?;
    let value = stacks.value();
    Some(Cause {
        id: "library_value",
        title: format!(
            "the {value} is in a library, which may not be safe for use by several goroutines"
        ),
        certainty: Certainty::Possibly,
        matched: format!("{} is code of {}", call_at(site), libraries::name(site)),
        change: &[
            "read whether the library permits calls from several goroutines, and whether a newer version fixes this. If it \
             does not permit them, hold one lock around every call, or give each goroutine its own value.",
        ],
    })
}
