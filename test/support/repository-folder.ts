import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildOnnx } from './build-onnx.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** A model repository on disk that the test fills. */
export class RepositoryFolder extends TemporaryFolder {
  /** Writes a file, with the folders on its way; by default an ONNX model without external data. */
  put(name: string, content: string | Uint8Array = buildOnnx()): string {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    return this.write(name, content);
  }
}
