// sharp behind the least server: /FORMAT/QUALITY/WIDTH/NAME, of the folder PHOTOS, on PORT.
import { createServer } from "node:http";
import sharp from "sharp";

const { PHOTOS, PORT } = process.env;

createServer(async (request, response) => {
  const [format, quality, width, name] = request.url.split("?")[0].slice(1).split("/");
  const options = quality === "-" ? {} : { quality: Number(quality) };
  try {
    const made = sharp(`${PHOTOS}/${name}`).autoOrient().resize(Number(width)).toFormat(format, options);
    response.end(await made.toBuffer());
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(PORT, "127.0.0.1");
