/** Forms of other servers that the listeners answer beside the protocol's own. */
export const dialectNames = [
  'kserve-v1',
  'tensorflow-serving',
  'torchserve',
  'plain',
  'mlflow',
  'sagemaker',
  'vertex-ai',
  'azure-ml',
] as const;

export type DialectName = (typeof dialectNames)[number];

/** Those of serving tools, whose paths nothing else has; platforms and tools that share paths are chosen. */
export const defaultDialects = [
  'kserve-v1',
  'tensorflow-serving',
  'plain',
] as const satisfies readonly DialectName[];
