//! The rules of the project's language that a program can check, for each `.rs` and `.md` file.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines, in the whole of the repository, with one of the words below or "The same" as an
/// opening.
const BUDGET: usize = 20;

/// Words that hide the subject of a sentence. They are joined here so that this file has none.
const AVOIDED: [[&str; 2]; 4] = [
    ["to", "ld"],
    ["who", "ever"],
    ["no", "body"],
    ["some", "body"],
];

/// The most characters of a comment line: what rustfmt keeps for code.
const WIDTH: usize = 100;

/// The most characters of a test's name.
const NAME: usize = 50;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The texts of the repository with this extension: path below the root, and contents. Build
/// output and the program's own fixtures are left out.
fn texts(extension: &str) -> Vec<(String, String)> {
    fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            if path.is_dir() {
                if !name.starts_with('.') && !matches!(name, "target" | "corpus" | "fixtures") {
                    collect(&path, extension, found);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    let root = repository();
    let mut found = Vec::new();
    collect(&root, extension, &mut found);
    found.sort_unstable();
    let text = |path: &PathBuf| {
        let name = path.strip_prefix(&root).expect("below the root");
        let text = fs::read_to_string(path).expect("UTF-8");
        (name.display().to_string(), text)
    };
    found.iter().map(text).collect()
}

/// Each line with its place, without quotations: lines that begin with `>` in Markdown.
fn lines(texts: &[(String, String)]) -> impl Iterator<Item = (String, &str)> {
    texts.iter().flat_map(|(name, text)| {
        let numbered = (1..).zip(text.lines());
        numbered
            .filter(|(_, line)| !line.starts_with('>'))
            .map(move |(number, line)| (format!("{name}:{number}"), line))
    })
}

fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix("//")?;
    Some(line.trim_start_matches(['/', '!']).trim_start())
}

#[test]
fn avoided_words_stay_within_their_budget() {
    let avoided = AVOIDED.map(|parts| parts.concat());
    let mut texts = texts("rs");
    texts.extend(self::texts("md"));
    let found: Vec<_> = lines(&texts)
        .filter(|(_, line)| {
            let lower = line.to_lowercase();
            let mut words = lower.split(|c: char| !c.is_alphanumeric());
            words.any(|word| avoided.iter().any(|avoided| avoided == word))
                || comment(line).is_some_and(|comment| comment.starts_with("The same"))
                || lower.contains(concat!("what is", " kept"))
        })
        .map(|(place, line)| format!("{place}: {}", line.trim()))
        .collect();
    assert!(
        found.len() <= BUDGET,
        "{} lines, {BUDGET} are allowed:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// A table without a line of dashes below its first row is rendered as text.
#[test]
fn each_table_has_a_header() {
    let mut texts = texts("rs");
    texts.extend(self::texts("md"));
    let mut without = Vec::new();
    let mut tables = 0;
    for (name, text) in &texts {
        let is_markdown = name.ends_with(".md");
        let doc = |line| {
            if is_markdown {
                Some(line)
            } else {
                comment(line)
            }
        };
        let (mut is_code, mut rows) = (false, 0);
        for (number, line) in (1..).zip(text.lines()) {
            let line = doc(line).unwrap_or_default();
            is_code ^= line.starts_with("```");
            rows = if line.starts_with("| ") || line.starts_with("|-") {
                rows + 1
            } else {
                0
            };
            tables += usize::from(rows == 1 && !is_code);
            if rows == 2 && !is_code && !line.starts_with("|-") {
                without.push(format!("{name}:{number}"));
            }
        }
    }
    assert!(tables > 100, "only {tables} tables");
    assert!(without.is_empty(), "no header:\n{}", without.join("\n"));
}

#[test]
fn comments_are_as_wide_as_code() {
    let texts = texts("rs");
    let wide: Vec<_> = lines(&texts)
        .filter(|(_, line)| comment(line).is_some() && line.chars().count() > WIDTH)
        // A link or a row of a table cannot be broken.
        .filter(|(_, line)| !line.contains("](") && !line.contains("]: ") && !line.contains("| "))
        .map(|(place, _)| place)
        .collect();
    assert!(wide.is_empty(), "wider than {WIDTH}:\n{}", wide.join("\n"));
}

#[test]
fn names_of_tests_are_short() {
    let texts = texts("rs");
    let mut long = Vec::new();
    let mut tests = 0;
    for (name, text) in &texts {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                let function = rest.split('(').next().unwrap_or("");
                if function.len() > NAME {
                    long.push(format!("{name}: {function}"));
                }
                tests += 1;
                is_test = false;
            }
        }
    }
    assert!(tests > 500, "only {tests} tests were found");
    assert!(long.is_empty(), "longer than {NAME}:\n{}", long.join("\n"));
}

/// The documentation of the library: its first line is complete by itself.
#[test]
fn summaries_begin_with_a_verb_or_a_noun_phrase() {
    let texts = texts("rs");
    let mut wrong = Vec::new();
    for (name, text) in texts
        .iter()
        .filter(|(name, _)| name.starts_with("crates/untorn/src/"))
    {
        let mut before = "";
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            let opens = line.starts_with("/// ") && !before.starts_with("///");
            let summary = line.strip_prefix("/// ").unwrap_or("");
            let first = summary.split([' ', ',']).next().unwrap_or("");
            let banned = [
                "How", "What", "Who", "Which", "That", "Whether", "If", "There", "It",
            ];
            if opens && banned.contains(&first) {
                wrong.push(format!("{name}:{number}: {summary}"));
            }
            before = line;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Packages have copies of these, since cargo packs no file from outside.
#[test]
fn packages_have_the_texts_of_the_repository() {
    let root = repository();
    let of_library = ["LICENSE-APACHE", "LICENSE-MIT", "NOTICE", "CHANGELOG.md"];
    let of_others = ["LICENSE-APACHE", "LICENSE-MIT"];
    let library = of_library.map(|name| ("crates/untorn", name));
    let live = of_others.map(|name| ("crates/untorn-live", name));
    let why = of_others.map(|name| ("crates/untorn-why", name));
    for (package, name) in library.into_iter().chain(live).chain(why) {
        let [here, packed] = [root.join(name), root.join(package).join(name)]
            .map(|path| fs::read_to_string(path).expect("a text"));
        assert!(
            here == packed,
            "{package}/{name} differs: run `just sync-package`"
        );
    }
}

/// Every public function of the library shows how it is called.
#[test]
fn public_functions_have_examples() {
    let mut lacking = Vec::new();
    let mut functions = 0;
    for (name, text) in texts("rs") {
        let is_library = name.starts_with("crates/untorn/src/");
        if !is_library || name.contains("/tests") || name.contains("/model/") {
            continue;
        }
        let mut has_example = false;
        let mut is_hidden = false;
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.starts_with("///") {
                has_example |= line == "/// # Examples";
            } else if line.starts_with("pub fn ") || line.starts_with("pub const fn ") {
                functions += 1;
                if !has_example && !is_hidden {
                    lacking.push(format!("{name}:{number}: {line}"));
                }
                (has_example, is_hidden) = (false, false);
            } else if line.is_empty() || line.ends_with('}') {
                (has_example, is_hidden) = (false, false);
            } else {
                // Made for tests of this project only.
                is_hidden |= line.contains("public for fuzzers");
            }
        }
    }
    assert!(functions > 100, "only {functions} functions were found");
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}
