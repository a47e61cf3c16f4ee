//! The report of a record that a handler could not format or write.

use crate::decode::Value;
use crate::format::pyconv;
use crate::record::LogRecord;

/// Writes the report that Python's `Handler.handleError` makes, without the traceback and the call
/// stack, which there are none of here.
pub fn error_report(record: &LogRecord<'_>) -> String {
    let mut text = String::from("--- Logging error ---\nLogged from file ");
    text.push_str(record.filename());
    text.push_str(", line ");
    match record.changed("lineno") {
        Some(line) => pyconv::str_of(line, &mut text),
        None => text.push_str(&record.line().to_string()),
    }
    text.push_str("\nMessage: ");
    pyconv::repr(record.changed("msg").unwrap_or_else(|| record.raw_message()), &mut text);
    text.push_str("\nArguments: ");
    match record.changed("args").or_else(|| record.arguments()) {
        None | Some(Value::Unit) => text.push_str("()"),
        Some(Value::Tuple(list)) => {
            text.push('(');
            for (at, value) in list.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                pyconv::repr(value, &mut text);
            }
            text.push_str(if list.len() == 1 { ",)" } else { ")" });
        }
        Some(other) => pyconv::str_of(other, &mut text),
    }
    text.push('\n');
    text
}
