// Reads cases from standard input and writes what sharp makes of each: size, channels and pixels.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const sharp = createRequire(`${process.argv[2]}/`)('sharp');
const { source, cases } = JSON.parse(await text(process.stdin));
const made = [];
for (const { width, height, fit, position } of cases) {
  const { data, info } = await sharp(Buffer.from(source, 'base64'))
    .resize({
      width: width || undefined,
      height: height || undefined,
      fit,
      position,
      withoutEnlargement: true,
      background: { r: 0, g: 0, b: 0 },
    })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  made.push({ width: info.width, height: info.height, pixels: data.toString('base64') });
}
process.stdout.write(JSON.stringify(made));
