//! Model checks of the shipped protocol files.
