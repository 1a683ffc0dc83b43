// Another site, with `cacheComponents`, which the one around it cannot have beside its
// `revalidate`; and built with @larder/next, as sites are that have it.
import { dirname } from 'node:path';
import { withLarder } from '@larder/next';

export default withLarder({
  cacheComponents: true,
  partialPrefetching: true,
  poweredByHeader: false,
  turbopack: { root: dirname(import.meta.dirname) },
});
