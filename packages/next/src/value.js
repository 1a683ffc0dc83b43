// Values as bytes: a line of JSON, behind its length, and behind that what is not JSON. Buffers and
// Maps come back as what they were, which plain JSON would not do.

const MARK = Buffer.from('LNX1');
/** What is before the line. */
const PREFACE = MARK.length + 4;
/** Longer texts are left out of the line. */
const LONG = 1024;
/** Names what stands for something that JSON does not know. */
const SIGN = '@larder';

/** The bytes of a value, in pieces. */
export function encode(value) {
  const pieces = [];
  const line = Buffer.from(JSON.stringify({ value: described(value, pieces), lengths: pieces.map((piece) => piece.length) }));
  return [preface(line), ...pieces];
}

/** The bytes before a body that is to come, and that say `about` of it. */
export function encodeHead(about) {
  return preface(Buffer.from(JSON.stringify(about)));
}

/** What such bytes say: nothing while they are not whole. Throws where they are of something else. */
export function decodeHead(bytes) {
  if (bytes.length < PREFACE) return undefined;
  if (!bytes.subarray(0, MARK.length).equals(MARK)) throw new Error('not what this version keeps');
  const end = PREFACE + bytes.readUInt32BE(MARK.length);
  if (bytes.length < end) return undefined;
  return { about: JSON.parse(bytes.toString('utf8', PREFACE, end)), rest: bytes.subarray(end) };
}

/** The value of such bytes; throws where they are of something else. */
export function decode(bytes) {
  const head = decodeHead(bytes);
  if (!head) throw new Error('not whole');
  let at = 0;
  const pieces = head.about.lengths.map((length) => head.rest.subarray(at, (at += length)));
  if (at !== head.rest.length) throw new Error('not whole');
  return restored(head.about.value, pieces);
}

function preface(line) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(line.length);
  return Buffer.concat([MARK, length, line]);
}

function described(value, pieces) {
  const put = (kind, bytes) => ({ [SIGN]: [kind, pieces.push(bytes) - 1] });
  if (typeof value === 'string') return value.length > LONG && value.isWellFormed() ? put('text', Buffer.from(value)) : value;
  if (value instanceof Uint8Array) return put('bytes', Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (value instanceof Map) return { [SIGN]: ['map', [...value].map((pair) => pair.map((part) => described(part, pieces)))] };
  if (Array.isArray(value)) return value.map((item) => described(item, pieces));
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value.toJSON === 'function') return described(value.toJSON(), pieces);
  const fields = Object.entries(value).map(([name, field]) => [name, described(field, pieces)]);
  return Object.hasOwn(value, SIGN) ? { [SIGN]: ['object', fields] } : Object.fromEntries(fields);
}

function restored(value, pieces) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => restored(item, pieces));
  if (!Object.hasOwn(value, SIGN)) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, restored(field, pieces)]));
  }
  const [kind, what] = value[SIGN];
  if (kind === 'text') return pieces[what].toString('utf8');
  if (kind === 'bytes') return pieces[what];
  const pairs = what.map(([name, field]) => [restored(name, pieces), restored(field, pieces)]);
  return kind === 'map' ? new Map(pairs) : Object.fromEntries(pairs);
}
