import { createHash, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import { mostFiles } from './origin.ts';

/** A model is not served, because nobody who is trusted stands for it. */
export function notSigned(problem: string): ServingError {
  return new ServingError('failed_precondition', problem, { reason: 'MODEL_SIGNATURE' });
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

/** A bundle of sigstore, as far as it is signed by a key or a certificate. */
const bundle = z.object({
  verificationMaterial: z.object({
    publicKey: z.object({ hint: z.string().default('') }).optional(),
    x509CertificateChain: z
      .object({
        certificates: z
          .array(z.object({ rawBytes: base64 }))
          .min(1)
          .max(8),
      })
      .optional(),
    certificate: z.unknown().optional(),
  }),
  dsseEnvelope: z.object({
    payload: base64,
    payloadType: z.string(),
    signatures: z.array(z.object({ sig: base64 })).length(1),
  }),
});

const hex = z.string().regex(/^[0-9a-f]{64}$/);

const statement = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  predicateType: z.literal('https://model_signing/signature/v1.0'),
  subject: z.array(z.object({ digest: z.object({ sha256: hex }) })).length(1),
  predicate: z.object({
    serialization: z.object({ method: z.literal('files'), hash_type: z.literal('sha256') }),
    resources: z
      .array(z.object({ name: z.string(), algorithm: z.literal('sha256'), digest: hex }))
      .max(mostFiles),
  }),
});

export interface SignatureBundle {
  /** Hex sha256 of the key in PEM; '' where the bundle does not say. */
  readonly keyHint: string;
  /** In DER, the signer's first; undefined where a key alone signed. */
  readonly certificates: readonly Buffer[] | undefined;
  readonly payload: Buffer;
  /** What is signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

const payloadType = 'application/vnd.in-toto+json';

/** @throws ServingError MODEL_SIGNATURE when the text is no such bundle. */
export function parseBundle(text: string): SignatureBundle {
  const read = checked(bundle, parseJson(text, 'model.sig'), 'model.sig');
  const { verificationMaterial: material, dsseEnvelope: envelope } = read;
  if (material.certificate !== undefined) {
    throw notSigned('model.sig was made with an identity of sigstore; keys and certificates are taken');
  }
  if (material.publicKey === undefined && material.x509CertificateChain === undefined) {
    throw notSigned('model.sig names neither a key nor certificates');
  }
  if (envelope.payloadType !== payloadType) throw notSigned('model.sig does not sign a statement of in-toto');
  const payload = Buffer.from(envelope.payload, 'base64');
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
  return {
    keyHint: material.publicKey?.hint ?? '',
    certificates: material.x509CertificateChain?.certificates.map(({ rawBytes }) =>
      Buffer.from(rawBytes, 'base64'),
    ),
    payload,
    signed: Buffer.concat([Buffer.from(head), payload]),
    signature: Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64'),
  };
}

/** Files by their path below the signed folder, with the hex sha256 of each. Only to be called once the signature is verified. */
export function signedFiles({ payload }: SignatureBundle): ReadonlyMap<string, string> {
  const { predicate, subject } = checked(
    statement,
    parseJson(payload.toString(), 'the signed statement'),
    'the signed statement',
  );
  const whole = createHash('sha256');
  const files = new Map<string, string>();
  for (const { name, digest } of predicate.resources) {
    whole.update(Buffer.from(digest, 'hex'));
    if (files.has(name)) throw notSigned(`the signed statement names '${printable(name)}' twice`);
    files.set(name, digest);
  }
  if (whole.digest('hex') !== subject[0]?.digest.sha256)
    throw notSigned('the signed statement contradicts itself');
  return files;
}

const hashes: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

/** The digest that goes with an elliptic curve; undefined for keys that do not sign models. */
export function hashOfKey(key: KeyObject): string | undefined {
  return key.asymmetricKeyType === 'ec' ? hashes[key.asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
}

export function isSignedBy({ signed, signature }: SignatureBundle, key: KeyObject): boolean {
  const hash = hashOfKey(key);
  return hash !== undefined && verify(hash, signed, key, signature);
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notSigned(`${what} is not JSON`);
  }
}

function checked<T>(schema: z.ZodType<T>, document: unknown, what: string): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw notSigned(
    printable(`${what} has another form: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`, 300),
  );
}
