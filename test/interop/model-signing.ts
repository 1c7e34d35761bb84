import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { listModels } from '../../src/models/repository.ts';
import { TrustedSigners } from '../../src/sources/trusted-signers.ts';
import { verifyModel } from '../../src/sources/verify-model.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { findSourceTool } from '../support/tools.ts';

const tool = findSourceTool('model_signing');
const timeout = 120_000;
const run = promisify(execFile);

/** A model, and a folder of keys beside the repository. */
class Bench {
  readonly repository = new RepositoryFolder();
  readonly keys = new RepositoryFolder();

  constructor() {
    this.repository.put('m/1/model.onnx');
    this.repository.put('m/1/weights.bin', 'w');
    this.repository.put('m/config.pbtxt', 'max_batch_size: 4');
  }

  key(name: string): string {
    return join(this.keys.path, name);
  }

  openssl(...words: readonly string[]): Promise<unknown> {
    return run('openssl', words, { cwd: this.keys.path });
  }

  sign(method: 'key' | 'certificate', ...more: readonly string[]): Promise<unknown> {
    const folder = join(this.repository.path, 'm');
    return run(tool.path, ['sign', method, folder, '--signature', join(folder, 'model.sig'), ...more]);
  }

  async verify(given: Partial<ConstructorParameters<typeof TrustedSigners>[0]>): Promise<void> {
    const { models } = await listModels([this.repository.path], undefined);
    const model = models.get('m');
    assert.ok(model);
    await verifyModel(model, new TrustedSigners({ keyFiles: [], authorityFiles: [], ...given }));
  }

  [Symbol.dispose](): void {
    this.repository[Symbol.dispose]();
    this.keys[Symbol.dispose]();
  }
}

for (const curve of ['prime256v1', 'secp384r1', 'secp521r1']) {
  test(
    `takes what model-signing signs with a key of ${curve}, and nothing else`,
    { skip: tool.skip, timeout },
    async () => {
      using bench = new Bench();
      for (const name of ['key', 'other']) {
        await bench.openssl('ecparam', '-name', curve, '-genkey', '-noout', '-out', name);
        await bench.openssl('ec', '-in', name, '-pubout', '-out', `${name}.pub`);
      }
      await bench.sign('key', '--private_key', bench.key('key'));
      await bench.verify({ keyFiles: [bench.key('key.pub')] });
      await assert.rejects(bench.verify({ keyFiles: [bench.key('other.pub')] }), {
        reason: 'MODEL_SIGNATURE',
      });
      bench.repository.put('m/1/weights.bin', 'v');
      await assert.rejects(
        bench.verify({ keyFiles: [bench.key('key.pub')] }),
        /'1\/weights\.bin' is not what was signed/,
      );
    },
  );
}

const extensions = `[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[signer]
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
[cipher]
keyUsage=critical,keyEncipherment
`;

test(
  'takes what model-signing signs with a certificate of a trusted authority',
  { skip: tool.skip, timeout },
  async () => {
    using bench = new Bench();
    bench.keys.put('ext', extensions);
    const make = async (name: string, section: string, issuer: string): Promise<void> => {
      await bench.openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
      await bench.openssl(
        'req',
        '-new',
        '-key',
        `${name}.key`,
        '-subj',
        `/CN=${name}`,
        '-out',
        `${name}.csr`,
      );
      const by =
        issuer === name
          ? ['-signkey', `${name}.key`]
          : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
      const about = ['-extfile', 'ext', '-extensions', section, '-days', '30'];
      await bench.openssl('x509', '-req', '-in', `${name}.csr`, ...by, ...about, '-out', `${name}.pem`);
    };
    await make('root', 'ca', 'root');
    await make('stranger', 'ca', 'stranger');
    await make('middle', 'ca', 'root');
    await make('signer', 'signer', 'middle');
    await make('cipher', 'cipher', 'middle');
    await make('below', 'signer', 'signer');
    const sign = (name: string, ...chain: readonly string[]): Promise<unknown> =>
      bench.sign(
        'certificate',
        '--private_key',
        bench.key(`${name}.key`),
        '--signing_certificate',
        bench.key(`${name}.pem`),
        ...chain.flatMap((file) => ['--certificate_chain', bench.key(`${file}.pem`)]),
      );
    const trusted = { authorityFiles: [bench.key('root.pem')] };

    await sign('signer', 'middle');
    await bench.verify(trusted);
    await bench.verify({ authorityFiles: [bench.key('middle.pem')] });
    await assert.rejects(
      bench.verify({ authorityFiles: [bench.key('stranger.pem')] }),
      /leads to no authority/,
    );
    bench.repository.put('m/1/more.bin', 'x');
    await assert.rejects(bench.verify(trusted), /'1\/more\.bin' is not signed/);
    // Whoever holds a certificate for signing is no authority.
    await sign('below', 'signer', 'middle');
    await assert.rejects(bench.verify(trusted), /leads to no authority/);
    await sign('cipher', 'middle');
    await assert.rejects(bench.verify(trusted), /not for signing/);
  },
);
