/** Forms of other servers that the listeners answer beside the protocol's own. */
export const dialectNames = ['kserve-v1', 'tensorflow-serving', 'torchserve', 'plain', 'mlflow'] as const;

export type DialectName = (typeof dialectNames)[number];
