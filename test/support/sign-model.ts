import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whoever signs models in tests, and what others know of them. */
export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicPem: string;
  readonly hash: string;
}

export function makeSigner(namedCurve = 'prime256v1', hash = 'sha256'): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return { privateKey, publicPem: publicKey.export({ type: 'spki', format: 'pem' }), hash };
}

/** What is signed. */
interface Statement {
  _type: string;
  predicateType: string;
  readonly subject: { readonly name: string; readonly digest: { sha256: string } }[];
  readonly predicate: {
    readonly serialization: {
      method: string;
      hash_type: string;
      allow_symlinks: boolean;
      ignore_paths: string[];
    };
    resources: { readonly name: string; readonly algorithm: string; readonly digest: string }[];
  };
}

interface Bundle {
  readonly mediaType: string;
  readonly verificationMaterial: {
    publicKey: { hint?: string };
    certificate?: object;
    x509CertificateChain?: object;
    readonly tlogEntries: unknown[];
  };
  readonly dsseEnvelope: {
    payload: string;
    payloadType: string;
    signatures: { sig: string; keyid: string }[];
  };
}

export interface SigningOddities {
  /** Changes the statement before it is signed. */
  readonly statement?: (statement: Statement) => unknown;
  /** Changes the bundle afterwards. */
  readonly bundle?: (bundle: Bundle) => unknown;
}

/** Writes model.sig into a folder, as model-signing does with a key. */
export function signModel(
  folder: string,
  { privateKey, publicPem, hash }: Signer,
  odd: SigningOddities = {},
): void {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== 'model.sig' && statSync(join(folder, name)).isFile())
    .sort();
  const resources = names.map((name) => ({
    name,
    algorithm: 'sha256',
    digest: createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex'),
  }));
  const whole = createHash('sha256');
  for (const { digest } of resources) whole.update(Buffer.from(digest, 'hex'));
  const statement: Statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'm', digest: { sha256: whole.digest('hex') } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: {
      serialization: {
        method: 'files',
        hash_type: 'sha256',
        allow_symlinks: false,
        ignore_paths: ['model.sig'],
      },
      resources,
    },
  };
  odd.statement?.(statement);
  const payload = Buffer.from(JSON.stringify(statement));
  const payloadType = 'application/vnd.in-toto+json';
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
  const bundle: Bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      publicKey: { hint: createHash('sha256').update(publicPem).digest('hex') },
      tlogEntries: [],
    },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: sign(hash, signed, privateKey).toString('base64'), keyid: '' }],
    },
  };
  odd.bundle?.(bundle);
  writeFileSync(join(folder, 'model.sig'), JSON.stringify(bundle));
}
