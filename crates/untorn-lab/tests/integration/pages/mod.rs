//! Checks of the guides that rustdoc does not make: equal results before and after a migration, Go
//! code, links.

mod live;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGES: [&str; 4] = [
    "limits.md",
    "migrate.md",
    "overlap-cell.md",
    "stretching.md",
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../untorn/docs")
}

fn page(name: &str) -> String {
    fs::read_to_string(docs().join(name)).expect("a page")
}

/// A block of code, and the line of text before it.
struct Block {
    introduced_by: String,
    language: String,
    code: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut introduced_by = "";
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(Block {
                introduced_by: introduced_by.into(),
                language: language.into(),
                code: code.collect::<Vec<_>>().join("\n"),
            });
        } else if !line.is_empty() {
            introduced_by = line;
        }
    }
    blocks
}

/// Returns the claims of a block: its assertions, or the output of a Go program.
fn claims(block: &Block) -> Vec<&str> {
    let begins_with = match block.language.as_str() {
        "go" => "// Output:",
        _ => "assert",
    };
    let lines = block.code.lines().map(str::trim);
    lines.filter(|line| line.starts_with(begins_with)).collect()
}

#[test]
fn before_and_after_make_equal_claims() {
    let blocks = blocks(&page("migrate.md"));
    let mut pairs = 0;
    for pair in blocks.windows(2) {
        let [before, after] = pair else { continue };
        if before.introduced_by != "Before:" {
            continue;
        }
        assert!(after.introduced_by.starts_with("After"), "{}", after.code);
        let (wanted, found) = (claims(before), claims(after));
        assert_eq!((wanted.len(), found.len()), (1, 1), "{}", before.code);
        if let Some(output) = wanted[0].strip_prefix("// Output: ") {
            assert_eq!(found[0], format!("assert_eq!(output, {output:?});"));
        } else {
            assert_eq!(wanted, found);
        }
        pairs += 1;
    }
    assert_eq!(pairs, 11);
}

/// Runs `go` on a file; `None` if there is no toolchain.
fn go(arguments: &[&str], file: &Path) -> Option<String> {
    let mut command = Command::new("go");
    command.args(arguments).arg(file);
    // Downloads nothing: neither another toolchain nor modules.
    command.env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
    let output = command.output().ok()?;
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into());
    let [out, err]: [String; 2] = texts;
    assert!(output.status.success(), "go {arguments:?}: {err}");
    Some(out)
}

#[test]
fn go_code_prints_its_documented_output() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, block) in blocks(&page("migrate.md")).iter().enumerate() {
        if block.language != "go" {
            continue;
        }
        let file = folder.path().join(format!("block{number}.go"));
        fs::write(&file, &block.code).expect("written");
        let Some(_) = go(&["vet"], &file) else {
            println!("skipped: no Go toolchain");
            return;
        };
        let printed = go(&["run"], &file).expect("a toolchain");
        assert_eq!(
            claims(block),
            [format!("// Output: {}", printed.trim_end())]
        );
    }
}

/// Returns the anchor of a heading on the usual hosts.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(page: &str) -> HashSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(anchor).collect()
}

/// Returns the inline links of a page, without those to other sites.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let (link, _) = rest.split_once(')')?;
        (!link.starts_with("https://")).then_some(link)
    })
}

/// Returns the names in links `[text][name]`, and the targets of the names.
fn named_links(text: &str) -> (HashSet<&str>, HashMap<&str, &str>) {
    let names = text.split("][").skip(1);
    let names = names.filter_map(|rest| Some(rest.split_once(']')?.0));
    // Excludes index expressions.
    let names = names.filter(|name| name.contains(".md") || name.contains(".rs"));
    let targets = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    (names.collect(), targets.collect())
}

#[test]
fn links_have_a_target() {
    for name in PAGES {
        let text = page(name);
        let (names, targets) = named_links(&text);
        assert_eq!(names, targets.keys().copied().collect(), "{name}");
        let here = links(&text).inspect(|link| {
            // The crate's documentation includes the page and redirects links by these names.
            assert!(link.starts_with('#'), "{name}: {link} needs a name");
        });
        let mut count = 0;
        for link in here.chain(targets.into_values()) {
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { name } else { file };
            assert!(docs().join(file).exists(), "{name}: {link}");
            assert!(
                wanted.is_empty() || anchors(&page(file)).contains(wanted),
                "{name}: {link}"
            );
            count += 1;
        }
        assert!(count > 3, "{name}: {count} links");
    }
}

/// Checks links, and the files that commands use.
#[test]
fn the_readmes_name_existing_files() {
    let root = docs().join("../../..");
    for name in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(root.join(name)).expect("a page");
        for link in links(&text) {
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { name } else { file };
            assert!(root.join(file).exists(), "{name}: {link}");
            if !wanted.is_empty() {
                let there = fs::read_to_string(root.join(file)).expect("a page");
                assert!(anchors(&there).contains(wanted), "{name}: {link}");
            }
        }
        // The dump that a command reads.
        let files: Vec<_> = text
            .split(|c: char| c.is_whitespace() || c == '`')
            .filter(|word| word.starts_with("crates/") && word.ends_with(".txt"))
            .collect();
        assert_eq!(files.len(), 1, "{name}: {files:?}");
        for file in files {
            assert!(root.join(file).is_file(), "{name}: {file}");
        }
    }
}

/// The crate's documentation includes the guides and defines a target for each of their links.
/// Files outside the library are named in its list of them.
#[test]
fn the_documentation_redirects_every_link() {
    const LIST: &str = "crate::docs#in-the-repository";
    let library = docs().join("..");
    let modules = fs::read_to_string(library.join("src/docs.rs")).expect("a source");
    let listed: HashSet<_> = modules
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .collect();
    assert!(listed.len() > 5, "only {} files", listed.len());
    let mut before = modules.as_str();
    for name in PAGES {
        let include = format!("include_str!(\"../docs/{name}\")");
        let (defined, rest) = before.split_once(&include).expect("in the order of names");
        before = rest;
        let text = page(name);
        let (links, targets) = named_links(&text);
        for link in links {
            let definition = format!("#[doc = \"[{link}]: ");
            let (_, target) = defined.split_once(&definition).expect(link);
            assert!(target.starts_with("crate"), "{name}: {link}");
            if target.starts_with(LIST) {
                let file = targets[link].split('#').next().expect("a file");
                let file = match file.strip_prefix("../../../") {
                    Some(file) => file.into(),
                    None => file.replacen("../", "crates/untorn/", 1),
                };
                assert!(listed.contains(&*file), "{name}: {file} is not listed");
            }
        }
    }
    for file in listed {
        assert!(library.join("../..").join(file).exists(), "{file}");
    }
}

/// The address of the repository is a placeholder, so no rendered page may link to it.
#[test]
fn no_page_links_to_the_placeholder() {
    let library = docs().join("..");
    let workspace = fs::read_to_string(library.join("../../Cargo.toml")).expect("a manifest");
    let (_, address) = workspace
        .split_once("repository = \"https://")
        .expect("an address");
    let host = address.split('/').next().expect("a host");
    let mut folders = vec![library.join("src"), docs()];
    let mut pages = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("UTF-8");
            for banned in [host, "CARGO_PKG_REPOSITORY"] {
                assert!(!text.contains(banned), "{}: {banned}", path.display());
            }
            pages += 1;
        }
    }
    assert!(pages > 50, "only {pages} files");
}
