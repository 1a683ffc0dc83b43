// Decodes the picture FROM into raw red, green, blue and alpha, in sRGB, upright, at TO; says its size.
import { writeFile } from "node:fs/promises";
import sharp from "sharp";

const [, , from, to] = process.argv;
const raw = sharp(from, { limitInputPixels: false }).autoOrient().toColourspace("srgb").ensureAlpha().raw();
const { data, info } = await raw.toBuffer({ resolveWithObject: true });
await writeFile(to, data);
console.log(info.width, info.height);
