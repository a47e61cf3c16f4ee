//! Values as the text of answers: JSON with spaces, as Python's `json.dumps` writes it.

use sawmill::config::Node;

/// A value as JSON text, non-ASCII characters as they are.
pub(crate) fn json(node: &Node) -> String {
    match node {
        Node::Str(text) => quoted(text),
        Node::List(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(", "))
        }
        Node::Map(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), json(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is always JSON")
}
