const schemes = /^(?:(?:s3|gs|as|az|hf|oci|https?):\/\/|models:\/)/;

/** A model repository that is fetched from elsewhere; false for paths of this machine. */
export function isRemoteRepository(text: string): boolean {
  return schemes.test(text);
}

/** The configuration of a model whose versions all serve, where it comes from this program and not from the model's source. */
export const allVersionsConfig = 'version_policy { all { } }\n';
