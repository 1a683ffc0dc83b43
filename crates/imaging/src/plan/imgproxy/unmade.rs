//! What imgproxy knows and is not made here.

/// Formats that imgproxy knows and that are never made here: what is said of them changes nothing.
pub const NEVER_MADE: [&str; 9] = ["gif", "jxl", "ico", "svg", "heic", "bmp", "tiff", "tif", "pdf"];
/// Options of imgproxy Pro, which are not made here, parted by spaces.
const PRO: &str = "\
    resizing_algorithm ra objects_position obj_pos op crop_aspect_ratio crop_ar car \
    background_alpha bga adjust a brightness br contrast co saturation sa monochrome mc \
    duotone dt unsharp_masking ush blur_areas ba progressive_blur pbl blur_detections bd \
    draw_detections dd crop_objects colorize col gradient gr watermark_text wmt watermark_size \
    wms watermark_rotate wm_rot wmr watermark_shadow wmsh style st dpi color_profile cp icc \
    jpeg_options jpgo png_options pngo webp_options webpo avif_options avifo pages pgs \
    video_thumbnail_second vts video_thumbnail_keyframes vtk video_thumbnail_tile vtt \
    video_thumbnail_animation vta fallback_image_url fiu bypass_cache bc cache_tags ct hashsum \
    hs";
/// Options by which URLs would lift the server's own limits.
const LIMITS: &str = "\
    max_src_resolution msr max_src_file_size msfs max_animation_frames maf \
    max_animation_frame_resolution mafr max_result_dimension mrd";

fn is_in(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// Why there is no option of that name.
pub fn why_unmade(name: &str) -> &'static str {
    match name {
        "preserve_hdr" | "ph" => "cannot be on: pictures have 8 bits here",
        "enforce_thumbnail" | "eth" => "cannot be on: pictures are made of pictures here",
        name if is_in(PRO, name) => "is an option of imgproxy Pro that is not made here",
        name if is_in(LIMITS, name) => "may not be told by a URL: the site's limits hold",
        _ => "is no option of imgproxy: see docs/imgproxy.md",
    }
}
