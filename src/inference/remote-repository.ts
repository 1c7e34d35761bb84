const schemes = /^(?:s3|gs|as|az|https?):\/\//;

/** A model repository that is fetched from elsewhere; false for paths of this machine. */
export function isRemoteRepository(text: string): boolean {
  return schemes.test(text);
}
