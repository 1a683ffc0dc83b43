// How often each path was answered here since the start: what a cache answers is not counted.
const renders = new Map<string, number>();
const MAX_PATHS = 10_000;

export function count(path: string) {
  if (renders.has(path) || renders.size < MAX_PATHS) renders.set(path, rendersOf(path) + 1);
}

export function rendersOf(path: string) {
  return renders.get(path) ?? 0;
}
