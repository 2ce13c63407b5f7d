//! The web page of `untorn why`: one file, with the module and everything else inside.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the page, and prints its path and its size.
pub(crate) fn run() -> Result<()> {
    let root = crate::root();
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let module = build(&root, &target)?;
    let sources = root.join("crates/untorn-why-page/page");
    let page = assemble(&sources, &module)?;
    let path = target.join("page/untorn-why.html");
    fs::create_dir_all(target.join("page"))?;
    fs::write(&path, &page)?;
    println!(
        "{}: {} bytes, of them {} the module ({} before base64)",
        path.display(),
        page.len(),
        STANDARD.encode(&module).len(),
        module.len()
    );
    Ok(())
}

/// Compiles the module and returns its bytes.
fn build(root: &Path, target: &Path) -> Result<Vec<u8>> {
    // The messages of panics have paths: those of this machine do not belong in the page.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut flags = format!("--remap-path-prefix={}=.", root.display());
    if let Some(home) = home {
        flags += &format!("\x1f--remap-path-prefix={}=cargo", home.display());
    }
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--quiet", "--package", "untorn-why-page", "--lib"])
        .args(["--profile", "small", "--target", TARGET])
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", target)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo built no module: if the target is missing, run `rustup target add {TARGET}`");
    }
    let path = target.join(TARGET).join("small/untorn_why_page.wasm");
    fs::read(&path).with_context(|| path.display().to_string())
}

/// Puts the files that `index.html` names into it, and their hashes into its policy.
fn assemble(sources: &Path, module: &[u8]) -> Result<String> {
    let index = text(&sources.join("index.html"))?;
    let mut page = String::new();
    let mut scripts = String::new();
    let mut styles = String::new();
    for line in index.lines() {
        if let Some((before, name)) = reference(line, "<link rel=\"stylesheet\"", "href") {
            ensure!(before.ends_with("stylesheet\""), "attributes of {line}");
            let style = text(&sources.join(name))?;
            ensure!(!style.contains("</style"), "{name} ends its element");
            styles += &format!(" '{}'", hash(&style));
            page += &format!("<style>{style}</style>");
        } else if let Some((tag, name)) = reference(line, "<script", "src") {
            let script = match name {
                "{{module}}" => STANDARD.encode(module),
                name => text(&sources.join(name))?,
            };
            ensure!(!script.contains("</script"), "{name} ends its element");
            // Those with a type are data.
            if tag == "<script" {
                scripts += &format!(" '{}'", hash(&script));
            }
            page += &format!("{tag}>{script}</script>");
        } else {
            page += line;
        }
        page.push('\n');
    }
    ensure!(
        !scripts.is_empty() && !styles.is_empty(),
        "index.html names no script, or no style"
    );
    // The worker is a blob, and the icon an empty one; neither is a request.
    let policy = format!(
        "default-src 'none'; script-src{scripts} 'wasm-unsafe-eval'; style-src{styles}; \
         worker-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
    );
    for (placeholder, value) in [
        ("{{policy}}", policy.as_str()),
        ("{{version}}", env!("CARGO_PKG_VERSION")),
    ] {
        ensure!(page.contains(placeholder), "index.html lacks {placeholder}");
        page = page.replacen(placeholder, value, 1);
    }
    Ok(page)
}

/// Splits `<tag … name="FILE">` into what stands before the attribute, and FILE.
fn reference<'l>(line: &'l str, tag: &str, attribute: &str) -> Option<(&'l str, &'l str)> {
    let start = line.starts_with(tag).then_some(line)?;
    let (before, rest) = start.split_once(&format!(" {attribute}=\""))?;
    Some((before, rest.split('"').next()?))
}

/// Reads a text with the line ends that a parser of HTML makes of all others.
fn text(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.replace("\r\n", "\n"))
}

/// The source expression of a policy that permits this text and no other.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let sources = crate::root().join("crates/untorn-why-page/page");
        assemble(&sources, b"\0asm").expect("the sources of the page")
    }

    #[test]
    fn page_refers_to_no_other_file() {
        let page = page();
        assert!(page.contains(">AGFzbQ==</script>"));
        for attribute in [" src=\"", "http:", "https:", "import "] {
            assert!(!page.contains(attribute), "{attribute}");
        }
    }

    #[test]
    fn policy_permits_each_script_by_its_hash() {
        let page = page();
        let policy = page.lines().find(|line| line.contains("default-src"));
        let policy = policy.expect("a policy");
        let scripts: Vec<_> = page.split("<script>").skip(1).collect();
        assert_eq!(scripts.len(), 3);
        for script in scripts {
            let script = script.split("</script>").next().expect("its end");
            assert!(policy.contains(&hash(script)));
        }
        assert!(!policy.contains("unsafe-inline"));
    }
}
