//! INI files in the manner of Python's `logging.config.fileConfig`.

mod reader;
