//! The pages of `untorn-live`: links, and translations that have the code of their originals.

use std::fs;
use std::path::{Path, PathBuf};

use super::{anchors, blocks, links};

/// The pages, each with its translation and the least number of blocks of code in both.
const TRANSLATED: [([&str; 2], usize); 4] = [
    (["README.md", "README.zh-CN.md"], 3),
    (["docs/migrate.md", "docs/migrate.zh-CN.md"], 3),
    (["docs/etcd.md", "docs/etcd.zh-CN.md"], 2),
    (["docs/fleet.md", "docs/fleet.zh-CN.md"], 1),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../untorn-live")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("a page")
}

/// The targets of `[name]: target` at the beginning of a line.
fn definitions(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| Some(line.strip_prefix('[')?.split_once("]: ")?.1))
}

#[test]
fn links_of_the_live_pages_have_a_target() {
    let translated = TRANSLATED.iter().flat_map(|(pages, _)| *pages);
    for name in translated.chain(["docs/benchmarks.md"]) {
        let text = page(name);
        let folder = root().join(name);
        let folder = folder.parent().expect("a folder");
        for link in links(&text).chain(definitions(&text)) {
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let path = match file {
                "" => root().join(name),
                file => folder.join(file),
            };
            assert!(path.exists(), "{name}: {link}");
            if !wanted.is_empty() {
                let there = fs::read_to_string(path).expect("a page");
                assert!(anchors(&there).contains(wanted), "{name}: {link}");
            }
        }
    }
}

/// Returns the code without its comments, which are translated.
fn code(page: &str) -> Vec<(String, String)> {
    let without = |line: &str| line.split("//").next().unwrap_or("").trim_end().to_string();
    blocks(page)
        .into_iter()
        .map(|block| {
            let lines: Vec<_> = block.code.lines().map(without).collect();
            (block.language, lines.join("\n"))
        })
        .collect()
}

#[test]
fn translations_have_the_code_of_the_originals() {
    for ([original, translation], least) in TRANSLATED {
        let (wanted, found) = (code(&page(original)), code(&page(translation)));
        assert_eq!(wanted, found, "{translation}");
        assert!(wanted.len() >= least, "{original}: {} blocks", wanted.len());
    }
}
