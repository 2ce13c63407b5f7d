//! A dump says the same in each form in which people paste it.

use std::fs;
use std::path::Path;

use super::{dumps, read};
use crate::frame::Access;
use crate::model::Explained;
use crate::source_location::where_at;

/// What a reader takes from an explanation.
#[derive(PartialEq, Debug)]
struct Facts {
    known: Vec<(Option<u64>, Option<Access>, String)>,
    writers: Vec<(Option<u64>, String)>,
    causes: Vec<&'static str>,
}

fn facts(explained: &Explained) -> Facts {
    let known = explained.known.iter().map(|known| {
        let site = where_at(known.function.as_deref(), known.place.as_ref());
        (known.goroutine, known.access, site)
    });
    let writers = explained.writers.iter().map(|writer| {
        let site = where_at(writer.function.as_deref(), writer.place.as_ref());
        (writer.goroutine, site)
    });
    Facts {
        known: known.collect(),
        writers: writers.collect(),
        causes: explained.causes.iter().map(|cause| cause.id).collect(),
    }
}

fn all_facts(input: &[u8]) -> Vec<Facts> {
    read(input).1.iter().map(facts).collect()
}

fn each_line(dump: &str, form: impl Fn(usize, &str) -> String) -> String {
    let lines = dump.lines().enumerate();
    lines
        .map(|(index, line)| form(index, line) + "\n")
        .collect()
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

fn go_string(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('"', "\\\"")
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let units = text.encode_utf16();
    units
        .flat_map(|unit| match little {
            true => unit.to_le_bytes(),
            false => unit.to_be_bytes(),
        })
        .collect()
}

/// Breaks lines after so many characters, as a terminal does.
fn wrapped(dump: &str, width: usize) -> String {
    each_line(dump, |_, line| {
        let chars: Vec<char> = line.chars().collect();
        let rows = chars
            .chunks(width)
            .map(|row| row.iter().collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    })
}

type Form = (&'static str, fn(&str) -> Vec<u8>);

/// Forms that change a text without a loss.
const FORMS: &[Form] = &[
    ("colors", |dump| {
        each_line(dump, |_, line| format!("\u{1b}[31m{line}\u{1b}[0m")).into()
    }),
    ("colors without the escape", |dump| {
        each_line(dump, |_, line| format!("[1;31m{line}[0m")).into()
    }),
    ("a string of Go", |dump| go_string(dump).into()),
    ("a string in a string", |dump| {
        format!("output: \"{}\"", go_string(&go_string(dump))).into()
    }),
    ("a string for each line", |dump| {
        each_line(dump, |_, line| {
            format!("app stderr: \"{}\\n\"", go_string(line))
        })
        .into()
    }),
    ("rsyslog", |dump| {
        each_line(dump, |_, line| {
            format!(
                "May 12 10:00:01 host app[77]: {}",
                line.replace('\t', "#011")
            )
        })
        .into()
    }),
    ("syslog", |dump| {
        each_line(dump, |_, line| {
            format!("May 12 10:00:01 host app: {}", line.replace('\t', "^I"))
        })
        .into()
    }),
    ("CSV, a row for each line", |dump| {
        each_line(dump, |index, line| {
            format!(
                "\"2024-05-01T12:00:0{}Z\",\"web\",\"{line}\",\"host-1\"",
                index % 10
            )
        })
        .into()
    }),
    ("CSV, one cell", |dump| {
        format!("time,message\n2024-05-01,\"{dump}\",web\n").into()
    }),
    ("JSON lines", |dump| {
        each_line(dump, |_, line| {
            format!(
                "{{\"level\":\"error\",\"msg\":{},\"logger\":\"a.b\"}}",
                json(line)
            )
        })
        .into()
    }),
    ("JSON in JSON", |dump| {
        each_line(dump, |_, line| {
            let inner = format!("{{\"message\":{}}}", json(line));
            format!(
                "{{\"log\":{},\"stream\":\"stderr\"}}",
                json(&(inner + "\n"))
            )
        })
        .into()
    }),
    ("one JSON string", |dump| {
        format!("{{\"time\":1,\"event\":{{\"stderr\":{}}}}}\n", json(dump)).into()
    }),
    ("JSON of journald", |dump| {
        each_line(dump, |_, line| match line.is_empty() {
            true => "{\"MESSAGE\":\"\"}".into(),
            false => format!("{{\"_PID\":\"7\",\"MESSAGE\":{:?}}}", line.as_bytes()),
        })
        .into()
    }),
    ("kubectl --prefix", |dump| {
        each_line(dump, |_, line| format!("[pod/app-7c9f-x2x/app] {line}")).into()
    }),
    ("docker compose with colors", |dump| {
        each_line(dump, |_, line| {
            format!("\u{1b}[36mweb_1  |\u{1b}[0m {line}")
        })
        .into()
    }),
    ("CRI", |dump| {
        each_line(dump, |index, line| {
            format!("2024-05-01T12:00:00.{index}00001Z stderr F {line}")
        })
        .into()
    }),
    ("GitHub Actions", |dump| {
        each_line(dump, |index, line| {
            let error = if index == 0 { "##[error]" } else { "" };
            format!("test\tgo test\t2024-05-01T12:00:00.{index}Z {error}{line}")
        })
        .into()
    }),
    ("a month that changes", |dump| {
        each_line(dump, |index, line| {
            let time = if index < 4 {
                "Apr 30 23:59:59"
            } else {
                "May  1 00:00:00"
            };
            format!("{time} host app[77]: {line}")
        })
        .into()
    }),
    ("a level that changes", |dump| {
        each_line(dump, |index, line| {
            let level = ["ERROR", "INFO", "WARN"][index.min(2)];
            format!("2024-05-01 12:00:00 [{level}] plugin.x: {line}")
        })
        .into()
    }),
    ("output before the first line", |dump| {
        format!("GET /healthz 200 {}", dump.trim_start()).into()
    }),
    ("a blank line after each", |dump| {
        each_line(dump, |_, line| format!("{line}\n")).into()
    }),
    ("no blank lines", |dump| {
        let lines = dump.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            .into()
    }),
    ("wrapped at 80", |dump| wrapped(dump, 80).into()),
    ("numbers broken in two", |dump| {
        each_line(dump, |_, line| match line.find(" +0x") {
            Some(offset) if offset > 1 => {
                let (before, after) = line.split_at(offset - 1);
                format!("{before}\n{after}")
            }
            _ => line.to_owned(),
        })
        .into()
    }),
    ("wrapped behind commas", |dump| {
        each_line(dump, |_, line| {
            match line.starts_with(['\t', ' ', 'g', 'f', 'c']) {
                true => line.to_owned(),
                false => line.replace(", ", ",\n "),
            }
        })
        .into()
    }),
    ("locations behind their calls", |dump| {
        dump.replace("\n\t", " ").into()
    }),
    ("locations glued to their calls", |dump| {
        dump.replace("\n\t", "").into()
    }),
    ("one line", |dump| {
        let lines: Vec<_> = dump.split_whitespace().collect();
        lines.join(" ").into()
    }),
    ("locations flush left", |dump| {
        dump.replace("\n\t", "\n").into()
    }),
    ("indented by four", |dump| {
        each_line(dump, |_, line| format!("    {line}")).into()
    }),
    ("tabs as spaces", |dump| {
        dump.replace('\t', "        ").into()
    }),
    ("the newest line first", |dump| {
        let mut lines: Vec<_> = dump.lines().collect();
        lines.reverse();
        (lines.join("\n") + "\n").into()
    }),
    ("carriage returns", |dump| dump.replace('\n', "\r").into()),
    ("lines of Windows", |dump| dump.replace('\n', "\r\n").into()),
    ("UTF-16 with a mark", |dump| {
        utf16(&format!("\u{feff}{dump}"), true)
    }),
    ("UTF-16, big endian", |dump| {
        utf16(&format!("\u{feff}{dump}"), false)
    }),
    ("UTF-16 without a mark", |dump| utf16(dump, true)),
    ("a mark of UTF-8", |dump| format!("\u{feff}{dump}").into()),
    ("Markdown quotes", |dump| {
        each_line(dump, |_, line| format!("> > {line}")).into()
    }),
    ("a Markdown fence", |dump| {
        format!("It crashed:\n```\n{dump}```\nany idea?\n").into()
    }),
    ("HTML", |dump| {
        let dump = dump
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        format!("<pre><code>{dump}</code></pre>").into()
    }),
    ("headers without their colons", |dump| {
        dump.replace("]:\n", "]\n").into()
    }),
    ("a doubled first word", |dump| {
        dump.replacen("fatal error: ", "fatal error: fatal error: ", 1)
            .into()
    }),
    ("the first letter lost", |dump| {
        dump.replacen("fatal error: ", "atal error: ", 1).into()
    }),
    ("the first words lost", |dump| {
        dump.replacen("fatal error: ", "", 1).into()
    }),
    ("text behind the message", |dump| {
        dump.replacen(
            "map write",
            "map writeINFO[0035] listening",
            usize::from(dump.contains("map write\n")),
        )
        .into()
    }),
    ("text inside the message", |dump| {
        dump.replacen("fatal error: ", "fatal error: pool closed\n", 1)
            .into()
    }),
];

#[test]
fn each_form_says_the_same() {
    let mut failed = vec![];
    for (name, dump) in dumps().into_iter().chain(dumps_of_go1_19()) {
        let plain = all_facts(dump.as_bytes());
        for (form, change) in FORMS {
            // Up to Go 1.20 nothing separates the function from a relative path glued to it.
            if *form == "locations glued to their calls" && name.starts_with("go1.19") {
                continue;
            }
            let changed = change(&dump);
            let found = all_facts(&changed);
            if found != plain {
                failed.push(format!(
                    "{name} as {form}:\n{found:#?}\ninstead of\n{plain:#?}"
                ));
            }
        }
    }
    for failure in failed.iter().take(3) {
        eprintln!("{failure}");
    }
    let names: Vec<_> = failed
        .iter()
        .filter_map(|text| text.lines().next())
        .collect();
    assert!(failed.is_empty(), "{} forms: {names:#?}", failed.len());
}

#[test]
fn masked_arguments_leave_every_frame() {
    for (name, dump) in dumps() {
        let masked = each_line(&dump, |_, line| match line.rsplit_once("(0x") {
            Some((function, args)) if line.ends_with(')') => {
                let args = args.get(6..).unwrap_or(")");
                format!("{function}(0x******{args}")
            }
            _ => line.to_owned(),
        });
        let sites = |input: &str| -> Vec<_> {
            let facts = all_facts(input.as_bytes());
            facts
                .into_iter()
                .flat_map(|facts| facts.known)
                .map(|(.., site)| site)
                .collect()
        };
        assert_eq!(sites(&masked), sites(&dump), "{name}");
    }
}

/// Returns the recorded dumps of the oldest version of Go that can be had.
fn dumps_of_go1_19() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dumps");
    let files = fs::read_dir(folder).expect("a folder");
    let dumps = files.filter_map(|file| {
        let path = file.expect("readable").path();
        let name = path.file_stem()?.to_str()?.to_owned();
        name.starts_with("go1.19-").then(|| {
            let dump = fs::read_to_string(path).expect("UTF-8");
            (name, dump)
        })
    });
    let dumps: Vec<_> = dumps.collect();
    assert!(dumps.len() > 5, "{}", dumps.len());
    dumps
}

fn dump(name: &str) -> String {
    let found = dumps().into_iter().find(|(one, _)| one == name);
    found.expect("it is recorded").1
}

/// Puts the lines of two texts into one, in turn.
fn interleaved(one: &str, other: &str) -> String {
    let mut lines = [one.lines(), other.lines()];
    let mut text = String::new();
    for turn in 0.. {
        if let Some(line) = lines[turn % 2].next() {
            text.push_str(line);
            text.push('\n');
        } else if lines[(turn + 1) % 2].clone().next().is_none() {
            break;
        }
    }
    text
}

#[test]
fn programs_are_separated_by_their_prefixes() {
    let (one, other) = (dump("go1.23-note"), dump("go1.23-shared-struct"));
    for (first, second) in [
        ("web_1  | ", "web_2  | "),
        ("app.1.aaaa@host    | ", "app.1.bbbb@host    | "),
        (
            "May 12 10:00:01 host app[77]: ",
            "May 12 10:00:01 host app[78]: ",
        ),
        ("[pod/app-7c9/app] ", "[pod/app-8d1/app] "),
    ] {
        let with = |prefix: &str, dump: &str| each_line(dump, |_, line| format!("{prefix}{line}"));
        let mixed = interleaved(&with(first, &one), &with(second, &other));
        let expected: Vec<_> = [&one, &other]
            .iter()
            .flat_map(|dump| all_facts(dump.as_bytes()))
            .collect();
        assert_eq!(all_facts(mixed.as_bytes()), expected, "{first}{second}");
    }
}

/// Without prefixes the lines cannot be separated, so no goroutine is a candidate.
#[test]
fn mixed_programs_have_no_candidate() {
    let (one, other) = (dump("go1.23-note"), dump("go1.23-shared-struct"));
    let mixed = interleaved(&one, &other);
    // The other program's stacks follow as a block, with the numbers of the first one's.
    let (head, stacks) = one.split_at(one.find("\n\ngoroutine 18").expect("the second stack"));
    let again = format!(
        "{head}{stacks}\n\n{}",
        &other[other.find("goroutine").expect("a header")..]
    );
    for text in [mixed, again] {
        let explained = read(text.as_bytes()).1;
        let first = &explained[0];
        assert!(first.writers.is_empty(), "{:#?}\n{text}", first.writers);
        assert!(first.verdict.contains("two programs"), "{}", first.verdict);
    }
}

#[test]
fn stack_in_an_unknown_form_is_named() {
    let text = "fatal error: concurrent map writes\n\nGR-7 running >>\n  main.f @ /src/a.go:12\n";
    let explained = read(text.as_bytes()).1;
    let note = "in a form that is not understood (line 4 of the input)";
    assert!(
        explained[0].notes.iter().any(|one| one.contains(note)),
        "{:?}",
        explained[0].notes
    );
}
