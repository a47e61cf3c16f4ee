//! Weakens each named ordering of the protocol files in turn, and runs the models on the result.
//!
//! A mutant that no model notices is an ordering that is stronger than need be, or a model that is
//! blind; either way this program fails. It works on a copy of the sources below the target folder
//! and prints `N mutants, N killed` at its end:
//!
//! ```sh
//! cargo run -p loom-tests --bin mutate
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member of the workspace");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let copy = Copy { root: target.join("mutants"), target: target.join("mutants-target") };
    let files = protocol_files(root)?;
    copy.make(root, &files)?;
    if copy.models_pass()? != Outcome::Pass {
        return Err(io::Error::other("the models fail on the sources as they are"));
    }
    let (mut mutants, mut killed) = (0, 0);
    for file in &files {
        let source = fs::read_to_string(root.join(file))?;
        for mutant in mutants_of(&source) {
            let begin = Instant::now();
            fs::write(copy.root.join(file), &mutant.source)?;
            let outcome = copy.models_pass()?;
            fs::write(copy.root.join(file), &source)?;
            let verdict = match outcome {
                Outcome::Pass => "SURVIVED",
                Outcome::Fail => "killed",
                Outcome::NoBuild => {
                    return Err(io::Error::other(format!("{} does not build", mutant.name)));
                }
            };
            mutants += 1;
            killed += u32::from(outcome == Outcome::Fail);
            let seconds = begin.elapsed().as_secs_f32();
            println!("{}: {}: {verdict} ({seconds:.1} s)", file.display(), mutant.name);
        }
    }
    println!("{mutants} mutants, {killed} killed");
    Ok(mutants > 0 && mutants == killed)
}

/// The files that the models include, from the workspace's root.
fn protocol_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let library = fs::read_to_string(root.join("loom-tests/src/lib.rs"))?;
    let paths = library.lines().filter_map(|line| {
        let path = line.trim().strip_prefix("#[path = \"../../")?.strip_suffix("\"]")?;
        Some(PathBuf::from(path))
    });
    Ok(paths.collect())
}

/// A source with one ordering weakened.
struct Mutant {
    name: String,
    source: String,
}

/// One mutant for each next weaker ordering of each `const NAME: Ordering = Ordering::..;`.
fn mutants_of(source: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for line in source.lines() {
        let Some((declared, value)) = line.split_once(": Ordering = Ordering::") else { continue };
        let ordering = value.trim_end_matches(';');
        let name = declared.rsplit(' ').next().unwrap_or(declared);
        let is_fence = source.contains(&format!("fence({name})"));
        let weaker: &[&str] = match ordering {
            "SeqCst" if is_fence => &["AcqRel"],
            "AcqRel" if is_fence => &["Acquire", "Release"],
            "AcqRel" => &["Acquire", "Release", "Relaxed"],
            "Acquire" | "Release" => &["Relaxed"],
            _ => &[],
        };
        for weaker in weaker {
            let mutated = format!("{declared}: Ordering = Ordering::{weaker};");
            mutants.push(Mutant {
                name: format!("{name} {ordering} -> {weaker}"),
                source: source.replace(line, &mutated),
            });
        }
    }
    mutants
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Pass,
    Fail,
    NoBuild,
}

/// The copy of the sources, a workspace of its own.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make(&self, root: &Path, files: &[PathBuf]) -> io::Result<()> {
        if self.root.exists() {
            fs::remove_dir_all(&self.root)?;
        }
        copy_tree(&root.join("loom-tests"), &self.root.join("loom-tests"))?;
        for file in files {
            let to = self.root.join(file);
            fs::create_dir_all(to.parent().unwrap_or(&self.root))?;
            fs::copy(root.join(file), to)?;
        }
        fs::copy(root.join("Cargo.lock"), self.root.join("Cargo.lock"))?;
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        fs::write(self.root.join("Cargo.toml"), workspace_only(&manifest))
    }

    /// Builds the models on the copy, then runs them.
    fn models_pass(&self) -> io::Result<Outcome> {
        if !self.cargo(&["test", "--no-run"])? {
            return Ok(Outcome::NoBuild);
        }
        Ok(if self.cargo(&["test", "--lib"])? { Outcome::Pass } else { Outcome::Fail })
    }

    fn cargo(&self, arguments: &[&str]) -> io::Result<bool> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(arguments)
            .args(["--quiet", "--offline", "--package", "loom-tests"])
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("RUST_BACKTRACE", "0")
            .output()?;
        Ok(output.status.success())
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The manifest's workspace and profiles, with the models as its only member.
fn workspace_only(manifest: &str) -> String {
    let mut kept = String::new();
    let mut keeps = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            keeps = line.starts_with("[workspace") || line.starts_with("[profile");
        }
        if keeps {
            let line =
                if line.starts_with("members") { "members = [\"loom-tests\"]" } else { line };
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ordering_is_weakened_by_one_step_at_a_time() {
        let source = "const A: Ordering = Ordering::SeqCst;\n\
            pub(crate) const B: Ordering = Ordering::Release;\nfence(A); x.store(1, B);\n";
        let names: Vec<_> = mutants_of(source).into_iter().map(|mutant| mutant.name).collect();
        assert_eq!(names, ["A SeqCst -> AcqRel", "B Release -> Relaxed"]);
        assert!(mutants_of(source)[1].source.contains("B: Ordering = Ordering::Relaxed;"));
    }

    #[test]
    fn the_protocol_files_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let files = protocol_files(root).unwrap();
        assert!(!files.is_empty());
        assert!(files.iter().all(|file| root.join(file).is_file()), "{files:?}");
    }
}
