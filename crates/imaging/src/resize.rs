//! Makes pixels fewer: Lanczos of three lobes, in linear light with alpha multiplied in.

use crate::colour::value_of_light;
use crate::fault::Fault;
use crate::intake::Linear;
use crate::raster::Raster;
use crate::sizing::{Region, Size};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U16x3, U16x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// A region of a source, which was `source` large when it was stored, in some size.
pub(crate) fn resize(
    linear: &Linear,
    source: Size,
    region: Region,
    size: Size,
) -> Result<Raster, Fault> {
    let across = linear.extent.0 / f64::from(source.width);
    let down = linear.extent.1 / f64::from(source.height);
    let left = (region.x * across - linear.origin.0).max(0.0);
    let top = (region.y * down - linear.origin.1).max(0.0);
    let width = (region.width * across).min(f64::from(linear.size.width) - left);
    let height = (region.height * down).min(f64::from(linear.size.height) - top);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(false)
        .crop(left, top, width, height);
    let alpha = linear.alpha;
    let pixels = match alpha {
        true => shown4(&resized::<U16x4>(linear, size, &options)?),
        false => shown3(&resized::<U16x3>(linear, size, &options)?),
    };
    Ok(Raster { size, alpha, pixels })
}

fn resized<P: PixelTrait + bytemuck::Pod + Default>(
    linear: &Linear,
    size: Size,
    options: &ResizeOptions,
) -> Result<Vec<P>, Fault> {
    let fault = |_| Fault::broken("a size that cannot be resized");
    let source = TypedImageRef::new(
        linear.size.width,
        linear.size.height,
        bytemuck::cast_slice::<u16, P>(&linear.pixels),
    )
    .map_err(|_| Fault::broken("pixels of another size"))?;
    let mut pixels = vec![P::default(); size.width as usize * size.height as usize];
    let mut target = TypedImage::from_pixels_slice(size.width, size.height, &mut pixels)
        .map_err(|_| Fault::broken("pixels of another size"))?;
    Resizer::new().resize_typed(&source, &mut target, options).map_err(fault)?;
    drop(target);
    Ok(pixels)
}

fn shown3(pixels: &[U16x3]) -> Vec<u8> {
    let values = value_of_light();
    bytemuck::cast_slice::<U16x3, u16>(pixels).iter().map(|v| values[usize::from(*v)]).collect()
}

fn shown4(pixels: &[U16x4]) -> Vec<u8> {
    let values = value_of_light();
    let mut shown = Vec::with_capacity(pixels.len() * 4);
    for pixel in pixels {
        let [r, g, b, a] = pixel.0;
        let value = |v: u16| match a {
            0 => 0,
            u16::MAX => values[usize::from(v)],
            // The filter overshoots: there may be more light than alpha.
            _ => {
                values[((u32::from(v) * 65_535 + u32::from(a) / 2) / u32::from(a)).min(65_535)
                    as usize]
            }
        };
        shown.extend([value(r), value(g), value(b), ((u32::from(a) + 128) / 257) as u8]);
    }
    shown
}
