import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';

/** Changes with every change of what follows. */
const format = Buffer.from('TGE1');
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const sealedAt = format.length + keyIdBytes + nonceBytes;

export interface CipherKey {
  /** Says which key a value needs, and nothing of the key. */
  readonly id: Buffer;
  readonly key: Buffer;
}

/** @param key of 32 bytes. */
export function cipherKey(key: Buffer): CipherKey {
  return { id: hash('sha256', Buffer.concat([format, key]), 'buffer').subarray(0, keyIdBytes), key };
}

/**
 * Format, id of the key, nonce, what is sealed, and tag. Nonces are random: a key should be replaced before it has sealed
 * 2^32 values.
 *
 * @param name what the value is kept under: under another one it is none.
 */
export function sealValue({ id, key }: CipherKey, name: string, value: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(Buffer.from(name));
  return Buffer.concat([format, id, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
}

/** What was sealed; undefined for anything else, whatever it is, and for what was sealed with none of these keys. */
export function openValue(keys: readonly CipherKey[], name: string, sealed: Buffer): Buffer | undefined {
  if (sealed.length < sealedAt + tagBytes || !sealed.subarray(0, format.length).equals(format))
    return undefined;
  const id = sealed.subarray(format.length, format.length + keyIdBytes);
  const used = keys.find((each) => each.id.equals(id));
  if (used === undefined) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(
    algorithm,
    used.key,
    sealed.subarray(format.length + keyIdBytes, sealedAt),
  );
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(sealed.subarray(end));
  const value = decipher.update(sealed.subarray(sealedAt, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return value;
}
