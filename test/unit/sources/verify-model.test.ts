import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allVersionsConfig } from '../../../src/inference/remote-repository.ts';
import { listModels } from '../../../src/models/repository.ts';
import { TrustedSigners } from '../../../src/sources/trusted-signers.ts';
import { verifyModel } from '../../../src/sources/verify-model.ts';
import { refusalOf } from '../../support/refusal.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';
import { makeSigner, signModel, type Signer, type SigningOddities } from '../../support/sign-model.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const signer = makeSigner();

class Repository extends RepositoryFolder {
  sign(below = 'm', odd: SigningOddities = {}, by: Signer = signer): void {
    signModel(join(this.path, below), by, odd);
  }

  /** Verifies the model `m` as the repository lists it. */
  async verify(...trusted: readonly Signer[]): Promise<void> {
    using keys = new TemporaryFolder();
    const keyFiles = (trusted.length === 0 ? [signer] : trusted).map(({ publicPem }, index) =>
      keys.write(`${index}.pem`, publicPem),
    );
    const signers = new TrustedSigners({ keyFiles, authorityFiles: [] });
    const { models } = await listModels([this.path], undefined);
    const [model] = models.values();
    assert.ok(model);
    await verifyModel(model, signers);
  }

  async problem(...trusted: readonly Signer[]): Promise<string> {
    const error: unknown = await this.verify(...trusted).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(
      error instanceof Error && 'reason' in error && error.reason === 'MODEL_SIGNATURE',
      String(error),
    );
    return error.message;
  }
}

function repository(): Repository {
  const made = new Repository();
  made.put('m/1/model.onnx');
  made.put('m/1/weights.bin', 'w');
  made.put('m/config.pbtxt', 'max_batch_size: 4');
  return made;
}

for (const [curve, hash] of [
  ['prime256v1', 'sha256'],
  ['secp384r1', 'sha384'],
  ['secp521r1', 'sha512'],
] as const) {
  test(`a model that is signed as a whole by a key of ${curve} is served`, async () => {
    using folder = repository();
    const other = makeSigner(curve, hash);
    folder.sign('m', {}, other);
    await folder.verify(makeSigner(), other);
  });
}

test('a model whose versions are signed each is served, with nothing beside them', async () => {
  using folder = new Repository();
  for (const version of ['1', '2']) {
    folder.put(`m/${version}/model.onnx`);
    folder.sign(`m/${version}`);
  }
  await folder.verify();
  folder.put('m/config.pbtxt', allVersionsConfig);
  await folder.verify();
  folder.put('m/config.pbtxt', 'default_model_filename: "other.onnx"');
  assert.match(await folder.problem(), /'config\.pbtxt' beside them is not; sign the whole folder/);
});

test('a version without a signature beside others that have one is refused', async () => {
  using folder = new Repository();
  folder.put('m/1/model.onnx');
  folder.put('m/2/model.onnx');
  folder.sign('m/1');
  assert.match(await folder.problem(), /version 2: it is not signed/);
});

test('a flat file is signed with the folder that it lies in', async () => {
  using folder = new Repository();
  folder.put('m.onnx');
  assert.match(await folder.problem().catch(() => 'no model.sig'), /model\.sig/);
  folder.sign('.');
  await folder.verify();
  folder.put('beside.bin', 'x');
  assert.match(await folder.problem(), /'beside\.bin' is not signed/);
});

const tampering: readonly (readonly [string, (folder: Repository) => void, RegExp])[] = [
  [
    'a file that was changed',
    (folder) => folder.put('m/1/weights.bin', 'v'),
    /'1\/weights\.bin' is not what was signed/,
  ],
  [
    'a configuration that was changed',
    (folder) => folder.put('m/config.pbtxt', 'x'),
    /'config\.pbtxt' is not what was signed/,
  ],
  ['a file that was added', (folder) => folder.put('m/1/more.bin', 'x'), /'1\/more\.bin' is not signed/],
  [
    'a module that was added',
    (folder) => folder.put('m/processing.ts', 'x'),
    /'processing\.ts' is not signed/,
  ],
  ['a version that was added', (folder) => folder.put('m/2/model.onnx'), /'2\/model\.onnx' is not signed/],
  [
    'a file that was removed',
    (folder) => rmSync(join(folder.path, 'm/1/weights.bin')),
    /'1\/weights\.bin' was signed and is missing/,
  ],
  [
    'a signature that was removed',
    (folder) => rmSync(join(folder.path, 'm/model.sig')),
    /it is not signed|is not signed/,
  ],
  ['a signature that is no JSON', (folder) => folder.put('m/model.sig', '{'), /model\.sig is not JSON/],
  ['a signature of another form', (folder) => folder.put('m/model.sig', '{}'), /another form/],
];
for (const [title, tamper, problem] of tampering) {
  test(`refuses ${title}`, async () => {
    using folder = repository();
    folder.sign();
    await folder.verify();
    tamper(folder);
    assert.match(await folder.problem(), problem);
  });
}

const forgeries: readonly (readonly [string, SigningOddities, RegExp])[] = [
  [
    'a statement changed after it was signed',
    { bundle: ({ dsseEnvelope }) => (dsseEnvelope.payload = Buffer.from('{}').toString('base64')) },
    /not made by a trusted key/,
  ],
  [
    'another type of payload',
    { bundle: ({ dsseEnvelope }) => (dsseEnvelope.payloadType = 'text/plain') },
    /statement of in-toto/,
  ],
  [
    'two signatures',
    { bundle: ({ dsseEnvelope }) => dsseEnvelope.signatures.push(...dsseEnvelope.signatures) },
    /another form/,
  ],
  ['no signature', { bundle: ({ dsseEnvelope }) => (dsseEnvelope.signatures = []) }, /another form/],
  [
    'an empty signature',
    { bundle: ({ dsseEnvelope }) => (dsseEnvelope.signatures[0]!.sig = '') },
    /not made by a trusted key/,
  ],
  [
    'an identity of sigstore',
    { bundle: ({ verificationMaterial }) => (verificationMaterial.certificate = { rawBytes: 'AA==' }) },
    /identity of sigstore/,
  ],
  [
    'certificates without an authority',
    {
      bundle: ({ verificationMaterial }) =>
        (verificationMaterial.x509CertificateChain = { certificates: [{ rawBytes: 'AA==' }] }),
    },
    /no --model-signing-ca/,
  ],
  [
    'another predicate',
    { statement: (statement) => (statement['predicateType'] = 'https://slsa.dev/provenance/v1') },
    /another form/,
  ],
  [
    'another digest of the whole',
    { statement: ({ subject }) => (subject[0]!.digest.sha256 = '0'.repeat(64)) },
    /contradicts itself/,
  ],
  [
    'digests of pieces',
    { statement: ({ predicate }) => (predicate.serialization.method = 'shards') },
    /another form/,
  ],
  [
    'a file named twice',
    { statement: ({ predicate }) => predicate.resources.push(...predicate.resources) },
    /twice/,
  ],
  [
    'paths to ignore that are not the usual',
    {
      statement: ({ predicate, subject }) => {
        predicate.serialization.ignore_paths.push('1');
        predicate.resources = [];
        subject[0]!.digest.sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
      },
    },
    /is not signed/,
  ],
];
for (const [title, odd, problem] of forgeries) {
  test(`refuses ${title}`, async () => {
    using folder = repository();
    folder.sign('m', odd);
    assert.match(await folder.problem(), problem);
  });
}

test('refuses a key that is not trusted, with and without its name', async () => {
  using folder = repository();
  folder.sign();
  assert.match(await folder.problem(makeSigner()), /a key that is not trusted/);
  folder.sign('m', { bundle: ({ verificationMaterial }) => (verificationMaterial.publicKey = {}) });
  await folder.verify();
  assert.match(await folder.problem(makeSigner()), /not made by a trusted key/);
});

test('refuses what a link leads to outside of the repository', async () => {
  using folder = repository();
  using elsewhere = new TemporaryFolder();
  folder.sign();
  symlinkSync(elsewhere.write('x', ''), join(folder.path, 'm', 'link'));
  assert.match(await folder.problem(), /leads out of the repository/);
});

test('refuses files of a load request', async () => {
  using folder = repository();
  const model = {
    root: folder.path,
    folder: realpathSync(folder.path),
    versions: new Map(),
    fromRequest: true,
  } as const;
  const signers = new TrustedSigners({ keyFiles: [], authorityFiles: [] });
  await assert.rejects(verifyModel(model, signers), { reason: 'MODEL_SIGNATURE' });
});

for (const [title, content] of [
  ['nothing', ''],
  ['no PEM', 'key'],
  ['a key of another curve', makeSigner('secp256k1').publicPem],
] as const) {
  test(`a file of keys with ${title} ends the start`, () => {
    using folder = new TemporaryFolder();
    const file = folder.write('key', content);
    for (const given of [
      { keyFiles: [file], authorityFiles: [] },
      { keyFiles: [], authorityFiles: [file] },
    ]) {
      assert.equal(refusalOf(() => new TrustedSigners(given)).reason, 'SOURCE_CONFIGURATION');
    }
  });
}

test('folders are looked into however deep, and hidden files are not looked at', async () => {
  using folder = repository();
  folder.put('m/1/a/b/c.bin', 'deep');
  folder.sign();
  mkdirSync(join(folder.path, 'm', '.git'));
  folder.put('m/.git/x', 'x');
  await folder.verify();
  folder.put('m/1/a/b/d.bin', 'x');
  assert.match(await folder.problem(), /'1\/a\/b\/d\.bin' is not signed/);
});
