//! The key-value pairs of a record.

use super::message::SiteValues;
use super::{Body, LogRecord, is_standard};
use crate::decode::{self, Value};
use crate::value::{Role, tag};

impl LogRecord<'_> {
    /// Calls `each` for every key-value pair: the scope's, the call's own in order, then those
    /// that filters set. Where several have a key, the last of these three has it alone; a key
    /// that one call gives twice comes twice.
    pub fn for_each_field<'r>(&'r self, mut each: impl FnMut(&'r str, Value<'r>)) {
        let replaced = |key: &str| {
            self.overlay().is_some_and(|overlay| {
                overlay.attributes.iter().any(|(changed, _)| **changed == *key)
            })
        };
        let mut context = self.head.context;
        if !context.is_empty()
            && let Some(Value::Map(map)) = decode::value(tag::MAP, &mut context)
        {
            map.iter().for_each(|(key, value)| {
                if let Value::Str(key) = key
                    && !replaced(key)
                    && !self.has_own_field(key)
                {
                    each(key, value);
                }
            });
        }
        self.for_each_own_field(|key, value| {
            if !replaced(key) {
                each(key, value);
            }
        });
        if let Some(overlay) = self.overlay() {
            for (key, value) in &overlay.attributes {
                if !is_standard(key) {
                    each(key, value.get());
                }
            }
        }
    }

    fn has_own_field(&self, key: &str) -> bool {
        let mut found = false;
        self.for_each_own_field(|own, _| found |= own == key);
        found
    }

    /// The pairs of the call itself.
    fn for_each_own_field<'r>(&'r self, mut each: impl FnMut(&'r str, Value<'r>)) {
        match &self.body {
            Body::Site { site, words } => {
                let keyed = |role: &Role| matches!(role, Role::Key(_) | Role::Pair);
                if site.meta.roles.iter().any(keyed)
                    && let Some(mut values) = SiteValues::new(site.meta.roles.len(), words)
                {
                    for role in site.meta.roles {
                        let Some(value) = values.next() else { break };
                        match (role, value) {
                            (Role::Key(key), value) => each(key, value),
                            (Role::Pair, Value::Tuple(pair)) => {
                                let mut pair = pair.iter();
                                if let (Some(Value::Str(key)), Some(value)) =
                                    (pair.next(), pair.next())
                                {
                                    each(key, value);
                                }
                            }
                            _ => {}
                        }
                    }
                }
            }
            Body::Described(described) => described.fields.iter().for_each(|(key, value)| {
                if let Value::Str(key) = key {
                    each(key, value);
                }
            }),
        }
    }

    /// Finds a field by key; the last one given wins. Walks all fields.
    pub fn field(&self, key: &str) -> Option<Value<'_>> {
        let mut found = None;
        self.for_each_field(|name, value| {
            if name == key {
                found = Some(value);
            }
        });
        found
    }
}
