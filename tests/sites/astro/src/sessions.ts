// Sessions as files. The folder is chosen at run time: SESSIONS, or one for temporary files.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import files from 'unstorage/drivers/fs-lite';

export default function driver() {
  return files({ base: process.env.SESSIONS ?? join(tmpdir(), 'larder-site-sessions') });
}
