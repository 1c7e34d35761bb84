import { createHash, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sourceMisconfigured } from './refusals.ts';
import { hashOfKey, isSignedBy, notSigned, type SignatureBundle } from './signature-bundle.ts';

/** Longer chains are nobody's. */
const mostCertificates = 6;
const codeSigning = '1.3.6.1.5.5.7.3.3';

/** Who may sign models: keys, and authorities whose certificates for signing count. */
export class TrustedSigners {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #authorities: readonly X509Certificate[];

  /** @throws ServingError SOURCE_CONFIGURATION when a file cannot be read, or holds nothing of that kind. */
  constructor({
    keyFiles,
    authorityFiles,
  }: {
    readonly keyFiles: readonly string[];
    readonly authorityFiles: readonly string[];
  }) {
    this.#keys = new Map(keyFiles.map((file) => readKey(file)));
    this.#authorities = authorityFiles.flatMap((file) => readCertificates(file));
  }

  /** @throws ServingError MODEL_SIGNATURE when none of them signed it. */
  check(bundle: SignatureBundle): void {
    const { certificates, keyHint } = bundle;
    if (certificates !== undefined) {
      const key = this.#keyOfChain(certificates);
      if (!isSignedBy(bundle, key))
        throw notSigned('the signature was not made by the key of its certificate');
      return;
    }
    if (this.#keys.size === 0) throw notSigned('it is signed by a key, and no --model-signing-key is given');
    const hinted = this.#keys.get(keyHint);
    if (keyHint !== '' && hinted === undefined) throw notSigned('it is signed by a key that is not trusted');
    const keys = hinted === undefined ? [...this.#keys.values()] : [hinted];
    if (!keys.some((key) => isSignedBy(bundle, key)))
      throw notSigned('the signature was not made by a trusted key');
  }

  /**
   * The signer's key, if its certificate leads to an authority. Nobody tells when a model was signed, so validity is looked at as of the
   * moment from which the signer's certificate holds.
   */
  #keyOfChain(chain: readonly Buffer[]): KeyObject {
    if (this.#authorities.length === 0)
      throw notSigned('it is signed with a certificate, and no --model-signing-ca is given');
    const [leaf, ...others] = chain.map((der) => readCertificate(der));
    if (leaf === undefined) throw notSigned('model.sig has no certificate');
    if (!maySign(leaf)) throw notSigned("the signer's certificate is not for signing");
    const at = leaf.validFromDate;
    let current = leaf;
    for (let depth = 0; depth < mostCertificates; depth++) {
      const below = current;
      if (this.#authorities.some((authority) => authority.raw.equals(below.raw))) return leaf.publicKey;
      const isIssuer = (one: X509Certificate): boolean =>
        one.ca &&
        one.validFromDate <= at &&
        at <= one.validToDate &&
        below.checkIssued(one) &&
        below.verify(one.publicKey);
      if (this.#authorities.some(isIssuer)) return leaf.publicKey;
      const issuer = others.find((one) => one !== below && isIssuer(one));
      if (issuer === undefined) break;
      current = issuer;
    }
    throw notSigned("the signer's certificate leads to no authority of --model-signing-ca");
  }
}

function readKey(file: string): [string, KeyObject] {
  let key: KeyObject;
  try {
    key = createPublicKey(readFileSync(file));
  } catch {
    throw sourceMisconfigured('a file of --model-signing-key is not a public key in PEM that can be read');
  }
  if (hashOfKey(key) === undefined) {
    throw sourceMisconfigured('a key of --model-signing-key is not of the curves P-256, P-384 and P-521');
  }
  const pem = key.export({ type: 'spki', format: 'pem' });
  return [createHash('sha256').update(pem).digest('hex'), key];
}

function readCertificates(file: string): X509Certificate[] {
  try {
    const text = readFileSync(file, 'utf8');
    const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (found.length > 0) return found.map((pem) => new X509Certificate(pem));
  } catch {
    // Said below.
  }
  throw sourceMisconfigured('a file of --model-signing-ca holds no certificates in PEM that can be read');
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw notSigned('a certificate in model.sig cannot be read');
  }
}

/** The extension KeyUsage, and in its value the bits, of which the first is digitalSignature (RFC 5280, 4.2.1.3). */
const keyUsage = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x0f]);
const criticalLength = 3;

function maySign(certificate: X509Certificate): boolean {
  const extended: readonly string[] | undefined = certificate.keyUsage;
  if (extended?.includes(codeSigning)) return true;
  const { raw } = certificate;
  const found = raw.lastIndexOf(keyUsage);
  if (found === -1) return false;
  let at = found + keyUsage.length;
  if (raw[at] === 0x01) at += criticalLength;
  // OCTET STRING of a BIT STRING: tag, length, tag, length, unused bits, bits.
  return raw[at] === 0x04 && raw[at + 2] === 0x03 && ((raw[at + 5] ?? 0) & 0x80) !== 0;
}
