//! Checks that the lists of this tool are those of the source and of the documentation.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::ordering_mutants::SITES;
    use crate::{copy, mutants, root};

    /// The files whose correctness is argued line by line: no mutant has a hook in their source.
    const PROVEN: [&str; 15] = [
        "gomap/raw/bucket.rs",
        "gomap/raw/chain.rs",
        "overlap/blocks.rs",
        "overlap/cell.rs",
        "overlap/gate.rs",
        "overlap/identity.rs",
        "overlap/record.rs",
        "versions/cell.rs",
        "versions/fence.rs",
        "versions/local.rs",
        "versions/newest.rs",
        "versions/part.rs",
        "versions/protected.rs",
        "versions/slots.rs",
        "versions/writer_lock.rs",
    ];

    /// The files whose orderings have names.
    const ORDERINGS: [&str; 8] = [
        "overlap/blocks.rs",
        "overlap/gate.rs",
        "overlap/identity.rs",
        "overlap/record.rs",
        "versions/fence.rs",
        "versions/newest.rs",
        "versions/slots.rs",
        "versions/writer_lock.rs",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    fn library() -> PathBuf {
        root().join("crates/untorn/src")
    }

    /// Returns the first argument of each call of `function` in `text`.
    fn names<'t>(text: &'t str, function: &str) -> BTreeSet<&'t str> {
        let call = format!("{function}(\"");
        let starts = text
            .match_indices(&call)
            .map(|(start, _)| start + call.len());
        starts
            .filter_map(|start| text[start..].split('"').next())
            .collect()
    }

    #[test]
    fn every_mutant_has_a_hook_and_a_test() {
        let mut paths = Vec::new();
        sources(&library(), &mut paths);
        sources(&root().join("crates/untorn-live/src"), &mut paths);
        let mut hooks = BTreeSet::new();
        for path in &paths {
            let text = fs::read_to_string(path).expect("a text");
            hooks.extend(names(&text, "mutant").into_iter().map(String::from));
        }
        for patch in copy::patches().expect("the folder of patches") {
            let added = patch.text.lines().filter(|line| line.starts_with('+'));
            let added: Vec<_> = added.collect();
            hooks.extend(
                names(&added.join("\n"), "mutant")
                    .into_iter()
                    .map(String::from),
            );
        }
        let listed = mutants::names().into_iter().map(String::from).collect();
        assert_eq!(hooks, listed, "hooks in source and patches, and the list");
    }

    #[test]
    fn proven_files_have_no_hooks() {
        for file in PROVEN {
            let text = fs::read_to_string(library().join(file)).expect("a text");
            assert!(!text.contains("mutant("), "{file}");
        }
    }

    #[test]
    fn orderings_are_those_of_the_source_and_the_design() {
        let listed: BTreeSet<_> = SITES.iter().map(|(site, _)| *site).collect();
        let sources =
            ORDERINGS.map(|file| fs::read_to_string(library().join(file)).expect("a text"));
        let sources = sources.concat();
        let mut in_source = names(&sources, "acquire");
        in_source.extend(names(&sources, "release"));
        in_source.extend(names(&sources, "seq_cst"));
        assert_eq!(in_source, listed);

        let design = fs::read_to_string(root().join("DESIGN.md")).expect("a text");
        let rows = design.lines().filter_map(|line| {
            let cells: Vec<_> = line
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            let [_, ordering, site, _, _, model, _] = cells[..] else {
                return None;
            };
            let is_ordering = ["Acquire", "Release", "SeqCst"].iter();
            is_ordering
                .into_iter()
                .any(|name| ordering.contains(name))
                .then_some((site, model))
        });
        let rows: BTreeSet<_> = rows.collect();
        assert_eq!(
            rows,
            SITES.iter().copied().collect(),
            "the table of DESIGN.md"
        );
    }
}
