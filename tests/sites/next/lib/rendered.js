/** When this was made; if it is the same at the next visit, it came from a cache. */
export function Rendered() {
  return (
    <footer>
      Made at <time id="rendered">{new Date().toISOString()}</time>.
    </footer>
  );
}
