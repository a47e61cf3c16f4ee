//! Holds `sawmill replay` to what CPython's `logging` wrote: one result a scenario and way of
//! delivery.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

const COMMAND: &str = env!("CARGO_BIN_EXE_sawmill-under-test");
const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    let arguments = Arguments::from_args();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut folders: Vec<PathBuf> = fs::read_dir(&scenarios)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 222, "only {} scenarios were found", folders.len());
    let trial = |folder: &PathBuf, delivery: &'static str| {
        let folder = folder.clone();
        let name = format!("{}::{delivery}", file_name(&folder));
        Trial::test(name, move || judge(&folder, delivery).map_err(Failed::from))
    };
    let trials =
        folders.iter().flat_map(|folder| [trial(folder, "inline"), trial(folder, "thread")]);
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a folder has a name").to_string_lossy().into_owned()
}

/// Files by their path within a folder.
type Files = BTreeMap<String, Vec<u8>>;

fn judge(scenario: &Path, delivery: &str) -> Result<(), String> {
    let scratch = Scratch::new(&format!("{}-{delivery}", file_name(scenario)));
    let result = run_in(&scratch.0, scenario, delivery).map_err(|error| error.to_string())?;
    let Run { output, before, after } = result;
    let read = |name: &str| fs::read(scenario.join("expected").join(name)).ok();
    let mut problems = Vec::new();
    let code = output.status.code();
    if let Some(wanted) = read("error") {
        if !matches!(code, Some(code) if code != 0 && code < 101) {
            problems.push(format!("{}: the configuration was to be refused", output.status));
        }
        if !output.stdout.is_empty() {
            problems.push(format!("it wrote {}", shown(&output.stdout)));
        }
        if before != after {
            problems.push("it made or changed files".to_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        for part in String::from_utf8_lossy(&wanted).lines() {
            if !message.contains(part) {
                problems.push(format!("the message does not mention {part:?}: {message}"));
            }
        }
    } else {
        let exit = read("exit")
            .map_or(0, |text| String::from_utf8_lossy(&text).trim().parse().unwrap_or(0));
        if code != Some(exit) {
            problems.push(format!("{}, expected {exit}", output.status));
        }
        compare("stdout", &read("stdout").unwrap_or_default(), &output.stdout, &mut problems);
        compare("stderr", &read("stderr").unwrap_or_default(), &output.stderr, &mut problems);
        let mut wanted = Files::new();
        collect(&scenario.join("expected/files"), "", &mut wanted).map_err(|e| e.to_string())?;
        for name in wanted.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>() {
            match (wanted.get(name), after.get(name)) {
                (Some(wanted), Some(got)) => compare(name, wanted, got, &mut problems),
                (Some(_), None) => problems.push(format!("{name} is missing")),
                (None, _) => problems.push(format!("{name} was not to be there")),
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let about = fs::read_to_string(scenario.join("about")).unwrap_or_default();
    Err(format!("{}\n{}", about.trim(), problems.join("\n")))
}

struct Run {
    output: Output,
    before: Files,
    after: Files,
}

fn run_in(scratch: &Path, scenario: &Path, delivery: &str) -> io::Result<Run> {
    let config = ["config.yaml", "config.json", "config.ini"]
        .into_iter()
        .find(|name| scenario.join(name).exists())
        .ok_or_else(|| io::Error::other("the scenario has no configuration"))?;
    copy(&scenario.join("initial"), scratch)?;
    for name in [config, "events.jsonl"] {
        fs::copy(scenario.join(name), scratch.join(name))?;
    }
    let mtime = match fs::read_to_string(scenario.join("initial-mtime")) {
        Ok(text) => text.trim().parse().map_err(io::Error::other)?,
        Err(_) => 1_700_000_000,
    };
    let mtime = SystemTime::UNIX_EPOCH + Duration::from_secs(mtime);
    let mut all = Files::new();
    collect(scratch, "", &mut all)?;
    for name in all.keys() {
        File::options().append(true).open(scratch.join(name))?.set_modified(mtime)?;
    }
    let before = outputs(scratch)?;
    let mut command = Command::new(COMMAND);
    command
        .args(["replay", "--drain", delivery, "--config", config, "events.jsonl"])
        .current_dir(scratch)
        .env_clear()
        .envs([("TZ", "UTC"), ("LC_ALL", "C.UTF-8")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for line in fs::read_to_string(scenario.join("env")).unwrap_or_default().lines() {
        if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            command.env(name.trim(), value);
        }
    }
    let mut child = command.spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = |source: Option<Box<dyn io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            source.map(|mut source| source.read_to_end(&mut bytes));
            bytes
        })
    };
    let stdout = read(out.map(|out| Box::new(out) as _));
    let stderr = read(err.map(|err| Box::new(err) as _));
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("no end within {LIMIT:?}")));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let joined = |bytes: std::thread::JoinHandle<Vec<u8>>| bytes.join().unwrap_or_default();
    let output = Output { status, stdout: joined(stdout), stderr: joined(stderr) };
    Ok(Run { output, before, after: outputs(scratch)? })
}

/// The files that count as output.
fn outputs(root: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    collect(root, "", &mut files)?;
    let is_input = |name: &str| {
        name == "events.jsonl" || [".yaml", ".json", ".ini"].iter().any(|it| name.ends_with(it))
    };
    files.retain(|name, _| !is_input(name));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = format!("{prefix}{}", file_name(&path));
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut files = Files::new();
    collect(from, "", &mut files)?;
    for (name, bytes) in files {
        let path = to.join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder"))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn compare(what: &str, wanted: &[u8], got: &[u8], problems: &mut Vec<String>) {
    if wanted == got {
        return;
    }
    let lines =
        |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (wanted, got) = (lines(wanted), lines(got));
    let at = wanted.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let line = |lines: &[Vec<u8>]| lines.get(at).map_or("the end".to_owned(), |line| shown(line));
    problems.push(format!(
        "{what}, line {}: expected {}, found {} ({} lines, {} expected)",
        at + 1,
        line(&wanted),
        line(&got),
        got.len() - 1,
        wanted.len() - 1
    ));
}

fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(300).collect();
    format!("{text:?}")
}

/// A folder that goes away again.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sawmill-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a scratch folder can be made");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
