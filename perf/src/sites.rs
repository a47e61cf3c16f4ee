//! What a call site adds to a program: bytes of code, and processor time to compile it.
//!
//! Generates programs with few and with many call sites of three arguments, builds both, and
//! divides the difference, so that what is linked once does not count.

use crate::cli::Sites;
use crate::machine;
use crate::report::{Figure, Row};
use crate::results::{self, About};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Call sites of the small program.
const FEW: usize = 100;
/// The most that a call site of sawmill may take.
const MOST_BYTES: f64 = 250.0;

/// Name, dependency, import.
const CRATES: [(&str, &str, &str); 4] = [
    ("sawmill", "sawmill = { path = \"{root}\", default-features = false }", "use sawmill::info;"),
    ("log", "log = \"0.4\"", "use log::info;"),
    ("tracing", "tracing = \"0.1\"", "use tracing::info;"),
    ("println", "", ""),
];

struct Measured {
    text_bytes: u64,
    time: Duration,
}

pub(crate) fn run(plan: &Sites) -> Result<(), String> {
    let known: Vec<&str> = CRATES.iter().map(|(name, ..)| *name).collect();
    if let Some(name) = plan.crates.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("unknown crate {name:?}; known are: {}", known.join(" ")));
    }
    let folder = std::env::temp_dir().join(format!("sawmill-sites-{}", std::process::id()));
    let done = measure_all(plan, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn measure_all(plan: &Sites, folder: &Path) -> Result<(), String> {
    println!("a call site of (u64, u64, f64), from {} of them", plan.count);
    println!("{:<10} {:>8} {:>12} {:>12}", "crate", "profile", ".text", "to compile");
    let about = About::here();
    let (mut wrong, mut rows) = (Vec::new(), Vec::new());
    for (name, dependency, import) in CRATES {
        if !plan.crates.is_empty() && !plan.crates.iter().any(|wanted| wanted == name) {
            continue;
        }
        let [few, many] = [FEW, FEW + plan.count].map(|sites| {
            let package = folder.join(format!("{name}-{sites}"));
            generate(&package, sites, name, dependency, import).map(|()| package)
        });
        let (few, many) = (few?, many?);
        for profile in ["dev", "release"] {
            let (less, more) = (build(&few, profile)?, build(&many, profile)?);
            let bytes = more.text_bytes.saturating_sub(less.text_bytes) as f64 / plan.count as f64;
            let time = more.time.saturating_sub(less.time).as_secs_f64() * 1e9;
            let each = time / plan.count as f64;
            println!("{name:<10} {profile:>8} {bytes:>7.0} bytes {:>9.2} ms", each / 1e6);
            let figures =
                vec![Figure::new(".text", "bytes", bytes), Figure::new("to compile", "ns", each)];
            rows.push(Row {
                workload: "sites".into(),
                peer: name.into(),
                variant: profile.into(),
                runs: vec![figures],
            });
            if name == "sawmill" && profile == "release" && bytes > MOST_BYTES {
                wrong.push(format!("{bytes:.0} bytes a call site, more than {MOST_BYTES}"));
            }
        }
    }
    if let Some(folder) = &plan.results {
        results::write(folder, "sites", &about, &rows.iter().collect::<Vec<_>>())?;
    }
    match wrong[..] {
        _ if !plan.check => Ok(()),
        [] => Ok(()),
        _ => Err(wrong.join("; ")),
    }
}

/// A package with so many call sites, ten a function.
fn generate(
    package: &Path,
    sites: usize,
    name: &str,
    dependency: &str,
    import: &str,
) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dependency = dependency.replace("{root}", &root.display().to_string());
    let manifest = format!(
        "[package]\nname = \"sites\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{dependency}\n"
    );
    let call = if name == "println" { "println" } else { "info" };
    let (mut functions, mut calls) = (String::new(), String::new());
    for first in (0..sites).step_by(10) {
        let _ = writeln!(functions, "#[inline(never)]\npub fn f{first}(a: u64, b: u64, c: f64) {{");
        for site in first..sites.min(first + 10) {
            let _ = writeln!(
                functions,
                "    {call}!(\"Logging {site} int: {{}}, int: {{}}, double: {{}}\", a, b, c);"
            );
        }
        functions.push_str("}\n");
        let _ = writeln!(calls, "    f{first}(n, n + 1, n as f64);");
    }
    let program = format!(
        "{import}\n\nfn main() {{\n    let n = std::env::args().count() as u64;\n{calls}}}\n\
         {functions}"
    );
    let put = |path: PathBuf, text: &[u8]| {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    std::fs::create_dir_all(package.join("src")).map_err(|error| error.to_string())?;
    put(package.join("Cargo.toml"), manifest.as_bytes())?;
    put(package.join("src/main.rs"), program.as_bytes())?;
    // The versions that the project is built with; what is not needed drops out.
    if let Ok(lock) = std::fs::read(root.join("Cargo.lock")) {
        put(package.join("Cargo.lock"), &lock)?;
    }
    Ok(())
}

/// Builds the package, then its own crate again, twice, and takes the lesser processor time, which
/// suffers least from other work on the machine.
fn build(package: &Path, profile: &str) -> Result<Measured, String> {
    let target = package.with_file_name("target");
    let cargo = || -> Result<Duration, String> {
        let from = machine::cpu_time_of_children();
        let output = Command::new("cargo")
            .args(["build", "--quiet", "--profile", profile])
            .current_dir(package)
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS")
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        match output.status.success() {
            true => Ok(machine::cpu_time_of_children().saturating_sub(from)),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    cargo()?;
    let mut time = Duration::MAX;
    for _ in 0..2 {
        let main = package.join("src/main.rs");
        let text = std::fs::read(&main).map_err(|error| error.to_string())?;
        std::fs::write(&main, text).map_err(|error| error.to_string())?;
        time = time.min(cargo()?);
    }
    let folder = if profile == "dev" { "debug" } else { profile };
    let text_bytes = text_bytes(&target.join(folder).join("sites"))?;
    Ok(Measured { text_bytes, time })
}

/// The size of a program's `.text`, as `size` tells it.
fn text_bytes(program: &Path) -> Result<u64, String> {
    let output = Command::new("size").arg("-A").arg(program).output();
    let output = output.map_err(|error| format!("size (of binutils): {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text
        .lines()
        .find_map(|line| line.strip_prefix(".text"))
        .unwrap_or_default()
        .split_whitespace();
    let bytes = words.next().and_then(|size| size.parse().ok());
    bytes.ok_or_else(|| format!("{} has no .text", program.display()))
}
