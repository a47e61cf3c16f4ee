//! Pictures as PNG, with a font of their own, so that they look alike everywhere.

use resvg::{tiny_skia, usvg};
use std::path::Path;
use std::sync::Arc;

/// Enough for a page that shows it at half its size.
const SCALE: f32 = 2.0;

/// Draws an SVG picture into a file.
pub(crate) fn write(svg: &str, file: &Path) -> Result<(), String> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    let options = usvg::Options { fontdb: Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("an empty picture")?;
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or("an empty picture")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.save_png(file).map_err(|error| error.to_string())
}
