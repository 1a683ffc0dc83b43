// What no package of photographs has, in the folder PHOTOS: a watermark, and an animation that pans over a
// photograph.
import { existsSync } from "node:fs";
import sharp from "sharp";

const { PHOTOS } = process.env;
const [width, height, frames] = [480, 270, 40];

if (!existsSync(`${PHOTOS}/mark.png`)) {
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="120">
    <rect width="300" height="120" rx="24" fill="#fff" fill-opacity="0.6"/>
    <circle cx="60" cy="60" r="36" fill="#c33"/><rect x="120" y="36" width="150" height="48" fill="#246"/></svg>`;
  await sharp(Buffer.from(drawing)).png().toFile(`${PHOTOS}/mark.png`);
}

if (!existsSync(`${PHOTOS}/moving.gif`)) {
  const photo = await sharp(`${PHOTOS}/2mp.jpg`).resize(960).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const crop = (frame) =>
    sharp(photo.data, { raw: photo.info }).extract({ left: frame * 8, top: frame * 4, width, height }).raw().toBuffer();
  const pages = await Promise.all(Array.from({ length: frames }, (_, frame) => crop(frame)));
  await sharp(Buffer.concat(pages), { raw: { width, height: height * frames, channels: 3, pageHeight: height } })
    .gif({ loop: 0, delay: Array(frames).fill(80) })
    .toFile(`${PHOTOS}/moving.gif`);
}
