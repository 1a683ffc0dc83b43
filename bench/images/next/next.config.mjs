// Nothing but the optimizer of pictures, with the widths that the bench asks for.

/** @type {import('next').NextConfig} */
export default {
  images: {
    deviceSizes: [640, 1080],
    imageSizes: [320],
    formats: ["image/avif", "image/webp"],
    localPatterns: [{ pathname: "/photos/**" }],
  },
  turbopack: { root: import.meta.dirname + "/.." },
};
